"""One job's life: what it takes from its worker, from people and from time."""

from __future__ import annotations

import pytest

from hub.admission import MOST_ARTIFACTS
from hub.errors import Conflict, Invalid, OutOfOrder, Revoked
from hub.job import Job
from hub.protocol import Artifact, CancelAck, CancelReceived, Entry, Finish, Open, PhaseStart, Report, WorkerBeat
from hub.state import JobFacts, JobState
from hub.view import TEXT_LENGTH, Failure, Outcome, Status
from tests.hub.made import (
    T0,
    ack,
    artifact,
    cancel,
    checkpoint,
    encoded,
    entry,
    events,
    finish,
    made,
    opened,
    phase,
    report,
    running,
    said,
    tell,
)


def refused(job: Job, message: object, error: type[Exception], match: str) -> None:
    """The message is refused, and the job is as it was."""
    before = encoded(job)
    with pytest.raises(error, match=match):
        job.apply(message, T0 + 5_000)  # type: ignore[arg-type]
    assert encoded(job) == before


# ── The beginning ─────────────────────────────────────────────────────────────


def test_a_created_job_is_queued_and_says_so() -> None:
    job = Job(JobFacts(id="j1", kind="k", title="T", created_at=T0, place="process", by="ada"), JobState())
    change = job.created(T0)
    assert events(change) == ["created"]
    assert change.entries[0].text == "Queued by ada"
    assert (change.visible, change.durable, change.whole) == (True, True, True)
    assert (job.state.status, job.state.seq, job.state.queued_at) == (Status.QUEUED, 1, T0)


def test_opening_starts_a_queued_job() -> None:
    job = made()
    change = opened(job, now=T0 + 500)
    assert (job.state.status, job.state.started_at, job.state.heard_at) == (Status.RUNNING, T0 + 500, T0 + 500)
    assert (job.state.worker, job.state.seq) == ("host/1", 2)
    assert [line.text for line in change.entries] == ["Started on host/1"]
    assert change.durable


def test_a_worker_without_a_name_starts_it_too() -> None:
    job = made()
    assert opened(job, worker=None).entries[0].text == "Started"
    assert job.state.worker is None


def test_opening_without_a_number_means_the_current_attempt() -> None:
    job = made()
    job.open(Open(id=0, job="j1"), None, T0)
    assert job.state.status is Status.RUNNING


def test_opening_again_changes_nothing_but_the_worker() -> None:
    job = running()
    assert not opened(job, now=T0 + 1).visible
    change = opened(job, now=T0 + 2, worker="host/2")
    assert (change.visible, change.durable, job.state.worker) == (True, False, "host/2")


def test_an_attempt_that_does_not_exist_yet_cannot_be_opened() -> None:
    job = made()
    before = encoded(job)
    with pytest.raises(Invalid, match="attempt: expected attempt 1, got 2"):
        job.open(Open(id=0, job="j1", attempt=2), None, T0)
    assert encoded(job) == before


def test_an_attempt_that_is_over_cannot_be_opened() -> None:
    job = running()
    finish(job, "failed")
    with pytest.raises(Revoked, match="attempt 1 of this job is over"):
        opened(job)
    job.retry(None, T0)
    with pytest.raises(Revoked, match="attempt 1"):
        job.open(Open(id=0, job="j1", attempt=1), None, T0)
    opened(job)
    assert job.state.attempt == 2


def test_too_many_phases_leave_an_opened_job_as_it_was() -> None:
    job = made()
    before = encoded(job)
    with pytest.raises(Invalid, match="phases"):
        opened(job, *[f"p{i}" for i in range(101)])
    assert encoded(job) == before


def test_work_that_the_hub_starts_is_silent_until_it_is_opened() -> None:
    refused(made("process"), said(made(), Report, done=1), Conflict, "has not been opened")


def test_a_report_starts_work_that_was_opened_over_http() -> None:
    job = made("outside")
    change = report(job, done=1, now=T0 + 9)
    assert (job.state.status, job.state.started_at) == (Status.RUNNING, T0 + 9)
    assert events(change) == ["started"]


@pytest.mark.parametrize(("told", "believed"), [(T0 - 5_000, T0 - 5_000), (T0 + 1, T0), (0, T0), (None, T0)])
def test_work_from_outside_may_have_begun_before_it_was_told_of(told: int | None, believed: int) -> None:
    job = made("outside")
    job.open(Open(id=0, job="j1", attempt=1, started_at=told), "host/1", T0)
    assert job.state.started_at == job.state.working_since == believed


def test_launching_is_stored_before_anything_is_started() -> None:
    job = made()
    change = job.launching(T0 + 1)
    assert (change.durable, change.visible) == (True, False)
    assert (job.state.launches, job.state.launched_at) == (1, T0 + 1)


# ── Numbers ───────────────────────────────────────────────────────────────────


def test_numbered_messages_are_taken_in_order_only() -> None:
    job = running()
    with pytest.raises(OutOfOrder, match="expected 1, got 2") as caught:
        job.apply(said(job, Entry, n=2, text="x"), T0)
    assert (caught.value.expected, caught.value.came) == (1, 2)
    assert job.state.acked == 0
    entry(job)
    assert job.state.acked == 1


def test_a_refused_message_uses_up_no_number() -> None:
    job = running()
    refused(job, said(job, CancelAck), Conflict, "no cancel")
    refused(job, said(job, Artifact, name="a"), Invalid, "either path or url")
    refused(job, said(job, Artifact, name="a", path="/a", url="https://a"), Invalid, "either path or url")
    assert job.state.acked == 0


def test_a_repeated_message_is_dropped_and_acknowledged_again() -> None:
    job = running()
    message = said(job, Entry, text="once")
    job.apply(message, T0)
    before = encoded(job)
    change = job.apply(message, T0)
    assert (change.entries, change.visible, change.durable) == ([], False, False)
    assert encoded(job) == before


def test_a_repeated_message_is_a_sign_of_life() -> None:
    job = running()
    message = said(job, Entry, text="once")
    job.apply(message, T0)
    job.tick(T0 + 60_000)
    assert job.state.status is Status.LOST
    change = job.apply(message, T0 + 61_000)
    assert (job.state.status, events(change)) == (Status.RUNNING, ["found"])
    assert job.state.heard_at == T0 + 61_000


def test_a_repeated_finish_after_the_end_is_acknowledged_not_revoked() -> None:
    job = running()
    message = said(job, Finish, outcome="succeeded")
    job.apply(message, T0)
    before = encoded(job)
    assert job.apply(message, T0 + 70_000).entries == []
    assert encoded(job) == before


def test_a_new_message_after_the_end_is_revoked() -> None:
    job = running()
    finish(job)
    for message in (said(job, Report, done=1), said(job, Entry, text="x"), said(job, WorkerBeat)):
        refused(job, message, Revoked, "the job is succeeded")


def test_a_message_of_an_earlier_attempt_is_revoked() -> None:
    job = running()
    finish(job, "failed")
    job.retry(None, T0)
    opened(job)
    refused(job, said(job, Report, attempt=1, done=1), Revoked, "attempt 1")
    refused(job, said(job, Finish, attempt=1, n=1, outcome="succeeded"), Revoked, "attempt 1")


def test_a_message_of_an_attempt_to_come_is_invalid() -> None:
    job = running()
    refused(job, said(job, Report, attempt=2, done=1), Invalid, "expected attempt 1, got 2")


def test_a_phase_too_many_is_refused_before_anything_changes() -> None:
    job = running(phases=tuple(f"p{i}" for i in range(100)))
    refused(job, said(job, PhaseStart, name="one more"), Invalid, "at most 100 phases")
    phase(job, "p7")
    assert job.state.phase == 7


# ── What it takes ─────────────────────────────────────────────────────────────


def test_an_entry_is_a_line_of_the_log() -> None:
    job = running()
    line = entry(job, "careful", level="warning", data={"row": 3}).entries[0]
    assert (line.text, line.level, line.event, line.data, line.n) == ("careful", "warning", "entry", {"row": 3}, 3)


def test_log_numbers_are_consecutive() -> None:
    job = running()
    changes = [entry(job), phase(job, "a"), checkpoint(job), entry(job), finish(job)]
    assert [line.n for change in changes for line in change.entries] == [3, 4, 5, 6, 7]
    assert job.state.entries == 7


def test_a_beat_says_alive_at_most_once_a_second() -> None:
    job = running()
    seen = [tell(job, WorkerBeat, now=T0 + at).visible for at in (0, 400, 999, 1_000, 1_900, 2_000)]
    assert seen == [False, False, False, True, False, True]
    assert job.state.heard_at == T0 + 2_000


def test_a_file_gets_an_address_that_survives_its_name() -> None:
    job = running()
    change = artifact(job, "a/b c?#é.txt", path="/tmp/x")
    assert job.state.artifacts[0].url == "/api/jobs/j1/artifacts/a%2Fb%20c%3F%23%C3%A9.txt"
    assert change.attached is not None
    assert change.attached.path == "/tmp/x"


def test_an_artifact_of_the_same_name_takes_the_place_of_the_one_before() -> None:
    job = running()
    artifact(job, "a", path="/a")
    artifact(job, "b", path="/b")
    artifact(job, "a", url="https://example.org/a")
    assert [(view.name, view.url) for view in job.state.artifacts] == [
        ("b", "/api/jobs/j1/artifacts/b"),
        ("a", "https://example.org/a"),
    ]


def test_artifacts_are_bounded() -> None:
    job = running()
    for number in range(MOST_ARTIFACTS):
        artifact(job, f"a{number}", url="https://example.org")
    refused(job, said(job, Artifact, name="one more", url="https://example.org"), Invalid, "at most 100 artifacts")
    artifact(job, "a7", url="https://example.org/again")
    assert len(job.state.artifacts) == MOST_ARTIFACTS


def test_work_from_outside_attaches_links_only() -> None:
    job = running("outside")
    refused(job, said(job, Artifact, name="passwd", path="/etc/passwd"), Invalid, "path")
    artifact(job, "a", url="https://example.org")
    assert len(job.state.artifacts) == 1


# ── The end ───────────────────────────────────────────────────────────────────


def test_success_keeps_the_result_and_is_all_of_it() -> None:
    job = running()
    report(job, done=5, total=10)
    change = finish(job, result={"rows": 5}, message="All in", now=T0 + 2_000)
    state = job.state
    assert (state.status, state.result, state.fraction, state.done) == (Status.SUCCEEDED, {"rows": 5}, 1.0, 10)
    assert (state.finished_at, state.rate, state.eta_s, state.stalled) == (T0 + 2_000, None, None, False)
    assert change.entries[-1].text == "Done: All in"
    assert (change.ended, change.whole) == (Outcome.SUCCEEDED, True)
    assert [attempt.outcome for attempt in state.attempts] == [Outcome.SUCCEEDED]


def test_a_failure_keeps_its_error_and_hides_its_traceback() -> None:
    job = running()
    report(job, done=1, total=4)
    change = finish(job, "failed", error=Failure(type="E", message="no disk", traceback="line 1"), result={"a": 1})
    state = job.state
    assert state.error is not None
    assert (state.error.type, state.error.message, state.result) == ("E", "no disk", None)
    assert change.traceback == "line 1"
    assert (change.entries[-1].text, change.entries[-1].level) == ("Failed: no disk", "error")
    assert (state.attempts[0].fraction, state.attempts[0].error) == (0.25, state.error)


def test_a_failure_without_an_error_just_failed() -> None:
    job = running()
    assert finish(job, "failed").entries[-1].text == "Failed"


def test_what_was_being_done_when_a_cancel_came_is_not_told_as_what_the_cancel_did() -> None:
    job = running()
    report(job, message="file 7 of 9")
    cancel(job)
    change = finish(job, "cancelled")
    assert job.state.message is None
    assert change.entries[-1].text == "Cancelled"


def test_work_that_ends_itself_as_cancelled_has_no_cancel() -> None:
    job = running()
    change = finish(job, "cancelled", message="nothing to do")
    assert (job.state.status, job.state.cancel) == (Status.CANCELLED, None)
    assert change.entries[-1].text == "Cancelled: nothing to do"


def test_texts_that_the_hub_makes_keep_the_limit() -> None:
    long = "x" * TEXT_LENGTH
    job = made()
    job.not_started(long * 2, T0)
    assert job.state.error is not None
    assert len(job.state.error.message) == TEXT_LENGTH
    ends = [
        finish(running(), "failed", error=Failure(type="E", message=long)),
        finish(running(), message=long),
        running().worker_gone(long * 2, T0),
        cancel(running(), by="ada", reason=long),
    ]
    assert [len(change.entries[-1].text) for change in ends] == [TEXT_LENGTH] * 4


# ── Without its worker ────────────────────────────────────────────────────────


def test_a_process_that_is_gone_ends_the_attempt_as_lost() -> None:
    job = running()
    change = job.worker_gone("killed by SIGKILL", T0 + 1)
    assert (job.state.status, job.state.attempts[0].outcome) == (Status.FAILED, Outcome.LOST)
    assert change.entries[-1].text == "Worker lost: killed by SIGKILL"
    assert events(change) == ["attempt_lost"]


def test_a_process_that_is_gone_before_it_opened_could_not_be_started() -> None:
    job = made()
    job.worker_gone("exit status 1", T0)
    assert (job.state.status, job.state.attempts[0].outcome) == (Status.FAILED, Outcome.FAILED)


def test_a_process_that_ends_after_its_finish_changes_nothing() -> None:
    job = running()
    finish(job)
    before = encoded(job)
    job.worker_gone("exit status 0", T0)
    assert encoded(job) == before


def test_work_that_could_not_be_started_failed() -> None:
    job = made()
    change = job.not_started("no such file", T0)
    assert (job.state.status, events(change)) == (Status.FAILED, ["attempt_failed"])
    assert job.state.error is not None
    assert job.state.error.type == "LaunchError"


def test_a_start_that_fails_after_the_cancel_changes_nothing() -> None:
    job = made()
    cancel(job)
    before = encoded(job)
    assert job.not_started("no such file", T0).ended is None
    assert encoded(job) == before


def test_interrupted_work_is_queued_again_without_counting_as_a_failure() -> None:
    job = running("thread")
    report(job, done=5, total=10)
    change = job.interrupted(T0 + 1)
    state = job.state
    assert (state.status, state.attempt, state.max_attempts) == (Status.QUEUED, 2, 2)
    assert [attempt.outcome for attempt in state.attempts] == [Outcome.INTERRUPTED]
    assert events(change) == ["attempt_interrupted", "retry_scheduled"]
    assert [line.attempt for line in change.entries] == [1, 2]
    assert change.entries[0].text == "Interrupted by the hub's stop"
    assert (state.done, state.fraction, state.started_at) == (None, None, None)


def test_a_queued_job_that_is_interrupted_waits_again() -> None:
    job = made()
    job.launching(T0)
    job.interrupted(T0)
    assert (job.state.status, job.state.attempt, job.state.launched_at) == (Status.QUEUED, 1, None)
    assert job.state.attempts == []


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_a_job_that_has_ended_cannot_be_interrupted(outcome: str) -> None:
    job = running("thread")
    finish(job, outcome)
    before = encoded(job)
    assert job.interrupted(T0).ended is None
    assert encoded(job) == before


# ── Retry ─────────────────────────────────────────────────────────────────────


def test_a_retry_by_hand_begins_a_new_attempt() -> None:
    job = running()
    report(job, done=5, total=10, counters={"ok": 5}, message="half")
    cancel(job)
    finish(job, "cancelled", error=Failure(type="E", message="m"))
    change = job.retry("ada", T0 + 5_000)
    state = job.state
    assert (state.status, state.attempt, state.max_attempts, state.acked) == (Status.QUEUED, 2, 2, 0)
    assert (state.result, state.error, state.cancel, state.message, state.worker) == (None, None, None, None, None)
    assert (state.done, state.total, state.fraction, state.counters) == (None, None, None, {})
    assert (state.finished_at, state.queued_at, state.busy_ms) == (None, T0 + 5_000, 0)
    assert [(view.attempt, view.outcome) for view in state.attempts] == [(1, Outcome.CANCELLED)]
    assert change.whole
    assert change.entries[0].text == "Attempt 2 queued by ada"


def test_a_retry_goes_on_from_the_checkpoint() -> None:
    job = running(phases=("Prepare", "Load"))
    phase(job, "Prepare", now=T0)
    phase(job, "Load", now=T0 + 1_000, total=100, unit="rows")
    report(job, done=40, counters={"ok": 40})
    checkpoint(job, {"at": 40}, now=T0 + 2_000)
    report(job, done=90, counters={"ok": 90})
    finish(job, "failed")
    job.retry(None, T0 + 3_000)
    state = job.state
    assert (state.done, state.total, state.unit, state.counters) == (40, 100, "rows", {"ok": 40})
    assert state.fraction == pytest.approx(0.7)
    assert (state.phase, state.checkpoint and state.checkpoint.done) == (1, 40)
    assert [p.finished_at is not None for p in state.phases] == [True, False]


def test_a_retried_job_that_begins_its_phases_again_has_each_once() -> None:
    job = running(phases=("Prepare", "Load"))
    phase(job, "Prepare")
    phase(job, "Load", total=100)
    phase(job, "Check")
    report(job, done=40)
    checkpoint(job)
    finish(job, "failed")
    job.retry(None, T0)
    opened(job, now=T0 + 9_000)
    for name in ("Prepare", "Load", "Check"):
        phase(job, name, now=T0 + 9_000)
    assert [p.name for p in job.state.phases] == ["Prepare", "Load", "Check"]
    assert [p.finished_at for p in job.state.phases] == [T0 + 9_000, T0 + 9_000, None]
    assert job.state.phase == 2


def test_a_retry_without_a_checkpoint_begins_anew() -> None:
    job = running(phases=("Prepare", "Load"))
    phase(job, "Prepare")
    report(job, done=3)
    finish(job, "failed")
    job.retry(None, T0)
    assert (job.state.phase, job.state.fraction) == (None, None)
    assert all((p.done, p.started_at, p.finished_at) == (0, None, None) for p in job.state.phases)


def test_work_from_outside_cannot_be_retried() -> None:
    job = running("outside")
    finish(job, "failed")
    before = encoded(job)
    with pytest.raises(Conflict, match="starts itself"):
        job.retry(None, T0)
    assert encoded(job) == before


@pytest.mark.parametrize("job", [made(), running(), running("thread")])
def test_only_what_failed_or_was_cancelled_can_be_retried(job: Job) -> None:
    before = encoded(job)
    with pytest.raises(Conflict, match="cannot be retried"):
        job.retry(None, T0)
    assert encoded(job) == before


def test_success_cannot_be_retried() -> None:
    job = running()
    finish(job)
    with pytest.raises(Conflict, match="succeeded cannot be retried"):
        job.retry(None, T0)


# ── Time ──────────────────────────────────────────────────────────────────────


def test_a_job_that_waits_or_has_ended_waits_for_no_time() -> None:
    job = made()
    times = [job.next_deadline]
    opened(job)
    times.append(job.next_deadline)
    finish(job)
    assert [*times, job.next_deadline] == [None, T0 + 15_000, None]


def test_ticking_early_or_twice_is_harmless() -> None:
    job = running()
    before = encoded(job)
    assert not job.tick(T0 + 14_999).visible
    assert encoded(job) == before
    assert events(job.tick(T0 + 15_000), job.tick(T0 + 15_000)) == ["stalled"]


def test_alive_but_not_advancing_is_stalled_not_lost() -> None:
    job = running()
    tell(job, WorkerBeat, now=T0 + 14_000)
    change = job.tick(T0 + 15_000)
    assert (job.state.status, job.state.stalled) == (Status.RUNNING, True)
    assert (change.entries[0].text, change.entries[0].level) == ("No update for 15 s", "warning")
    tell(job, WorkerBeat, now=T0 + 70_000)
    assert (job.state.status, job.state.stalled) == (Status.RUNNING, True)


def test_a_stalled_job_that_advances_has_recovered() -> None:
    for advance in (lambda job: report(job, done=1), entry, checkpoint, lambda job: phase(job, "a")):
        job = running()
        job.tick(T0 + 15_000)
        assert "recovered" in events(advance(job))
        assert not job.state.stalled


def test_a_job_that_keeps_logging_does_not_stall() -> None:
    job = running()
    entry(job, now=T0 + 10_000)
    assert events(job.tick(T0 + 15_000)) == []
    assert job.state.advanced_at == T0 + 10_000


def test_the_usual_gap_puts_the_stall_off() -> None:
    job = running()
    for step in range(1, 4):
        report(job, done=step, now=T0 + step * 10_000)
    assert job.state.gap_ms == 10_000
    assert job.next_deadline == T0 + 30_000 + 50_000


def test_a_kinds_stall_time_counts() -> None:
    assert running(stall_s=2.0).next_deadline == T0 + 2_000


def test_silence_until_the_lease_ends_is_lost() -> None:
    job = running("outside", stall_s=1_000.0)
    assert job.next_deadline == T0 + 60_000
    change = job.tick(T0 + 60_000)
    assert (job.state.status, job.state.lost_at) == (Status.LOST, T0 + 60_000)
    assert change.entries[0].text == "The worker has not been heard for 60 s"


def test_work_in_the_hubs_own_process_is_never_lost() -> None:
    assert running("thread").tick(T0 + 3_000_000).entries[0].event == "stalled"


def test_several_deadlines_at_once_are_met_in_their_order() -> None:
    assert events(running().tick(T0 + 100_000)) == ["stalled", "lost"]


def test_what_was_due_later_does_not_happen_to_a_job_that_is_lost_by_then() -> None:
    job = running(stall_s=80.0)
    assert events(job.tick(T0 + 100_000)) == ["lost"]
    assert not job.state.stalled


def test_a_lost_worker_that_speaks_is_found() -> None:
    job = running()
    job.tick(T0 + 60_000)
    change = report(job, done=3, now=T0 + 90_000)
    assert (job.state.status, job.state.lost_at, events(change)) == (Status.RUNNING, None, ["found"])


def test_a_lost_worker_that_comes_back_is_found() -> None:
    job = running()
    job.tick(T0 + 60_000)
    assert events(opened(job, now=T0 + 90_000)) == ["found"]


def test_a_lost_worker_may_come_back_with_its_end() -> None:
    job = running()
    job.tick(T0 + 60_000)
    assert events(finish(job, now=T0 + 90_000)) == ["found", "attempt_succeeded"]


def test_a_lost_worker_is_given_up() -> None:
    job = running()
    job.tick(T0 + 60_000)
    assert job.next_deadline == T0 + 60_000 + 3_600_000
    change = job.tick(T0 + 60_000 + 3_600_000)
    assert (job.state.status, job.state.attempts[0].outcome) == (Status.FAILED, Outcome.LOST)
    assert change.force
    outside = running("outside")
    outside.tick(T0 + 60_000)
    assert not outside.tick(T0 + 60_000 + 3_600_000).force


def test_elapsed_leaves_out_the_queue_and_the_time_lost() -> None:
    job = made()
    assert job.elapsed_s(T0 + 50_000) == 0
    opened(job, now=T0 + 50_000)
    assert job.elapsed_s(T0 + 60_000) == 10
    tell(job, WorkerBeat, now=T0 + 60_000)
    job.tick(T0 + 120_000)
    assert job.elapsed_s(T0 + 500_000) == 70
    report(job, done=1, now=T0 + 500_000)
    assert job.elapsed_s(T0 + 501_000) == 71
    finish(job, now=T0 + 502_000)
    assert job.elapsed_s(T0 + 900_000) == 72


def test_elapsed_leaves_out_the_pause_also_when_a_paused_worker_is_lost_and_found() -> None:
    job = running()
    job.pause("ada", T0 + 1_000)
    job.tick(T0 + 60_000)
    tell(job, WorkerBeat, now=T0 + 70_000)
    assert job.state.status is Status.PAUSED
    assert job.elapsed_s(T0 + 80_000) == 1


def test_a_cancel_that_reaches_a_worker_without_a_request_is_nothing() -> None:
    job = running()
    before = encoded(job)
    assert not tell(job, CancelReceived).visible
    assert encoded(job) == before


def test_an_acknowledgement_says_what_the_work_is_doing() -> None:
    job = running()
    cancel(job)
    change = ack(job, message="rolling back")
    assert (job.state.message, change.entries[0].text) == ("rolling back", "The work is stopping: rolling back")
