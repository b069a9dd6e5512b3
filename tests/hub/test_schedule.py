"""Which queued job starts next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.schedule import Schedule, Wish, moved_up


def queue(slots: int, *jobs: str) -> Schedule:
    schedule = Schedule(slots)
    for job in jobs:
        schedule.wait(job)
    return schedule


def of(kind: str = "k", priority: int = 0, *, child: bool = False) -> Wish:
    return Wish(kind, priority, child)


def starts(schedule: Schedule) -> list[str]:
    """All that start now, in their order."""
    started = []
    while (job := schedule.next()) is not None:
        started.append(job)
    return started


def test_jobs_start_in_the_order_they_came() -> None:
    schedule = queue(2, "a", "b", "c")
    assert [schedule.next(), schedule.next(), schedule.next()] == ["a", "b", None]
    schedule.drop("a")
    assert (schedule.next(), schedule.slots_free) == ("c", 0)


def test_nobody_waits_nobody_starts() -> None:
    assert queue(1).next() is None


def test_a_job_that_waits_already_keeps_its_place() -> None:
    schedule = queue(1, "a", "b")
    schedule.wait("a")
    assert schedule.positions() == {"a": 1, "b": 2}


def test_places_move_up() -> None:
    schedule = queue(1, "a", "b", "c")
    assert schedule.positions() == {"a": 1, "b": 2, "c": 3}
    schedule.next()
    assert schedule.positions() == {"b": 1, "c": 2}
    schedule.drop("b")
    assert schedule.positions() == {"c": 1}
    assert schedule.positions() is schedule.positions()


def test_a_retried_job_waits_at_the_end_and_gives_its_slot_back() -> None:
    schedule = queue(1, "a", "b")
    schedule.next()
    schedule.wait("a")
    assert (schedule.slots_free, schedule.positions()) == (1, {"b": 1, "a": 2})


def test_jobs_that_a_former_hub_started_count_even_beyond_the_limit() -> None:
    schedule = queue(1, "a", "b")
    schedule.resume("a")
    schedule.resume("x")
    assert (schedule.slots_free, schedule.next(), schedule.positions()) == (0, None, {"b": 1})


def test_dropping_a_stranger_is_harmless() -> None:
    schedule = queue(1)
    schedule.drop("a")
    assert schedule.slots_free == 1


def test_the_higher_priority_starts_first_and_within_one_the_first() -> None:
    schedule = Schedule(5)
    for job, priority in (("low", -5), ("a", 0), ("b", 0), ("high", 7), ("low too", -5)):
        schedule.wait(job, of(priority=priority))
    assert schedule.positions() == {"high": 1, "a": 2, "b": 3, "low": 4, "low too": 5}
    assert starts(schedule) == ["high", "a", "b", "low", "low too"]


def test_kinds_of_one_priority_take_turns_as_they_came() -> None:
    schedule = Schedule(9)
    for job in ("a1", "b1", "a2", "b2"):
        schedule.wait(job, of(job[0]))
    assert starts(schedule) == ["a1", "b1", "a2", "b2"]


def test_a_full_kind_is_passed_over_not_waited_for() -> None:
    schedule = Schedule(9, {"gpu": 1})
    for job in ("gpu 1", "gpu 2", "cpu"):
        schedule.wait(job, of(job[:3], priority=3 if job == "gpu 2" else 0))
    assert starts(schedule) == ["gpu 2", "cpu"]
    assert schedule.positions() == {"gpu 1": 1}
    schedule.drop("gpu 2")
    assert starts(schedule) == ["gpu 1"]


def test_a_job_taken_over_counts_for_its_kind_too() -> None:
    schedule = Schedule(9, {"gpu": 1})
    schedule.resume("former", of("gpu"))
    schedule.wait("next", of("gpu"))
    assert starts(schedule) == []


def test_a_parent_that_waits_for_its_children_takes_no_slot() -> None:
    resting: set[str] = set()
    schedule = Schedule(1, rests=resting.__contains__)
    schedule.wait("parent", of("batch"))
    assert starts(schedule) == ["parent"]
    schedule.wait("child", of("one", child=True))
    assert starts(schedule) == []
    resting.add("parent")
    assert starts(schedule) == ["child"]


def test_a_resting_parent_keeps_its_kinds_place_against_all_but_children() -> None:
    schedule = Schedule(9, {"batch": 1}, rests={"parent"}.__contains__)
    schedule.resume("parent", of("batch"))
    schedule.wait("another", of("batch"))
    schedule.wait("its child", of("batch", child=True))
    schedule.wait("its second child", of("batch", child=True))
    assert starts(schedule) == ["its child"]
    schedule.drop("its child")
    assert starts(schedule) == ["its second child"]
    assert schedule.positions() == {"another": 1}


MOVES = st.lists(st.tuples(st.sampled_from(["wait", "next", "drop"]), st.integers(0, 9), st.integers(-1, 1)))


@given(MOVES)
def test_positions_tell_the_order_in_which_jobs_start(moves: list[tuple[str, int, int]]) -> None:
    schedule = Schedule(3)
    for move, job, priority in moves:
        if move == "wait":
            schedule.wait(str(job), of(f"kind {job % 2}", priority))
        elif move == "next":
            schedule.next()
        else:
            schedule.drop(str(job))
        placed = schedule.positions()
        assert sorted(placed.values()) == list(range(1, len(placed) + 1))
    placed = dict(schedule.positions())
    for job in range(10):
        if str(job) not in placed:
            schedule.drop(str(job))
    schedule.jobs_at_once = 10
    assert starts(schedule) == sorted(placed, key=lambda job: placed[job])


def test_the_place_of_a_job_that_does_not_wait_costs_no_counting() -> None:
    schedule = queue(0, "a", "b")
    assert schedule.position("new") is None
    assert schedule._positions is None
    assert schedule.position("b") == 2


@pytest.mark.parametrize(
    ("told", "place", "again"),
    [
        (None, None, False),
        (None, 1, True),
        (1, None, True),
        (2, 1, True),
        (100, 99, True),
        (5_000, 5_000, False),
        (5_000, 4_951, False),
        (5_000, 4_950, True),
        (5_000, 5_050, True),
    ],
)
def test_a_place_far_back_is_told_again_when_it_moved_by_a_hundredth(
    told: int | None, place: int | None, again: bool
) -> None:
    assert moved_up(told, place) is again
