"""The steps of a cancel: requested, delivered, acknowledged, and how it ended. Pure; `now` in milliseconds."""

from __future__ import annotations

import msgspec

from hub.protocol import CancelAck, CancelWork
from hub.state import Change, JobFacts, JobState
from hub.story import Story
from hub.view import Cancel, How


class CancelSteps:
    """What is known of a job's cancel; each step is set when it is a fact, and told once.

    Args:
        facts, state, story: of the job.
    """

    def __init__(self, facts: JobFacts, state: JobState, story: Story) -> None:
        self._facts = facts
        self._state = state
        self._story = story

    @property
    def asked(self) -> Cancel:
        """The request; only where there is one."""
        cancel = self._state.cancel
        assert cancel is not None, "only called for a job whose cancel was asked for"
        return cancel

    def request(self, by: str | None, reason: str | None, now: int, change: Change) -> None:
        """Somebody wants the job stopped."""
        deadline = now + round(self._facts.grace_s * 1000)
        self._state.cancel = Cancel(requested_at=now, by=by, reason=reason, deadline_at=deadline)
        because = f": {reason}" if reason else ""
        self._story.tell(change, now, "cancel_requested", f"Cancel requested{f' by {by}' if by else ''}{because}")
        change.visible = True

    def received(self, now: int, change: Change) -> None:
        """The worker's connection has the request."""
        if self._state.cancel is not None and self.asked.delivered_at is None:
            self._state.cancel = msgspec.structs.replace(self.asked, delivered_at=now)
            self._story.tell(change, now, "cancel_delivered", "The worker has the cancel request")
            change.visible = True

    def acknowledged(self, message: CancelAck, now: int, change: Change) -> None:
        """The work is stopping."""
        if self.asked.acknowledged_at is None:
            self._acknowledge(now)
            text = f"The work is stopping: {message.message}" if message.message else "The work is stopping"
            self._story.tell(change, now, "cancel_acknowledged", text)
        change.visible = True

    def force(self, now: int, change: Change) -> None:
        """The work is ended by force."""
        self._state.cancel = msgspec.structs.replace(self.asked, forced_at=now)
        self._story.tell(change, now, "cancel_forced", "Stopping the work by force")
        change.visible = True

    def was_forced(self, now: int, change: Change) -> None:
        """Whoever runs the work ended it by force, once the time was over that they had given it."""
        deadline = min(self.asked.deadline_at or now, now)
        self._state.cancel = msgspec.structs.replace(self.asked, deadline_at=deadline, forced_at=now)
        self._story.tell(change, now, "cancel_forced", "The work was ended by force")

    def settle(self, now: int, how: How) -> None:
        """It has ended; a `finish` counts as an acknowledgement."""
        if how == "acknowledged" and self.asked.acknowledged_at is None:
            self._acknowledge(now)
        self._state.cancel = msgspec.structs.replace(self.asked, how=how)

    def how_lost(self) -> How:
        """How it ended when the worker is gone without a word."""
        cancel = self.asked
        return "forced" if cancel.forced_at else "acknowledged" if cancel.acknowledged_at else "assumed"

    def order(self) -> CancelWork:
        """What the worker is told."""
        cancel, facts = self.asked, self._facts
        return CancelWork(
            job=facts.id, attempt=self._state.attempt, reason=cancel.reason, by=cancel.by, grace_s=facts.grace_s
        )

    def _acknowledge(self, now: int) -> None:
        cancel = self.asked
        received = cancel.delivered_at if cancel.delivered_at is not None else now
        self._state.cancel = msgspec.structs.replace(cancel, acknowledged_at=now, delivered_at=received)
