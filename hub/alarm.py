"""The one timer behind all jobs' deadlines."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from hub.held import Held

SUSPENDED_MS = 2_000  # a loop that only hangs falls behind too, but by less


class Alarm:
    """Calls when a job is due; a call that comes early costs nothing.

    Args:
        clock: milliseconds since 1970, running on while the machine is suspended.
        ring: called with each job that is due, by id.
    """

    def __init__(self, clock: Callable[[], int], ring: Callable[[str], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._deadlines: list[tuple[int, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._ahead = self._lead()

    def set(self, held: Held) -> None:
        """See to it that a job is called for when it is due."""
        at = held.job.next_deadline
        if at is None or (held.deadline is not None and held.deadline <= at):
            return
        held.deadline = at
        heapq.heappush(self._deadlines, (at, held.id))
        self._arm()

    def rings_for(self, held: Held) -> bool:
        """Whether a call is the one a job waits for, not one that an earlier time was set after."""
        return held.deadline is not None and held.deadline <= self._clock()

    def slept_ms(self) -> int:
        """Milliseconds for which this machine was suspended since the last time this was asked.

        The loop's own time stands still meanwhile, the clock does not; so its timer is set anew.
        """
        before, self._ahead = self._ahead, self._lead()
        slept = self._ahead - before
        if slept < SUSPENDED_MS:
            return 0
        self._arm()
        return slept

    def stop(self) -> None:
        """Call no more."""
        self._deadlines.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _lead(self) -> int:
        return self._clock() - round(self._loop.time() * 1000)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deadlines:
            delay_s = max(self._deadlines[0][0] - self._clock(), 0) / 1000
            self._timer = self._loop.call_later(delay_s, self._call)

    def _call(self) -> None:
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            self._ring(heapq.heappop(self._deadlines)[1])
        self._arm()
