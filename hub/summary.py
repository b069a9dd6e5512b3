"""The numbers above the list: how many jobs stand where. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from hub.deadlines import ALIVE
from hub.protocol import Summary
from hub.view import Status


class Standing(Protocol):
    """What counts of a job."""

    @property
    def status(self) -> Status: ...

    @property
    def stalled(self) -> bool: ...

    @property
    def queued_at(self) -> int: ...

    @property
    def worker(self) -> str | None: ...


class Tally:
    """How many jobs ended, today and in all.

    Attributes:
        day_starts_at: the local midnight that today began with, in milliseconds.
    """

    def __init__(self) -> None:
        self.day_starts_at = 0
        self.finished_today = 0
        self.failed_today = 0
        self.finished = 0

    def begin(self, day_starts_at: int, *, finished_today: int, failed_today: int, finished: int) -> None:
        """Take over what the store counted."""
        self.day_starts_at = day_starts_at
        self.finished_today, self.failed_today, self.finished = finished_today, failed_today, finished

    def ended(self, *, failed: bool) -> None:
        """A job ended now."""
        self.finished += 1
        self.finished_today += 1
        self.failed_today += failed

    def summary(self, jobs: Iterable[Standing], *, slots_free: int, storage: Literal["ok", "failing"]) -> Summary:
        """The feed's summary of the jobs in memory; every job that is not terminal is among them."""
        states = [state for state in jobs if not state.status.terminal]
        queued = [state.queued_at for state in states if state.status is Status.QUEUED]
        return Summary(
            running=sum(state.status in (Status.RUNNING, Status.CANCELLING) for state in states),
            queued=len(queued),
            paused=sum(state.status is Status.PAUSED for state in states),
            stalled=sum(state.stalled for state in states),
            lost=sum(state.status is Status.LOST for state in states),
            failed_today=self.failed_today,
            finished_today=self.finished_today,
            day_starts_at=self.day_starts_at,
            finished=self.finished,
            workers=len({state.worker or id(state) for state in states if state.status in ALIVE}),
            slots_free=slots_free,
            oldest_queued_at=min(queued, default=None),
            storage=storage,
        )
