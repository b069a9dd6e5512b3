"""The jobs that a job starts, without a hub: what is sent, when again, and what the answers mean."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from hub.errors import Conflict, Invalid, NotFound, Revoked, TooLarge, TooMany, Unavailable
from hub.protocol import CancelOrder, Error, Open, StartChild
from hub.view import Status
from tests.workers.children import ended, job_of, refused, taken
from workers import family as family_module
from workers.family import AT_ONCE, Family
from workers.introduction import Introduction
from workers.started import Child, ChildCancelled, ChildFailed, ChildrenFailed
from workers.stopping import Cancelled, Interrupted, Stop

BOUND_S = 20.0
R = TypeVar("R")


class Home:
    """A family, and the parent's function in a thread of its own."""

    def __init__(self, *, blocking: bool = True, patience_s: float | None = None, job: str = "p1") -> None:
        changed = threading.Condition()
        self.stop = Stop(changed, lambda: None, blocking=blocking)
        self.over = threading.Event()
        self.woken = threading.Semaphore(0)
        self.family = Family(
            changed, self.stop, Introduction(Open(id=7, job=job, attempt=2)), blocking=blocking, over=self.over,
            patience_s=patience_s, wake=self.woken.release,
        )  # fmt: skip
        self.pool = ThreadPoolExecutor(4)

    def start(self, kind: str = "work", key: str | None = None, **params: Any) -> Child:
        return self.family.start(kind, params, title=None, tags=None, key=key, priority=None)

    def begin(self, kind: str = "work", key: str | None = None, **params: Any) -> tuple[Future[Child], StartChild]:
        """Start one in a thread; the message that it sends."""
        child = self.pool.submit(self.start, kind, key, **params)
        while (start := self.family.due(0.0)) is None:
            assert self.woken.acquire(timeout=BOUND_S)
        return child, start

    def sent(self, now: float = 0.0) -> StartChild:
        start = self.family.due(now)
        assert start is not None
        return start

    def child(self, **params: Any) -> tuple[Child, StartChild]:
        """One that the hub has taken."""
        child, start = self.begin(**params)
        assert self.family.answered(taken(start))
        return child.result(BOUND_S), start


@pytest.fixture
def home() -> Iterator[Home]:
    one = Home()
    yield one
    one.stop.interrupt("the test is over")
    one.pool.shutdown()


def test_a_start_names_everything_and_waits_until_the_hub_has_taken_it(home: Home) -> None:
    child, start = home.begin(path="a.csv")
    assert (start.job, start.attempt, start.kind, start.params) == ("p1", 2, "work", {"path": "a.csv"})
    assert not child.done()
    assert home.family.answered(taken(start))
    one = child.result(BOUND_S)
    assert (one.id, one.kind, one.title, one.status) == (job_of(start), "work", "Run work", Status.QUEUED)


def test_a_refused_start_raises_what_the_hub_said_and_counts_for_nothing(home: Home) -> None:
    child, start = home.begin("nothing")
    assert home.family.answered(refused(start))
    with pytest.raises(NotFound, match="no such kind: nothing"):
        child.result(BOUND_S)
    home.family.finish()


@pytest.mark.parametrize(("code", "error"), [("conflict", Conflict), ("too_large", Invalid), ("invalid", Invalid)])
def test_other_refusals_are_told_by_their_cause(home: Home, code: Any, error: type[Exception]) -> None:
    child, start = home.begin()
    assert home.family.answered(Error(code=code, message="no", id=start.id))
    with pytest.raises(error, match="no"):
        child.result(BOUND_S)


def test_a_start_that_no_hub_would_take_is_refused_here(home: Home) -> None:
    with pytest.raises(TooLarge):
        home.start(text="x" * 70_000)
    with pytest.raises(Invalid, match="params"):
        home.start(what=object())
    with pytest.raises(Invalid):
        home.start("no such name!")
    assert home.family.due(0.0) is None


def test_a_hub_that_cannot_take_it_just_now_is_asked_again(home: Home) -> None:
    child, start = home.begin()
    assert home.family.answered(Error(code="unavailable", message="the disk is full", id=start.id))
    assert home.family.wait_s(10.0) == 1.0
    assert home.family.due(10.9) is None
    again = home.sent(11.0)
    assert again == start
    assert home.family.answered(taken(again))
    assert child.result(BOUND_S).id == job_of(start)


def test_what_was_not_answered_is_asked_for_again_on_the_next_connection(home: Home) -> None:
    child, start = home.begin()
    assert home.family.due(0.0) is None
    home.family.lost()
    assert home.sent() == start
    assert home.family.answered(taken(start))
    child.result(BOUND_S)
    home.family.lost()
    assert home.family.due(0.0) is None


def test_an_answer_to_something_else_is_left_to_others(home: Home) -> None:
    assert not home.family.answered(Error(code="invalid", message="no"))
    assert not home.family.answered(Error(code="invalid", message="no", id="7.1"))


def test_a_key_depends_on_what_is_started_and_how_often_but_not_on_what_else_is() -> None:
    def keys(*numbers: int) -> list[str | None]:
        home = Home(blocking=False)
        for number in numbers:
            home.start(number=number)
        return [home.sent().key for _ in numbers]

    first, second = keys(1, 2, 1), keys(2, 1, 1)
    assert len(set(first)) == 3
    assert first == [second[1], second[0], second[2]]
    assert all(key is not None and key.startswith("p1/") for key in first)


def test_a_key_of_one_s_own_is_sent_as_it_is(home: Home) -> None:
    assert home.begin(key="2024-05")[1].key == "2024-05"


def test_a_process_that_the_job_forked_starts_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(Conflict, match="forked"):
        home.start()


def test_waiting_for_a_child_returns_its_result(home: Home) -> None:
    child, start = home.child()
    result = home.pool.submit(child.wait)
    home.family.heard(ended(start, result={"rows": 3}))
    assert result.result(BOUND_S) == {"rows": 3}
    assert child.status is Status.SUCCEEDED


def test_a_child_that_an_earlier_attempt_saw_through_is_there_at_once(home: Home) -> None:
    child, start = home.begin()
    home.family.answered(taken(start, Status.SUCCEEDED, 5))
    assert child.result(BOUND_S).wait() == 5


def test_a_failed_child_says_why_and_only_once(home: Home) -> None:
    child, start = home.child()
    home.family.heard(ended(start, Status.FAILED))
    with pytest.raises(ChildFailed, match="Run work failed: ValueError: no such row") as failed:
        child.wait()
    assert failed.value.child is child
    assert failed.value.error is not None
    assert home.family.wait() == [None]
    home.family.finish()


def test_a_cancelled_child_says_so(home: Home) -> None:
    child, start = home.child()
    home.family.heard(ended(start, Status.CANCELLED))
    with pytest.raises(ChildCancelled, match="Run work was cancelled"):
        child.wait()


def test_waiting_too_long_is_told(home: Home) -> None:
    child, _ = home.child()
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        child.wait(0.01)


def test_a_cancel_reaches_whoever_waits(home: Home) -> None:
    child, start = home.child()
    waiting = home.pool.submit(child.wait)
    home.stop.cancel(CancelOrder(reason=None, by=None, grace_s=1.0))
    with pytest.raises(Cancelled):
        waiting.result(BOUND_S)
    home.family.heard(ended(start, Status.CANCELLED))
    with pytest.raises(ChildCancelled):
        child.wait()


def test_work_that_is_interrupted_waits_for_nobody(home: Home) -> None:
    child, _ = home.child()
    home.stop.interrupt("the hub stops")
    for _ in range(2):
        with pytest.raises(Interrupted):
            child.wait()


def test_an_attempt_that_is_over_starts_and_waits_for_nothing(home: Home) -> None:
    child, _ = home.child()
    home.over.set()
    with pytest.raises(Revoked):
        child.wait()
    with pytest.raises(Revoked):
        home.start()


def test_work_that_does_not_need_a_hub_is_told_that_there_is_none() -> None:
    home = Home(patience_s=0.01)
    with pytest.raises(Unavailable, match="no hub to start 'work'"):
        home.start()
    assert home.family.due(0.0) is None
    home.family.finish()


def test_waiting_for_all_returns_their_results_in_order(home: Home) -> None:
    starts = [home.child(number=number)[1] for number in range(3)]
    waiting = home.pool.submit(home.family.wait)
    for number in (2, 0, 1):
        home.family.heard(ended(starts[number], result=number))
    assert waiting.result(BOUND_S) == [0, 1, 2]


def test_failures_among_many_are_counted_and_the_first_are_named(home: Home) -> None:
    starts = [home.child(number=number)[1] for number in range(6)]
    for start in starts[:5]:
        home.family.heard(ended(start, Status.FAILED))
    home.family.heard(ended(starts[5]))
    with pytest.raises(ChildrenFailed, match=r"^5 of 6 jobs failed: Run work failed: .*; and 2 more$") as failed:
        home.family.wait()
    assert len(failed.value.failures) == 5


def test_a_function_that_returns_waits_for_its_children(home: Home) -> None:
    _, start = home.child()
    finish = home.pool.submit(home.family.finish)
    assert not finish.done()
    home.family.heard(ended(start, Status.FAILED))
    with pytest.raises(ChildrenFailed, match="1 of 1 jobs failed"):
        finish.result(BOUND_S)


def test_a_function_without_children_ends_even_if_a_cancel_came(home: Home) -> None:
    home.stop.cancel(CancelOrder(reason=None, by=None, grace_s=1.0))
    home.family.finish()


def test_a_child_that_is_retried_by_hand_goes_on(home: Home) -> None:
    child, start = home.child()
    home.family.heard(ended(start, Status.FAILED))
    home.family.heard(ended(start, Status.RUNNING))
    assert not child.ended
    finish = home.pool.submit(home.family.finish)
    home.family.heard(ended(start, result=1))
    assert finish.result(BOUND_S) is None


def test_no_more_are_started_than_a_hub_takes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family_module, "MOST_CHILDREN", 1)
    home.child()
    with pytest.raises(TooMany):
        home.start()


# ── On an event loop ──────────────────────────────────────────────────────────


async def told(waiting: asyncio.Task[R], tell: Callable[[], object]) -> R:
    """What a task gives that waits until something is told, by another thread."""
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.to_thread(tell)
    return await asyncio.wait_for(waiting, BOUND_S)


async def finished(child: Child) -> Any:
    return await child


async def test_on_a_loop_a_start_returns_at_once_and_is_awaited() -> None:
    home = Home(blocking=False)
    child = home.start()
    assert child.id == ""
    start = home.sent()
    await told(asyncio.create_task(child.taken()), lambda: home.family.answered(taken(start)))
    assert child.id == job_of(start)
    assert await told(asyncio.create_task(finished(child)), lambda: home.family.heard(ended(start, result=4))) == 4


async def test_on_a_loop_waiting_without_await_is_refused() -> None:
    child = Home(blocking=False).start()
    with pytest.raises(Conflict, match="await"):
        child.wait()


async def test_on_a_loop_a_refusal_is_raised_where_it_is_awaited() -> None:
    home = Home(blocking=False)
    one, another = home.start(), home.start()
    first, second = home.sent(), home.sent()
    home.family.answered(refused(first))
    home.family.answered(refused(second))
    with pytest.raises(NotFound):
        await one.taken()
    with pytest.raises(ChildrenFailed, match="1 of 2 jobs failed: kind: no such kind"):
        await home.family.finish_async()
    with pytest.raises(NotFound):
        await another


async def test_on_a_loop_a_cancel_and_a_pause_reach_whoever_waits() -> None:
    home = Home(blocking=False)
    child = home.start()
    home.stop.pause()
    waiting = asyncio.create_task(finished(child))
    await asyncio.sleep(0)
    home.family.answered(taken(home.sent(), Status.SUCCEEDED, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    home.stop.cancel(CancelOrder(reason=None, by=None, grace_s=1.0))
    with pytest.raises(Cancelled):
        await asyncio.wait_for(waiting, BOUND_S)


async def test_on_a_loop_many_are_waited_for_at_once() -> None:
    home = Home(blocking=False)
    for number in range(AT_ONCE + 1):
        home.start(number=number)
    starts = [home.sent() for _ in range(AT_ONCE)]
    assert home.family.wait_s(0.0) is None
    home.family.answered(taken(starts[0]))
    starts.append(home.sent())
    for start in starts[1:]:
        home.family.answered(taken(start))
    waiting = asyncio.create_task(home.family.wait_async())
    for number, start in enumerate(starts):
        home.family.heard(ended(start, result=number))
    assert await asyncio.wait_for(waiting, BOUND_S) == list(range(AT_ONCE + 1))
