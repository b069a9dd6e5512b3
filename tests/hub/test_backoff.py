"""How long a failed attempt waits for the next."""

from __future__ import annotations

import pytest

from hub.backoff import backoff_ms, chance, failures, full_jitter_ms
from hub.state import JobFacts, JobState, Place


def facts(place: Place = "process", **given: float) -> JobFacts:
    return JobFacts(id="j", kind="k", title="t", created_at=0, place=place, **given)  # type: ignore[arg-type]


def waits(given: JobFacts, attempts: int) -> list[int | None]:
    """The wait after each attempt, the last of which is the last that may be."""
    return [backoff_ms(given, JobState(attempt=n, max_attempts=attempts)) for n in range(1, attempts + 1)]


def test_each_wait_is_half_to_all_of_one_that_doubles() -> None:
    given = facts(retries=5, backoff_s=2.0)
    *between, last = waits(given, 6)
    assert last is None
    for wait, whole in zip(between, (2_000, 4_000, 8_000, 16_000, 32_000), strict=True):
        assert wait is not None
        assert whole / 2 <= wait <= whole


def test_no_wait_is_over_its_limit_however_many_came_before() -> None:
    late = [wait for wait in waits(facts(retries=3_000, backoff_s=2.0, backoff_max_s=10.0), 3_001) if wait is not None]
    assert len(late) == 3_000
    assert max(late) <= 10_000
    assert min(late[3:]) >= 5_000


def test_a_kind_may_try_again_at_once() -> None:
    assert waits(facts(retries=1, backoff_s=0.0), 2) == [0, None]


def test_only_what_the_hub_starts_is_tried_again_by_it() -> None:
    assert waits(facts("outside", retries=1), 2) == [None, None]


def test_neither_interruptions_nor_retries_by_hand_make_the_wait_longer() -> None:
    given = facts(retries=2)
    assert [failures(given, JobState(attempt=n, max_attempts=3)) for n in (1, 2, 3)] == [1, 2, 3]
    assert failures(given, JobState(attempt=3, max_attempts=5)) == 1  # interrupted twice
    assert failures(given, JobState(attempt=4, max_attempts=6)) == 1  # by hand after all had failed
    assert failures(given, JobState(attempt=1, max_attempts=9)) == 1  # a row that somebody else made longer


def test_full_jitter_is_anything_up_to_a_ceiling_that_doubles_up_to_its_own() -> None:
    assert [full_jitter_ms(5.0, 60.0, failures, 1.0) for failures in (1, 2, 3, 4, 5, 10_000)] == [
        5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]  # fmt: skip
    assert full_jitter_ms(5.0, 60.0, 2, 0.0) == 0


def test_chance_is_the_same_each_time_and_spread_over_jobs_and_attempts() -> None:
    drawn = [chance(f"job{job}", attempt) for job in range(100) for attempt in range(1, 6)]
    assert drawn == [chance(f"job{job}", attempt) for job in range(100) for attempt in range(1, 6)]
    assert 0 <= min(drawn) < 0.05
    assert 0.95 < max(drawn) <= 1
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.05)
