"""Rate and time left: samples and history in; rate, eta and an interval out.

The first estimator: the mean rate over the last 10 s of advancing, and the remaining work over it.
Pure: times are arguments, in seconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from hub.view import SAFE, Curve, Number, Phase

WINDOW_S = 10.0  # long enough to be steady, short enough to follow a change of pace
LEAST_SPAN_S = 1.0  # a rate over less is noise
APART_S = 0.1  # samples closer than this are one: so many reports a second cost no more than ten
BUCKET_S = 1.0  # the spread of the rate is taken between seconds
Z90 = 1.2816  # 90th percentile of the standard normal distribution


class Estimator:
    """Estimates one attempt of one job.

    Args:
        total: work of the whole job where it has no phases, in its unit; None when unknown.
        phases: the job's phases in order, as known so far; the list is read, never changed.
        history: what earlier runs of the kind say, or None.
    """

    def __init__(self, total: Number | None, phases: Sequence[Phase], history: Curve | None) -> None:
        self._total = total
        self._phases = phases
        self._history = history
        self._phase: int | None = None
        self._points: deque[tuple[float, Number]] = deque()

    def update(self, now: float, done: Number, phase: int | None, total: Number | None) -> None:
        """Take a sample.

        Args:
            now: seconds on any clock that does not go back.
            done: work done in the current phase.
            phase: its index, or None.
            total: work of the current phase, None when unknown.
        """
        self._total = total
        if phase != self._phase or (self._points and done < self._points[-1][1]):
            self._phase = phase
            self._points.clear()
        if not self._points or done > self._points[-1][1]:
            if len(self._points) > 1 and self._points[-1][0] - self._points[-2][0] < APART_S:
                self._points.pop()
            self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] < now - WINDOW_S:
            self._points.popleft()

    def rate(self, now: float) -> float | None:
        """Mean work per second over the last 10 s of advancing; None while there is too little to tell."""
        if len(self._points) < 2:
            return None
        (first_at, first), (last_at, last) = self._points[0], self._points[-1]
        span = last_at - first_at
        return (last - first) / span if span >= LEAST_SPAN_S else None

    def eta(self, now: float) -> float | None:
        """Seconds left for the whole job; None when it cannot be known."""
        return self._left(self.rate(now))

    def interval(self, now: float) -> tuple[float, float] | None:
        """The 10th and 90th percentile of the seconds left, from the spread of the rate between seconds.

        The rate's standard error is taken over one-second means and treated as normal.
        """
        rate = self.rate(now)
        error = self._standard_error()
        if rate is None or error is None:
            return None
        slow = rate - Z90 * error
        low = self._left(rate + Z90 * error)
        high = self._left(slow) if slow > 0 else None
        return (low, high) if low is not None and high is not None else None

    def _left(self, rate: float | None) -> float | None:
        if not rate or self._total is None or not self._points:
            return None
        here = max(self._total - self._points[-1][1], 0) / rate
        later = self._later(rate, self._total / rate)
        left = None if later is None else here + later
        return left if left is not None and left <= SAFE else None

    def _later(self, rate: float, this_phase_s: float) -> float | None:
        """Seconds for the phases after this one; None when one of them cannot be told."""
        if self._phase is None:
            return 0.0
        current = self._phases[self._phase]
        seconds = 0.0
        for phase in self._phases[self._phase + 1 :]:
            if phase.finished_at is not None:
                continue  # gone back to an earlier one
            one = self._whole(phase, current, rate, this_phase_s)
            if one is None:
                return None
            seconds += one
        return seconds

    def _whole(self, phase: Phase, current: Phase, rate: float, this_phase_s: float) -> float | None:
        """Seconds of a phase not begun: as usual, by the same unit's rate, or by declared weight."""
        usual = self._history.phases.get(phase.name) if self._history else None
        if usual is not None:
            return usual.p50_s
        if phase.total is not None and phase.unit is not None and phase.unit == current.unit:
            return phase.total / rate
        if phase.weight is not None and current.weight:
            return this_phase_s * phase.weight / current.weight
        return None

    def _standard_error(self) -> float | None:
        means = self._second_means()
        if len(means) < 3:
            return None
        mean = sum(means) / len(means)
        variance = sum((value - mean) ** 2 for value in means) / (len(means) - 1)
        return math.sqrt(variance / len(means))

    def _second_means(self) -> list[float]:
        """Rates between points that lie at least a second apart."""
        means: list[float] = []
        from_at, from_done = self._points[0] if self._points else (0.0, 0)
        for at, done in self._points:
            if at - from_at >= BUCKET_S:
                means.append((done - from_done) / (at - from_at))
                from_at, from_done = at, done
        return means
