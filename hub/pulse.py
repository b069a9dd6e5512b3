"""How late the loop calls: what everybody waits for whom the hub serves."""

from __future__ import annotations

import asyncio

from hub.histogram import Histogram

LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
RECENT_S = 60.0  # what is the worst of the last minute, or of the one before, is what stands for now


class Pulse:
    """Asks to be called at a steady pace, and notes by how much the call comes late.

    Args:
        interval_s: between two calls.

    Attributes:
        lag: seconds by which the loop was late, each time.
    """

    def __init__(self, interval_s: float) -> None:
        self.lag = Histogram(LAG_BOUNDS)
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._minute_at = self._loop.time()
        self._worst = self._worst_before = 0.0

    @property
    def worst_s(self) -> float:
        """The longest that a call was late in the last one to two minutes."""
        return max(self._worst, self._worst_before)

    def begin(self) -> None:
        """Measure from now on."""
        self._timer = self._loop.call_at(self._loop.time() + self._interval_s, self._beat)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        assert self._timer is not None, "the timer is what calls"
        now = self._loop.time()
        self.felt(max(now - self._timer.when(), 0.0), now)
        self.begin()

    def felt(self, late_s: float, now: float) -> None:
        """A call came late, at `now` of the loop's time."""
        self.lag.observe(late_s)
        if now - self._minute_at >= RECENT_S:
            self._minute_at = now
            self._worst_before, self._worst = self._worst, 0.0
        self._worst = max(self._worst, late_s)
