"""Which queued job starts next, and how many may run at once. Pure."""

from __future__ import annotations


class Schedule:
    """First in, first out, at most so many at once.

    Args:
        jobs_at_once: how many started jobs may be unfinished at a time.
    """

    def __init__(self, jobs_at_once: int) -> None:
        self.jobs_at_once = jobs_at_once
        self._waiting: dict[str, None] = {}
        self._started: set[str] = set()
        self._positions: dict[str, int] | None = None

    def wait(self, job: str) -> None:
        """Put a job at the end of the queue; one that waits already keeps its place."""
        self._started.discard(job)
        self._waiting.setdefault(job)
        self._positions = None

    def resume(self, job: str) -> None:
        """Count a job that was started by a former hub as started."""
        self._waiting.pop(job, None)
        self._started.add(job)
        self._positions = None

    def drop(self, job: str) -> None:
        """The job needs no slot any more: it ended, or was cancelled while it waited."""
        self._waiting.pop(job, None)
        self._started.discard(job)
        self._positions = None

    def next(self) -> str | None:
        """The job to start now, counted as started; None while all slots are taken or nobody waits."""
        if not self._waiting or self.slots_free == 0:
            return None
        job = next(iter(self._waiting))
        self.resume(job)
        return job

    @property
    def slots_free(self) -> int:
        return max(self.jobs_at_once - len(self._started), 0)

    def positions(self) -> dict[str, int]:
        """Each waiting job's place, from 1."""
        if self._positions is None:
            self._positions = {job: place for place, job in enumerate(self._waiting, 1)}
        return self._positions
