"""Rate and time left from samples and history."""

from __future__ import annotations

import pytest

from hub.estimate import APART_S, WINDOW_S, Estimator
from hub.view import Curve, Number, Phase
from tests.hub.made import usual


def fed(*samples: tuple[float, Number], total: Number | None = 100, phases: tuple[Phase, ...] = ()) -> Estimator:
    estimator = Estimator(total, phases, None)
    for at, done in samples:
        estimator.update(at, done, 0 if phases else None, total)
    return estimator


def steady(**given: object) -> Estimator:
    return fed(*[(float(second), 10 * second) for second in range(6)], **given)  # type: ignore[arg-type]


def test_nothing_seen_says_nothing() -> None:
    estimator = Estimator(100, [], None)
    assert (estimator.rate(0), estimator.eta(0), estimator.interval(0)) == (None, None, None)


def test_a_rate_over_less_than_a_second_is_noise() -> None:
    assert fed((0.0, 0), (0.5, 10)).rate(0.5) is None
    assert fed((0.0, 0), (1.0, 10)).rate(1.0) == 10


def test_the_rate_is_the_mean_of_the_last_ten_seconds_of_advancing() -> None:
    samples = [(float(second), second) for second in range(20)] + [
        (20.0 + second, 19 + 5 * second) for second in range(15)
    ]
    estimator = fed(*samples)
    assert estimator.rate(34.0) == pytest.approx(5)
    assert estimator.rate(1_000.0) == pytest.approx(5)  # standing still is not advancing


def test_a_sample_that_did_not_advance_is_no_sample() -> None:
    estimator = fed((0.0, 0), (1.0, 10), (9.0, 10))
    assert estimator.rate(9.0) == 10


def test_the_time_left_is_the_work_left_over_the_rate() -> None:
    assert steady().eta(5.0) == pytest.approx(5)
    assert steady(total=None).eta(5.0) is None
    assert steady(total=20).eta(5.0) == 0


def test_a_steady_rate_has_a_narrow_interval() -> None:
    assert steady().interval(5.0) == pytest.approx((5, 5))


def test_an_unsteady_rate_has_a_wide_interval() -> None:
    low_high = fed((0.0, 0), (1.0, 10), (2.0, 15), (3.0, 30), (4.0, 40)).interval(4.0)
    assert low_high is not None
    assert low_high[0] < 6 < low_high[1]


def test_a_rate_that_may_be_nothing_has_no_interval() -> None:
    assert fed((0.0, 0), (1.0, 1), (2.0, 2), (3.0, 60)).interval(3.0) is None


def test_an_interval_needs_three_seconds() -> None:
    assert fed((0.0, 0), (1.0, 10), (2.0, 20)).interval(2.0) is None


def test_going_back_begins_anew() -> None:
    estimator = fed((0.0, 0), (1.0, 10), (2.0, 5))
    assert estimator.rate(2.0) is None


def test_another_phase_begins_anew() -> None:
    estimator = Estimator(None, [Phase(name="a"), Phase(name="b")], None)
    estimator.update(0, 0, 0, 10)
    estimator.update(1, 10, 0, 10)
    estimator.update(2, 11, 1, 50)
    assert estimator.rate(2) is None


def test_samples_are_bounded_however_many_come() -> None:
    estimator = Estimator(None, [], None)
    for step in range(20_000):
        estimator.update(step / 1_000, step, None, None)
    assert len(estimator._points) <= WINDOW_S / APART_S + 3
    assert estimator.rate(20) == pytest.approx(1_000, rel=0.01)


def test_later_phases_take_as_long_as_usual() -> None:
    phases = (Phase(name="a"), Phase(name="b"))
    estimator = Estimator(None, phases, Curve(phases={"b": usual(30)}))
    estimator.update(0, 0, 0, 100)
    estimator.update(1, 10, 0, 100)
    assert estimator.eta(1) == pytest.approx(39)


def test_later_phases_of_the_same_unit_go_at_the_same_rate() -> None:
    phases = (Phase(name="a", unit="rows"), Phase(name="b", total=50, unit="rows"))
    assert steady(phases=phases).eta(5.0) == pytest.approx(10)


def test_later_phases_take_their_declared_share() -> None:
    phases = (Phase(name="a", weight=0.5), Phase(name="b", weight=0.25), Phase(name="c", weight=0.25))
    assert steady(phases=phases).eta(5.0) == pytest.approx(15)


def test_a_later_phase_of_which_nothing_is_known_leaves_the_time_unknown() -> None:
    assert steady(phases=(Phase(name="a"), Phase(name="b"))).eta(5.0) is None
    assert steady(phases=(Phase(name="a"), Phase(name="b", total=5, unit="files"))).eta(5.0) is None
    assert steady(phases=(Phase(name="a"), Phase(name="b", weight=0.5))).eta(5.0) is None
    assert steady(phases=(Phase(name="a"), Phase(name="b"))).interval(5.0) is None


def test_a_later_phase_that_is_done_takes_no_more_time() -> None:
    assert steady(phases=(Phase(name="a"), Phase(name="b", started_at=1, finished_at=2))).eta(5.0) == pytest.approx(5)


def test_the_last_phase_has_none_after_it() -> None:
    estimator = Estimator(None, [Phase(name="a"), Phase(name="b")], None)
    estimator.update(0, 0, 1, 100)
    estimator.update(1, 10, 1, 100)
    assert estimator.eta(1) == pytest.approx(9)


def test_a_time_beyond_all_numbers_is_unknown() -> None:
    assert fed((0.0, 0), (1.0, 5e-324), total=9e15).eta(1.0) is None
