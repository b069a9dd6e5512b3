"""What follows the end of an attempt: the job's end, or another attempt by itself or by hand."""

from __future__ import annotations

from typing import Any

import pytest

from hub.endings import seconds
from hub.errors import Conflict, Invalid, Revoked
from hub.job import Job
from hub.protocol import Finish, Open, Report
from hub.state import JobState, Place
from hub.view import Failure, Outcome, Status
from tests.hub.made import (
    T0,
    cancel,
    checkpoint,
    encoded,
    events,
    finish,
    made,
    opened,
    report,
    running,
    said,
)

LEASE_MS, GIVE_UP_MS = 60_000, 3_600_000


def patient(place: Place = "process", retries: int = 3, **known: Any) -> Job:
    """A job that runs and is tried again by itself."""
    return running(place, retries=retries, state=JobState(max_attempts=1 + retries), **known)


def due(job: Job) -> int:
    assert job.state.retry_at is not None
    return job.state.retry_at


# ── By itself ─────────────────────────────────────────────────────────────────


def test_an_attempt_that_failed_is_followed_by_another_after_a_while() -> None:
    job = patient()
    report(job, done=3, total=10)
    change = finish(job, "failed", error=Failure(type="E", message="no disk", traceback="line 1"), now=T0 + 1_000)
    state = job.state
    assert (state.status, state.attempt, state.max_attempts, state.error) == (Status.QUEUED, 2, 4, None)
    assert T0 + 2_000 <= due(job) <= T0 + 3_000
    assert events(change) == ["attempt_failed", "retry_scheduled"]
    assert [line.attempt for line in change.entries] == [1, 2]
    assert change.entries[1].text == f"Attempt 2 of 4 in {seconds(due(job) - T0 - 1_000)}"
    assert change.entries[1].data == {"retry_at": due(job)}
    assert (change.ended, change.worked_ms, change.traceback) == (Outcome.FAILED, 1_000, "line 1")
    assert (change.whole, change.ready) == (True, False)
    (before,) = state.attempts
    assert (before.outcome, before.fraction, before.error and before.error.message) == (Outcome.FAILED, 0.3, "no disk")


def test_while_it_waits_a_job_says_why_and_no_longer_once_it_goes_on() -> None:
    job = patient()
    finish(job, "failed", error=Failure(type="E", message="no disk"))
    assert job.state.message == "no disk"
    job.tick(due(job))
    assert job.state.message == "no disk"
    opened(job)
    assert job.state.message is None


def test_a_cancel_while_it_waits_is_not_told_with_the_failure_before_it() -> None:
    job = patient()
    finish(job, "failed", error=Failure(type="E", message="no disk"))
    change = cancel(job)
    assert (job.state.status, job.state.message) == (Status.CANCELLED, None)
    assert change.entries[-1].text == "Cancelled"


def test_a_job_that_waits_is_ready_when_its_time_has_come() -> None:
    job = patient()
    finish(job, "failed")
    at = due(job)
    times = [job.next_deadline]
    assert not job.tick(at - 1).ready
    change = job.tick(at)
    assert (change.ready, change.visible, change.durable) == (True, True, True)
    assert [*times, job.next_deadline, job.state.retry_at] == [at, None, None]
    assert not job.tick(at).ready


def test_each_failure_is_followed_until_none_is_left() -> None:
    job = patient(retries=2)
    waited: list[int] = []
    now = T0
    for _ in range(2):
        finish(job, "failed", now=now)
        waited.append(due(job) - now)
        now = due(job)
        job.tick(now)
        opened(job, now=now)
    change = finish(job, "failed", now=now)
    assert (job.state.status, job.state.attempt, events(change)) == (Status.FAILED, 3, ["attempt_failed"])
    assert [view.outcome for view in job.state.attempts] == [Outcome.FAILED] * 3
    assert waited[1] > waited[0]


def test_the_next_attempt_goes_on_from_the_checkpoint() -> None:
    job = patient()
    report(job, done=5, total=10)
    checkpoint(job, {"row": 5})
    report(job, done=9)
    finish(job, "failed")
    assert (job.state.done, job.state.fraction, job.state.acked) == (5, 0.5, 0)


def test_a_failure_that_is_not_to_be_tried_again_is_the_end() -> None:
    job = patient()
    finish(job, "failed", retry=False)
    assert (job.state.status, job.state.retry_at) == (Status.FAILED, None)


@pytest.mark.parametrize("outcome", ["succeeded", "cancelled"])
def test_nothing_follows_an_end_that_was_no_failure(outcome: str) -> None:
    job = patient()
    finish(job, outcome)
    assert job.state.status == outcome


def test_a_worker_that_is_gone_counts_as_a_failure() -> None:
    job = patient()
    change = job.worker_gone("killed by SIGKILL", T0)
    assert (job.state.status, job.state.attempts[0].outcome) == (Status.QUEUED, Outcome.LOST)
    assert events(change) == ["attempt_lost", "retry_scheduled"]


def test_a_worker_that_is_given_up_counts_as_a_failure_and_what_is_left_of_it_is_ended() -> None:
    job = patient()
    job.tick(T0 + LEASE_MS)
    change = job.tick(T0 + LEASE_MS + GIVE_UP_MS)
    assert (job.state.status, job.state.attempt, change.force) == (Status.QUEUED, 2, 1)


def test_work_that_could_not_be_started_is_tried_again() -> None:
    job = made(retries=1, state=JobState(max_attempts=2))
    assert events(job.not_started("out of memory", T0)) == ["attempt_failed", "retry_scheduled"]
    before = encoded(job)
    assert job.not_started("late news of attempt 1", T0).ended is None
    assert job.worker_gone("late news of attempt 1", T0).ended is None
    assert encoded(job) == before


def test_an_interruption_is_no_failure_and_needs_no_wait() -> None:
    job = patient("thread", retries=1)
    change = job.interrupted(T0)
    assert (job.state.attempt, job.state.max_attempts, job.state.retry_at, change.ready) == (2, 3, None, True)
    opened(job)
    finish(job, "failed")
    assert (job.state.status, job.state.attempt) == (Status.QUEUED, 3)


def test_a_job_that_waits_for_its_time_is_not_made_ready_by_a_restart() -> None:
    job = patient()
    finish(job, "failed")
    at = due(job)
    assert not job.interrupted(T0).ready
    assert due(job) == at


def test_a_job_that_waits_for_its_turn_waits_again_after_a_restart() -> None:
    assert made().interrupted(T0).ready


def test_a_cancel_wins_over_the_attempt_that_is_to_come() -> None:
    job = patient()
    finish(job, "failed")
    cancel(job)
    assert (job.state.status, job.state.retry_at, job.next_deadline) == (Status.CANCELLED, None, None)


def test_a_cancel_wins_over_a_failure() -> None:
    job = patient()
    cancel(job)
    finish(job, "failed")
    assert job.state.status is Status.CANCELLED


def test_an_attempt_that_was_followed_is_revoked() -> None:
    job = patient()
    finish(job, "failed")
    for message in (said(job, Report, attempt=1, done=1), said(job, Finish, attempt=1, n=1, outcome="failed")):
        with pytest.raises(Revoked, match="attempt 1"):
            job.apply(message, T0)
    with pytest.raises(Revoked):
        job.open(Open(id=0, job="j1", attempt=1), None, T0)


def test_waits_are_told_in_tenths_or_whole_seconds() -> None:
    assert [seconds(ms) for ms in (0, 40, 1_250, 9_949, 10_000, 75_500)] == [
        "0.0 s", "0.0 s", "1.2 s", "9.9 s", "10 s", "76 s",
    ]  # fmt: skip


# ── By hand ───────────────────────────────────────────────────────────────────


def test_a_job_that_waits_can_be_brought_forward() -> None:
    job = patient()
    finish(job, "failed")
    change = job.retry("ada", T0 + 1)
    assert (job.state.retry_at, job.state.attempt, change.ready) == (None, 2, True)
    assert [line.text for line in change.entries] == ["Attempt 2 queued at once by ada"]
    with pytest.raises(Conflict, match="queued cannot be retried"):
        job.retry(None, T0)


def test_a_retry_by_hand_gives_as_many_attempts_again() -> None:
    job = patient(retries=1)
    for _ in range(2):
        finish(job, "failed")
        job.tick(T0 + 10_000)
        opened(job) if job.state.status is Status.QUEUED else None
    assert job.state.status is Status.FAILED
    assert job.retry(None, T0).ready
    assert (job.state.attempt, job.state.max_attempts) == (3, 4)
    opened(job)
    finish(job, "failed", now=T0)
    assert (job.state.attempt, job.state.status) == (4, Status.QUEUED)
    assert due(job) <= T0 + 2_000


# ── Tried again by somebody else ──────────────────────────────────────────────


def test_work_from_outside_says_when_it_tries_again() -> None:
    job = running("outside", state=JobState(max_attempts=3))
    change = finish(job, "failed", retry_in_s=30.0, error=Failure(type="E", message="m"))
    assert (job.state.status, job.state.attempt, due(job)) == (Status.QUEUED, 2, T0 + 30_000)
    assert [line.text for line in change.entries] == ["Failed: m", "Attempt 2 of 3 in 30 s"]
    assert job.next_deadline is None  # whoever runs it keeps the time


def test_work_from_outside_may_try_again_more_often_than_it_said() -> None:
    job = running("outside")
    change = finish(job, "failed", retry_in_s=0.5)
    assert (job.state.max_attempts, change.entries[-1].text) == (2, "Attempt 2 in 0.5 s")


def test_the_next_attempt_from_outside_begins_by_its_open_or_its_first_report() -> None:
    for begin in (opened, report):
        job = running("outside")
        finish(job, "failed", retry_in_s=30.0)
        begin(job, now=T0 + 9)
        assert (job.state.status, job.state.started_at, job.state.retry_at) == (Status.RUNNING, T0 + 9, None)


def test_the_next_attempt_from_outside_has_as_much_to_do_as_it_says() -> None:
    job = running("outside", state=JobState(total=9, unit="rows"))
    finish(job, "failed", retry_in_s=1.0)
    job.open(Open(id=0, kind="k", key="a", total=10, unit="rows"), None, T0)
    assert (job.state.total, job.state.unit) == (10, "rows")


def test_work_from_outside_that_does_not_say_so_is_not_tried_again() -> None:
    job = running("outside", retries=3, state=JobState(max_attempts=4))
    finish(job, "failed")
    assert job.state.status is Status.FAILED


def test_only_work_from_outside_says_when_it_is_tried_again() -> None:
    job = patient()
    before = encoded(job)
    with pytest.raises(Conflict, match="by the hub alone"):
        finish(job, "failed", retry_in_s=1.0)
    assert encoded(job) == before


def test_only_a_failure_is_tried_again() -> None:
    job = running("outside")
    before = encoded(job)
    with pytest.raises(Invalid, match="retry_in_s"):
        finish(job, "succeeded", retry_in_s=1.0)
    assert encoded(job) == before


def test_a_cancel_wins_over_what_the_outside_would_do() -> None:
    job = running("outside")
    cancel(job)
    finish(job, "failed", retry_in_s=1.0)
    assert job.state.status is Status.CANCELLED
