"""Running a job function without a hub."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hub.errors import Invalid
from hub.protocol import CancelAck, Entry, Finish, PhaseStart
from tests.workers import sample_jobs
from workers import Job, job
from workers.rehearsal import Rehearsal, rehearse


def test_a_rehearsal_keeps_all_that_a_hub_would_hear() -> None:
    rehearsal = rehearse(sample_jobs.add_up, limit=3)
    kinds = [type(message) for message in rehearsal.messages]
    assert kinds[0] is PhaseStart
    assert kinds[-1] is Finish
    assert rehearsal.entries == ["loaded"]
    assert rehearsal.job.title == "Add up to 3"
    assert rehearsal.reports[-1].message == "checking"


def test_a_rehearsal_can_cancel() -> None:
    rehearsal = Rehearsal(sample_jobs.clean_up, cancel_at=lambda message: isinstance(message, Entry))
    finish = rehearsal.run()
    assert finish is not None
    assert (finish.outcome, finish.message) == ("cancelled", "Rolled back, nothing was changed")
    assert CancelAck in [type(message) for message in rehearsal.messages]


def test_a_rehearsal_can_begin_at_a_checkpoint() -> None:
    finish = Rehearsal(sample_jobs.resume, checkpoint={"batch": 2}, done=20).run()
    assert finish is not None
    assert finish.result == {"data": {"batch": 2}, "done": 20}


def test_a_coroutine_can_be_rehearsed() -> None:
    assert rehearse(sample_jobs.on_loop, limit=2).entries == ["done"]


@job("halve")
def halve(job: Job, number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


@job("halve-all", title="Halve {numbers}")
def halve_all(job: Job, numbers: list[int]) -> list[int]:
    for number in numbers:
        job.start("halve", number=number, title=f"Halve {number}")
    return job.wait()


@job("halve-async")
async def halve_async(job: Job, number: int) -> int:
    await job.resumed()
    child = await job.start("halve", number=number).taken()
    assert not job.paused
    return await child + len(await job.wait_async())  # type: ignore[no-any-return]


@job("misname")
def misname(job: Job) -> None:
    job.start("halve", digits=1)


def test_children_are_rehearsed_with_their_parent() -> None:
    rehearsal = Rehearsal(halve_all, children=[halve])
    finish = rehearsal.run(numbers=[2, 4])
    assert finish is not None
    assert finish.result == [1, 2]
    assert [child.job.id for child in rehearsal.started] == ["rehearsal", "rehearsal"]


def test_the_failure_of_a_rehearsed_child_is_its_parent_s() -> None:
    finish = Rehearsal(halve_all, children=[halve]).run(numbers=[2, 3])
    assert finish is not None
    assert finish.error is not None
    assert finish.error.message == "1 of 2 jobs failed: Halve 3 failed: ValueError: 3 is odd"


def test_a_child_that_is_started_wrongly_is_refused_in_a_rehearsal_too() -> None:
    for children, error in (([halve], "Invalid"), ([], "NotFound")):
        finish = Rehearsal(misname, children=children).run()
        assert finish is not None
        assert finish.error is not None
        assert finish.error.type == error


def test_a_coroutine_with_children_can_be_rehearsed() -> None:
    finish = Rehearsal(halve_async, children=[halve]).run(number=8)
    assert finish is not None
    assert finish.result == 5


def test_an_error_that_is_not_to_be_tried_again_says_so() -> None:
    @job("give-up", retries=3, no_retry=[KeyError])
    def give_up(job: Job) -> None:
        raise KeyError("no such row")

    finish = Rehearsal(give_up).run()
    assert finish is not None
    assert (finish.outcome, finish.retry) == ("failed", False)


def test_a_rehearsal_that_fails_says_why() -> None:
    with pytest.raises(Invalid, match="row 4 has no price"):
        rehearse(sample_jobs.fail)


def test_the_workers_side_needs_neither_the_server_nor_the_database() -> None:
    code = "import sys, workers, workers.child, workers.launcher; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"starlette", "uvicorn", "aiosqlite", "hub.hub", "hub.store", "prometheus_client"}
