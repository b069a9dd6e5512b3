"""A cancel is honest: each step is told when it is a fact, and the end says how it came."""

from __future__ import annotations

import pytest

from hub.errors import Conflict, Invalid, PeerError, Revoked
from hub.job import Job
from hub.launch import ProcessId
from hub.protocol import CancelAck, CancelReceived, CancelWork, Report, RevokedWork
from hub.state import Place
from hub.view import Cancel, Failure, Outcome, Status
from tests.hub.made import T0, ack, cancel, encoded, events, finish, made, opened, report, running, said, tell


def asked(job: Job) -> Cancel:
    assert job.state.cancel is not None
    return job.state.cancel


def test_a_cancel_is_requested_delivered_acknowledged_and_done() -> None:
    job = running()
    changes = [
        cancel(job, by="ada", reason="wrong file", now=T0 + 1),
        tell(job, CancelReceived, now=T0 + 2),
        ack(job, now=T0 + 3),
        finish(job, "cancelled", now=T0 + 4),
    ]
    assert events(*changes) == ["cancel_requested", "cancel_delivered", "cancel_acknowledged", "attempt_cancelled"]
    assert changes[0].entries[0].text == "Cancel requested by ada: wrong file"
    assert asked(job) == Cancel(
        requested_at=T0 + 1, by="ada", reason="wrong file", delivered_at=T0 + 2, acknowledged_at=T0 + 3,
        deadline_at=T0 + 10_001, how="acknowledged",
    )  # fmt: skip
    assert (job.state.status, job.state.attempts[0].outcome) == (Status.CANCELLED, Outcome.CANCELLED)


def test_a_request_is_an_order_to_the_worker() -> None:
    job = running()
    order = CancelWork(job="j1", attempt=1, reason="r", by="ada", grace_s=10.0)
    assert cancel(job, by="ada", reason="r").orders == [order]
    assert job.stop_order == order


def test_asking_again_changes_nothing() -> None:
    job = running()
    cancel(job, by="ada")
    before = encoded(job)
    change = cancel(job, by="bob", reason="me too")
    assert (change.entries, change.visible, change.orders) == ([], False, [])
    assert encoded(job) == before


def test_cancelling_a_cancelled_job_changes_nothing() -> None:
    job = running()
    finish(job, "cancelled")
    before = encoded(job)
    assert not cancel(job).visible
    assert encoded(job) == before


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_job_that_ended_otherwise_cannot_be_cancelled(outcome: str) -> None:
    job = running()
    finish(job, outcome)
    before = encoded(job)
    with pytest.raises(Conflict, match=f"{outcome} cannot be cancelled"):
        cancel(job)
    assert encoded(job) == before


def test_a_cancel_of_a_queued_job_needs_no_worker() -> None:
    job = made()
    change = cancel(job)
    assert (job.state.status, change.orders, change.force) == (Status.CANCELLED, [], None)
    assert events(change) == ["cancel_requested", "attempt_cancelled"]
    assert asked(job).deadline_at is None
    with pytest.raises(Revoked):
        opened(job)


def test_a_process_that_is_coming_up_for_a_cancelled_job_is_ended() -> None:
    job = made()
    job.state.process = ProcessId(pid=7, started_at=T0)
    assert cancel(job).force == 1


def test_a_finish_counts_as_an_acknowledgement() -> None:
    job = running()
    cancel(job)
    finish(job, "cancelled", now=T0 + 9)
    assert (asked(job).how, asked(job).delivered_at, asked(job).acknowledged_at) == ("acknowledged", T0 + 9, T0 + 9)


def test_success_wins_over_a_cancel() -> None:
    job = running()
    cancel(job)
    ack(job)
    finish(job, result={"rows": 1})
    assert (job.state.status, job.state.result, asked(job).how) == (Status.SUCCEEDED, {"rows": 1}, None)


def test_an_error_while_cancelling_ends_as_cancelled_and_is_kept() -> None:
    job = running()
    cancel(job)
    change = finish(job, "failed", error=Failure(type="E", message="rollback failed", traceback="t"))
    assert (job.state.status, asked(job).how, change.traceback) == (Status.CANCELLED, "acknowledged", "t")
    assert job.state.error is not None
    assert job.state.error.message == "rollback failed"


def test_progress_after_a_cancel_keeps_cancelling() -> None:
    job = running()
    cancel(job)
    report(job, done=5, total=10, message="rolling back")
    assert (job.state.status, job.state.done, job.state.message) == (Status.CANCELLING, 5, "rolling back")


def test_delivery_and_acknowledgement_are_told_once() -> None:
    job = running()
    cancel(job)
    changes = [tell(job, CancelReceived), tell(job, CancelReceived, now=T0 + 5), ack(job), ack(job, now=T0 + 6)]
    assert events(*changes) == ["cancel_delivered", "cancel_acknowledged"]
    assert (asked(job).delivered_at, asked(job).acknowledged_at) == (T0, T0)


def test_an_acknowledgement_implies_delivery() -> None:
    job = running()
    cancel(job)
    ack(job, now=T0 + 3)
    assert asked(job).delivered_at == T0 + 3


def test_an_acknowledgement_of_nothing_is_a_conflict() -> None:
    job = running()
    before = encoded(job)
    with pytest.raises(Conflict, match="no cancel was asked for"):
        job.apply(said(job, CancelAck), T0)
    assert encoded(job) == before


# ── By force ──────────────────────────────────────────────────────────────────


def test_a_process_that_ignores_a_cancel_is_ended_after_the_grace_time() -> None:
    job = running(grace_s=3.0)
    cancel(job, now=T0 + 1_000)
    times = [job.next_deadline]
    change = job.tick(T0 + 4_000)
    assert (change.force, events(change), asked(job).forced_at) == (1, ["cancel_forced"], T0 + 4_000)
    assert [*times, job.next_deadline] == [T0 + 4_000, None]
    job.worker_gone("killed by SIGKILL", T0 + 9_000)
    assert (job.state.status, asked(job).how, job.state.error) == (Status.CANCELLED, "forced", None)


def test_force_does_not_wait_for_the_grace_time() -> None:
    job = running()
    change = cancel(job, force=True)
    assert (change.force, job.state.status) == (1, Status.CANCELLING)
    assert events(change) == ["cancel_requested", "cancel_forced"]


def test_work_from_outside_that_was_ended_by_force_where_it_runs_says_so() -> None:
    job = running("outside")
    cancel(job, now=T0 + 1)
    tell(job, CancelReceived, now=T0 + 2)
    change = finish(job, "cancelled", forced=True, message="killed", now=T0 + 300)
    assert events(change) == ["cancel_forced", "attempt_cancelled"]
    assert (job.state.status, job.state.message) == (Status.CANCELLED, "killed")
    assert asked(job) == Cancel(
        requested_at=T0 + 1, delivered_at=T0 + 2, forced_at=T0 + 300, deadline_at=T0 + 300, how="forced"
    )


def test_a_force_that_nobody_asked_for_is_an_end_like_any_other() -> None:
    job = running("outside")
    assert events(finish(job, "cancelled", forced=True)) == ["attempt_cancelled"]
    assert (job.state.status, job.state.cancel) == (Status.CANCELLED, None)


@pytest.mark.parametrize(
    ("place", "outcome", "error"), [("process", "cancelled", Conflict), ("outside", "succeeded", Invalid)]
)
def test_force_is_said_by_work_from_outside_and_of_a_cancel(place: Place, outcome: str, error: type[PeerError]) -> None:
    job = running(place)
    cancel(job)
    before = encoded(job)
    with pytest.raises(error):
        finish(job, outcome, forced=True)
    assert encoded(job) == before


def test_a_cancel_can_be_forced_later_and_once() -> None:
    job = running()
    cancel(job)
    assert events(cancel(job, force=True, now=T0 + 1)) == ["cancel_forced"]
    before = encoded(job)
    assert not cancel(job, force=True, now=T0 + 2).force
    assert encoded(job) == before


def test_outside_work_cancelled_by_force_is_over_and_its_worker_told() -> None:
    job = running("outside")
    change = cancel(job, force=True)
    assert (job.state.status, asked(job).how, change.force) == (Status.CANCELLED, "forced", None)
    order, revoked = change.orders
    assert isinstance(order, CancelWork)
    assert isinstance(revoked, RevokedWork)
    assert revoked.status is Status.CANCELLED
    with pytest.raises(Revoked):
        report(job, done=1)


def test_a_coroutine_that_ignores_a_cancel_is_ended_by_force_like_a_process() -> None:
    job = running("loop", grace_s=3.0)
    cancel(job)
    assert job.tick(T0 + 3_000).force == 1
    job.worker_gone("stopped by force", T0 + 3_001)
    assert (job.state.status, asked(job).how) == (Status.CANCELLED, "forced")


def test_a_coroutine_can_be_forced_at_once() -> None:
    assert cancel(running("loop"), force=True).force == 1


def test_work_in_a_thread_of_the_hub_cannot_be_forced() -> None:
    job = running("thread")
    before = encoded(job)
    with pytest.raises(Conflict, match="cannot be forced"):
        cancel(job, force=True)
    assert encoded(job) == before
    cancel(job)
    assert job.next_deadline is None
    queued = made("thread")
    cancel(queued, force=True)
    assert queued.state.status is Status.CANCELLED


# ── Without the worker ────────────────────────────────────────────────────────


def test_a_worker_lost_while_cancelling_is_assumed_to_have_stopped() -> None:
    job = running("outside")
    cancel(job, now=T0 + 55_000)
    assert job.next_deadline == T0 + 65_000  # the grace time ends after the lease
    job.tick(T0 + 64_999)
    assert job.state.status is Status.CANCELLING
    job.tick(T0 + 65_000)
    assert (job.state.status, asked(job).how) == (Status.CANCELLED, "assumed")


def test_a_process_that_acknowledged_and_is_gone_has_stopped() -> None:
    job = running()
    cancel(job)
    ack(job)
    job.worker_gone("exit status 0", T0)
    assert asked(job).how == "acknowledged"


def test_a_process_that_is_gone_while_cancelling_is_assumed_to_have_stopped() -> None:
    job = running()
    cancel(job)
    job.worker_gone("killed by SIGKILL", T0)
    assert (job.state.status, asked(job).how) == (Status.CANCELLED, "assumed")


@pytest.mark.parametrize(("acknowledged", "how"), [(True, "acknowledged"), (False, "assumed")])
def test_a_cancel_wins_over_going_on_after_a_restart(acknowledged: bool, how: str) -> None:
    job = running("thread")
    cancel(job)
    if acknowledged:
        ack(job)
    change = job.interrupted(T0)
    assert (job.state.status, asked(job).how, job.state.attempt) == (Status.CANCELLED, how, 1)
    assert change.ended is Outcome.CANCELLED


def test_a_lost_job_can_be_cancelled() -> None:
    job = running("outside")
    job.tick(T0 + 60_000)
    change = cancel(job, now=T0 + 70_000)
    assert (job.state.status, job.state.lost_at, len(change.orders)) == (Status.CANCELLING, None, 1)
    assert job.next_deadline == T0 + 80_000
    job.tick(T0 + 80_000)
    assert (job.state.status, asked(job).how) == (Status.CANCELLED, "assumed")


def test_a_lost_process_that_is_cancelled_is_ended_by_force() -> None:
    job = running()
    job.tick(T0 + 60_000)
    cancel(job, now=T0 + 70_000)
    assert job.tick(T0 + 80_000).force


def test_a_stalled_job_that_is_cancelled_is_no_longer_called_stalled() -> None:
    job = running()
    job.tick(T0 + 15_000)
    cancel(job)
    assert not job.state.stalled
    assert job.next_deadline == T0 + 10_000


def test_a_cancel_is_bound_to_its_attempt() -> None:
    job = running()
    cancel(job)
    finish(job, "cancelled")
    job.retry(None, T0)
    opened(job)
    assert job.state.cancel is None
    with pytest.raises(Revoked):
        job.apply(said(job, CancelReceived, attempt=1), T0)
    report(job, done=1)
    assert job.state.status is Status.RUNNING


def test_work_that_may_go_on_is_not_told_to_stop() -> None:
    assert running().stop_order is None


def test_what_comes_after_a_forced_end_is_revoked() -> None:
    job = running("outside")
    cancel(job, force=True)
    before = encoded(job)
    with pytest.raises(Revoked):
        job.apply(said(job, Report, done=2), T0)
    assert encoded(job) == before
