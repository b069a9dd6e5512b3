"""Reset: which jobs are stuck, what becomes of their attempt, and that it ends once, whatever comes with it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hub.errors import Conflict, PeerError, Revoked
from hub.job import Job
from hub.launch import ProcessId
from hub.protocol import Finish, Open, RevokedWork, WorkerBeat
from hub.resetting import is_stuck
from hub.state import Change, JobState, Place
from hub.view import ErrorView, Outcome, Status
from tests.hub.made import T0, cancel, checkpoint, encoded, events, finish, made, opened, report, running, said, tell

STALL, LEASE = T0 + 15_000, T0 + 60_000
ROUNDS = 200


def patient(place: Place = "process", retries: int = 1) -> Job:
    return running(place, retries=retries, state=JobState(max_attempts=1 + retries))


def stalled(place: Place = "process", retries: int = 1) -> Job:
    job = patient(place, retries)
    tell(job, WorkerBeat, now=STALL - 1)
    job.tick(STALL)
    assert job.state.stalled
    return job


def lost(place: Place = "process", retries: int = 1) -> Job:
    job = patient(place, retries)
    job.tick(LEASE)
    assert job.state.status is Status.LOST
    return job


def reset(job: Job, now: int = LEASE, *, force: bool = False, by: str | None = None, why: str | None = None) -> Change:
    return job.reset(by, why, force=force, now=now)


def refused(job: Job, words: str, *, force: bool = False) -> None:
    """Nothing is changed, and the reason is told."""
    before = encoded(job)
    with pytest.raises(Conflict, match=words):
        reset(job, force=force)
    assert encoded(job) == before


# ── What is stuck ─────────────────────────────────────────────────────────────


def test_stuck_is_what_is_stalled_or_lost_and_nothing_else() -> None:
    assert is_stuck(stalled().state)
    assert is_stuck(lost().state)
    assert not is_stuck(patient().state)
    assert not is_stuck(made().state)
    ended = stalled()
    finish(ended, now=LEASE)
    assert not is_stuck(ended.state)


# ── What a reset does ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("stuck", [stalled, lost])
def test_the_attempt_ends_as_lost_and_the_next_is_queued_at_once(stuck: Callable[[], Job]) -> None:
    job = stuck()
    change = reset(job, by="ada", why="the disk hangs")
    state = job.state
    assert (state.status, state.attempt, state.retry_at, state.stalled) == (Status.QUEUED, 2, None, False)
    assert [one.outcome for one in state.attempts] == [Outcome.LOST]
    assert events(change) == ["reset", "attempt_lost", "retry_scheduled"]
    assert (change.ended, change.ready, change.durable, change.whole) == (Outcome.LOST, True, True, True)


def test_the_log_tells_who_reset_it_why_and_how_it_stood() -> None:
    change = reset(stalled(), by="ada", why="the disk hangs")
    assert change.entries[0].text == "Reset by ada: the disk hangs (stalled, no update for 60 s on host/1)"
    assert change.entries[0].level == "warning"
    assert change.entries[1].text == "Worker lost: reset by ada while stalled, no update for 60 s on host/1"
    assert reset(lost()).entries[0].text == "Reset (lost, not heard for 60 s on host/1)"


def test_what_is_left_of_it_is_ended_by_force_and_its_worker_is_told() -> None:
    change = reset(stalled(), why="it hangs")
    assert change.force == 1
    assert change.orders == [RevokedWork(job="j1", attempt=1, reason="reset: it hangs", status=Status.QUEUED)]


def test_the_next_attempt_goes_on_from_the_checkpoint() -> None:
    job = patient()
    report(job, done=5, total=10)
    checkpoint(job, {"row": 5})
    report(job, done=9)
    job.tick(LEASE)
    reset(job)
    assert (job.state.done, job.state.fraction, job.state.acked) == (5, 0.5, 0)


def test_the_last_attempt_of_a_job_fails_because_its_worker_is_lost() -> None:
    job = stalled(retries=0)
    change = reset(job)
    error = ErrorView(type="WorkerLost", message="reset while stalled, no update for 60 s on host/1")
    assert (job.state.status, job.state.error, change.ready) == (Status.FAILED, error, False)
    assert events(change) == ["reset", "attempt_lost"]


def test_work_from_outside_fails_and_nobody_here_ends_it() -> None:
    job = lost("outside")
    change = reset(job)
    assert (job.state.status, change.force) == (Status.FAILED, None)
    assert change.orders == [RevokedWork(job="j1", attempt=1, reason="reset", status=Status.FAILED)]


def test_the_worker_that_comes_back_is_told_that_its_attempt_is_over() -> None:
    job = lost()
    late = said(job, Finish, outcome="succeeded")
    reset(job)
    with pytest.raises(Revoked, match="attempt 1 of this job is over"):
        job.apply(late, LEASE)
    with pytest.raises(Revoked):
        job.open(Open(id=0, job="j1", attempt=1), "host/1", LEASE)


def test_an_attempt_that_took_too_long_failed_of_that() -> None:
    job = running(timeout_s=1.0)
    job.tick(T0 + 1_000)
    change = reset(job, force=True)
    assert (change.ended, job.state.error and job.state.error.type) == (Outcome.FAILED, "TimedOut")


# ── What is refused ───────────────────────────────────────────────────────────


def test_a_job_that_gets_on_is_reset_by_force_only() -> None:
    job = patient()
    refused(job, "expected a job that is stalled or lost, got one that is running")
    change = reset(job, force=True)
    assert (job.state.status, change.force, change.entries[0].text) == (Status.QUEUED, 1, "Reset (running on host/1)")


def test_a_paused_job_is_reset_by_force_only() -> None:
    job = patient()
    job.pause(None, T0)
    refused(job, "got one that is paused")
    assert reset(job, force=True).ready


@pytest.mark.parametrize("force", [True, False])
def test_a_job_that_has_ended_or_is_being_cancelled_has_nothing_to_reset(force: bool) -> None:
    ended = patient()
    finish(ended)
    refused(ended, "a job that has succeeded has nothing to reset", force=force)
    stopping = patient()
    cancel(stopping)
    refused(stopping, "a job that is being cancelled is not reset", force=force)


def test_a_queued_job_has_nothing_to_reset_unless_a_process_came_up_for_it_and_says_nothing() -> None:
    job = made(retries=1, state=JobState(max_attempts=2))
    refused(job, "a job that is queued has nothing to reset", force=True)
    job.state.process = ProcessId(pid=7, started_at=1)
    refused(job, "got one that is queued")
    change = reset(job, force=True)
    assert (change.force, change.ended, job.state.attempt) == (1, Outcome.FAILED, 2)


def test_work_in_a_thread_cannot_be_ended_from_outside() -> None:
    job = patient("thread")
    job.tick(STALL)
    refused(job, "work in a thread of the hub", force=True)


def test_a_second_reset_does_not_touch_the_next_attempt() -> None:
    job = stalled()
    reset(job)
    refused(job, "is queued")
    opened(job, now=LEASE)
    refused(job, "got one that is running")


def test_its_worker_may_wake_up_first_and_then_it_is_stuck_no_longer() -> None:
    job = stalled()
    report(job, now=LEASE, done=1)
    refused(job, "got one that is running")


# ── At the same moment ────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_whatever_comes_with_a_reset_each_attempt_ends_once(seed: int) -> None:
    chance = random.Random(seed)
    places: list[Place] = ["process", "outside"]
    job = chance.choice([stalled, lost])(chance.choice(places), chance.randrange(3))
    end, beat = said(job, Finish, outcome=chance.choice(["succeeded", "failed"])), said(job, WorkerBeat)
    acts: list[Callable[[], Change]] = [
        lambda: reset(job),
        lambda: reset(job, force=True),
        lambda: job.apply(end, LEASE),
        lambda: job.apply(end, LEASE),
        lambda: job.apply(beat, LEASE),
        lambda: job.worker_gone("killed by SIGKILL", LEASE),
        lambda: cancel(job),
        lambda: job.tick(LEASE + 3_600_000),
        lambda: job.retry(None, LEASE),
        lambda: opened(job, now=LEASE),
    ]
    ended: list[int] = []
    for act in chance.sample(acts, len(acts)):
        attempt = job.state.attempt
        try:
            change = act()
        except PeerError:
            continue
        ended += [attempt] * (change.ended is not None)
    assert ended == [one.attempt for one in job.state.attempts] == sorted(set(ended))
