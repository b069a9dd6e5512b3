"""What every request passes first, as an application that is called with made-up scopes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.guard import POLICY, Guard

OURS = (b"host", b"127.0.0.1:8600")


async def inside(scope: Any, receive: Any, send: Any) -> None:
    """What the guard lets through to."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def answered(*headers: tuple[bytes, bytes], type_: str = "http", **extra: Any) -> list[dict[str, Any]]:
    """All that is sent in answer to a request with these headers."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the guard reads nothing")

    scope = {"type": type_, "scheme": "ws" if type_ == "websocket" else "http", "path": "/", "headers": list(headers)}
    await Guard(inside)({**scope, "method": "GET", **extra}, receive, send)
    return sent


async def test_a_request_under_our_name_is_let_in_and_its_answer_told_what_it_may() -> None:
    (start,) = await answered(OURS)
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-security-policy"] == POLICY.encode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 400),
        ([(b"host", b"evil.example")], 400),
        ([OURS, (b"host", b"evil.example")], 400),
        ([OURS, (b"origin", b"http://127.0.0.1:8600"), (b"origin", b"http://evil.example")], 400),
        ([OURS, (b"origin", b"http://evil.example")], 403),
        ([OURS, (b"origin", b"null")], 403),
        ([OURS, (b"origin", b"https://127.0.0.1:8600")], 403),
        ([OURS, (b"origin", b"http://127.0.0.1:9999")], 403),
    ],
)
async def test_a_foreign_name_or_page_is_refused_by_its_header(headers: Any, status: int) -> None:
    start, body = await answered(*headers)
    assert start["status"] == status
    assert json.loads(body["body"])["errors"][0]["field"] in ("Host", "Origin")


async def test_a_socket_that_cannot_be_told_why_is_closed_unaccepted() -> None:
    (close,) = await answered((b"host", b"evil.example"), type_="websocket")
    assert (close["type"], close["code"]) == ("websocket.close", 1008)


async def test_a_socket_is_told_why_where_the_server_can() -> None:
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    start, _ = await answered(OURS, (b"origin", b"null"), type_="websocket", extensions=extensions)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
