"""Outliers by the modified z-score.

Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): 0.6745 × distance from the median, over the
median absolute deviation; beyond 3.5 is an outlier. Median and deviation are not moved by what they are to find.
"""

import statistics
from collections.abc import Sequence

LIMIT = 3.5
TO_NORMAL = 0.6745  # makes the score that of a standard deviation, for normally spread values


def scores(values: Sequence[float]) -> list[float]:
    """The modified z-score of each value; all 0 where half of the values or more are the same."""
    if not values:
        return []
    middle = statistics.median(values)
    deviation = statistics.median(abs(value - middle) for value in values)
    if deviation == 0:
        return [0.0] * len(values)
    return [TO_NORMAL * (value - middle) / deviation for value in values]
