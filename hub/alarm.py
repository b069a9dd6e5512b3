"""The one timer behind all jobs' deadlines."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from hub.held import Held

PULSE_S = 1.0  # how often the loop is seen to run
ABSENT_MS = 3_000  # a loop that is merely busy falls behind too, but by less


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
        self._seen_at = clock()
        self._pulse = self._loop.call_later(PULSE_S, self._beat)

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
        """Milliseconds for which nobody could be heard, up to now and not told before.

        The machine was suspended, this process was stopped, or the loop hung. In the first case the loop's own time
        stood still, which the clock did not; so its timer is set anew.
        """
        before, self._seen_at = self._seen_at, self._clock()
        slept = self._seen_at - before
        if slept < ABSENT_MS:
            return 0
        self._arm()
        return slept

    def stop(self) -> None:
        """Call no more."""
        self._deadlines.clear()
        self._pulse.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        """The loop runs. An absence is left for whoever asks."""
        if self._clock() - self._seen_at < ABSENT_MS:
            self._seen_at = self._clock()
        self._pulse = self._loop.call_later(PULSE_S, self._beat)

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
