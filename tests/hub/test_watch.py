"""What a watch makes of a hub that goes wrong, played by a script on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hub import watch as watching
from hub.auth import EVERYTHING
from hub.protocol import Closing, Error, Gone, Log, Snapshot, Subscribed, Update, Welcome
from hub.remote import Refused, Remote, Unreachable
from hub.view import JobUpdate, LogEntry, Moving, Status
from hub.watch import Lost, Watch
from tests.hub.test_words import job

Part = Callable[["Talk"], Awaitable[None]]
BOUND_S = 20.0


class Talk:
    """One connection, from the hub's side; `subscribe` is what the watch asked for."""

    def __init__(self, socket: ServerConnection, subscribe: dict[str, Any]) -> None:
        self.socket = socket
        self.subscribe = subscribe

    async def say(self, *messages: msgspec.Struct) -> None:
        for message in messages:
            await self.socket.send(msgspec.json.encode(message).decode())

    async def begin(self, *messages: msgspec.Struct, epoch: str = "e1", topic: str = "job:J") -> None:
        hello = Welcome(epoch=epoch, at=0, version=1, may=EVERYTHING, heartbeat_s=10.0)
        await self.say(hello, Subscribed(id=1, topic=topic, recovered=True, log_gap=None), *messages)

    async def heard(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.socket.recv())
        return told


@asynccontextmanager
async def played(*parts: Part | HTTPStatus) -> AsyncIterator[Remote]:
    """A hub that plays one part a connection, or answers it with a status."""
    waiting = list(parts)

    def before(socket: ServerConnection, request: Request) -> Response | None:
        if isinstance(waiting[0], HTTPStatus):
            return socket.respond(waiting.pop(0), "no\n")  # type: ignore[arg-type]  # it was just looked at
        return None

    async def play(socket: ServerConnection) -> None:
        assert json.loads(await socket.recv())["type"] == "hello"
        part = waiting.pop(0)
        assert not isinstance(part, HTTPStatus)
        await part(Talk(socket, json.loads(await socket.recv())))

    protocols = [Subprotocol("barcast.v1.json")]
    async with serve(play, "127.0.0.1", 0, process_request=before, subprotocols=protocols) as server:
        yield Remote(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")


async def seen(remote: Remote, topic: str | None = "J", most: int = 1000) -> tuple[Watch, list[str]]:
    """A watch after its end (or after so many messages), and the types of what it told."""
    watch = Watch(remote, topic, lambda: 0.0)
    told: list[str] = []
    async with asyncio.timeout(BOUND_S), aclosing(watch.messages()) as messages:
        async for one in messages:
            told.append("lost" if isinstance(one, Lost) else json.loads(one.text)["type"])
            if len(told) == most:
                break
    return watch, told


def snapshot(**changed: Any) -> Snapshot:
    return Snapshot(jobs=[job(id="J", **changed)])


def update(from_: int, seq: int, **changed: Any) -> Update:
    whole = job(id="J", seq=seq, **changed)
    moving = {name: getattr(whole, name) for name in Moving.__struct_fields__}
    return Update(at=0, jobs=[JobUpdate(**moving, from_=from_)])


def log(n: int, event: Any = "entry") -> Log:
    return Log(job="J", entries=[LogEntry(n=n, at=0, attempt=1, level="info", event=event, text="t")])


END = (update(2, 2, status=Status.SUCCEEDED), log(2, "attempt_succeeded"))


async def whole(talk: Talk) -> None:
    await talk.begin(snapshot(), log(1), *END)
    await talk.socket.wait_closed()


async def test_a_watch_ends_with_the_last_entry_of_the_log() -> None:
    async with played(whole) as remote:
        watch, told = await seen(remote)
    assert told == ["welcome", "subscribed", "snapshot", "log", "update", "log"]
    assert watch.end is Status.SUCCEEDED


async def test_an_end_whose_last_entry_does_not_come_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LAST_WORDS_S", 0.01)

    async def silent(talk: Talk) -> None:
        await talk.begin(snapshot(status=Status.FAILED))
        await talk.socket.wait_closed()

    async with played(silent) as remote:
        watch, _ = await seen(remote)
    assert watch.end is Status.FAILED


async def test_a_watch_comes_back_with_what_it_has_seen() -> None:
    asked: list[dict[str, Any]] = []

    async def cut(talk: Talk) -> None:
        await talk.begin(snapshot(seq=7), log(3))
        talk.socket.transport.abort()

    async def rest(talk: Talk) -> None:
        asked.append(talk.subscribe)
        await talk.begin(snapshot(seq=9, status=Status.SUCCEEDED), log(4, "attempt_succeeded"), epoch="e2")
        await talk.socket.wait_closed()

    async with played(cut, rest) as remote:
        _, told = await seen(remote)
    assert told == ["welcome", "subscribed", "snapshot", "log", "lost", "welcome", "subscribed", "snapshot", "log"]
    assert asked[0]["since"] == {"epoch": "e1", "seq": 7, "log": 3}


async def test_a_hole_is_asked_for_once_and_filled_by_a_snapshot() -> None:
    asked: list[dict[str, Any]] = []

    async def holed(talk: Talk) -> None:
        await talk.begin(snapshot(), update(5, 5, done=5), update(6, 6, done=6))
        asked.append(await talk.heard())
        await talk.begin(snapshot(seq=6, done=6), update(6, 7, status=Status.SUCCEEDED), log(1, "attempt_succeeded"))
        await talk.socket.wait_closed()

    async with played(holed) as remote:
        watch, _ = await seen(remote)
    assert [one["since"]["seq"] for one in asked] == [1]
    assert watch.jobs["J"].seq == 7


async def test_an_update_that_is_older_changes_nothing() -> None:
    async def older(talk: Talk) -> None:
        await talk.begin(snapshot(seq=5, done=5), update(1, 4, done=4), update(6, 6, done=5, phases=[]), log(1))
        await talk.socket.wait_closed()

    async with played(older) as remote:
        watch, _ = await seen(remote, most=6)
    assert (watch.jobs["J"].done, watch.jobs["J"].seq) == (5, 6)


async def test_closing_says_how_long_to_stay_away() -> None:
    async def closing(talk: Talk) -> None:
        await talk.begin(snapshot(), Closing(code=1012, reason="restarting", retry_after_s=0.001))
        await talk.socket.close(1012, "restarting")

    async with played(closing, whole) as remote:
        watch = Watch(remote, "J", lambda: 0.0)
        async with asyncio.timeout(BOUND_S):
            told = [one async for one in watch.messages()]
    assert [one for one in told if isinstance(one, Lost)] == [Lost("the connection ended: restarting (1012)", 0.001)]


@pytest.mark.parametrize("code", [4400, 4401, 4403])
async def test_a_close_that_says_stay_away_is_the_end(code: int) -> None:
    async def turned_out(talk: Talk) -> None:
        await talk.begin(snapshot())
        await talk.socket.close(code, "not you")

    async with played(turned_out) as remote:
        with pytest.raises(Refused, match="not you"):
            await seen(remote)


async def test_a_handshake_that_is_refused_is_the_end() -> None:
    async with played(HTTPStatus.FORBIDDEN) as remote:
        with pytest.raises(Refused, match="HTTP 403"):
            await seen(remote)


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS])
async def test_a_hub_that_takes_nobody_at_first_is_unreachable_and_later_waited_for(status: HTTPStatus) -> None:
    async def cut(talk: Talk) -> None:
        await talk.begin(snapshot())
        talk.socket.transport.abort()

    async with played(status) as remote:
        with pytest.raises(Unreachable, match=f"HTTP {status.value}"):
            await seen(remote)
    async with played(cut, status, whole) as remote:
        _, told = await seen(remote)
    assert told.count("lost") == 2


async def test_an_error_at_first_is_the_end_and_a_passing_one_later_is_not() -> None:
    async def error(talk: Talk) -> None:
        await talk.say(Error(code="unavailable", message="stopping", id=1))

    async def later(talk: Talk) -> None:
        await talk.begin(snapshot(), Error(code="unavailable", message="stopping", id=1))

    async with played(error) as remote:
        with pytest.raises(Refused, match="stopping"):
            await seen(remote)
    async with played(later, whole) as remote:
        _, told = await seen(remote)
    assert told.count("lost") == 1


async def test_a_job_that_is_gone_is_the_end() -> None:
    async def gone(talk: Talk) -> None:
        await talk.begin(snapshot(), Gone(job="J", reason="deleted"))

    async with played(gone) as remote:
        with pytest.raises(Refused, match="gone: deleted"):
            await seen(remote)


async def test_the_feed_begins_anew_on_each_connection() -> None:
    asked: list[dict[str, Any]] = []

    async def first(talk: Talk) -> None:
        await talk.begin(snapshot(), Snapshot(jobs=[job(id="K")]), Gone(job="K", reason="filtered"), topic="jobs")
        await talk.socket.close(1013, "overloaded")

    async def second(talk: Talk) -> None:
        asked.append(talk.subscribe)
        await talk.begin(Snapshot(jobs=[job(id="L")], end=True), topic="jobs")
        await talk.socket.wait_closed()

    async with played(first, second) as remote:
        watch, _ = await seen(remote, topic=None, most=9)
    assert set(watch.jobs) == {"L"}
    assert watch.end is None
    assert asked[0]["topic"] == "jobs"
    assert asked[0]["since"] is None
