"""Reset: an attempt that does not get on is given up by hand, and the next one takes its place. Pure; `now` in ms."""

from __future__ import annotations

from typing import Protocol

from hub.endings import Endings
from hub.errors import Conflict
from hub.protocol import RevokedWork
from hub.state import Change, JobFacts, JobState
from hub.story import Story
from hub.view import Status


class Standing(Protocol):
    """How a job stands, as far as it matters here."""

    @property
    def status(self) -> Status: ...

    @property
    def stalled(self) -> bool: ...


def is_stuck(job: Standing) -> bool:
    """Whether nothing of it gets on: its worker is not heard, or is, but does not advance."""
    return job.status is Status.LOST or (job.stalled and job.status is Status.RUNNING)


class Resetting:
    """The resets of one job.

    Args:
        facts, state, story, endings: of the job.
    """

    def __init__(self, facts: JobFacts, state: JobState, story: Story, endings: Endings) -> None:
        self._facts = facts
        self._state = state
        self._story = story
        self._endings = endings

    def reset(self, by: str | None, reason: str | None, *, force: bool, now: int, change: Change) -> None:
        """See :meth:`hub.job.Job.reset`."""
        self._check(force=force)
        state, attempt = self._state, self._state.attempt
        because = f": {reason}" if reason else ""
        who = f" by {by}" if by else ""
        self._story.tell(change, now, "reset", f"Reset{who}{because} ({self._standing(now)})", "warning")
        self._endings.reset(f"reset{who} while {self._standing(now)}", now, change)
        change.force = attempt if self._facts.startable else None
        told = f"reset{who}{because}"
        change.orders.append(RevokedWork(job=self._facts.id, attempt=attempt, reason=told, status=state.status))

    def _check(self, *, force: bool) -> None:
        state = self._state
        if state.status.terminal:
            raise Conflict(f"a job that has {state.status} has nothing to reset; `retry` queues it again")
        if state.status is Status.CANCELLING:
            raise Conflict("a job that is being cancelled is not reset; a cancel with `force` ends it at once")
        if state.status is Status.QUEUED and state.process is None:
            raise Conflict("a job that is queued has nothing to reset: no attempt of it runs")
        if not force and not is_stuck(state):
            raise Conflict(f"expected a job that is stalled or lost, got one that is {state.status}; see `force`")
        if self._facts.place == "thread":
            raise Conflict("work in a thread of the hub cannot be ended from outside; it stops at its next report")

    def _standing(self, now: int) -> str:
        """How it stands, since when, and who has it."""
        state = self._state
        on = f" on {state.worker}" if state.worker else ""
        if state.status is Status.LOST:
            return f"lost, not heard{_for(state.heard_at, now)}{on}"
        if state.stalled:
            return f"stalled, no update{_for(state.advanced_at, now)}{on}"
        return f"{state.status}{on}"


def _for(since: int | None, now: int) -> str:
    return "" if since is None else f" for {max(now - since, 0) // 1000} s"
