"""Work in the hub's own process: threads and coroutines, with a hub in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pytest
from msgspec import Meta

from hub.launch import Handout
from hub.protocol import (
    Ack,
    CancelAck,
    CancelReceived,
    CancelWork,
    Entry,
    Finish,
    FromWorker,
    Numbered,
    Open,
    Opened,
    RevokedWork,
    ToWorker,
)
from hub.view import Status
from tests.workers import sample_jobs
from workers import Job, job
from workers.kinds import Kinds
from workers.launcher import LocalLauncher

BOUND_S = 20.0
M = TypeVar("M")


class MemoryHub:
    """Opens, stores and acknowledges, on the loop it was made on."""

    def __init__(self, deliver: Callable[[ToWorker], None]) -> None:
        self.deliver = deliver
        self.messages: list[FromWorker] = []
        self.closed = False
        self.thread = threading.get_ident()
        self._news = asyncio.Event()

    def receive(self, message: FromWorker) -> None:
        assert threading.get_ident() == self.thread
        self.messages.append(message)
        self._news.set()
        self._news = asyncio.Event()
        if isinstance(message, Open):
            self.deliver(self._opened(message))
        if isinstance(message, Numbered):
            self.deliver(Ack(job=message.job, attempt=message.attempt, n=message.n))

    def close(self) -> None:
        self.closed = True

    async def expect(self, kind: type[M], nth: int = 1) -> M:
        async with asyncio.timeout(BOUND_S):
            while len(found := [message for message in self.messages if isinstance(message, kind)]) < nth:
                await self._news.wait()
        return found[nth - 1]

    def cancel(self) -> None:
        self.deliver(CancelWork(job="j1", attempt=1, reason=None, by=None, grace_s=5.0))

    def _opened(self, message: Open) -> Opened:
        return Opened(
            id=message.id,
            job=message.job or "",
            attempt=message.attempt or 1,
            status=Status.RUNNING,
            acked=0,
            lease_s=60.0,
            report_interval_s=0.1,
            checkpoint=None,
            cancel=None,
            history=None,
        )


@job("sleeper")
async def sleeper(job: Job) -> None:
    job.log("asleep")
    try:
        await asyncio.Event().wait()
    finally:
        job.log("woken")


@job("async-spinner")
async def async_spinner(job: Job) -> None:
    job.log("spinning")
    while True:
        job.advance()
        await asyncio.sleep(0)


@job("chatter")
async def chatter(job: Job) -> None:
    for number in range(20_000):
        job.log(f"{number}")


@job("stubborn")
async def stubborn(job: Job) -> None:
    job.log("asleep")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            job.log("not yet")
            if job.counter("asked"):
                raise
            job.count("asked")


@job("until-told", runs_in="thread")
def until_told(job: Job) -> int:
    job.log(f"attempt {job.attempt}")
    assert TOLD.wait(BOUND_S)
    return job.attempt


@job("positive")
async def positive(job: Job, number: Annotated[int, Meta(gt=0)] = 1) -> None: ...


TOLD = threading.Event()


class House:
    """A launcher with a hub in memory."""

    def __init__(self, folder: Path) -> None:
        self.hub: MemoryHub | None = None
        functions: list[Callable[..., Any]] = [
            sample_jobs.in_thread,
            sample_jobs.thread_spins,
            sample_jobs.on_loop,
            sleeper,
            async_spinner,
            chatter,
            stubborn,
            until_told,
            positive,
        ]
        self.launcher = LocalLauncher(
            Kinds(functions), connect=self._connect, exited=lambda *_: None, address_file=folder / "hub.address"
        )

    def _connect(self, deliver: Callable[[ToWorker], None]) -> MemoryHub:
        self.hub = MemoryHub(deliver)
        return self.hub

    async def start(self, kind: str, attempt: int = 1, **params: Any) -> MemoryHub:
        handout = Handout(job="j1", attempt=attempt, kind=kind, params=params, title=kind, token="")
        assert await self.launcher.launch(handout) is None
        assert self.hub is not None
        return self.hub


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    one = House(tmp_path)
    yield one
    await one.launcher.close()


@pytest.mark.parametrize("kind", ["in-thread", "on-loop"])
async def test_work_in_the_hub_s_process_tells_the_same_story(house: House, kind: str) -> None:
    hub = await house.start(kind)
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.result) == ("succeeded", 3)
    assert [type(message) for message in hub.messages if isinstance(message, Numbered)] == [Entry, Finish]


@pytest.mark.parametrize("kind", ["thread-spins", "async-spinner"])
async def test_a_cancel_is_received_at_once_and_raised_at_the_next_report(house: House, kind: str) -> None:
    hub = await house.start(kind)
    await hub.expect(Entry)
    hub.cancel()
    await hub.expect(CancelReceived)
    finish = await hub.expect(Finish)
    assert finish.outcome == "cancelled"
    assert [type(message) for message in hub.messages if isinstance(message, Numbered)] == [Entry, CancelAck, Finish]


async def test_a_suspended_coroutine_is_left_alone_until_force_is_asked_for(house: House) -> None:
    hub = await house.start("sleeper")
    await hub.expect(Entry)
    hub.cancel()
    await hub.expect(CancelReceived)
    assert not [message for message in hub.messages if isinstance(message, Finish)]
    assert await house.launcher.stop("j1", 1, BOUND_S)
    finish = await hub.expect(Finish)
    assert finish.outcome == "cancelled"


async def test_a_coroutine_that_will_not_end_is_not_said_to_have_ended(house: House) -> None:
    hub = await house.start("stubborn")
    await hub.expect(Entry)
    hub.cancel()
    assert not await house.launcher.stop("j1", 1, 0.0)
    await hub.expect(Entry, nth=2)
    assert await house.launcher.stop("j1", 1, BOUND_S)
    assert (await hub.expect(Finish)).outcome == "cancelled"


async def test_a_next_attempt_waits_until_nothing_of_the_one_before_it_is_left(house: House) -> None:
    TOLD.clear()
    hub = await house.start("until-told")
    await hub.expect(Entry)
    hub.deliver(RevokedWork(job="j1", attempt=1, reason="given up"))
    await house.start("until-told", attempt=2)
    await house.start("on-loop", attempt=3)
    await asyncio.sleep(0)
    assert [message.attempt for message in hub.messages if isinstance(message, Open)] == [1]
    TOLD.set()
    assert (await hub.expect(Finish)).result == 2
    assert (await hub.expect(Finish, nth=2)).result == 3
    assert [message.attempt for message in hub.messages if isinstance(message, Open)] == [1, 2, 3]


async def test_parameters_that_do_not_fit_any_more_are_told_as_a_failure(house: House) -> None:
    hub = await house.start("positive", number=-1)
    finish = await hub.expect(Finish)
    assert finish.error is not None
    assert finish.error.type == "Invalid"


async def test_a_thread_cannot_be_forced(house: House) -> None:
    hub = await house.start("thread-spins")
    await hub.expect(Entry)
    assert not await house.launcher.stop("j1", 1, 0.0)


@pytest.mark.parametrize("kind", ["thread-spins", "async-spinner", "sleeper"])
async def test_a_hub_that_stops_interrupts_work_in_its_process_without_an_end(house: House, kind: str) -> None:
    hub = await house.start(kind)
    await hub.expect(Entry)
    await house.launcher.close()
    assert hub.closed
    assert not [message for message in hub.messages if isinstance(message, Finish)]


async def test_a_coroutine_that_says_more_than_can_wait_fails_and_the_loop_goes_on(house: House) -> None:
    hub = await house.start("chatter")
    finish = await hub.expect(Finish)
    assert finish.error is not None
    assert finish.error.type == "TooMany"


async def test_what_has_ended_already_counts_as_stopped(house: House) -> None:
    hub = await house.start("on-loop")
    await hub.expect(Finish)
    assert await house.launcher.stop("j1", 1, 0.0)
