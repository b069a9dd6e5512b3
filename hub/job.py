"""One job: which messages it takes in which status, and what they change. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from hub.admission import admit
from hub.attempts import Attempts
from hub.cancel import CancelSteps
from hub.deadlines import Deadlines, What
from hub.errors import Conflict, Invalid, Revoked
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
    TEXT_LENGTH,
    ArtifactView,
    Curve,
    ErrorView,
    Failure,
    Outcome,
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
AFTER = {
    Outcome.SUCCEEDED: S.SUCCEEDED,
    Outcome.FAILED: S.FAILED,
    Outcome.CANCELLED: S.CANCELLED,
    Outcome.LOST: S.FAILED,
    Outcome.INTERRUPTED: S.QUEUED,
}
SECOND_MS = 1000  # `heard_at` alone is worth an update a second, at most


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
        self._attempts = Attempts(state, self._story, self.progress)
        self._deadlines = Deadlines(facts, state)
        self._acts: dict[What, Callable[[int, Change], None]] = {
            "stall": self._stall,
            "lose": self._lose,
            "give_up": self._give_up,
            "force": self._force,
        }
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
            if not state.status.terminal:
                self._heard(now, change)  # nothing new, but a sign of life
            return self._counted(change)
        admit(message, self.facts, state, self.history)
        self._heard(now, change)
        self._takes[type(message)](message, now, change)
        if isinstance(message, Numbered):
            state.acked = message.n
            change.durable = True
        return self._counted(change)

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
        if message.phases:
            self.progress.plan(message.phases, change)
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
        change.visible = change.visible or state.heard_at is None or now // SECOND_MS != state.heard_at // SECOND_MS
        state.heard_at = now
        if state.status is S.LOST:
            self._become(S.PAUSED if state.pause else S.RUNNING)
            state.lost_at = None
            state.advanced_at = now
            state.working_since = None if state.pause else now
            self._story.tell(change, now, "found", "The worker is back")
            change.visible = change.durable = True
        elif state.status is S.QUEUED and not self.facts.startable:
            self._start(now, change)

    def _entry(self, message: Entry, now: int, change: Change) -> None:
        self._story.tell(change, now, "entry", message.text, message.level, message.data)
        self.progress.advanced(now, change)

    def _cancel_ack(self, message: CancelAck, now: int, change: Change) -> None:
        self._cancel.acknowledged(message, now, change)
        if message.message:
            self.state.message = message.message

    def _artifact(self, message: Artifact, now: int, change: Change) -> None:
        state = self.state
        url = message.url or f"/api/jobs/{self.facts.id}/artifacts/{quote(message.name, safe='')}"
        view = ArtifactView(name=message.name, url=url, bytes=None, media_type=None)
        state.artifacts = [a for a in state.artifacts if a.name != message.name] + [view]
        change.attached = Attached(name=message.name, path=message.path, url=message.url)
        change.visible = True

    def _beat(self, message: WorkerBeat, now: int, change: Change) -> None:
        """Being heard is all there is to it."""

    def _finish(self, message: Finish, now: int, change: Change) -> None:
        state = self.state
        outcome = Outcome(message.outcome)
        if message.message is not None or outcome is Outcome.CANCELLED:
            state.message = message.message  # what was being done when a cancel came is not what the cancel did
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
        if force and state.status is S.CANCELLING:
            self._force(now, change)
        return self._counted(change)

    def _request_cancel(self, by: str | None, reason: str | None, now: int, change: Change) -> None:
        state = self.state
        self._cancel.request(by, reason, now, change)
        if state.status is S.QUEUED:
            # The hub itself has it, and nothing will be started: that is all an acknowledgement says
            state.cancel = msgspec.structs.replace(self._cancel.asked, deadline_at=None, how="acknowledged")
            self._end(Outcome.CANCELLED, now, change)
            change.force = state.process is not None
        else:
            self._become(S.CANCELLING)
            state.stalled = False
            state.pause = state.lost_at = None
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
        else:  # outside: nobody here can end it; work in the hub's own process is never forced
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
        self._become(S.QUEUED)
        self._attempts.begin_next(now)

    def launching(self, now: int) -> Change:
        """The hub is about to start this attempt; stored first, so that no two starts are ever taken for one."""
        self.state.launches += 1
        self.state.launched_at = now
        return Change(durable=True)

    def interrupted(self, now: int) -> Change:
        """The hub's own process stopped the work, which goes on from its checkpoint; a cancel wins over that."""
        if self.state.status.terminal:
            return Change()
        change = Change(visible=True, durable=True, whole=True)
        if self.state.status is S.CANCELLING:
            self._cancel.settle(now, self._cancel.how_lost())
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
            state.error = ErrorView(type="WorkerLost", message=how[:TEXT_LENGTH])
            outcome = Outcome.FAILED if state.status is S.QUEUED else Outcome.LOST
            self._end(outcome, now, change)
        return self._counted(change)

    def not_started(self, error: str, now: int) -> Change:
        """The work could not be started; where it was cancelled meanwhile, that is its end."""
        change = Change()
        if self.state.status is not S.QUEUED:
            return change
        self.state.error = ErrorView(type="LaunchError", message=error[:TEXT_LENGTH])
        self._end(Outcome.FAILED, now, change)
        return self._counted(change)

    # ── Time ──────────────────────────────────────────────────────────────────

    @property
    def next_deadline(self) -> int | None:
        """When :meth:`tick` is due, in milliseconds; None while nothing waits for a time."""
        due = self._deadlines.next
        return due.at if due else None

    def tick(self, now: int) -> Change:
        """Do what is due. Calling it early, late or twice is harmless."""
        change = Change()
        while (due := self._deadlines.next) is not None and due.at <= now:
            self._acts[due.what](now, change)  # each leaves the status or the flag that it was due for
        return self._counted(change)

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
        self._attempts.rest(now)
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
        return self._attempts.elapsed_s(now)

    def _become(self, status: Status) -> None:
        if status not in TRANSITIONS[self.state.status]:
            raise Conflict(f"a job that is {self.state.status} cannot become {status}")
        self.state.status = status

    def _end(self, outcome: Outcome, now: int, change: Change) -> None:
        status = AFTER[outcome]
        if status is not S.QUEUED:  # then the next attempt says so
            self._become(status)
        self._attempts.close(outcome, now, change)

    def _counted(self, change: Change) -> Change:
        if change.entries:
            change.durable = True
        if change.visible or change.whole or change.phases:
            change.visible = True
            self.state.seq += 1
        return change
