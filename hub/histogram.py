"""How often a measured value lay below which bound: a histogram as Prometheus counts it. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class Histogram:
    """Counts values by bounds.

    Args:
        bounds: upper bounds, inclusive, ascending; whatever lies above the last is counted, too.

    Attributes:
        sum: of all values.
        count: how many there were.
    """

    __slots__ = ("_bounds", "_counts", "count", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * len(self._bounds)
        self.sum = 0.0
        self.count = 0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.sum += value
        self.count += 1
        for place, bound in enumerate(self._bounds):
            if value <= bound:
                self._counts[place] += 1
                return

    def buckets(self) -> list[tuple[str, float]]:
        """(bound, how many values were at most that), ending with `+Inf` and all of them."""
        told: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip(self._bounds, self._counts, strict=True):
            below += count
            told.append((repr(float(bound)), below))
        return [*told, ("+Inf", self.count)]
