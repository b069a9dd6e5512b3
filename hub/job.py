"""One job: which messages it takes in which status, and what they change. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hub.admission import admit
from hub.attempts import Attempts
from hub.cancel import CancelSteps
from hub.deadlines import Deadlines, What
from hub.endings import Endings
from hub.errors import Invalid, Revoked
from hub.pausing import Pausing
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
    WorkerBeat,
)
from hub.resetting import Resetting
from hub.state import Attached, Change, JobFacts, JobState
from hub.stopping import Stopping
from hub.story import Story
from hub.transitions import become
from hub.view import ArtifactView, Children, Curve, Status

SECOND_MS = 1000  # `heard_at` alone is worth an update a second, at most
LONGEST_MS = 366 * 86_400_000  # as long as any duration may be


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
        self._endings = Endings(facts, state, self._story, self.progress, self._attempts, self._cancel)
        self._stopping = Stopping(facts, state, self._story, self._cancel, self._endings)
        self._pausing = Pausing(facts, state, self._story, self._attempts)
        self._resetting = Resetting(facts, state, self._story, self._endings)
        self._deadlines = Deadlines(facts, state)
        self._acts: dict[What, Callable[[int, Change], None]] = {
            "stall": self._stall,
            "lose": self._lose,
            "give_up": self._endings.give_up,
            "time_out": self._stopping.time_out,
            "force": self._stopping.force,
            "retry": self._endings.ready,
        }
        self._takes: dict[type[AttemptMessage], Callable[[Any, int, Change], None]] = {
            Report: self.progress.report,
            PhaseStart: self.progress.begin_phase,
            Entry: self._entry,
            Checkpoint: self.progress.checkpoint,
            CancelReceived: lambda _, now, change: self._cancel.received(now, change),
            CancelAck: self._stopping.acknowledged,
            Artifact: self._artifact,
            Finish: self._endings.finish,
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
            change.durable = True
            if state.attempt == message.attempt:  # another one that has begun counts anew
                state.acked = message.n
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
            attempt = message.attempt or state.attempt
            raise Revoked(f"attempt {attempt} of this job is over; the job is {state.status}", state.status)
        if message.phases:
            self.progress.plan(message.phases, change)
        if worker is not None and state.worker != worker:
            state.worker = worker
            change.visible = True
        if (message.max_attempts or 0) > state.max_attempts and not self.facts.startable:
            state.max_attempts = message.max_attempts or 0
            change.whole = change.durable = True
        if state.status is Status.QUEUED:
            self._start(now, change)
            self._date_back(message.started_at, now)
            self.progress.expect(message.total, message.unit)
        self._heard(now, change)
        return self._counted(change)

    def _start(self, now: int, change: Change) -> None:
        state = self.state
        become(state, Status.RUNNING)
        state.started_at = state.advanced_at = state.working_since = now
        state.retry_at = state.message = None  # why the attempt before failed is said while this one is waited for
        where = f"Started on {state.worker}" if state.worker else "Started"
        self._story.tell(change, now, "started", where)
        change.visible = change.durable = True

    def _date_back(self, started_at: int | None, now: int) -> None:
        """A first attempt from outside may have begun before it was told of; what cannot be true is disregarded."""
        first = not self.facts.startable and not self.state.attempts
        if first and started_at is not None and now - LONGEST_MS <= started_at <= now:
            self.state.started_at = self.state.working_since = started_at

    def _heard(self, now: int, change: Change) -> None:
        state = self.state
        change.visible = change.visible or state.heard_at is None or now // SECOND_MS != state.heard_at // SECOND_MS
        state.heard_at = now
        if state.status is Status.LOST:
            become(state, Status.PAUSED if state.pause else Status.RUNNING)
            state.lost_at = None
            state.advanced_at = now
            state.working_since = None if state.pause else now
            self._story.tell(change, now, "found", "The worker is back")
            change.visible = change.durable = True
        elif state.status is Status.QUEUED and not self.facts.startable:
            self._start(now, change)

    def _entry(self, message: Entry, now: int, change: Change) -> None:
        self._story.tell(change, now, "entry", message.text, message.level, message.data)
        self.progress.advanced(now, change)

    def _artifact(self, message: Artifact, now: int, change: Change) -> None:
        state = self.state
        url = message.url or f"/api/jobs/{self.facts.id}/artifacts/{quote(message.name, safe='')}"
        view = ArtifactView(name=message.name, url=url, bytes=None, media_type=None)
        state.artifacts = [a for a in state.artifacts if a.name != message.name] + [view]
        change.attached = Attached(name=message.name, path=message.path, url=message.url)
        change.visible = True

    def _beat(self, message: WorkerBeat, now: int, change: Change) -> None:
        """Being heard is all there is to it."""

    # ── From people and from the hub ──────────────────────────────────────────

    def created(self, now: int) -> Change:
        """The first line of the story."""
        by = f" by {self.facts.by}" if self.facts.by else ""
        change = Change(visible=True, durable=True, whole=True, ready=self.facts.startable)
        self.state.queued_at = now
        self._story.tell(change, now, "created", f"Queued{by}")
        return change

    def cancel(self, by: str | None, reason: str | None, *, force: bool, now: int) -> Change:
        """Ask for a cancel. Asking again changes nothing, but for a `force` that was not asked for before.

        Raises:
            Conflict: the job succeeded or failed, or it cannot be forced.
        """
        return self._step(lambda change: self._stopping.cancel(by, reason, force=force, now=now, change=change))

    @property
    def stop_order(self) -> CancelWork | None:
        """What the worker is told to stop its work: a cancel, or that it took too long; None while it may go on."""
        return self._stopping.order

    def pause(self, by: str | None, now: int) -> Change:
        """Let the work stand still at its next report. Asking again changes nothing.

        Raises:
            Conflict: it does not run.
        """
        return self._step(lambda change: self._pausing.pause(by, now, change))

    def resume(self, by: str | None, now: int) -> Change:
        """Let paused work go on. Asking again changes nothing.

        Raises:
            Conflict: it is not paused.
        """
        return self._step(lambda change: self._pausing.resume(by, now, change))

    def retry(self, by: str | None, now: int) -> Change:
        """Queue another attempt of a job that failed or was cancelled, or do not wait for the one that is to come.

        Raises:
            Conflict: none is due, or the hub does not start this work.
        """
        return self._step(lambda change: self._endings.retry(by, now, change))

    def reset(self, by: str | None, reason: str | None, *, force: bool, now: int) -> Change:
        """Give up an attempt that is stalled or lost (with `force`: any that runs); the next one, if any, is queued.

        Raises:
            Conflict: it is neither, or what it does cannot be ended from outside.
        """
        return self._step(lambda change: self._resetting.reset(by, reason, force=force, now=now, change=change))

    def roll_up(self, children: Children | None, fraction: float | None, now: int) -> Change:
        """Jobs that this one started moved, or stand otherwise.

        Args:
            children: how they stand; None where none is left.
            fraction: the mean of theirs.
        """
        state, change = self.state, Change()
        working = state.status is not Status.QUEUED and not state.status.terminal
        if children != state.children:
            state.children, change.visible = children, True
            if working:
                self.progress.advanced(now, change)
        if working and children is not None:
            self.progress.roll_up(children, fraction, now, change)
        return self._counted(change)

    def launching(self, now: int) -> Change:
        """The hub is about to start this attempt; stored first, so that no two starts are ever taken for one."""
        self.state.launches += 1
        self.state.launched_at = now
        return Change(durable=True)

    def interrupted(self, now: int) -> Change:
        """The hub's own process stopped the work, which goes on from its checkpoint; a cancel wins over that."""
        return self._step(lambda change: self._endings.interrupted(now, change))

    def worker_gone(self, how: str, now: int) -> Change:
        """The process that had this attempt has ended, without having finished it.

        Args:
            how: for people, such as `killed by SIGKILL`.
        """
        return self._step(lambda change: self._endings.worker_gone(how, now, change))

    def not_started(self, error: str, now: int) -> Change:
        """The work could not be started; where it was cancelled meanwhile, that is its end."""
        return self._step(lambda change: self._endings.not_started(error, now, change))

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
        if state.status is Status.CANCELLING:
            self._endings.cancelled("assumed", now, change)
            return
        self._attempts.rest(now)
        become(state, Status.LOST)
        state.lost_at, state.stalled = now, False
        self._story.tell(change, now, "lost", f"The worker has not been heard for {self.facts.lease_s:g} s", "warning")
        change.visible = change.durable = True

    # ── Parts ─────────────────────────────────────────────────────────────────

    def elapsed_s(self, now: int) -> float:
        """Seconds of this attempt, without the time queued or paused."""
        return self._attempts.elapsed_s(now)

    def _step(self, act: Callable[[Change], None]) -> Change:
        change = Change()
        act(change)
        return self._counted(change)

    def _counted(self, change: Change) -> Change:
        if change.entries:
            change.durable = True
        if change.visible or change.whole or change.phases:
            change.visible = True
            self.state.seq += 1
        return change
