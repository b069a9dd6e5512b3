"""The numbers above the list."""

from __future__ import annotations

from hub.state import JobState
from hub.summary import Tally
from hub.view import Status


def test_an_empty_hub_counts_nothing() -> None:
    summary = Tally().summary([], slots_free=2, storage="ok")
    assert (summary.running, summary.queued, summary.workers, summary.oldest_queued_at) == (0, 0, 0, None)
    assert (summary.slots_free, summary.storage) == (2, "ok")


def test_jobs_are_counted_where_they_stand() -> None:
    jobs = [
        JobState(status=Status.RUNNING, worker="a"),
        JobState(status=Status.RUNNING, worker="a", stalled=True),
        JobState(status=Status.CANCELLING, worker="b"),
        JobState(status=Status.PAUSED),
        JobState(status=Status.LOST, worker="c"),
        JobState(status=Status.QUEUED, queued_at=7),
        JobState(status=Status.QUEUED, queued_at=5),
        JobState(status=Status.FAILED, worker="d"),
        JobState(status=Status.SUCCEEDED),
    ]
    summary = Tally().summary(jobs, slots_free=0, storage="failing")
    assert (summary.running, summary.paused, summary.lost, summary.queued, summary.stalled) == (3, 1, 1, 2, 1)
    assert (summary.workers, summary.oldest_queued_at, summary.storage) == (3, 5, "failing")


def test_ends_are_counted_on_from_what_the_store_knows() -> None:
    tally = Tally()
    tally.begin(1_000, finished_today=3, failed_today=1, finished=40)
    tally.ended(failed=True)
    tally.ended(failed=False)
    summary = tally.summary([], slots_free=1, storage="ok")
    assert (summary.day_starts_at, summary.finished_today, summary.failed_today, summary.finished) == (1_000, 5, 2, 42)
