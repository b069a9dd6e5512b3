"""The time of day that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable

NS_PER_MS = 1_000_000


def uptime_ns() -> int:
    """Nanoseconds that pass evenly, through suspension too."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns()


class Clock:
    """Milliseconds since 1970: read from the system once, counted on evenly from there.

    Args:
        wall_ns: the system's idea of the time.
        even_ns: a clock that nobody sets.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, even_ns: Callable[[], int] = uptime_ns) -> None:
        self._even_ns = even_ns
        self._offset_ns = wall_ns() - even_ns()

    def now(self) -> int:
        """Milliseconds since 1970; never less than before."""
        return (self._even_ns() + self._offset_ns) // NS_PER_MS
