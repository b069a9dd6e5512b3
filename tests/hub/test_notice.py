"""What a webhook is told of a step, and what its answer means."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from hub.backoff import full_jitter_ms
from hub.job import Job
from hub.notice import iso, notices, verdict
from hub.rows import NoticeRow
from hub.shown import NOTHING_AROUND, view_of
from hub.state import Change, JobState
from tests.hub.made import T0, finish, report, running

ALL = frozenset({"stalled", "lost", "ended"})


def told(job: Job, change: Change, wanted: frozenset[str] = ALL) -> list[NoticeRow]:
    names = (f"msg_{number}" for number in count(1))
    return notices(change, wanted, lambda: view_of(job, NOTHING_AROUND, T0), lambda: next(names))


def types(rows: list[NoticeRow]) -> list[str]:
    return [msgspec.json.decode(row.body)["type"] for row in rows]


def test_a_stall_is_told_when_it_begins_and_not_again_before_the_job_advanced() -> None:
    job = running(lease_s=1e6)
    assert types(told(job, job.tick(T0 + 15_000))) == ["job.stalled"]
    assert told(job, job.tick(T0 + 30_000)) == []
    assert told(job, report(job, now=T0 + 31_000, done=1)) == []
    assert types(told(job, job.tick(T0 + 299_000))) == ["job.stalled"]  # 5 times the usual gap later


def test_what_a_late_step_finds_all_at_once_is_told_in_order() -> None:
    job = running(give_up_s=1)
    rows = told(job, job.tick(T0 + 99_000))
    assert types(rows) == ["job.stalled", "job.lost"]
    assert types(told(job, job.tick(T0 + 199_000))) == ["job.ended"]
    assert [(row.id, row.job, row.at, row.next_at, row.tries) for row in rows] == [
        ("msg_1", "j1", T0 + 99_000, T0 + 99_000, 0),
        ("msg_2", "j1", T0 + 99_000, T0 + 99_000, 0),
    ]


def test_the_end_of_an_attempt_is_none_of_the_job() -> None:
    job = running(retries=1, state=JobState(max_attempts=2))
    assert told(job, finish(job, "failed")) == []


def test_only_what_is_wanted_is_told() -> None:
    job = running()
    assert types(told(job, job.tick(T0 + 60_000), frozenset({"lost"}))) == ["job.lost"]
    assert told(job, finish(job), frozenset({"lost"})) == []


def test_the_body_is_the_job_as_the_feed_shows_it() -> None:
    job = running(params={"password": "x"})
    [row] = told(job, finish(job, result={"rows": 3}, now=T0))
    body = msgspec.json.decode(row.body)
    assert (body["timestamp"], body["data"]["id"], body["data"]["status"]) == (iso(T0), "j1", "succeeded")
    assert not {"params", "result", "attempts"} & body["data"].keys()


def test_times_are_iso_8601() -> None:
    assert iso(1_700_000_000_001) == "2023-11-14T22:13:20.001Z"


@pytest.mark.parametrize(
    ("status", "means"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (410, "gone"), (None, "again"), (199, "again"),
     (300, "again"), (307, "again"), (404, "again"), (429, "again"), (500, "again")],
)  # fmt: skip
def test_what_an_answer_means(status: int | None, means: str) -> None:
    assert verdict(status) == means


def test_the_wait_is_anything_up_to_a_ceiling_that_doubles() -> None:
    assert [full_jitter_ms(5.0, 60.0, failures, 1.0) for failures in (1, 2, 3, 4, 5, 9_999)] == [
        5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]  # fmt: skip
    assert full_jitter_ms(5.0, 60.0, 3, 0.0) == 0
