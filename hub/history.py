"""What earlier runs of a kind say: usual durations, the curve of progress, how long a stop takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hub.view import Curve, Typical

LEAST_RUNS = 3  # fewer say nothing about the next one
CURVE_POINTS = 32


def percentile(values: Sequence[float], share: float) -> float:
    """Linear interpolation between closest ranks (method 7 of Hyndman and Fan, 1996).

    Args:
        values: at least one.
        share: 0 to 1.
    """
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def typical(seconds: Sequence[float]) -> Typical | None:
    """The usual duration, or None with fewer than 3 runs."""
    if len(seconds) < LEAST_RUNS:
        return None
    return Typical(
        runs=len(seconds),
        p10_s=percentile(seconds, 0.1),
        p50_s=percentile(seconds, 0.5),
        p90_s=percentile(seconds, 0.9),
    )


def curve_of(trail: Sequence[tuple[float, float]], elapsed_s: float) -> list[float]:
    """A run's fraction of work at 32 equal steps of its time, or nothing where too little was seen.

    Args:
        trail: (seconds since the start, fraction of work), in order of time.
        elapsed_s: how long the run took.
    """
    if len(trail) < 2 or elapsed_s <= 0:
        return []
    points = [(0.0, 0.0), *((at, done) for at, done in trail if at < elapsed_s), (elapsed_s, 1.0)]
    curve: list[float] = []
    index = 0
    for step in range(1, CURVE_POINTS + 1):
        at = elapsed_s * step / CURVE_POINTS
        while index < len(points) - 2 and points[index + 1][0] < at:
            index += 1
        (left_at, left), (right_at, right) = points[index], points[index + 1]
        share = (at - left_at) / (right_at - left_at)  # left_at < at <= right_at
        curve.append(left + (right - left) * share)
    return curve


def eta_error(predictions: Sequence[tuple[float, float]], elapsed_s: float) -> float | None:
    """By how much the time left was misjudged half-way through a run that succeeded.

    The absolute percentage error (Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006, 3.2)
    as a share, of the end that was predicted last before half of the time had passed, against the time that was then
    really left: `|at + eta - elapsed| / (elapsed / 2)`. 0 is exact, 1 means that it was wrong by as much as was left.

    Args:
        predictions: (seconds since the start, seconds left as it was told then), in order of time.
        elapsed_s: how long the run took, time queued or paused left out.

    Returns:
        the share, or None where nothing was predicted by then.
    """
    half_s = elapsed_s / 2
    before = [(at, eta) for at, eta in predictions if at <= half_s]
    if not before or half_s <= 0:
        return None
    at, eta = before[-1]
    return abs(at + eta - elapsed_s) / half_s


class PastRuns:
    """What is known of one kind.

    Args:
        succeeded: newest first: (elapsed_s, seconds by phase, curve) of each run that succeeded.
        stops: seconds from cancel to end of runs that were cancelled.
    """

    def __init__(
        self, succeeded: Sequence[tuple[float, dict[str, float], list[float]]] = (), stops: Sequence[float] = ()
    ) -> None:
        self.typical = typical([elapsed for elapsed, _, _ in succeeded])
        self.stop_p50_s = percentile(stops, 0.5) if stops else None
        names = {name for _, phases, _ in succeeded for name in phases}
        by_phase = {name: typical([p[name] for _, p, _ in succeeded if name in p]) for name in sorted(names)}
        self.phases = {name: value for name, value in by_phase.items() if value is not None}
        curves = [curve for _, _, curve in succeeded if len(curve) == CURVE_POINTS]
        self.curve = [percentile(points, 0.5) for points in zip(*curves, strict=True)] if self.typical else []

    def as_curve(self) -> Curve | None:
        """What a rate and ETA estimator may use, or None while there is nothing."""
        if self.typical is None:
            return None
        return Curve(typical=self.typical, phases=self.phases, fractions=self.curve)
