"""What time alone does to a job: it counts as stalled or lost, is given up, is ended by force. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from hub.state import JobFacts, JobState
from hub.view import Status

What = Literal["stall", "lose", "give_up", "force"]
ALIVE = frozenset({Status.RUNNING, Status.PAUSED, Status.CANCELLING})  # a worker has it and is heard from
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
        if state.status is Status.RUNNING and not state.stalled and state.advanced_at is not None:
            yield Due(state.advanced_at + self._stall_ms(), "stall")
        if state.status in ALIVE and state.heard_at is not None and facts.place in ("process", "outside"):
            yield from self._silence(state.heard_at)
        if state.status is Status.LOST and state.lost_at is not None:
            yield Due(state.lost_at + round(facts.give_up_s * 1000), "give_up")
        cancel = state.cancel
        forcible = facts.place == "process" and state.status is Status.CANCELLING
        if forcible and cancel and cancel.deadline_at is not None and cancel.forced_at is None:
            yield Due(cancel.deadline_at, "force")

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
