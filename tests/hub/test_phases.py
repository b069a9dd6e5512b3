"""Phases: which is meant, what they weigh, how far the whole is."""

from __future__ import annotations

import pytest

from hub.errors import Invalid
from hub.phases import MOST, again, begin, finish, fraction, fresh, go_to, place_after, plan, weighed, weights
from hub.view import Curve, Phase
from tests.hub.made import usual


def named(*names: str) -> list[Phase]:
    return [Phase(name=name) for name in names]


def begun(*names: str) -> list[Phase]:
    return [Phase(name=name, started_at=1) for name in names]


def done(name: str, **fields: object) -> Phase:
    return Phase(name=name, started_at=1, finished_at=2, **fields)  # type: ignore[arg-type]


# ── Plans ─────────────────────────────────────────────────────────────────────


def test_a_plan_keeps_what_has_begun_and_takes_the_rest() -> None:
    phases = [*begun("a"), *named("b")]
    planned = plan(phases, named("a", "x"), None)
    assert [p.name for p in planned] == ["a", "x"]
    assert planned[0] is phases[0]


def test_a_declared_phase_takes_name_total_unit_and_weight_and_nothing_else() -> None:
    declared = Phase(name="a", done=3, total=9, unit="x", weight=0.5, started_at=1, finished_at=2, typical=usual(1))
    assert plan([], [declared], None) == [Phase(name="a", total=9, unit="x", weight=0.5)]


def test_of_two_phases_of_one_name_the_second_is_still_to_come() -> None:
    assert [p.started_at for p in plan(begun("a"), named("a", "a"), None)] == [1, None]


def test_a_plan_knows_the_usual_durations() -> None:
    history = Curve(phases={"a": usual(5)})
    assert [p.typical for p in plan([], named("a", "b"), history)] == [usual(5), None]


def test_a_plan_is_bounded() -> None:
    names = [f"p{i}" for i in range(MOST)]
    assert len(plan([], named(*names), None)) == MOST
    with pytest.raises(Invalid, match="phases: expected at most 100 phases, got 101"):
        plan(begun("a"), named(*names), None)


def test_what_an_earlier_attempt_did_of_a_phase_stays_in_a_plan() -> None:
    before = again([done("a"), Phase(name="b", started_at=3, done=7)])
    assert [(p.done, p.finished_at) for p in plan(before, named("a", "b"), None)] == [(0, 2), (7, None)]


def test_a_phase_is_found_again_in_a_new_plan() -> None:
    current = begun("b")[0]
    planned = [*begun("b"), current, *named("b")]
    assert place_after(current, planned) == 1
    assert place_after(named("b")[0], planned) == 2
    assert place_after(named("x")[0], planned) is None


# ── Beginning ─────────────────────────────────────────────────────────────────


def test_the_declared_phase_of_that_name_is_meant() -> None:
    phases, current = begin(named("a", "b"), None, Phase(name="b", started_at=5), None)
    assert (current, phases[1].started_at, phases[0].started_at) == (1, 5, None)


def test_a_declared_phase_that_has_begun_is_not_meant() -> None:
    phases, current = begin(begun("a"), 0, Phase(name="a", started_at=5), None)
    assert ([p.started_at for p in phases], current, phases[0].finished_at) == ([1, 5], 1, 5)


def test_a_phase_that_was_not_declared_comes_after_the_current_one() -> None:
    phases, current = begin([*begun("a", "b"), *named("c")], 0, Phase(name="x", started_at=5), None)
    assert ([p.name for p in phases], current) == (["a", "b", "x", "c"], 2)


def test_a_phase_that_was_not_declared_comes_last_when_none_is_current() -> None:
    phases, current = begin(named("a"), None, Phase(name="x", started_at=5), Curve(phases={"x": usual(3)}))
    assert ([p.name for p in phases], current, phases[1].typical) == (["a", "x"], 1, usual(3))


def test_what_was_declared_stands_unless_given_anew() -> None:
    declared = [Phase(name="a", total=5, unit="x")]
    kept, _ = begin(declared, None, Phase(name="a", started_at=1), None)
    assert (kept[0].total, kept[0].unit) == (5, "x")
    given, _ = begin(declared, None, Phase(name="a", total=7, unit="y", started_at=1), None)
    assert (given[0].total, given[0].unit) == (7, "y")
    assert declared[0].started_at is None


def test_beginning_is_bounded() -> None:
    full = named(*[f"p{i}" for i in range(MOST)])
    begin(full, None, Phase(name="p3", started_at=1), None)
    with pytest.raises(Invalid, match="name: expected at most 100"):
        begin(full, None, Phase(name="x", started_at=1), None)


def test_what_has_ended_does_not_end_again() -> None:
    phases, _ = begin([done("a")], 0, Phase(name="b", started_at=9), None)
    assert phases[0].finished_at == 2


def test_a_phase_that_only_an_earlier_attempt_began_is_not_ended_by_another() -> None:
    phases, current = begin(again([done("a"), *begun("b")]), 1, Phase(name="a", started_at=9), None)
    assert (current, phases[0].started_at, phases[0].finished_at, phases[1].finished_at) == (0, 9, None, None)


def test_going_to_a_phase_starts_it_and_ends_the_one_before() -> None:
    phases = go_to([*begun("a"), *named("b")], 0, 1, 7)
    assert (phases[0].finished_at, phases[1].started_at) == (7, 7)


def test_going_to_a_phase_that_has_begun_changes_no_phase() -> None:
    phases = begun("a", "b")
    assert go_to(phases, 1, 0, 7) is phases


def test_going_on_with_the_phase_of_an_earlier_attempt_starts_it() -> None:
    phases = go_to(again([Phase(name="a", started_at=1, done=4)]), 0, 0, 7)
    assert (phases[0].started_at, phases[0].finished_at, phases[0].done) == (7, None, 4)


def test_a_fresh_phase_has_only_what_was_declared() -> None:
    assert fresh(done("a", done=3, total=5)) == Phase(name="a", total=5)
    assert finish(Phase(name="a"), 3).finished_at == 3


# ── Weights and the fraction ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([], []),
        (named("a", "b"), [0.5, 0.5]),
        ([Phase(name="a", typical=usual(1)), Phase(name="b", typical=usual(3))], [0.25, 0.75]),
        ([Phase(name="a", typical=usual(1)), Phase(name="b", weight=0.2)], [0.8, 0.2]),
        ([Phase(name="a", typical=usual(0)), Phase(name="b", typical=usual(0))], [0.5, 0.5]),
        ([Phase(name="a", weight=0.2), Phase(name="b"), Phase(name="c")], [0.2, 0.4, 0.4]),
        ([Phase(name="a", weight=1.0), Phase(name="b")], [0.5, 0.5]),
        ([Phase(name="a", weight=0.0), Phase(name="b", weight=0.0)], [0.5, 0.5]),
        ([Phase(name="a", weight=0.9), Phase(name="b", weight=0.9)], [0.5, 0.5]),
    ],
)
def test_shares_sum_to_one(phases: list[Phase], expected: list[float]) -> None:
    assert weights(phases) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("phases", "current", "done_", "total", "expected"),
    [
        ([], None, 1, 4, 0.25),
        ([], None, 5, 4, 1.0),
        ([], None, 5, None, None),
        ([], None, None, 4, None),
        ([], None, 0, 0, None),
        (named("a", "b"), None, None, None, 0.0),
        (begun("a"), 0, 3, None, None),
        (begun("a", "b"), 0, 3, None, 0.0),
        ([done("a"), *begun("b")], 1, 1, 2, 0.75),
        ([done("a"), done("b")], 1, 1, 2, 1.0),
        ([done("a"), done("b")], 0, 1, 2, 1.0),
    ],
)
def test_the_fraction_is_the_whole_jobs(
    phases: list[Phase], current: int | None, done_: int | None, total: int | None, expected: float | None
) -> None:
    assert fraction(phases, current, done_, total) == expected


def test_a_phase_that_brings_its_weight_keeps_it_though_no_plan_names_it() -> None:
    phases, index = begin([], None, Phase(name="Load", weight=0.4, started_at=1), None)
    assert (phases[index].name, phases[index].weight) == ("Load", 0.4)


def test_phases_are_shown_with_the_shares_that_the_fraction_is_made_of() -> None:
    phases = [Phase(name="a", weight=0.5), Phase(name="b"), Phase(name="c")]
    shown = weighed(phases)
    assert [phase.weight for phase in shown] == weights(phases) == [0.5, 0.25, 0.25]
    assert phases[1].weight is None
