"""Holt's linear method against values worked out by hand, and its interval against what it promises."""

import random

import pytest

from workers.examples.report.forecast import begin, fit, forecast, mean_error, smooth, walk


def test_one_step_of_the_method_as_the_book_gives_it() -> None:
    result = smooth([10.0, 12.0, 15.0], alpha=0.5, beta=0.4)
    # level 10, trend 2.5: 12.5 expected, 12 came; then level 12.25, trend 2.4: 14.65 expected, 15 came
    assert result.errors == pytest.approx([-0.5, 0.35])
    assert (result.level, result.trend) == pytest.approx((14.825, 2.47))
    assert result.ahead(2) == pytest.approx([17.295, 19.765])


def test_walking_is_smoothing_the_other_way_round() -> None:
    series = [10.0, 12.0, 15.0, 11.0, 18.0]
    errors = smooth(series, alpha=0.35, beta=0.2).errors
    assert [series[0], *walk(*begin(series), 0.35, 0.2, errors)] == pytest.approx(series)


def test_a_straight_line_is_continued() -> None:
    line = [100.0 + 7 * month for month in range(24)]
    assert fit(line).ahead(3) == pytest.approx([268, 275, 282])


def test_a_falling_series_does_not_go_below_nothing() -> None:
    assert fit([50.0 - 10 * month for month in range(6)]).ahead(4) == [0, 0, 0, 0]


def test_the_best_of_all_tried_has_the_least_squared_error() -> None:
    dice = random.Random(1)
    series = [100 + dice.gauss(0, 10) for _ in range(30)]
    best = sum(error * error for error in fit(series).errors)
    assert best <= sum(error * error for error in smooth(series, 0.5, 0.2).errors)


def test_a_straight_line_has_no_interval() -> None:
    result = forecast([100.0 + 7 * month for month in range(24)], 2, 50, random.Random(1), lambda: None)
    assert result.low == pytest.approx(result.expected)
    assert result.high == pytest.approx(result.expected)


def test_the_interval_holds_about_eight_of_ten_outcomes() -> None:
    dice = random.Random(5)
    held = 0
    for _ in range(60):
        series = [200 + 3 * month + dice.gauss(0, 15) for month in range(37)]
        result = forecast(series[:36], 1, 60, dice, lambda: None)
        held += result.low[0] <= series[36] <= result.high[0]
    assert 39 <= held <= 57  # of 60; 48 are meant, and 3.1 is the standard deviation of that


def test_every_resample_is_a_step_and_the_same_dice_give_the_same_forecast() -> None:
    steps: list[int] = []
    series = [float(number * number % 17) for number in range(20)]
    first = forecast(series, 3, 40, random.Random("x"), lambda: steps.append(1))
    assert len(steps) == 40
    assert forecast(series, 3, 40, random.Random("x"), lambda: None) == first
    assert all(low <= high for low, high in zip(first.low, first.high, strict=True))


def test_the_trial_compares_with_the_last_known_month() -> None:
    holt, naive = mean_error([10.0 * month for month in range(1, 13)], 2)
    assert holt == pytest.approx(0)
    assert naive == pytest.approx(15 / 115)
