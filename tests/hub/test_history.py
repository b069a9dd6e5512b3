"""What earlier runs of a kind say."""

from __future__ import annotations

import pytest

from hub.history import CURVE_POINTS, PastRuns, curve_of, eta_error, percentile, typical

FLAT = [0.5] * CURVE_POINTS


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.9, 7.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([0.0, 10.0], 0.1, 1.0), ([1.0, 2.0], 1.0, 2.0)],
)
def test_a_percentile_lies_between_the_closest_ranks(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == pytest.approx(expected)


def test_fewer_than_three_runs_say_nothing() -> None:
    assert typical([1.0, 2.0]) is None
    usual = typical([1.0, 2.0, 3.0])
    assert usual is not None
    assert usual.runs == 3
    assert (usual.p10_s, usual.p50_s, usual.p90_s) == pytest.approx((1.2, 2.0, 2.8))


def test_a_steady_run_has_a_straight_curve() -> None:
    curve = curve_of([(2.0, 0.2), (5.0, 0.5), (8.0, 0.8)], 10.0)
    assert curve == pytest.approx([(step + 1) / CURVE_POINTS for step in range(CURVE_POINTS)])


def test_a_curve_ends_at_one_and_follows_the_work() -> None:
    curve = curve_of([(1.0, 0.9), (9.0, 0.9)], 10.0)
    assert (len(curve), curve[-1]) == (CURVE_POINTS, 1.0)
    assert curve[15] == pytest.approx(0.9)


def test_a_trail_that_outlasts_the_run_still_ends_at_one() -> None:
    assert curve_of([(1.0, 0.5), (3.0, 0.9), (3.0, 0.95)], 2.0)[-1] == 1.0
    assert curve_of([(1.0, 0.5), (1.0, 0.6)], 1.0)[-1] == 1.0


@pytest.mark.parametrize(("trail", "elapsed"), [([], 9.0), ([(1.0, 0.5)], 9.0), ([(0.0, 0.1), (0.0, 0.2)], 0.0)])
def test_a_run_of_which_too_little_was_seen_has_no_curve(trail: list[tuple[float, float]], elapsed: float) -> None:
    assert curve_of(trail, elapsed) == []


def test_a_kind_without_runs_says_nothing() -> None:
    past = PastRuns()
    assert (past.typical, past.stop_p50_s, past.phases, past.curve, past.as_curve()) == (None, None, {}, [], None)


def test_three_runs_say_how_long_a_kind_and_its_phases_take() -> None:
    runs = [(float(n), {"a": float(n), **({"b": 1.0} if n > 1 else {})}, FLAT if n != 2 else []) for n in (1, 2, 3)]
    past = PastRuns(runs, [4.0, 2.0])
    assert past.stop_p50_s == 3.0
    assert past.curve == FLAT
    assert set(past.phases) == {"a"}
    curve = past.as_curve()
    assert curve is not None
    assert curve.typical is not None
    assert (curve.typical.p50_s, curve.phases["a"].p50_s, curve.fractions) == (2.0, 2.0, FLAT)


def test_a_curve_of_fewer_than_three_runs_is_not_used() -> None:
    assert PastRuns([(1.0, {}, FLAT)]).curve == []


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([(2.0, 8.0)], 0.0),
        ([(4.0, 6.0), (5.0, 10.0)], 1.0),  # said: the end is at 15; it was at 10, when 5 s were left
        ([(1.0, 4.0), (6.0, 4.0)], 1.0),  # what is said later than half-way does not count
        ([(6.0, 4.0)], None),
        ([], None),
    ],
)
def test_the_error_of_an_end_predicted_half_way_is_a_share_of_the_time_then_left(
    predictions: list[tuple[float, float]], expected: float | None
) -> None:
    assert eta_error(predictions, 10.0) == expected


def test_a_run_that_took_no_time_has_no_error() -> None:
    assert eta_error([(0.0, 1.0)], 0.0) is None
