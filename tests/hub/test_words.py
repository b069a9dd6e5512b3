"""Numbers, durations and jobs as a terminal says them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub import words
from hub.view import CheckpointView, Children, ErrorView, JobView, Phase, Status

KNOWN: dict[str, Any] = dict.fromkeys(JobView.__struct_fields__)
KNOWN |= {"id": "J", "attempt": 1, "seq": 1, "status": Status.RUNNING, "counters": {}, "stalled": False, "viewers": 0}
KNOWN |= {"artifacts": [], "elapsed_s": 12.0, "kind": "k", "title": "T", "tags": {}, "max_attempts": 1}
KNOWN |= {"priority": 0, "created_at": 0, "phases": [], "params": msgspec.UNSET, "attempts": msgspec.UNSET}
KNOWN |= {"result": msgspec.UNSET, "report_token": msgspec.UNSET}


def job(**changed: Any) -> JobView:
    return JobView(**(KNOWN | changed))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "no attempt is left, so it fails"),
        ({"max_attempts": 3}, "attempt 2 of 3 follows from the start, where the hub starts this work"),
        (
            {"max_attempts": 2, "checkpoint": CheckpointView(at=1, done=2, fraction=None)},
            "attempt 2 of 2 follows from its checkpoint, where the hub starts this work",
        ),
    ],
)
def test_what_a_reset_leads_to(changed: dict[str, Any], said: str) -> None:
    assert words.after_reset(job(**changed)) == said


def test_control_characters_and_marks_of_direction_are_replaced() -> None:
    assert words.plain("a\x1b[2J\x9b\u202eb\u2028c\n") == "a�[2J��b�c�"
    assert words.plain("größer — ≈ 🎉") == "größer — ≈ 🎉"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fraction": None}, ""),
        ({"fraction": 0.0}, "0 %"),
        ({"fraction": 0.29}, "29 %"),
        ({"fraction": 0.999}, "99 %"),
        ({"fraction": 1.0}, "99 %"),
        ({"fraction": 0.5, "status": Status.SUCCEEDED}, "100 %"),
    ],
)
def test_percent_is_rounded_down_and_100_is_kept_for_success(changed: dict[str, Any], said: str) -> None:
    assert words.percent(job(**changed)) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (48_200_000, "48.2 MB"), (99_960, "100 kB"), (2e18, "2000 PB")],
)
def test_sizes_are_decimal(count: float, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("done", "total", "unit", "said"),
    [
        (None, 5, "rows", ""),
        (8214, None, "pages", "8,214 pages"),
        (12480, 50000, "rows", "12,480 / 50,000 rows"),
        (3, 4, None, "3 / 4"),
        (1.5, 2, "h", "1.5 / 2 h"),
        (1_200_000, 3_400_000_000, "bytes", "1.2 MB / 3.4 GB"),
        (1, 2, "\x1b", "1 / 2 �"),
    ],
)
def test_counts_say_what_is_known(done: float, total: float, unit: str, said: str) -> None:
    assert words.counts(done, total, unit) == said


@pytest.mark.parametrize(
    ("per_s", "unit", "said"),
    [
        (None, "rows", ""),
        (0, "rows", ""),
        (1510.2, "rows", "1,510 rows/s"),
        (12.34, None, "12.3/s"),
        (0.5, "pages", "30 pages/min"),
        (0.005, "pages", "18 pages/h"),
        (2_500_000, "bytes", "2.5 MB/s"),
    ],
)
def test_a_rate_below_one_is_said_by_the_minute_or_hour(per_s: float, unit: str, said: str) -> None:
    assert words.rate(per_s, unit) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (34.9, "34 s"), (252, "4 min 12 s"), (11_100, "3 h 05 min"), (187_200, "2 d 4 h")],
)
def test_durations_have_two_figures_at_most(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "a few seconds"), (34, "30 s"), (55, "1 min"), (400, "7 min"), (4700, "1 h 20 min")]
)
def test_estimates_are_rounded(seconds: float, said: str) -> None:
    assert words.about(seconds) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"eta_s": None}, ""),
        ({"eta_s": 34.0}, "30 s left"),
        ({"eta_s": 0.0, "eta_low_s": 0.0, "eta_high_s": 0.0}, "a few seconds left"),
        ({"eta_s": 34.0, "eta_low_s": 30.0, "eta_high_s": 40.0}, "30 s left"),
        ({"eta_s": 100.0, "eta_low_s": 60.0, "eta_high_s": 180.0}, "1 min to 3 min left"),
        ({"eta_s": 5.0, "eta_low_s": 4.0, "eta_high_s": 9.0}, "a few seconds left"),
        ({"eta_s": 100.0, "eta_low_s": 10.0, "eta_high_s": 300.0}, ""),
        ({"eta_s": 34.0, "status": Status.CANCELLING}, ""),
    ],
)
def test_what_is_left_is_said_as_precisely_as_it_is_known(changed: dict[str, Any], said: str) -> None:
    assert words.left(job(**changed)) == said


def test_a_phase_is_named_with_its_place() -> None:
    phases = [Phase(name="One"), Phase(name="Two\n")]
    assert words.phase(job(phase=1, phases=phases)) == "Two� (2 of 2)"
    assert words.phase(job(phase=2, phases=phases)) == ""
    assert words.phase(job(phases=phases)) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "running"),
        ({"stalled": True}, "running, stalled"),
        ({"stalled": True, "status": Status.FAILED}, "failed"),
        ({"status": Status.QUEUED, "queue_position": 3}, "queued, number 3"),
        ({"status": Status.QUEUED}, "queued"),
        ({"status": Status.PAUSED}, "paused"),
        (
            {"status": Status.QUEUED, "retry_at": 5, "attempt": 2, "max_attempts": 4},
            "waiting to try again, attempt 2 of 4",
        ),
    ],
)
def test_a_status_comes_with_what_stands_beside_it(changed: dict[str, Any], said: str) -> None:
    assert words.standing(job(**changed)) == said


def test_progress_is_one_line_of_what_is_known() -> None:
    moving = job(fraction=0.41, done=12, total=50, unit="rows", rate=3.0, eta_s=30.0, phase=0, phases=[Phase(name="A")])
    assert words.progress(moving) == "running, 41 %, 12 / 50 rows, 3 rows/s, 30 s left, A (1 of 1)"
    assert words.progress(job(status=Status.PAUSED, rate=3.0)) == "paused"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"children": Children(total=1200, succeeded=1000)}, "1,000 / 1,200 jobs"),
        ({"children": Children(total=9, succeeded=1, failed=2, cancelled=3)}, "6 / 9 jobs, 2 failed, 3 cancelled"),
        ({"children": Children(total=9, failed=2), "unit": "jobs", "total": 9}, "2 failed"),
        ({"children": Children(total=9, failed=2), "unit": "jobs", "total": 10}, "2 / 9 jobs, 2 failed"),
    ],
)
def test_what_a_job_started_is_said_once(changed: dict[str, Any], said: str) -> None:
    assert words.started(job(**changed)) == said


def test_an_end_says_how_many_children_ended_badly() -> None:
    succeeded = job(status=Status.SUCCEEDED, children=Children(total=2, succeeded=2))
    assert words.ending(succeeded) == "succeeded after 12 s"
    counting = job(status=Status.FAILED, children=Children(total=2, failed=1, succeeded=1), unit="jobs", total=2)
    assert words.ending(counting) == "failed after 12 s (1 failed)"


def test_an_end_says_how_and_why() -> None:
    error = ErrorView(type="ValueError", message="no\x1b luck")
    assert words.ending(job(status=Status.FAILED, error=error)) == "failed after 12 s: ValueError: no� luck"
    assert words.ending(job(status=Status.SUCCEEDED)) == "succeeded after 12 s"
    assert words.ending(job(status=Status.SUCCEEDED, error=error)) == "succeeded after 12 s"
