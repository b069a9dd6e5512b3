"""How much somebody may still ask for."""

from __future__ import annotations

import pytest

from hub.rate import Allowance, Allowances


def test_what_was_saved_up_may_be_spent_at_once() -> None:
    allowance = Allowance(per_s=2, most=4)
    assert [allowance.may(1, 0) for _ in range(5)] == [True] * 4 + [False]
    assert allowance.wait_s(1) == 0.5
    assert allowance.may(1, 500)


def test_no_more_than_the_most_is_saved_up() -> None:
    allowance = Allowance(per_s=2, most=4)
    allowance.may(1, 0)
    assert allowance.wait_s(4) == 0.5
    assert not allowance.may(5, 1_000_000)
    assert allowance.may(4, 1_000_000)


def test_what_is_overspent_has_to_be_waited_for() -> None:
    allowance = Allowance(per_s=10, most=10)
    assert allowance.take(10, 0) == 0
    assert allowance.take(5, 0) == 0.5
    assert allowance.take(5, 500) == pytest.approx(0.5)
    assert allowance.take(0, 1_000) == 0


def test_a_refused_wish_costs_nothing() -> None:
    allowance = Allowance(per_s=1, most=1)
    assert not allowance.may(2, 0)
    assert allowance.may(1, 0)


def test_time_that_goes_back_gives_nothing() -> None:
    allowance = Allowance(per_s=1, most=2)
    assert allowance.may(2, 1_000)
    assert not allowance.may(1, 0)
    assert not allowance.may(1, 1_000)
    assert allowance.may(1, 2_000)


def test_each_client_has_an_allowance_of_its_own() -> None:
    allowances = Allowances(per_s=1, most=1)
    assert allowances.wait_s("ada", 0) == 0
    assert allowances.wait_s("ada", 0) == 1
    assert allowances.wait_s("bob", 0) == 0


def test_the_client_that_was_not_seen_longest_is_forgotten_first() -> None:
    allowances = Allowances(per_s=1, most=1, remembered=2)
    for client in ("ada", "bob", "ada", "cyd"):
        allowances.wait_s(client, 0)
    assert allowances.wait_s("ada", 0) > 0
    assert allowances.wait_s("bob", 0) == 0
