"""What every request passes first, as an application that is called with made-up scopes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.auth import EVERYTHING, WATCHING
from hub.guard import SECURITY_HEADERS, Guard, may_of

OURS = (b"host", b"127.0.0.1:8600")
SHOP = "https://shop.example"
EMBEDDED = (OURS, (b"origin", SHOP.encode()))


async def inside(scope: Any, receive: Any, send: Any) -> None:
    """What the guard lets through to."""
    scope["reached"].append(may_of(scope))
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def answered(
    *headers: tuple[bytes, bytes], type_: str = "http", embeds: Any = (SHOP,), frames: Any = (), **extra: Any
) -> list[dict[str, Any]]:
    """All that is sent in answer to a request with these headers."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the guard reads nothing")

    scope = {"type": type_, "scheme": "ws" if type_ == "websocket" else "http", "path": "/", "headers": list(headers)}
    method = {} if type_ == "websocket" else {"method": "GET"}
    await Guard(inside, (), embeds, frames)({**scope, **method, "reached": [], **extra}, receive, send)
    return sent


def told(start: dict[str, Any]) -> dict[str, str]:
    """The headers of an answer."""
    return {name.decode(): value.decode() for name, value in start["headers"]}


async def test_a_request_under_our_name_is_let_in_and_its_answer_told_what_it_may() -> None:
    reached: list[Any] = []
    (start,) = await answered(OURS, reached=reached, embeds=())
    assert start["status"] == 200
    assert told(start) == SECURITY_HEADERS
    assert reached == [EVERYTHING]


async def test_nothing_inline_and_nothing_made_from_text_runs_anywhere() -> None:
    (start,) = await answered(OURS)
    policy = told(start)["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "worker-src 'none'", "manifest-src 'none'",
            "base-uri 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} < set(policy)  # fmt: skip
    assert "unsafe" not in ";".join(policy)


async def test_what_the_page_does_not_use_is_turned_off() -> None:
    (start,) = await answered(OURS)
    off = told(start)["permissions-policy"].split(", ")
    assert {"camera=()", "microphone=()", "geolocation=()"} < set(off)
    assert not [one for one in off if one.startswith(("clipboard", "notifications"))]


@pytest.mark.parametrize(
    ("frames", "ancestors"), [((), "'none'"), ((SHOP, "http://[::1]:1"), f"{SHOP} http://[::1]:1")]
)
async def test_those_may_frame_the_page_who_were_named(frames: Any, ancestors: str) -> None:
    (start,) = await answered(OURS, frames=frames)
    assert told(start)["content-security-policy"].endswith(f"; frame-ancestors {ancestors}")


async def test_a_named_origin_may_watch_and_read_the_answer() -> None:
    reached: list[Any] = []
    (start,) = await answered(*EMBEDDED, path="/api/jobs", reached=reached)
    headers = told(start)
    assert start["status"] == 200
    assert headers["access-control-allow-origin"] == SHOP
    assert headers["access-control-expose-headers"] == "etag, date"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["vary"] == "origin"
    assert reached == [WATCHING]


async def test_where_it_is_mounted_the_path_inside_counts() -> None:
    (start,) = await answered(*EMBEDDED, path="/hub/api/jobs", root_path="/hub")
    assert start["status"] == 200
    start, _ = await answered(*EMBEDDED, path="/hub/metrics", root_path="/hub")
    assert start["status"] == 403


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_preflight_is_answered_by_the_guard(method: bytes) -> None:
    reached: list[Any] = []
    asked = (b"access-control-request-method", method)
    start, _ = await answered(*EMBEDDED, asked, method="OPTIONS", path="/api/jobs/x/stream", reached=reached)
    headers = told(start)
    assert (start["status"], reached) == (204, [])
    assert headers["access-control-allow-origin"] == SHOP
    assert headers["access-control-allow-methods"] == "GET, HEAD"
    assert headers["access-control-allow-headers"] == "authorization, last-event-id"


@pytest.mark.parametrize(
    ("path", "asked"), [("/api/jobs", b"POST"), ("/api/jobs/x", b"DELETE"), ("/metrics", b"GET"), ("/api/jobs", None)]
)
async def test_a_preflight_for_more_than_watching_is_refused(path: str, asked: bytes | None) -> None:
    headers = [(b"access-control-request-method", asked)] if asked else []
    start, _ = await answered(*EMBEDDED, *headers, method="OPTIONS", path=path)
    assert start["status"] == 403
    assert told(start)["access-control-allow-origin"] == SHOP


async def test_nobody_else_is_told_who_may() -> None:
    for foreign in (b"null", b"https://evil.example", b"http://shop.example", b"https://shop.example:8443", b""):
        start, _ = await answered(OURS, (b"origin", foreign), path="/api/jobs")
        assert start["status"] == 403
        assert "access-control-allow-origin" not in told(start)
    start, _ = await answered((b"host", b"evil.example"), EMBEDDED[1], path="/api/jobs")
    assert start["status"] == 400
    assert "access-control-allow-origin" not in told(start)


async def test_the_hubs_own_page_may_everything_named_or_not() -> None:
    reached: list[Any] = []
    own = "http://127.0.0.1:8600"
    (start,) = await answered(OURS, (b"origin", own.encode()), embeds=(own,), method="DELETE", reached=reached)
    assert reached == [EVERYTHING]
    assert "access-control-allow-origin" not in told(start)


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
