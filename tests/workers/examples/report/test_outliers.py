"""The modified z-score finds what does not belong, and nothing where all is the same."""

import pytest

from workers.examples.report.outliers import LIMIT, scores


def test_scores_are_distances_from_the_median_in_median_deviations() -> None:
    assert scores([1, 2, 3, 4, 100]) == pytest.approx([-1.349, -0.6745, 0, 0.6745, 65.4265])


def test_many_outliers_do_not_hide_each_other() -> None:
    values = [10.0, 11, 9, 10, 12, 8, 10, 500, 600, 700]
    assert [value for value, score in zip(values, scores(values), strict=True) if abs(score) > LIMIT] == [500, 600, 700]


def test_where_most_values_are_the_same_there_is_no_score() -> None:
    assert scores([5, 5, 5, 9]) == [0, 0, 0, 0]


def test_no_values_have_no_scores() -> None:
    assert scores([]) == []
