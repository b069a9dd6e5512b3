"""One job: which messages it takes in which status, and what they change. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from hub import phases as steps
from hub.cancel import CancelSteps
from hub.errors import Conflict, Invalid, OutOfOrder, Revoked
from hub.progress import Progress
from hub.protocol import (
    Artifact,
    AttemptMessage,
    CancelAck,
    CancelReceived,
    CancelWork,
    Checkpoint,
    Entry,
    Finish,
    Numbered,
    Open,
    PhaseStart,
    Report,
    RevokedWork,
    WorkerBeat,
)
from hub.state import Attached, Change, JobFacts, JobState
from hub.story import Story
from hub.view import (
    ArtifactView,
    AttemptView,
    Curve,
    ErrorView,
    Event,
    Failure,
    Level,
    Outcome,
    Phase,
    Status,
)

S = Status
TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED}),
    S.RUNNING: frozenset({S.PAUSED, S.CANCELLING, S.LOST, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.PAUSED: frozenset({S.RUNNING, S.CANCELLING, S.LOST, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.CANCELLING: frozenset({S.CANCELLED, S.SUCCEEDED}),
    S.LOST: frozenset({S.RUNNING, S.PAUSED, S.CANCELLING, S.SUCCEEDED, S.CANCELLED, S.FAILED, S.QUEUED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}
ALIVE = frozenset({S.RUNNING, S.PAUSED, S.CANCELLING})  # a worker has it and is heard from


class Job:
    """One job's state machine.

    Args:
        facts: what never changes.
        state: what does; changed in place by every method that takes `now`.
        history: what earlier runs of its kind say, or None.

    Every method that changes something returns a :class:`Change`; one that raises has changed nothing.
    """

    def __init__(self, facts: JobFacts, state: JobState, history: Curve | None = None) -> None:
        self.facts = facts
        self.state = state
        self.history = history
        self._story = Story(state)
        self.progress = Progress(state, self._story, history)
        self._cancel = CancelSteps(facts, state, self._story)
        self._takes: dict[type[AttemptMessage], Callable[[Any, int, Change], None]] = {
            Report: self.progress.report,
            PhaseStart: self.progress.begin_phase,
            Entry: self._entry,
            Checkpoint: self.progress.checkpoint,
            CancelReceived: lambda _, now, change: self._cancel.received(now, change),
            CancelAck: self._cancel_ack,
            Artifact: self._artifact,
            Finish: self._finish,
            WorkerBeat: self._beat,
        }

    # ── From the worker ───────────────────────────────────────────────────────

    def apply(self, message: AttemptMessage, now: int) -> Change:
        """Take one message of this job's worker.

        Args:
            message: any of `FromWorker` but `open`.
            now: milliseconds since 1970.

        Raises:
            Revoked: the attempt is over.
            OutOfOrder: an earlier numbered message is missing.
            Invalid, Conflict: the message breaks a rule; the last good state stays.
        """
        state, change = self.state, Change()
        repeated = isinstance(message, Numbered) and message.attempt == state.attempt and message.n <= state.acked
        if repeated:
            return change
        self._check_attempt(message.attempt)
        if isinstance(message, Numbered) and message.n != state.acked + 1:
            raise OutOfOrder(state.acked + 1, message.n)
        self._check(message)
        self._heard(now, change)
        self._takes[type(message)](message, now, change)
        if isinstance(message, Numbered):
            state.acked = message.n
            change.durable = True
        return self._counted(change)

    def _check_attempt(self, attempt: int) -> None:
        state = self.state
        if attempt > state.attempt:
            raise Invalid(f"expected attempt {state.attempt}, got {attempt}", "attempt")
        if attempt < state.attempt or state.status.terminal:
            raise Revoked(f"attempt {attempt} of this job is over; the job is {state.status}")
        if state.status is S.QUEUED and self.facts.startable:
            raise Conflict("this attempt has not been opened")

    def _check(self, message: AttemptMessage) -> None:
        """Refuse what the types cannot tell, before anything changes."""
        state = self.state
        if isinstance(message, Report) and message.phase is not UNSET and message.phase >= len(state.phases):
            raise Invalid(f"expected an index below {len(state.phases)}, got {message.phase}", "phase")
        if isinstance(message, PhaseStart):
            steps.begin(state.phases, state.phase, Phase(name=message.name), self.history)
        if isinstance(message, CancelAck) and state.cancel is None:
            raise Conflict("no cancel was asked for")
        if isinstance(message, Artifact) and (message.path is None) == (message.url is None):
            raise Invalid("expected either path or url", "path")
        if isinstance(message, Artifact) and message.path is not None and not self.facts.startable:
            raise Invalid("expected a url; only work that the hub started may attach files", "path")

    def open(self, message: Open, worker: str | None, now: int) -> Change:
        """The worker of this attempt opens it, or comes back to it.

        Raises:
            Revoked: the attempt is over.
            Invalid: too many phases, or an attempt that does not exist yet.
        """
        state, change = self.state, Change()
        if message.attempt is not None and message.attempt > state.attempt:
            raise Invalid(f"expected attempt {state.attempt}, got {message.attempt}", "attempt")
        if (message.attempt or state.attempt) < state.attempt or state.status.terminal:
            raise Revoked(f"attempt {message.attempt} of this job is over; the job is {state.status}")
        planned = steps.plan(state.phases, message.phases, self.history) if message.phases else state.phases
        if planned != state.phases:
            state.phases = planned
            self.progress.begin_again()
            change.visible = change.durable = change.phases = True
        if worker is not None and state.worker != worker:
            state.worker = worker
            change.visible = True
        if state.status is S.QUEUED:
            self._start(now, change)
        self._heard(now, change)
        return self._counted(change)

    def _start(self, now: int, change: Change) -> None:
        state = self.state
        self._become(S.RUNNING)
        state.started_at = state.advanced_at = state.working_since = now
        where = f"Started on {state.worker}" if state.worker else "Started"
        self._story.tell(change, now, "started", where)
        change.visible = change.durable = True

    def _heard(self, now: int, change: Change) -> None:
        state = self.state
        state.heard_at = now
        if state.status is S.LOST:
            self._become(S.CANCELLING if state.cancel else S.PAUSED if state.pause else S.RUNNING)
            state.lost_at = None
            state.advanced_at = state.working_since = now
            self._story.tell(change, now, "found", "The worker is back")
            change.visible = change.durable = True
        elif state.status is S.QUEUED and not self.facts.startable:
            self._start(now, change)

    def _entry(self, message: Entry, now: int, change: Change) -> None:
        self._story.tell(change, now, "entry", message.text, message.level, message.data)
        if self.state.stalled:
            self.progress.advanced(now, change)

    def _cancel_ack(self, message: CancelAck, now: int, change: Change) -> None:
        self._cancel.acknowledged(message, now, change)
        if message.message:
            self.state.message = message.message

    def _artifact(self, message: Artifact, now: int, change: Change) -> None:
        state = self.state
        url = message.url or f"/api/jobs/{self.facts.id}/artifacts/{message.name}"
        view = ArtifactView(name=message.name, url=url, bytes=None, media_type=None)
        state.artifacts = [a for a in state.artifacts if a.name != message.name] + [view]
        change.attached = Attached(name=message.name, path=message.path, url=message.url)
        change.visible = True

    def _beat(self, message: WorkerBeat, now: int, change: Change) -> None:
        """Being heard is all there is to it."""

    def _finish(self, message: Finish, now: int, change: Change) -> None:
        state = self.state
        if message.message is not None:
            state.message = message.message
        outcome = Outcome(message.outcome)
        if outcome is Outcome.SUCCEEDED:
            state.result = message.result
            self.progress.complete(now)
        self._fail_with(message.error, change)
        if state.status is S.CANCELLING and outcome is not Outcome.SUCCEEDED:
            self._cancel.settle(now, "acknowledged")
            outcome = Outcome.CANCELLED
        self._end(outcome, now, change)

    def _fail_with(self, error: Failure | None, change: Change) -> None:
        if error is not None:
            self.state.error = ErrorView(type=error.type, message=error.message)
            change.traceback = error.traceback

    # ── From people and from the hub ──────────────────────────────────────────

    def created(self, now: int) -> Change:
        """The first line of the story."""
        by = f" by {self.facts.by}" if self.facts.by else ""
        change = Change(visible=True, durable=True, whole=True)
        self.state.queued_at = now
        self._story.tell(change, now, "created", f"Queued{by}")
        return change

    def cancel(self, by: str | None, reason: str | None, *, force: bool, now: int) -> Change:
        """Ask for a cancel. Asking again changes nothing, but for a `force` that was not asked for before.

        Raises:
            Conflict: the job succeeded or failed, or it cannot be forced.
        """
        state, change = self.state, Change()
        if state.status is S.CANCELLED:
            return change
        if state.status.terminal:
            raise Conflict(f"a job that has {state.status} cannot be cancelled")
        if force and self.facts.place in ("thread", "loop") and state.status is not S.QUEUED:
            raise Conflict("work in the hub's own process cannot be forced; it stops at its next report")
        if state.cancel is None:
            self._request_cancel(by, reason, now, change)
        if force and state.status in (S.CANCELLING, S.LOST):
            self._force(now, change)
        return self._counted(change)

    def _request_cancel(self, by: str | None, reason: str | None, now: int, change: Change) -> None:
        state = self.state
        self._cancel.request(by, reason, now, change)
        if state.status is S.QUEUED:
            state.cancel = msgspec.structs.replace(self._cancel.asked, deadline_at=None)
            self._end(Outcome.CANCELLED, now, change)
            change.force = state.process is not None
        else:
            self._become(S.CANCELLING)
            state.stalled = False
            state.pause = None
            if state.working_since is None:
                state.working_since = now
            change.orders.append(self._cancel.order())

    def cancel_order(self) -> CancelWork:
        """What the worker is told of the cancel that was asked for."""
        return self._cancel.order()

    def _force(self, now: int, change: Change) -> None:
        if self._cancel.asked.forced_at is not None:
            return
        self._cancel.force(now, change)
        if self.facts.place == "process":
            change.force = True
        elif self.facts.place == "outside":
            self._cancel.settle(now, "forced")
            self._end(Outcome.CANCELLED, now, change)
            change.orders.append(self.revocation("cancelled by force"))

    def revocation(self, reason: str) -> RevokedWork:
        """Tells a worker that its attempt is over, and not by its own doing."""
        return RevokedWork(job=self.facts.id, attempt=self.state.attempt, reason=reason)

    def retry(self, by: str | None, now: int) -> Change:
        """Queue another attempt of a job that failed or was cancelled.

        Raises:
            Conflict: the job has not failed or been cancelled, or the hub did not start it.
        """
        if not self.facts.startable:
            raise Conflict("only work that the hub starts itself can be retried")
        if S.QUEUED not in TRANSITIONS[self.state.status] or not self.state.status.terminal:
            raise Conflict(f"a job that is {self.state.status} cannot be retried")
        change = Change(visible=True, durable=True, whole=True)
        self._next_attempt(now)
        self._story.tell(
            change, now, "retry_scheduled", f"Attempt {self.state.attempt} queued{f' by {by}' if by else ''}"
        )
        return self._counted(change)

    def _next_attempt(self, now: int) -> None:
        state, saved = self.state, self.state.saved
        self._become(S.QUEUED)
        state.attempt += 1
        state.max_attempts = max(state.max_attempts, state.attempt)
        state.acked = 0
        state.result = state.error = state.cancel = state.pause = state.message = state.worker = None
        state.rate = state.eta_s = state.eta_low_s = state.eta_high_s = state.gap_ms = None
        state.started_at = state.finished_at = state.advanced_at = state.heard_at = state.lost_at = None
        state.launched_at = state.process = state.working_since = state.retry_at = None
        state.busy_ms, state.stalled, state.queued_at = 0, False, now
        state.done, state.total, state.unit = (saved.done, saved.total, saved.unit) if saved else (None, None, None)
        state.fraction = saved.fraction if saved else None
        state.counters = dict(saved.counters) if saved else {}
        state.phase = saved.phase if saved else None
        state.phases = list(saved.phases) if saved else [_fresh(phase) for phase in state.phases]
        self.progress.begin_again()

    def launching(self, now: int) -> Change:
        """The hub is about to start this attempt; stored first, so that no two starts are ever taken for one."""
        self.state.launches += 1
        self.state.launched_at = now
        return Change(durable=True)

    def interrupted(self, now: int) -> Change:
        """The hub's own process stopped the work, which goes on from its checkpoint; a cancel wins over that."""
        change = Change(visible=True, durable=True, whole=True)
        if self.state.status is S.CANCELLING:
            self._cancel.settle(now, "assumed")
            self._end(Outcome.CANCELLED, now, change)
        elif self.state.status is S.QUEUED:
            self.state.launched_at = self.state.process = None
        else:
            self._end(Outcome.INTERRUPTED, now, change)
            self.state.max_attempts += 1  # an interruption is no failure of the work
            self._next_attempt(now)
            self._story.tell(change, now, "retry_scheduled", f"Attempt {self.state.attempt} queued")
        return self._counted(change)

    def worker_gone(self, how: str, now: int) -> Change:
        """The process that had this attempt has ended, without having finished it.

        Args:
            how: for people, such as `killed by SIGKILL`.
        """
        state, change = self.state, Change()
        if state.status.terminal:
            return change
        if state.status is S.CANCELLING:
            self._cancel.settle(now, self._cancel.how_lost())
            self._end(Outcome.CANCELLED, now, change)
        else:
            state.error = ErrorView(type="WorkerLost", message=how)
            outcome = Outcome.FAILED if state.status is S.QUEUED else Outcome.LOST
            self._end(outcome, now, change)
        return self._counted(change)

    def not_started(self, error: str, now: int) -> Change:
        """The work could not be started."""
        change = Change()
        self.state.error = ErrorView(type="LaunchError", message=error)
        self._end(Outcome.FAILED, now, change)
        return self._counted(change)

    # ── Time ──────────────────────────────────────────────────────────────────

    @property
    def next_deadline(self) -> int | None:
        """When :meth:`tick` is due, in milliseconds; None while nothing waits for a time."""
        due = [at for at, _ in self._deadlines()]
        return min(due) if due else None

    def tick(self, now: int) -> Change:
        """Do what is due. Calling it early, late or twice is harmless."""
        change = Change()
        for at, act in self._deadlines():
            if at <= now:
                act(now, change)
        return self._counted(change)

    def _deadlines(self) -> list[tuple[int, Callable[[int, Change], None]]]:
        state, facts = self.state, self.facts
        due: list[tuple[int, Callable[[int, Change], None]]] = []
        if state.status is S.RUNNING and not state.stalled and state.advanced_at is not None:
            due.append((state.advanced_at + self._stall_ms(), self._stall))
        if state.status in ALIVE and state.heard_at is not None and facts.place in ("process", "outside"):
            due += self._silence(state.heard_at)
        if state.status is S.LOST and state.lost_at is not None:
            due.append((state.lost_at + round(facts.give_up_s * 1000), self._give_up))
        cancel = state.cancel
        forcible = facts.place == "process" and state.status is S.CANCELLING
        if forcible and cancel and cancel.deadline_at and not cancel.forced_at:
            due.append((cancel.deadline_at, self._force))
        return due

    def _silence(self, heard_at: int) -> list[tuple[int, Callable[[int, Change], None]]]:
        """When a silent worker counts as lost. One that is being cancelled by process is forced instead."""
        lease_ends = heard_at + round(self.facts.lease_s * 1000)
        cancel = self.state.cancel
        if self.state.status is not S.CANCELLING or cancel is None:
            return [(lease_ends, self._lose)]
        if self.facts.place == "process":
            return []
        return [(max(lease_ends, cancel.deadline_at or 0), self._lose)]

    def _stall_ms(self) -> int:
        facts = self.facts
        usual = facts.stall_gaps * (self.state.gap_ms or 0)
        return round(max((facts.stall_s or 15.0) * 1000, usual))

    def _stall(self, now: int, change: Change) -> None:
        assert self.state.advanced_at is not None
        self.state.stalled = True
        silent = (now - self.state.advanced_at) // 1000
        self._story.tell(change, now, "stalled", f"No update for {silent} s", "warning")
        change.visible = change.durable = True

    def _lose(self, now: int, change: Change) -> None:
        state = self.state
        if state.status is S.CANCELLING:
            self._cancel.settle(now, "assumed")
            self._end(Outcome.CANCELLED, now, change)
            return
        self._rest(now)
        self._become(S.LOST)
        state.lost_at, state.stalled = now, False
        self._story.tell(change, now, "lost", f"The worker has not been heard for {self.facts.lease_s:g} s", "warning")
        change.visible = change.durable = True

    def _give_up(self, now: int, change: Change) -> None:
        self.state.error = ErrorView(type="WorkerLost", message=f"not heard for {self.facts.give_up_s:g} s")
        self._end(Outcome.LOST, now, change)
        change.force = self.facts.place == "process"

    # ── Parts ─────────────────────────────────────────────────────────────────

    def elapsed_s(self, now: int) -> float:
        """Seconds of this attempt, without the time queued or paused."""
        since = self.state.working_since
        return (self.state.busy_ms + (max(now - since, 0) if since is not None else 0)) / 1000

    def _become(self, status: Status) -> None:
        if status not in TRANSITIONS[self.state.status]:
            raise Conflict(f"a job that is {self.state.status} cannot become {status}")
        self.state.status = status

    def _rest(self, now: int) -> None:
        """Stop the clock of the time worked."""
        self.state.busy_ms = round(self.elapsed_s(now) * 1000)
        self.state.working_since = None

    def _end(self, outcome: Outcome, now: int, change: Change) -> None:
        state = self.state
        ends = {Outcome.SUCCEEDED: S.SUCCEEDED, Outcome.CANCELLED: S.CANCELLED, Outcome.INTERRUPTED: S.QUEUED}
        status = ends.get(outcome, S.FAILED)
        if status is not S.QUEUED:
            self._become(status)
        self._rest(now)
        state.finished_at, state.stalled, state.lost_at, state.pause = now, False, None, None
        state.rate = state.eta_s = state.eta_low_s = state.eta_high_s = None
        state.attempts = [*state.attempts, self._attempt_view(outcome, now)]
        level: Level = "error" if outcome in (Outcome.FAILED, Outcome.LOST) else "info"
        event: dict[Outcome, Event] = {
            Outcome.SUCCEEDED: "attempt_succeeded",
            Outcome.FAILED: "attempt_failed",
            Outcome.CANCELLED: "attempt_cancelled",
            Outcome.LOST: "attempt_lost",
            Outcome.INTERRUPTED: "attempt_interrupted",
        }
        self._story.tell(change, now, event[outcome], self._end_text(outcome), level)
        change.ended = outcome
        change.visible = change.durable = change.whole = change.phases = True

    def _attempt_view(self, outcome: Outcome, now: int) -> AttemptView:
        state = self.state
        return AttemptView(
            attempt=state.attempt, outcome=outcome, fraction=state.fraction, started_at=state.started_at,
            finished_at=now, error=state.error,
        )  # fmt: skip

    def _end_text(self, outcome: Outcome) -> str:
        state = self.state
        if outcome in (Outcome.FAILED, Outcome.LOST) and state.error:
            return f"{'Worker lost' if outcome is Outcome.LOST else 'Failed'}: {state.error.message}"[:4096]
        words = {Outcome.SUCCEEDED: "Done", Outcome.INTERRUPTED: "Interrupted by the hub's stop"}
        word = words.get(outcome, outcome.capitalize())
        return f"{word}: {state.message}"[:4096] if state.message and outcome is not Outcome.INTERRUPTED else word

    def _counted(self, change: Change) -> Change:
        if change.entries:
            change.durable = True
        if change.visible or change.whole or change.phases:
            change.visible = True
            self.state.seq += 1
        return change


def _fresh(phase: Phase) -> Phase:
    """The phase as it was before it started."""
    return msgspec.structs.replace(phase, done=0, started_at=None, finished_at=None)
