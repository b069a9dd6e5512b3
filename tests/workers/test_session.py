"""Work that the hub did not start, piece by piece: sessions, blocks, and the connection that they share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from socket import create_server

import pytest
from websockets.asyncio.server import ServerConnection, serve

from hub.errors import Invalid
from hub.protocol import (
    CancelAck,
    CancelReceived,
    Checkpoint,
    Entry,
    Finish,
    Open,
    PauseWork,
    PhaseStart,
    Report,
    StartChild,
)
from hub.view import Failure, Phase, Status
from tests.workers.children import ended as ended_child
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.scripts import apart
from workers import Cancelled, Job, connection, line, outcome
from workers.attempt import Attempt
from workers.backlog import LIMIT
from workers.outside import Session, opening
from workers.started import ChildrenFailed


def session(hub: FakeHub, kind: str = "sync", **facts: object) -> Session:
    return Session(opening(kind, **facts), address=hub.address)  # type: ignore[arg-type]  # as each test has it


async def ended(hub: FakeHub, end: Callable[[], None]) -> Finish:
    await apart(end)
    return await hub.expect(Finish)


def way_of(piece: Session) -> line.Line:
    assert piece._line is not None
    return piece._line


def told(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    loop.call_soon_threadsafe(news.set)


# ── One session ───────────────────────────────────────────────────────────────


async def test_all_that_a_session_says_arrives_in_order(hub: FakeHub) -> None:
    piece = session(hub, title="Nightly", total=2, params={"day": 3}, tags={"host": "a"}, key="k", max_attempts=4)
    with piece.job.phase("Load", total=2) as phase:
        phase.advance(2)
    piece.job.log("half way")
    piece.job.checkpoint({"row": 2})
    finish = await ended(hub, lambda: piece.succeed({"rows": 2}, "All in"))
    opened = await hub.expect(Open)
    assert (opened.kind, opened.title, opened.params, opened.tags) == ("sync", "Nightly", {"day": 3}, {"host": "a"})
    assert (opened.key, opened.max_attempts) == ("k", 4)
    assert [type(message) for message in hub.stored] == [PhaseStart, Entry, Checkpoint, Finish]
    assert (finish.outcome, finish.result, finish.message) == ("succeeded", {"rows": 2}, "All in")


async def test_declared_phases_are_told_and_keep_their_totals(hub: FakeHub) -> None:
    piece = session(hub, phases=[Phase(name="Load", total=9), "Check"])
    piece.job.phase("Load")
    await ended(hub, piece.succeed)
    assert [phase.name for phase in (await hub.expect(Open)).phases] == ["Load", "Check"]
    assert (await hub.expect(PhaseStart)).total == 9


async def test_a_session_tells_when_it_began(hub: FakeHub) -> None:
    before = round(time.time() * 1000)
    piece = session(hub)
    opened = await hub.expect(Open)
    assert opened.started_at is not None
    assert before <= opened.started_at <= time.time() * 1000 + 1
    await apart(piece.succeed)


async def test_a_failure_may_say_when_it_is_tried_again(hub: FakeHub) -> None:
    piece = session(hub)
    finish = await ended(hub, lambda: piece.fail(Failure(type="Boom", message="no"), retry_in_s=2.5))
    assert (finish.outcome, finish.retry_in_s) == ("failed", 2.5)
    assert finish.error is not None
    assert finish.error.type == "Boom"


async def test_a_session_ends_once(hub: FakeHub) -> None:
    piece = session(hub)
    await ended(hub, lambda: piece.cancelled("by hand"))
    await apart(piece.succeed)
    assert [finish.message for finish in hub.of(Finish)] == ["by hand"]


async def test_of_two_threads_that_end_a_session_at_once_one_does(hub: FakeHub) -> None:
    both = threading.Barrier(2)

    class Slow(Session):
        @property
        def is_of_this_process(self) -> bool:
            both.wait(BOUND_S)
            return True

    piece = Slow(opening("sync"), address=hub.address)
    finish = outcome.succeeded(1)
    said = await asyncio.gather(*(apart(lambda: piece.say_end(finish)) for _ in range(2)))
    assert sorted(said) == [False, True]
    await apart(piece.leave)


async def test_a_result_that_json_cannot_hold_fails_the_job_and_not_the_script(hub: FakeHub) -> None:
    piece = session(hub)
    finish = await ended(hub, lambda: piece.succeed(object()))
    assert (finish.outcome, finish.retry) == ("failed", False)


async def test_a_cancel_can_be_acknowledged_without_being_raised(hub: FakeHub) -> None:
    piece, heard = session(hub), asyncio.Event()
    loop = asyncio.get_running_loop()
    piece.stop.listen(lambda what: told(loop, heard))
    piece.acknowledge("nobody asked")
    await hub.expect(Open)
    await apart(piece.reached)
    await hub.cancel(piece.job.id)
    await asyncio.wait_for(heard.wait(), BOUND_S)
    piece.acknowledge("stopping the engine")
    piece.acknowledge("again")
    piece.job.log("stopped")
    await ended(hub, piece.cancelled)
    await hub.expect(CancelReceived)
    assert [message.message for message in hub.of(CancelAck)] == ["stopping the engine"]


async def test_a_mistake_in_the_opening_is_told_where_it_was_made() -> None:
    with pytest.raises(Invalid, match="params"):
        opening("sync", params={"x": object()})


async def test_a_checkpoint_of_the_same_key_is_found_again(hub: FakeHub) -> None:
    first = session(hub, key="k")
    first.job.checkpoint({"row": 7})
    saved = await hub.expect(Checkpoint)
    await ended(hub, lambda: first.fail(ValueError("no")))
    hub.keep_checkpoint(saved)
    second = session(hub, key="k")
    assert await apart(lambda: second.job.checkpoint_data) == {"row": 7}
    await apart(second.succeed)


# ── One connection ────────────────────────────────────────────────────────────


async def test_sessions_of_one_process_share_a_connection(hub: FakeHub) -> None:
    first = session(hub, "one")
    await hub.expect(Open)
    second = session(hub, "two")
    await hub.expect(Open, lambda message: message.kind == "two")
    second.job.log("from the second")
    assert (await hub.expect(Entry)).job == "outside-2"
    await apart(second.succeed)
    await apart(first.succeed)
    assert {finish.job for finish in hub.of(Finish)} == {"outside-1", "outside-2"}
    assert len(hub.headers) == 1


async def test_another_token_is_another_connection(hub: FakeHub) -> None:
    one = Session(opening("one"), address=hub.address, token="a")
    two = Session(opening("two"), address=hub.address, token="b")
    await hub.expect(Open, nth=2)
    assert {header["Authorization"] for header in hub.headers} == {"Bearer a", "Bearer b"}
    await apart(one.succeed)
    await apart(two.succeed)


async def test_all_are_introduced_again_when_the_hub_comes_back(hub: FakeHub) -> None:
    pieces = [Session(opening(kind), address=hub.address) for kind in ("one", "two")]
    await hub.expect(Open, nth=2)
    for piece in pieces:
        await apart(piece.reached)
    await hub.stop()
    await hub.start(hub.port)
    await hub.expect(Open, nth=4)
    for piece in pieces:
        await apart(piece.succeed)
    assert {finish.outcome for finish in hub.of(Finish)} == {"succeeded"}


def test_a_line_that_nobody_uses_is_closed_after_a_while() -> None:
    attempt = Attempt(opening("one"), independent=True)
    used = line.join(attempt, nowhere, None)
    assert line.join(attempt, nowhere, None) is used
    used.leave(attempt)
    now = time.monotonic()
    assert used._turn(now) == line.LINGER_S
    assert used._turn(now + line.LINGER_S) is None
    again = line.join(attempt, nowhere, None)
    assert again is not used
    again.leave(attempt)


def nowhere() -> None:
    """No hub is known."""


async def test_a_newcomer_does_not_wait_as_long_as_those_who_saw_the_hub_fail(hub: FakeHub) -> None:
    first = session(hub, "one")
    await apart(lambda: first.reached(BOUND_S))
    road = way_of(first).connection
    road._backoff.next_s = lambda: BOUND_S  # type: ignore[method-assign]  # as after many failures
    rests = road._hasten = Rest()
    await hub.stop()
    assert await apart(lambda: rests.begun.wait(BOUND_S))
    road._clock = lambda: time.monotonic() + 60.0
    await hub.start(hub.port)
    second = session(hub, "two")
    await apart(second.succeed)
    await apart(first.succeed)
    assert len(hub.of(Finish)) == 2


class Rest(threading.Event):
    """Tells when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


def test_a_hub_that_never_answers_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_S", 0.1)
    monkeypatch.setattr(connection, "FRESH_S", 0.05)
    with create_server(("127.0.0.1", 0)) as deaf:
        address = partial(str, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        first = Session(opening("one"), address=address)
        road = way_of(first).connection
        road._backoff.next_s = lambda: BOUND_S  # type: ignore[method-assign]  # so that it rests until it is woken
        rests = road._hasten = Rest()
        assert rests.begun.wait(BOUND_S)
        road._clock = lambda: time.monotonic() + 60.0
        deaf.settimeout(BOUND_S)
        deaf.accept()[0].close()
        second = Session(opening("two"), address=address)
        assert road.tried.is_set()
        deaf.accept()[0].close()  # all the same it is tried again
        first.leave()
        second.leave()


async def test_a_token_that_is_refused_is_complained_of_once_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def never(socket: ServerConnection) -> None:
        """Nobody is let in."""

    refuse = lambda socket, request: socket.respond(401, "who are you?")  # noqa: E731 - a callback
    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        address = partial(str, url)
        for kind in ("one", "two"):
            await apart(Session(opening(kind), address=address, token="wrong").succeed)
    told = [record.message for record in caplog.records if record.name == "barcast.worker" and record.levelno > 20]
    assert told == [f"the hub at {url} does not take this token; see BARCAST_TOKEN"]


# ── Without a hub ─────────────────────────────────────────────────────────────


def test_without_a_hub_nothing_waits_and_what_is_kept_is_bounded() -> None:
    piece = Session(opening("alone"), address=nowhere)
    for number in range(LIMIT + 100):
        piece.job.log(f"line {number}")
    assert len(piece.attempt.unacknowledged()) <= LIMIT
    began = time.perf_counter()
    piece.succeed()
    assert time.perf_counter() - began < 5.0
    said = [message.text for message in piece.attempt.unacknowledged() if isinstance(message, Entry)]
    assert said[-1] == "1,000 lines of this story were left out: there was no hub to take them"
    assert said[0] == "line 1000"
    assert [message.n for message in piece.attempt.unacknowledged()] == list(range(1, len(said) + 2))


@pytest.mark.parametrize("field", ["revoked", "refusal"])
async def test_a_hub_that_takes_no_more_does_not_stop_the_work(hub: FakeHub, field: str) -> None:
    setattr(hub, field, "not yours")
    piece = session(hub)
    await hub.expect(Open)
    await asyncio.wait_for(asyncio.to_thread(piece.attempt.over.wait), BOUND_S)
    for number in range(3):
        piece.job.log(f"still here {number}")
    assert not piece.attempt.unacknowledged()
    await apart(piece.succeed)
    assert not hub.of(Finish)


async def test_work_that_was_cancelled_while_it_was_away_stops_at_its_next_report(hub: FakeHub) -> None:
    hub.revoked, hub.status = "the job is cancelled", Status.CANCELLED
    piece = session(hub)
    await hub.expect(Open)
    await asyncio.wait_for(asyncio.to_thread(piece.attempt.over.wait), BOUND_S)
    with pytest.raises(Cancelled, match="the job is cancelled"):
        piece.job.log("one more")
    piece.job.log("cleaning up")
    await apart(piece.cancelled)
    assert not hub.of(Finish)


async def test_what_a_hub_paused_goes_on_when_that_hub_is_gone_for_good(hub: FakeHub) -> None:
    hub.paused = True
    piece = session(hub)
    await apart(piece.reached)
    assert piece.job.paused
    await hub.stop()
    road = way_of(piece)
    await apart(lambda: disconnected(piece.attempt))
    now = time.monotonic()
    road._turn(now)
    road._turn(now + 2 * line.ALONE_S)
    piece.job.log("goes on")
    piece.say_end(outcome.succeeded(None))
    piece.leave()


def disconnected(attempt: Attempt) -> None:
    with attempt._changed:
        assert attempt._changed.wait_for(lambda: not attempt._live, BOUND_S)


async def test_a_paused_session_waits_at_its_next_report(hub: FakeHub) -> None:
    piece, said = session(hub), asyncio.Event()
    await apart(piece.reached)
    loop = asyncio.get_running_loop()
    piece.stop.listen(lambda what: told(loop, said))
    await hub.send(PauseWork(job=piece.job.id, attempt=1))
    await asyncio.wait_for(said.wait(), BOUND_S)
    waiting = asyncio.create_task(apart(piece.job.advance))
    await hub.cancel(piece.job.id)
    with pytest.raises(Cancelled):
        await waiting
    await apart(piece.cancelled)


# ── Blocks ────────────────────────────────────────────────────────────────────


@pytest.fixture
def reachable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    return hub


async def test_a_block_that_is_left_normally_has_succeeded(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("nightly", total=3) as job:
            job.advance(3)
            job.result = {"rows": 3}

    finish = await ended(reachable, script)
    assert (finish.outcome, finish.result) == ("succeeded", {"rows": 3})
    assert (await reachable.expect(Report, lambda report: report.done == 3)).total == 3


async def test_an_exception_fails_the_job_and_goes_on(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("nightly"):
            raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        await apart(script)
    finish = await reachable.expect(Finish)
    assert finish.outcome == "failed"
    assert finish.error is not None
    assert finish.error.type == "ValueError"
    assert "raise ValueError" in (finish.error.traceback or "")


@pytest.mark.parametrize(
    ("code", "outcome"), [(None, "succeeded"), (0, "succeeded"), (3, "failed")], ids=["none", "zero", "three"]
)
async def test_leaving_a_block_by_sys_exit_says_what_its_status_says(
    reachable: FakeHub, code: int | None, outcome: str
) -> None:
    def script() -> None:
        with pytest.raises(SystemExit), Job.open("nightly"):
            raise SystemExit(code)

    assert (await ended(reachable, script)).outcome == outcome


async def test_a_cancel_leaves_the_block_as_cancelled_with_its_own_words(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("nightly") as job:
            try:
                while True:
                    job.advance()
            except Cancelled:
                raise Cancelled("Rolled back") from None

    working = asyncio.create_task(apart(script))
    await reachable.expect(Report, lambda report: bool(report.done))
    await reachable.cancel("outside-1")
    with pytest.raises(Cancelled, match="Rolled back"):
        await working
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "Rolled back")


async def test_an_error_while_cleaning_up_after_a_cancel_is_kept(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("nightly") as job:
            try:
                while True:
                    job.advance()
            finally:
                raise OSError("cannot roll back")

    working = asyncio.create_task(apart(script))
    await reachable.expect(Report, lambda report: bool(report.done))
    await reachable.cancel("outside-1")
    with pytest.raises(OSError, match="cannot"):
        await working
    finish = await reachable.expect(Finish)
    assert finish.outcome == "cancelled"
    assert finish.error is not None
    assert finish.error.type == "OSError"


async def test_an_async_block_lets_the_loop_go_on_while_it_delivers(reachable: FakeHub) -> None:
    async with Job.open("nightly") as job:  # the hub lives on this very loop
        job.advance()
        await job.resumed()
    finish = await reachable.expect(Finish)
    assert finish.outcome == "succeeded"


async def test_a_task_that_is_cancelled_in_an_async_block_ends_as_cancelled(reachable: FakeHub) -> None:
    async def script() -> None:
        async with Job.open("nightly"):
            await asyncio.Event().wait()

    task = asyncio.create_task(script())
    await reachable.expect(Open)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await reachable.expect(Finish)).outcome == "cancelled"


async def test_an_async_block_waits_out_a_pause_without_holding_up_the_loop(reachable: FakeHub) -> None:
    reachable.paused = True
    async with Job.open("nightly") as job:
        await reachable.expect(Report)
        assert job.paused
        job.advance()  # reports do not wait here
        waiting = asyncio.create_task(job.resumed())
        await reachable.cancel(job.id)
        with pytest.raises(Cancelled):
            await asyncio.wait_for(waiting, BOUND_S)
    assert (await reachable.expect(Finish)).outcome == "succeeded"


# ── Jobs that a block starts ──────────────────────────────────────────────────


async def test_a_block_ends_after_the_jobs_that_it_started_and_fails_with_them(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("nightly") as job:
            job.start("part", number=1)

    working = asyncio.create_task(apart(script))
    start = await reachable.expect(StartChild)
    assert not reachable.of(Finish)
    await reachable.send(ended_child(start, Status.FAILED))
    with pytest.raises(ChildrenFailed):
        await working
    finish = await reachable.expect(Finish)
    assert finish.outcome == "failed"
    assert finish.error is not None
    assert finish.error.type == "ChildrenFailed"
