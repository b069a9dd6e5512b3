"""The time of day that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

NS_PER_MS = 1_000_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux: another one each time the machine starts
SAME_MS = 1_000  # a clock that is corrected bit by bit is the same


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


class Mark(Struct, frozen=True):
    """How a clock stood: by how many milliseconds it is ahead of the time since the machine's start."""

    boot: str
    ahead_ms: int


def mark(now: int, boot_id: Path = BOOT_ID) -> Mark | None:
    """How the clock stands that shows `now`; None where the system does not tell one start from another."""
    try:
        return Mark(boot_id.read_text().strip(), now - uptime_ns() // NS_PER_MS)
    except OSError:
        return None


def moved_ms(before: Mark | None, here: Mark | None) -> int:
    """By how much the clock was set, forward or back, since an earlier mark; 0 where nobody can tell."""
    if before is None or here is None or before.boot != here.boot:
        return 0
    moved = here.ahead_ms - before.ahead_ms
    return moved if abs(moved) >= SAME_MS else 0
