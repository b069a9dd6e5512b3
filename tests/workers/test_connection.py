"""A worker's socket against a real WebSocket server: comes back, sends again, hears."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from websockets.typing import Subprotocol

from hub.protocol import (
    CancelReceived,
    Closing,
    Entry,
    Finish,
    Open,
    Report,
    RevokedWork,
)
from tests.workers.fake_hub import BOUND_S, FakeHub
from workers.address import from_file, is_loopback, worker_socket
from workers.attempt import Attempt
from workers.backoff import Backoff
from workers.connection import Connection
from workers.job import Job
from workers.reporter import Reporter
from workers.stopping import Interrupted


class Side(SimpleNamespace):
    """A worker's whole side, in this process."""

    attempt: Attempt
    connection: Connection
    reporter: Reporter
    job: Job


@pytest.fixture
async def side(hub: FakeHub, address_file: Path) -> AsyncIterator[Side]:
    attempt = Attempt(Open(id=0, job="j1", attempt=1))
    connection = Connection(from_file(address_file), token="secret", random=lambda: 0.0)
    connection.roster.add(attempt)
    reporter = Reporter(connection.roster, connection)
    reporter.start()
    connection.start()
    yield Side(attempt=attempt, connection=connection, reporter=reporter, job=Job(attempt, "A job"))
    await asyncio.to_thread(reporter.close)
    await asyncio.to_thread(connection.close)


async def told(side: Side) -> bool:
    return await asyncio.to_thread(side.attempt.wait_told, BOUND_S)


async def test_what_is_not_acknowledged_is_sent_again_and_arrives_once(hub: FakeHub, side: Side) -> None:
    hub.acking = False
    for number in range(5):
        side.job.log(f"entry {number}")
    await hub.expect(Entry, nth=5)
    await hub.stop()
    hub.acking = True
    await hub.start()
    assert await told(side)
    assert [entry.text for entry in hub.stored if isinstance(entry, Entry)] == [f"entry {n}" for n in range(5)]
    assert len(hub.of(Entry)) == 10


async def test_what_is_acknowledged_is_not_sent_again(hub: FakeHub, side: Side) -> None:
    side.job.log("one")
    assert await told(side)
    await hub.stop()
    side.job.log("two")
    await hub.start()
    assert await told(side)
    assert [entry.text for entry in hub.of(Entry)] == ["one", "two"]


async def test_many_entries_over_many_broken_connections_arrive_in_order_and_once(hub: FakeHub, side: Side) -> None:
    def write() -> None:
        for number in range(600):
            side.job.log(f"{number}")

    writing = asyncio.create_task(asyncio.to_thread(write))
    for cut in range(1, 6):
        await hub.expect(Entry, nth=cut * 50)
        await hub.stop()
        await hub.start()
    await writing
    assert await told(side)
    assert [entry.text for entry in hub.stored if isinstance(entry, Entry)] == [str(n) for n in range(600)]


async def test_the_newest_numbers_are_kept_while_the_hub_is_away(hub: FakeHub, side: Side) -> None:
    side.job.advance(5)
    await hub.expect(Report, lambda report: report.done == 5)
    await hub.stop()
    side.job.advance(37)
    await hub.start()
    await hub.expect(Report, lambda report: report.done == 42)


async def test_a_cancel_is_delivered_while_the_work_spins_without_calling_back(hub: FakeHub, side: Side) -> None:
    side.job.log("spinning")
    await hub.expect(Entry)
    done = threading.Event()

    def spin() -> None:
        while not side.job.cancelled:
            pass
        done.set()

    threading.Thread(target=spin).start()
    await hub.cancel()
    await hub.expect(CancelReceived)
    assert await asyncio.to_thread(done.wait, BOUND_S)


async def test_a_revoked_attempt_stops_and_does_not_come_back(hub: FakeHub, side: Side) -> None:
    side.job.log("one")
    assert await told(side)
    await hub.send(RevokedWork(job="j1", attempt=1, reason="another worker took the job"))
    assert await asyncio.to_thread(side.attempt.over.wait, BOUND_S)
    with pytest.raises(Interrupted, match="another worker"):
        side.job.advance()


async def test_an_attempt_revoked_while_away_learns_it_on_opening(hub: FakeHub, side: Side) -> None:
    side.job.log("one")
    assert await told(side)
    await hub.stop()
    hub.revoked = "this attempt is over"
    await hub.start()
    assert await asyncio.to_thread(side.attempt.over.wait, BOUND_S)


async def test_a_hub_that_speaks_only_json_is_spoken_to_in_json(hub: FakeHub, side: Side) -> None:
    await hub.expect(Open)
    await hub.stop()
    hub.subprotocols = [Subprotocol("barcast.v1.json")]
    await hub.start()
    side.job.log("in text")
    assert await told(side)


async def test_a_worker_comes_back_after_closing_with_its_retry_time(hub: FakeHub, side: Side) -> None:
    await hub.expect(Open)
    await hub.send(Closing(code=1012, reason="restarting", retry_after_s=0.01))
    await hub.stop()
    await hub.start()
    await hub.expect(Open, nth=2)


def test_a_worker_waits_at_least_what_the_hub_asked_for() -> None:
    connection = Connection(lambda: None, random=lambda: 0.5)
    connection._retry_after_s = 3.0
    assert connection._pause_s() == 3.125
    assert connection._pause_s() == 0.25


def test_waits_have_full_jitter_under_a_ceiling_that_doubles_to_20_s() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_s() for _ in range(9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    backoff.reset()
    assert backoff.next_s() == 0.25
    assert Backoff(lambda: 0.0).next_s() == 0.0


def test_a_worker_without_a_hub_is_orphaned_once_the_time_is_over() -> None:
    now = [0.0]
    calls: list[str] = []
    connection = Connection(
        lambda: None, orphan_s=600.0, orphaned=lambda: calls.append("orphaned"), clock=lambda: now[0]
    )
    now[0] = 599.9
    connection._check_orphaned()
    assert calls == []
    now[0] = 600.0
    connection._check_orphaned()
    connection._check_orphaned()
    assert calls == ["orphaned"]


async def test_the_end_is_delivered_to_a_hub_that_was_away_at_that_moment(hub: FakeHub, side: Side) -> None:
    side.job.log("one")
    assert await told(side)
    await hub.stop()
    side.attempt.say(Finish(job="", attempt=1, n=1, outcome="succeeded", result=7))
    await hub.start()
    assert await told(side)
    assert (await hub.expect(Finish)).result == 7


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"pid": 1}', '{"url": 3}', "\udcff"])
def test_an_address_file_that_cannot_be_read_is_no_address(tmp_path: Path, content: str) -> None:
    path = tmp_path / "hub.address"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert from_file(path)() is None
    assert from_file(tmp_path / "missing")() is None


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("http://127.0.0.1:8600", "ws://127.0.0.1:8600/ws/worker"),
        ("https://jobs.example/barcast/", "wss://jobs.example/barcast/ws/worker"),
    ],
)
def test_the_worker_socket_is_found_below_the_hub_s_address(url: str, socket: str) -> None:
    assert worker_socket(url) == socket


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8600", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        worker_socket(url)


def test_only_this_machine_s_own_addresses_go_past_a_proxy() -> None:
    assert is_loopback("http://localhost:1")
    assert is_loopback("http://[::1]:1")
    assert not is_loopback("http://jobs.example")
