"""A job in the hub's memory: its rules outlast a row, and each attempt's run is written as it was."""

from __future__ import annotations

from hub.held import Held, held_of
from hub.state import JobState
from hub.view import Outcome, Status
from tests.hub.made import T0, cancel, finish, made, opened, report, running

SECOND_MS = 1_000


def held(**known: object) -> Held:
    job = running(retries=1, state=JobState(max_attempts=2, queued_at=T0), **known)  # type: ignore[arg-type]
    return Held(job)


def test_the_rules_of_retries_and_time_outs_outlast_a_restart() -> None:
    before = held(backoff_s=3.0, backoff_max_s=30.0, timeout_s=60.0, priority=7, parent="p")
    after = held_of(before.row(), None)
    assert after.job.facts == before.job.facts
    assert after.job.state == before.job.state


def test_the_run_of_an_attempt_that_another_follows_took_the_time_it_worked() -> None:
    one = held()
    one.job.pause(None, T0 + 2 * SECOND_MS)
    one.job.resume(None, T0 + 60 * SECOND_MS)
    run = one.write(finish(one.job, "failed", now=T0 + 61 * SECOND_MS), T0 + 61 * SECOND_MS).run
    assert run is not None
    assert (run.attempt, run.status, run.elapsed_s) == (1, Outcome.FAILED, 3)


def test_the_curve_of_a_run_is_of_its_own_attempt() -> None:
    one = held()
    for second in range(1, 4):
        report(one.job, done=second, total=10, now=T0 + second * SECOND_MS)
        one.note(T0 + second * SECOND_MS, 500)
    assert len(one.trail) == 3
    one.write(finish(one.job, "failed", now=T0 + 4 * SECOND_MS), T0 + 4 * SECOND_MS)
    assert one.trail == []
    opened(one.job, now=T0 + 9 * SECOND_MS)
    run = one.write(finish(one.job, now=T0 + 10 * SECOND_MS), T0 + 10 * SECOND_MS).run
    assert run is not None
    assert (run.attempt, run.elapsed_s, run.curve) == (2, 1, [])


def test_time_in_which_the_machine_slept_is_no_time_worked() -> None:
    one = held(timeout_s=60.0)
    one.forgive(7_200_000, T0 + 7_200_000)
    assert one.job.elapsed_s(T0 + 7_201_000) == 1
    assert one.job.tick(T0 + 7_201_000).orders == []


def test_no_deadline_passes_while_the_machine_sleeps() -> None:
    at, slept_ms = T0 + 60 * SECOND_MS, 8 * 3_600_000
    lost, late, cancelled = held(), held(timeout_s=60.0, stall_s=600.0, lease_s=600.0), held(lease_s=600.0)
    lost.job.tick(at)
    late.job.tick(at)
    cancelled.job.cancel(None, None, force=False, now=at)
    for one, wait_s in ((lost, 3_600), (late, 10), (cancelled, 10)):
        assert one.job.next_deadline == at + wait_s * SECOND_MS
        one.forgive(slept_ms, at + slept_ms)
        assert one.job.next_deadline == at + slept_ms + wait_s * SECOND_MS
    assert [one.job.state.status for one in (lost, late, cancelled)] == ["lost", "running", "cancelling"]


def test_what_came_after_the_machine_woke_is_not_moved_into_the_future() -> None:
    one, slept_ms = held(), 8 * 3_600_000
    woke = T0 + slept_ms
    report(one.job, done=1, now=woke)
    one.job.cancel(None, None, force=False, now=woke)
    one.forgive(slept_ms, woke + SECOND_MS)
    state = one.job.state
    assert (state.heard_at, state.advanced_at) == (woke + SECOND_MS, woke + SECOND_MS)
    assert state.cancel
    assert state.cancel.deadline_at == woke + 11 * SECOND_MS


def test_sleep_does_not_move_when_a_lost_worker_was_last_heard() -> None:
    one = held()
    heard_at = one.job.state.heard_at
    one.job.worker_gone("killed by SIGKILL", T0 + SECOND_MS)
    assert one.job.state.status is Status.QUEUED
    one.forgive(3_600 * SECOND_MS, T0 + 3_700 * SECOND_MS)
    assert (heard_at is not None, one.job.state.heard_at) == (True, heard_at)


def test_an_attempt_that_never_began_leaves_no_run() -> None:
    one = Held(made())
    assert one.write(cancel(one.job), T0).run is None
