"""Pause and resume: the work stands still at its next report until it is told to go on. Pure; `now` in milliseconds."""

from __future__ import annotations

from hub.attempts import Attempts
from hub.errors import Conflict
from hub.protocol import PauseWork, ResumeWork
from hub.state import Change, JobFacts, JobState
from hub.story import Story
from hub.transitions import become
from hub.view import Event, Pause, Status


class Pausing:
    """The pauses of one job. Paused time is no time worked, and no stall.

    Args:
        facts, state, story, attempts: of the job.
    """

    def __init__(self, facts: JobFacts, state: JobState, story: Story, attempts: Attempts) -> None:
        self._facts = facts
        self._state = state
        self._story = story
        self._attempts = attempts

    def pause(self, by: str | None, now: int, change: Change) -> None:
        """Stand still. Asking again changes nothing.

        Raises:
            Conflict: it does not run, or is being stopped because it took too long.
        """
        state = self._state
        if state.status is Status.PAUSED:
            return
        if state.status is not Status.RUNNING:
            raise Conflict(f"a job that is {state.status} cannot be paused")
        if state.timed_out_at is not None:
            raise Conflict("a job that took too long is being stopped and cannot be paused")
        self._attempts.rest(now)
        become(state, Status.PAUSED)
        state.pause, state.stalled = Pause(at=now, by=by), False
        change.orders.append(PauseWork(job=self._facts.id, attempt=state.attempt))
        self._tell("paused", f"Paused{f' by {by}' if by else ''}", now, change)

    def resume(self, by: str | None, now: int, change: Change) -> None:
        """Go on. Asking again changes nothing.

        Raises:
            Conflict: it is not paused.
        """
        state = self._state
        if state.status is Status.RUNNING:
            return
        if state.status is not Status.PAUSED:
            raise Conflict(f"a job that is {state.status} cannot be resumed")
        become(state, Status.RUNNING)
        state.pause = None
        state.working_since = state.advanced_at = now
        change.orders.append(ResumeWork(job=self._facts.id, attempt=state.attempt))
        self._tell("resumed", f"Resumed{f' by {by}' if by else ''}", now, change)

    def _tell(self, event: Event, text: str, now: int, change: Change) -> None:
        self._story.tell(change, now, event, text)
        change.visible = True
