"""Time-outs: work that takes too long is told to stop, ended if it does not, and counts as failed."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import Conflict
from hub.job import Job
from hub.protocol import CancelReceived, CancelWork
from hub.state import JobState, Place
from hub.view import ErrorView, Failure, Outcome, Status
from tests.hub.made import T0, ack, cancel, encoded, events, finish, opened, report, running, tell

ORDER = CancelWork(job="j1", attempt=1, reason="took longer than 60 s", by=None, grace_s=10.0)
TOO_LONG = ErrorView(type="TimedOut", message="took longer than 60 s")


def bounded(place: Place = "process", *, retries: int = 0, **known: Any) -> Job:
    """A job that may work for a minute, and does not stall meanwhile."""
    state = JobState(max_attempts=1 + retries)
    return running(place, timeout_s=60.0, stall_s=1_000.0, lease_s=1_000.0, retries=retries, state=state, **known)


def late(place: Place = "process", **known: Any) -> Job:
    job = bounded(place, **known)
    job.tick(T0 + 60_000)
    return job


def test_work_that_takes_too_long_is_told_to_stop() -> None:
    job = bounded()
    assert job.next_deadline == T0 + 60_000
    assert not job.tick(T0 + 59_999).orders
    change = job.tick(T0 + 60_000)
    assert (change.orders, job.stop_order, job.state.timed_out_at) == ([ORDER], ORDER, T0 + 60_000)
    assert (job.state.status, job.state.cancel) == (Status.RUNNING, None)
    (line,) = change.entries
    assert (line.event, line.level, line.text) == ("entry", "warning", "Took longer than 60 s: stopping the work")
    assert (change.visible, change.durable) == (True, True)


def test_only_time_worked_counts() -> None:
    job = bounded()
    job.pause(None, T0 + 50_000)
    assert job.tick(T0 + 500_000).orders == []
    job.resume(None, T0 + 500_000)
    assert job.next_deadline == T0 + 510_000


def test_time_may_be_over_before_it_goes_on() -> None:
    job = bounded()
    job.state.busy_ms = 90_000
    assert job.next_deadline == T0


def test_it_is_told_once_and_does_not_stall_meanwhile() -> None:
    job = running(timeout_s=60.0, lease_s=1_000.0)
    assert events(job.tick(T0 + 69_999)) == ["stalled", "entry"]
    assert not job.state.stalled
    assert job.next_deadline == T0 + 79_999
    assert events(job.tick(T0 + 79_998)) == []


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
def test_however_it_stops_it_has_failed_by_its_time(outcome: str) -> None:
    job = late()
    change = finish(job, outcome, error=Failure(type="E", message="rollback", traceback="line 1"), now=T0 + 61_000)
    assert (job.state.status, job.state.error) == (Status.FAILED, TOO_LONG)
    assert (job.state.attempts[0].outcome, job.state.attempts[0].error) == (Outcome.FAILED, TOO_LONG)
    assert (change.entries[-1].text, change.traceback) == ("Failed: took longer than 60 s", "line 1")


def test_a_process_that_dies_of_it_has_failed_by_its_time() -> None:
    job = late()
    job.worker_gone("stopped by force", T0 + 75_000)
    assert (job.state.error, job.state.attempts[0].outcome) == (TOO_LONG, Outcome.FAILED)


def test_success_wins_over_a_time_out() -> None:
    job = late()
    finish(job, result=3)
    assert (job.state.status, job.state.result, job.state.error) == (Status.SUCCEEDED, 3, None)


def test_it_is_tried_again_like_any_failure_even_where_its_last_error_would_not_be() -> None:
    job = late(retries=1)
    finish(job, "failed", retry=False, now=T0 + 61_000)
    state = job.state
    assert (state.status, state.attempt, state.timed_out_at, job.stop_order) == (Status.QUEUED, 2, None, None)
    opened(job, now=T0 + 100_000)
    assert job.next_deadline == T0 + 160_000


@pytest.mark.parametrize("place", ["process", "loop"])
def test_what_does_not_stop_is_ended_by_force_once(place: Place) -> None:
    job = late(place)
    assert job.next_deadline == T0 + 70_000
    change = job.tick(T0 + 70_000)
    assert (change.force, events(change), job.state.status) == (1, ["cancel_forced"], Status.RUNNING)
    assert job.tick(T0 + 71_000).force is None


def test_a_thread_is_told_and_waited_for() -> None:
    job = late("thread")
    assert job.tick(T0 + 900_000).force is None
    finish(job, "cancelled", now=T0 + 900_000)
    assert job.state.error == TOO_LONG


def test_a_process_that_is_silent_too_is_still_ended() -> None:
    job = running(timeout_s=60.0, lease_s=62.0, stall_s=1_000.0)
    job.tick(T0 + 65_000)
    assert job.state.status is Status.LOST
    assert job.tick(T0 + 75_000).force == 1


def test_its_acknowledgements_are_taken() -> None:
    job = late()
    assert tell(job, CancelReceived).entries == []
    assert [line.text for line in ack(job).entries] == ["The work is stopping: it took too long"]
    assert [line.text for line in ack(job, message="rolling back").entries] == ["The work is stopping: rolling back"]
    assert (job.state.message, job.state.cancel) == ("rolling back", None)


def test_it_may_report_while_it_stops() -> None:
    job = late()
    report(job, done=3)
    assert job.state.done == 3


def test_it_cannot_be_paused_while_it_stops() -> None:
    job = late()
    before = encoded(job)
    with pytest.raises(Conflict, match="took too long"):
        job.pause(None, T0 + 61_000)
    assert encoded(job) == before


def test_somebodys_cancel_is_a_cancel_meanwhile() -> None:
    job = late(retries=3)
    change = cancel(job, by="ada", now=T0 + 65_000)
    assert len(change.orders) == 1
    assert (job.state.status, job.stop_order and job.stop_order.by) == (Status.CANCELLING, "ada")
    assert job.next_deadline == T0 + 75_000
    finish(job, "cancelled")
    assert (job.state.status, job.state.error) == (Status.CANCELLED, None)


def test_the_hubs_restart_does_not_excuse_it() -> None:
    job = late("loop", retries=1)
    change = job.interrupted(T0 + 61_000)
    assert (change.ended, job.state.attempts[-1].error) == (Outcome.FAILED, TOO_LONG)
    assert (job.state.attempt, job.state.max_attempts, job.state.retry_at is not None) == (2, 2, True)


def test_it_survives_a_restart_of_the_hub() -> None:
    job = late()
    again = Job(job.facts, job.state, None)
    assert (again.stop_order, again.next_deadline) == (ORDER, T0 + 70_000)
