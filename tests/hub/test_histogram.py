"""Values counted by bounds."""

from __future__ import annotations

import pytest

from hub.histogram import Histogram


def test_nothing_measured_is_told_as_nothing() -> None:
    assert Histogram((0.1, 1.0)).buckets() == [("0.1", 0), ("1.0", 0), ("+Inf", 0)]


def test_a_value_counts_in_its_bucket_and_in_all_above() -> None:
    values = Histogram((0.1, 1, 10))
    for value in (0.05, 0.1, 0.5, 10.0, 99.0):
        values.observe(value)
    assert values.buckets() == [("0.1", 2), ("1.0", 3), ("10.0", 4), ("+Inf", 5)]
    assert values.count == 5
    assert values.sum == pytest.approx(109.65)
