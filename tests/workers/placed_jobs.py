"""Job functions that run in all three places as they stand.

Each is a generator. What it yields it waits for: None for a moment in which others have their turn, a child, or the
job itself for all its children. In a process and in a thread it is driven by calls, on the hub's loop by `await`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from workers import Cancelled, Child, ChildFailed, Job, Phase, job

PLACES = ("process", "thread", "loop")
Steps = Generator[Child | Job | None, Any, Any]


class Unfixable(ValueError):
    """Trying again is of no use."""


def driven(steps: Steps) -> Any:
    """Work them off."""
    step = functools.partial(steps.send, None)
    while True:
        try:
            waits = step()
        except StopIteration as end:
            return end.value
        try:
            step = functools.partial(steps.send, None if waits is None else waits.wait())
        except BaseException as error:  # noqa: BLE001 - it belongs where it was waited for
            step = functools.partial(steps.throw, error)


async def awaited(steps: Steps, its_job: Job) -> Any:
    """Work them off on an event loop."""
    step = functools.partial(steps.send, None)
    while True:
        try:
            waits = step()
        except StopIteration as end:
            return end.value
        try:
            step = functools.partial(steps.send, await answer(waits, its_job))
        except BaseException as error:  # noqa: BLE001 - it belongs where it was waited for
            step = functools.partial(steps.throw, error)


async def answer(waits: Child | Job | None, its_job: Job) -> Any:
    if isinstance(waits, Job):
        return await waits.wait_async()
    if waits is not None:
        return await waits
    await its_job.resumed()
    await asyncio.sleep(0)
    return None


def everywhere(kind: str, **options: Any) -> Callable[[Callable[..., Steps]], None]:
    """Three kinds of one function: `kind.process`, `kind.thread` and `kind.loop`."""

    def register(function: Callable[..., Steps]) -> None:
        @functools.wraps(function)
        def work(job: Job, **params: Any) -> Any:
            return driven(function(job, **params))

        @functools.wraps(function)
        async def work_async(job: Job, **params: Any) -> Any:
            return await awaited(function(job, **params), job)

        @functools.wraps(function)
        def work_in_thread(job: Job, **params: Any) -> Any:
            return driven(function(job, **params))

        made = {
            "process": job(f"{kind}.process", **options)(work),
            "thread": job(f"{kind}.thread", runs_in="thread", **options)(work_in_thread),
            "loop": job(f"{kind}.loop", **options)(work_async),
        }
        globals().update({f"{function.__name__}_{place}": one for place, one in made.items()})

    return register


@everywhere("tell-all", title="Tell all of {path.name}", phases=["Load", Phase(name="Check", weight=0.25)])
def tell_all(job: Job, path: Path) -> Steps:
    with job.phase("Load", total=4, unit="rows") as phase:
        for row in phase.track(range(3)):
            job.count("rows", row)
            yield None
        job.advance()
    job.log("loaded", level="warning", data={"rows": 4})
    job.checkpoint({"at": 4})
    with job.phase("Check"):
        job.message("checking")
        job.attach(path, "the input")
    return {"rows": job.counter("rows"), "attempt": job.attempt, "id": job.id}


@everywhere("report-for-ever")
def report_for_ever(job: Job) -> Steps:
    try:
        job.log("under way")  # a cancel may be raised here already
        while True:
            job.advance()
            yield None
    finally:
        job.log("cleaned up")


@everywhere("track-for-ever")
def track_for_ever(job: Job) -> Steps:
    job.log("under way")
    for _ in job.track(iter(int, 1)):
        yield None


@everywhere("roll-back")
def roll_back(job: Job) -> Steps:
    try:
        job.log("under way")  # a cancel may be raised here already
        while True:
            job.count("rows")
            yield None
    except Cancelled:
        job.message("Rolling back")
        yield None
        raise Cancelled("Rolled back, nothing was changed") from None


@everywhere("finish-anyway")
def finish_anyway(job: Job) -> Steps:
    try:
        job.log("under way")  # a cancel may be raised here already
        while True:
            job.advance()
            yield None
    except Cancelled:
        return "done all the same"


@everywhere("sum-up")
def sum_up(job: Job, gate: Path) -> Steps:
    """Goes through numbers until the gate is there, in a tracked loop, and tells all that it came by."""
    job.log("under way")
    count = total = 0
    for number in job.track(iter(range(10**9))):
        count, total = count + 1, total + number
        if gate.exists():
            break
        yield None
    return {"count": count, "total": total}


@everywhere("go-on", retries=1, backoff_s=0)
def go_on(job: Job) -> Steps:
    """Fails half-way the first time."""
    job.done = job.checkpoint_data["at"] if job.checkpoint_data else 0
    for number in range(int(job.done), 6):
        if number == 3 and job.attempt == 1:
            raise OSError("the line broke")
        job.advance()
        job.checkpoint({"at": number + 1})
        yield None
    return {"attempt": job.attempt, "done": job.done}


@everywhere("give-up", retries=5, backoff_s=0, no_retry=(Unfixable,))
def give_up(job: Job) -> Steps:
    yield None
    raise Unfixable("row 4 has no price")


@everywhere("double")
def double(job: Job, number: int) -> Steps:
    yield None
    if number < 0:
        raise ValueError(f"{number} is negative")
    return 2 * number


@everywhere("start-some")
def start_some(job: Job, place: str, numbers: list[int]) -> Steps:
    """Starts a job for each number, and waits for all."""
    children = [job.start(f"double.{place}", number=number) for number in numbers]
    first = yield children[0]
    results = yield job
    return {"first": first, "results": results, "ids": [child.id for child in children]}


@everywhere("start-and-leave", retries=1, backoff_s=0)
def start_and_leave(job: Job, place: str) -> Steps:
    """Starts jobs and returns; the first attempt breaks after the start."""
    job.start(f"double.{place}", number=1, title="One")
    job.start(f"double.{place}", number=-1 if job.attempt == 2 else 2)
    yield None
    if job.attempt == 1:
        yield job
        raise OSError("the line broke")
    return "returned"


@everywhere("start-and-catch")
def start_and_catch(job: Job, place: str) -> Steps:
    try:
        yield job.start(f"double.{place}", params={"number": -3}, key=f"minus three of {job.id}")
    except ChildFailed as failed:
        return str(failed)


@everywhere("start-what-is-not-there")
def start_what_is_not_there(job: Job) -> Steps:
    yield job.start("no-such-kind")


@everywhere("start-for-ever")
def start_for_ever(job: Job, place: str) -> Steps:
    yield job.start(f"report-for-ever.{place}")


@everywhere("wait-for-nothing")
def wait_for_nothing(job: Job) -> Steps:
    job.log("under way")
    while True:
        job.advance()
        yield None
