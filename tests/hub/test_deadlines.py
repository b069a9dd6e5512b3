"""Which time a job waits for."""

from __future__ import annotations

from hub.deadlines import Deadlines, Due
from hub.state import JobFacts, JobState, Place
from hub.view import Cancel, Status


def first(state: JobState, place: Place = "process", **given: float) -> Due | None:
    facts = JobFacts(id="j", kind="k", title="t", created_at=0, place=place, **given)  # type: ignore[arg-type]
    return Deadlines(facts, state).next


def test_the_earliest_comes_first() -> None:
    state = JobState(status=Status.RUNNING, advanced_at=0, heard_at=0)
    assert first(state) == (15_000, "stall")
    assert first(state, lease_s=9.0) == (9_000, "lose")
    assert first(state, stall_s=3.0) == (3_000, "stall")


def test_a_paused_job_does_not_stall() -> None:
    assert first(JobState(status=Status.PAUSED, advanced_at=0, heard_at=0)) == (60_000, "lose")


def test_a_worker_that_was_never_heard_is_not_lost() -> None:
    assert first(JobState(status=Status.RUNNING, advanced_at=None, heard_at=None)) is None


def test_a_lost_worker_is_given_up_after_an_hour() -> None:
    assert first(JobState(status=Status.LOST, lost_at=5)) == (3_600_005, "give_up")
    assert first(JobState(status=Status.LOST)) is None


def test_a_process_is_forced_once_and_not_lost_while_it_is_cancelled() -> None:
    cancel = Cancel(requested_at=0, deadline_at=10_000)
    assert first(JobState(status=Status.CANCELLING, heard_at=0, cancel=cancel)) == (10_000, "force")
    forced = Cancel(requested_at=0, deadline_at=10_000, forced_at=0)
    assert first(JobState(status=Status.CANCELLING, heard_at=0, cancel=forced)) is None


def test_outside_work_that_is_cancelled_is_lost_after_lease_and_grace() -> None:
    cancel = Cancel(requested_at=0, deadline_at=10_000)
    state = JobState(status=Status.CANCELLING, heard_at=2_000, cancel=cancel)
    assert first(state, "outside") == (62_000, "lose")
    assert first(state, "outside", lease_s=1.0) == (10_000, "lose")
    assert first(state, "thread") is None
