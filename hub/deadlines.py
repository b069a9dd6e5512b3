"""What time alone does to a job: it stalls, is lost, given up, timed out, ended by force, tried again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from hub.state import JobFacts, JobState
from hub.view import Status

What = Literal["stall", "lose", "give_up", "time_out", "force", "retry"]
ALIVE = frozenset({Status.RUNNING, Status.PAUSED, Status.CANCELLING})  # a worker has it and is heard from
FORCIBLE = frozenset({"process", "loop"})  # the hub can end it itself; a thread stops at its next report only
STALL_S = 15.0  # where neither the kind nor the settings say


class Due(NamedTuple):
    """When (in milliseconds) what is to be done, if nothing happens before."""

    at: int
    what: What


class Deadlines:
    """The times one job waits for.

    Args:
        facts, state: of the job.
    """

    def __init__(self, facts: JobFacts, state: JobState) -> None:
        self._facts = facts
        self._state = state

    @property
    def next(self) -> Due | None:
        """The earliest, or None while the job waits for no time."""
        return min(self._all(), default=None)

    def _all(self) -> Iterator[Due]:
        state, facts = self._state, self._facts
        going = state.status is Status.RUNNING and not state.stalled and state.timed_out_at is None
        if going and state.advanced_at is not None and not self._waits():
            yield Due(state.advanced_at + self._stall_ms(), "stall")
        if state.status in ALIVE and state.heard_at is not None and facts.place in ("process", "outside"):
            yield from self._silence(state.heard_at)
        if state.status is Status.LOST and state.lost_at is not None:
            yield Due(state.lost_at + round(facts.give_up_s * 1000), "give_up")
        if state.status is Status.QUEUED and state.retry_at is not None and facts.startable:
            yield Due(state.retry_at, "retry")
        yield from self._too_long()
        if facts.place in FORCIBLE:
            yield from self._disobeyed()

    def _waits(self) -> bool:
        """Whether it has unfinished children: that they stall, or wait for a slot, is theirs to tell."""
        children = self._state.children
        return children is not None and children.queued + children.running > 0

    def _too_long(self) -> Iterator[Due]:
        """When an attempt has worked for as long as its kind may."""
        state, timeout_s = self._state, self._facts.timeout_s
        since = state.working_since if state.status is Status.RUNNING else None
        if timeout_s is not None and since is not None and state.timed_out_at is None:
            yield Due(since + max(round(timeout_s * 1000) - state.busy_ms, 0), "time_out")

    def _disobeyed(self) -> Iterator[Due]:
        """When work that was told to stop is ended by force."""
        state, cancel, late_at = self._state, self._state.cancel, self._state.timed_out_at
        if state.status is Status.CANCELLING:
            if cancel and cancel.deadline_at is not None and cancel.forced_at is None:
                yield Due(cancel.deadline_at, "force")
        elif late_at is not None and not state.timed_out_forced and not state.status.terminal:
            yield Due(late_at + round(self._facts.grace_s * 1000), "force")

    def _silence(self, heard_at: int) -> Iterator[Due]:
        """When a silent worker counts as lost. One that is being cancelled by process is forced instead."""
        lease_ends = heard_at + round(self._facts.lease_s * 1000)
        cancel = self._state.cancel
        if self._state.status is not Status.CANCELLING or cancel is None:
            yield Due(lease_ends, "lose")
        elif self._facts.place == "outside":
            yield Due(max(lease_ends, cancel.deadline_at or 0), "lose")

    def _stall_ms(self) -> int:
        """How long nothing may advance: as the kind says, or some times the usual gap, the longer."""
        usual_ms = self._facts.stall_gaps * (self._state.gap_ms or 0)
        return round(max((self._facts.stall_s or STALL_S) * 1000, usual_ms))
