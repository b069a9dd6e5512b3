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


def test_a_coroutine_is_forced_like_a_process() -> None:
    cancel = Cancel(requested_at=0, deadline_at=10_000)
    assert first(JobState(status=Status.CANCELLING, heard_at=0, cancel=cancel), "loop") == (10_000, "force")


def test_a_queued_attempt_waits_for_its_time_unless_somebody_else_runs_it() -> None:
    assert first(JobState(retry_at=7)) == (7, "retry")
    assert first(JobState(retry_at=7), "outside") is None


def test_an_attempt_may_work_so_long_and_no_longer() -> None:
    state = JobState(status=Status.RUNNING, working_since=1_000, busy_ms=400)
    assert first(state, timeout_s=2.0) == (2_600, "time_out")
    assert first(state) is None
    assert first(JobState(status=Status.PAUSED, busy_ms=9_000), timeout_s=2.0) is None


def test_what_was_told_that_it_took_too_long_is_forced_once_its_grace_is_over() -> None:
    for status in (Status.RUNNING, Status.LOST):
        late = JobState(status=status, working_since=0, timed_out_at=5_000)
        assert first(late, timeout_s=2.0) == (15_000, "force")
        assert first(late, "thread", timeout_s=2.0) is None
    forced = JobState(status=Status.RUNNING, working_since=0, timed_out_at=5_000, timed_out_forced=True)
    assert first(forced, timeout_s=2.0) is None
    assert first(JobState(status=Status.FAILED, timed_out_at=5_000), timeout_s=2.0) is None
