"""Pause and resume: what stands still, and what does not count meanwhile."""

from __future__ import annotations

import pytest

from hub.errors import Conflict
from hub.job import Job
from hub.protocol import PauseWork, ResumeWork, WorkerBeat
from hub.state import JobState
from hub.view import Pause, Status
from tests.hub.made import T0, cancel, encoded, entry, events, finish, made, opened, report, running, tell


def paused(now: int = T0) -> Job:
    job = running()
    job.pause("ada", now)
    return job


def test_a_pause_is_told_stored_and_ordered() -> None:
    job = running()
    change = job.pause("ada", T0 + 5)
    assert (job.state.status, job.state.pause) == (Status.PAUSED, Pause(at=T0 + 5, by="ada"))
    assert change.orders == [PauseWork(job="j1", attempt=1)]
    assert (change.visible, change.durable) == (True, True)
    assert [(line.event, line.text) for line in change.entries] == [("paused", "Paused by ada")]


def test_a_resume_is_told_stored_and_ordered() -> None:
    job = paused()
    change = job.resume(None, T0 + 9)
    assert (job.state.status, job.state.pause, job.state.advanced_at) == (Status.RUNNING, None, T0 + 9)
    assert change.orders == [ResumeWork(job="j1", attempt=1)]
    assert [(line.event, line.text) for line in change.entries] == [("resumed", "Resumed")]
    assert (change.visible, change.durable) == (True, True)


def test_asking_again_changes_nothing() -> None:
    job = paused()
    before = encoded(job)
    assert job.pause("bob", T0 + 1).orders == []
    assert encoded(job) == before
    job.resume(None, T0 + 2)
    before = encoded(job)
    assert job.resume(None, T0 + 3).orders == []
    assert encoded(job) == before


@pytest.mark.parametrize("status", ["queued", "cancelling", "lost", "succeeded", "failed", "cancelled"])
def test_only_what_runs_is_paused_and_only_what_is_paused_is_resumed(status: str) -> None:
    job = made(state=JobState(status=Status(status)))
    before = encoded(job)
    with pytest.raises(Conflict, match=f"{status} cannot be paused"):
        job.pause(None, T0)
    with pytest.raises(Conflict, match=f"{status} cannot be resumed"):
        job.resume(None, T0)
    assert encoded(job) == before


def test_paused_time_is_no_time_worked() -> None:
    job = running()
    job.pause(None, T0 + 2_000)
    assert job.elapsed_s(T0 + 60_000) == 2
    job.resume(None, T0 + 60_000)
    assert job.elapsed_s(T0 + 61_000) == 3


def test_paused_time_is_in_neither_rate_nor_time_left() -> None:
    job = running()
    for second in range(6):
        report(job, done=second * 10, total=100, now=T0 + second * 1_000)
    job.pause(None, T0 + 5_000)
    job.resume(None, T0 + 905_000)
    for second in range(6, 9):
        report(job, done=second * 10, now=T0 + 900_000 + second * 1_000)
    assert (job.state.rate, job.state.eta_s) == (10, 2)


def test_a_paused_job_does_not_stall_and_begins_to_wait_anew_when_it_goes_on() -> None:
    job = paused()
    tell(job, WorkerBeat, now=T0 + 50_000)
    assert job.next_deadline == T0 + 110_000  # its lease
    job.resume(None, T0 + 60_000)
    assert job.next_deadline == T0 + 75_000
    report(job, done=1, now=T0 + 60_100)
    assert job.state.gap_ms == 100


def test_a_stalled_job_that_is_paused_is_no_longer_called_stalled() -> None:
    job = running()
    job.tick(T0 + 15_000)
    job.pause(None, T0 + 16_000)
    assert not job.state.stalled


def test_what_was_on_its_way_is_taken_while_paused() -> None:
    job = paused()
    report(job, done=7, total=10)
    entry(job)
    assert (job.state.status, job.state.done, job.state.acked) == (Status.PAUSED, 7, 1)


def test_a_paused_job_can_be_cancelled_and_then_counts_its_time_again() -> None:
    job = paused()
    change = cancel(job, now=T0 + 9_000)
    assert (job.state.status, job.state.pause, len(change.orders)) == (Status.CANCELLING, None, 1)
    assert job.elapsed_s(T0 + 10_000) == 1


def test_a_paused_job_may_end() -> None:
    job = paused()
    finish(job)
    assert (job.state.status, job.state.pause) == (Status.SUCCEEDED, None)


def test_a_worker_that_comes_back_finds_its_job_paused() -> None:
    job = paused()
    assert events(opened(job, now=T0 + 1)) == []
    job.tick(T0 + 70_000)
    assert job.state.status is Status.LOST
    assert events(opened(job, now=T0 + 80_000)) == ["found"]
    assert (job.state.status, job.state.pause and job.state.pause.by) == (Status.PAUSED, "ada")


def test_the_next_attempt_is_not_paused() -> None:
    job = running("thread")
    job.pause(None, T0)
    job.interrupted(T0)
    opened(job)
    assert (job.state.status, job.state.pause) == (Status.RUNNING, None)
