"""What stops a job's work: somebody asked for it, or it took too long. Pure; `now` in milliseconds."""

from __future__ import annotations

import msgspec

from hub.cancel import CancelSteps
from hub.deadlines import FORCIBLE
from hub.endings import Endings
from hub.errors import Conflict
from hub.protocol import CancelAck, CancelWork, RevokedWork
from hub.state import Change, JobFacts, JobState
from hub.story import Story
from hub.transitions import become
from hub.view import Outcome, Status


class Stopping:
    """Orders to stop, and what is done when they are not obeyed.

    Args:
        facts, state, story, cancel, endings: of the job.
    """

    def __init__(self, facts: JobFacts, state: JobState, story: Story, cancel: CancelSteps, endings: Endings) -> None:
        self._facts = facts
        self._state = state
        self._story = story
        self._steps = cancel
        self._endings = endings

    # ── Somebody asked for it ─────────────────────────────────────────────────

    def cancel(self, by: str | None, reason: str | None, *, force: bool, now: int, change: Change) -> None:
        """See :meth:`hub.job.Job.cancel`."""
        state = self._state
        if state.status is Status.CANCELLED:
            return
        if state.status.terminal:
            raise Conflict(f"a job that has {state.status} cannot be cancelled")
        if force and self._facts.place == "thread" and state.status is not Status.QUEUED:
            raise Conflict("work in a thread of the hub cannot be forced; it stops at its next report")
        if state.cancel is None:
            self._request(by, reason, now, change)
        if force and state.status is Status.CANCELLING:
            self.force(now, change)

    def _request(self, by: str | None, reason: str | None, now: int, change: Change) -> None:
        state = self._state
        self._steps.request(by, reason, now, change)
        if state.status is Status.QUEUED:
            # The hub itself has it, and nothing will be started: that is all an acknowledgement says
            state.cancel = msgspec.structs.replace(self._steps.asked, deadline_at=None, how="acknowledged")
            state.message = None  # of an attempt before
            change.force = state.attempt if state.process is not None else None
            self._endings.end(Outcome.CANCELLED, now, change)
        else:
            become(state, Status.CANCELLING)
            state.stalled = False
            state.pause = state.lost_at = None
            if state.working_since is None:
                state.working_since = now
            change.orders.append(self._steps.order())

    # ── It took too long ──────────────────────────────────────────────────────

    def time_out(self, now: int, change: Change) -> None:
        """Tell the work to stop; however it ends then, unless it succeeds, it failed."""
        self._state.timed_out_at = now
        self._state.stalled = False
        text = f"Took longer than {self._facts.timeout_s:g} s: stopping the work"
        self._story.tell(change, now, "entry", text, "warning")
        change.orders.append(self._late())
        change.visible = True

    def _late(self) -> CancelWork:
        facts = self._facts
        reason = f"took longer than {facts.timeout_s:g} s"
        return CancelWork(job=facts.id, attempt=self._state.attempt, reason=reason, by=None, grace_s=facts.grace_s)

    # ── Either ────────────────────────────────────────────────────────────────

    @property
    def order(self) -> CancelWork | None:
        """What the worker of this attempt was told, or is to be told when it comes back; None for nothing."""
        if self._state.cancel is not None:
            return self._steps.order()
        return self._late() if self._state.timed_out_at is not None else None

    def acknowledged(self, message: CancelAck, now: int, change: Change) -> None:
        """The work is stopping."""
        if self._state.cancel is not None:
            self._steps.acknowledged(message, now, change)
        else:
            self._story.tell(change, now, "entry", f"The work is stopping: {message.message or 'it took too long'}")
        if message.message:
            self._state.message = message.message
        change.visible = True

    def force(self, now: int, change: Change) -> None:
        """It does not stop, or shall not be waited for."""
        state = self._state
        if state.cancel is None:
            state.timed_out_forced = change.visible = True
            self._story.tell(change, now, "cancel_forced", "Stopping the work by force", "warning")
        elif state.cancel.forced_at is not None:
            return
        else:
            self._steps.force(now, change)
        if self._facts.place in FORCIBLE:
            change.force = state.attempt
        else:  # outside: nobody here can end it; a thread is never forced
            self._endings.cancelled("forced", now, change)
            change.orders.append(
                RevokedWork(job=self._facts.id, attempt=state.attempt, reason="cancelled by force", status=state.status)
            )
