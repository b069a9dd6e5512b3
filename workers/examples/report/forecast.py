"""Holt's linear method, with an interval from a bootstrap.

Sources: C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages" (1957), as given by
Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, sections 8.2 and 8.5, and 5.5 for
continuations with errors drawn anew; refitting for each of them, so that doubt about the parameters counts too, after
Pascual, Romo and Ruiz, "Bootstrap predictive inference for ARIMA processes" (2004).
"""

import random
import statistics
from collections.abc import Callable

from msgspec import Struct

ALPHAS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75)  # how fast the level follows
BETAS = (0.01, 0.05, 0.1, 0.2, 0.4)  # how fast the trend follows
START_MONTHS = 6  # the first trend is the mean step over these
LOW, HIGH = 0.1, 0.9  # ends of the interval: it is meant to hold 8 of 10 outcomes


class Fit(Struct, frozen=True):
    """Holt's method after the last month of a series.

    Attributes:
        level: where the series stands.
        trend: step to the next month.
        errors: of each month but the first: what came, minus what was expected one month before.
        alpha: smoothing of the level.
        beta: smoothing of the trend.
    """

    level: float
    trend: float
    errors: list[float]
    alpha: float
    beta: float

    def ahead(self, months: int) -> list[float]:
        """The next `months` values; amounts do not fall below 0."""
        return [max(0.0, self.level + step * self.trend) for step in range(1, months + 1)]


class Forecast(Struct, frozen=True):
    """The months to come: expected value, and the ends of its interval."""

    expected: list[float]
    low: list[float]
    high: list[float]


def begin(series: list[float]) -> tuple[float, float]:
    """Level and trend at the first month."""
    steps = min(START_MONTHS, len(series) - 1)
    return series[0], (series[steps] - series[0]) / steps


def smooth(series: list[float], alpha: float, beta: float) -> Fit:
    """Run the method over a series of two values or more."""
    level, trend = begin(series)
    errors = []
    for value in series[1:]:
        expected = level + trend
        error = value - expected
        level = expected + alpha * error
        trend += alpha * beta * error  # the error-correction form, section 8.5
        errors.append(error)
    return Fit(level=level, trend=trend, errors=errors, alpha=alpha, beta=beta)


def walk(level: float, trend: float, alpha: float, beta: float, errors: list[float]) -> list[float]:
    """The series that the method sees when those errors come: `smooth` the other way round."""
    values = []
    for error in errors:
        values.append(level + trend + error)
        level += trend + alpha * error
        trend += alpha * beta * error
    return values


def fit(series: list[float]) -> Fit:
    """The method with those of `ALPHAS` and `BETAS` that leave the least squared error."""
    return min(
        (smooth(series, alpha, beta) for alpha in ALPHAS for beta in BETAS),
        key=lambda candidate: sum(error * error for error in candidate.errors),
    )


def forecast(
    series: list[float], months: int, resamples: int, dice: random.Random, step: Callable[[], None]
) -> Forecast:
    """Forecast a series, with an interval for both what is to come and what the fit may have got wrong.

    For each resample a history that could have been is drawn and fitted; what that fit makes of the real history is
    continued with errors drawn anew. The interval leaves out a tenth of the continuations at either end.

    Args:
        series: one value a month.
        months: how far to look ahead.
        resamples: histories to draw; more of them make a steadier interval.
        dice: where errors are drawn from.
        step: called after each resample.
    """
    best = fit(series)
    paths = []
    for _ in range(resamples):
        other = walk(*begin(series), best.alpha, best.beta, drawn(best.errors, len(series) - 1, dice))
        guess = fit([series[0], *other])
        now = smooth(series, guess.alpha, guess.beta)
        paths.append(walk(now.level, now.trend, now.alpha, now.beta, drawn(now.errors, months, dice)))
        step()
    by_month = [sorted(max(0.0, value) for value in values) for values in zip(*paths, strict=True)]
    return Forecast(
        expected=best.ahead(months),
        low=[values[int(LOW * (resamples - 1))] for values in by_month],
        high=[values[int(HIGH * (resamples - 1))] for values in by_month],
    )


def drawn(errors: list[float], count: int, dice: random.Random) -> list[float]:
    """So many errors, drawn with replacement, after their mean is taken out: a draw must not add a trend."""
    middle = statistics.fmean(errors)
    return [error - middle for error in dice.choices(errors, k=count)]


def mean_error(series: list[float], months: int) -> tuple[float, float]:
    """How far off the method would have been over the last `months`, and how far "as last month" would have been.

    Returns both as mean absolute errors, in parts of the months' mean amount (0.1: 10 % off).
    """
    known, came = series[:-months], series[-months:]
    scale = statistics.fmean(came) or 1.0
    holt = statistics.fmean(abs(a - b) for a, b in zip(fit(known).ahead(months), came, strict=True))
    naive = statistics.fmean(abs(known[-1] - value) for value in came)
    return holt / scale, naive / scale
