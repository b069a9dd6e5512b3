"""When to try again: full jitter, 0.25 s doubling to 20 s.

Source: Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.25
LONGEST_S = 20.0


class Backoff:
    """Waits between attempts at the same thing.

    Args:
        random: evenly spread from 0 up to, and without, 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._ceiling_s = FIRST_S

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        wait_s = self._random() * self._ceiling_s
        self._ceiling_s = min(self._ceiling_s * 2, LONGEST_S)
        return wait_s

    def reset(self) -> None:
        """It worked: begin anew."""
        self._ceiling_s = FIRST_S
