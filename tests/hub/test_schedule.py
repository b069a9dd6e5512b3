"""Which queued job starts next."""

from __future__ import annotations

from hub.schedule import Schedule


def queue(slots: int, *jobs: str) -> Schedule:
    schedule = Schedule(slots)
    for job in jobs:
        schedule.wait(job)
    return schedule


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
