"""What is wrong with a hub and its database, by what was seen of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.diagnosis import File, Finding, Seen, of_file, of_hub
from hub.shown import Surroundings, view_of
from hub.view import AttemptView, ErrorView, JobView, Outcome, Status, SummaryView
from tests.hub.made import T0, made

NOW_S = T0 / 1000
WELL = {
    "barcast_time_seconds": NOW_S,
    "barcast_ready": 1.0,
    "barcast_viewers_allowed": 20_000.0,
    "process_max_fds": 20_000.0,
    "process_open_fds": 30.0,
    "barcast_disk_free_bytes": 1e12,
    "barcast_store_bytes{wal}": 4e6,
}
CALM = SummaryView(
    running=1, queued=0, paused=0, stalled=0, lost=0, failed_today=0, finished_today=0, day_starts_at=0, finished=0,
    workers=1, slots_free=1, oldest_queued_at=None, storage="ok",
)  # fmt: skip


def seen(*, numbers: dict[str, float] | None = None, summary: dict[str, Any] | None = None, **more: Any) -> Seen:
    given: dict[str, Any] = {"url": "http://hub", "version": "1", "skew_s": 0.0, "stuck": [], "failed": []}
    calm = msgspec.structs.replace(CALM, **(summary or {}))
    return Seen(**{**given, "numbers": WELL | (numbers or {}), "summary": calm, **more})


def found(**more: Any) -> list[Finding]:
    return list(of_hub(seen(**more), "1"))


def only(**more: Any) -> Finding:
    [finding] = found(**more)
    return finding


def job(**more: Any) -> JobView:
    return msgspec.structs.replace(
        view_of(made(), Surroundings(), T0), **{"id": "01K", "title": "Import", "worker": "host/7", **more}
    )


def test_a_hub_that_is_well_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("numbers", "code", "words"),
    [
        ({"barcast_store_failing": 1, "barcast_commit_failures_total": 3}, "store_failing", "3 commits have failed"),
        ({"barcast_store_waiting": 4_000}, "store_waiting", "4,000 changes wait"),
        ({"barcast_ready": 0}, "not_ready", "stopping"),
        ({"barcast_loop_lag_worst_seconds": 2.5}, "loop_lag", "held up for 2.5 s"),
        ({"process_max_fds": 1_024}, "files_limit", "20,000 viewers are allowed, but the process may have 1,024"),
        ({"process_open_fds": 19_000}, "files_limit", "19,000 of at most 20,000 files are open"),
        ({"barcast_disk_free_bytes": 9e6}, "disk_full", "9.0 MB are left"),
        ({"barcast_store_bytes{wal}": 9e8}, "wal_grown", "900 MB"),
    ],
)
def test_a_number_out_of_bounds_is_a_finding(numbers: dict[str, float], code: str, words: str) -> None:
    finding = only(numbers=numbers)
    assert finding.code == code
    assert words in finding.what
    assert finding.do


def test_a_hub_that_cannot_store_says_why() -> None:
    assert "(no space left)" in only(numbers={"barcast_store_failing": 1}, unready="no space left").what


def test_a_system_that_tells_no_limit_of_files_has_none() -> None:
    less = {name: value for name, value in WELL.items() if not name.startswith("process_")}
    assert list(of_hub(msgspec.structs.replace(seen(), numbers=less), "1")) == []


@pytest.mark.parametrize(("skew_s", "how"), [(90.0, "90 s ahead of"), (-5.0, "5 s behind")])
def test_clocks_that_differ_are_told_which_way(skew_s: float, how: str) -> None:
    assert how in only(skew_s=skew_s).what


def test_another_version_is_told() -> None:
    assert only(version="0.9").code == "version_differs"


def test_a_lost_and_a_stalled_job_are_named_with_the_commands_to_run() -> None:
    lost = job(status=Status.LOST, heard_at=T0 - 120_000)
    stalled = job(status=Status.RUNNING, stalled=True, advanced_at=T0 - 30_000, id="01L")
    first, second = found(stuck=[lost, stalled], summary={"lost": 1, "stalled": 1})
    assert (first.code, first.job) == ("job_lost", "01K")
    assert "host/7 was last heard 2 min ago" in first.what
    assert "barcast reset 01K" in first.do
    assert (second.code, second.job) == ("job_stalled", "01L")
    assert "advanced last 30 s ago" in second.what
    assert "barcast stack 01L" in second.do
    assert "barcast reset 01L" in second.do


def test_of_many_stuck_jobs_the_rest_is_a_number() -> None:
    *_, last = found(stuck=[job(status=Status.LOST, heard_at=None, worker=None)], summary={"lost": 3, "stalled": 4})
    assert last.what == "6 more jobs are lost or stalled"


def test_a_job_whose_worker_died_lately_is_told_and_one_of_last_week_is_not() -> None:
    lost = AttemptView(attempt=1, outcome=Outcome.LOST, fraction=None, started_at=T0, finished_at=T0, error=None)
    died = job(status=Status.FAILED, attempts=[lost], error=ErrorView(type="Lost", message="killed by SIGKILL"))
    failed = msgspec.structs.replace(lost, outcome=Outcome.FAILED)
    new = msgspec.structs.replace(died, finished_at=T0 - 1_000)
    finding = only(
        failed=[
            new,
            msgspec.structs.replace(died, finished_at=T0 - 7 * 86_400_000),
            msgspec.structs.replace(new, attempts=[failed]),
        ]
    )
    assert (finding.code, finding.job) == ("job_died", "01K")
    assert "killed by SIGKILL" in finding.what
    assert "barcast retry 01K" in finding.do
    assert "its worker is gone" in only(failed=[msgspec.structs.replace(new, error=None)]).what


@pytest.mark.parametrize(("queued", "words"), [(1, "1 job waits"), (7, "7 jobs wait")])
def test_a_queue_that_does_not_move_is_told(queued: int, words: str) -> None:
    blocked = {"queued": queued, "slots_free": 0, "oldest_queued_at": T0 - 600_000}
    assert only(summary=blocked).what.startswith(words)
    assert found(summary=blocked | {"slots_free": 1}) == []
    assert found(summary=blocked | {"oldest_queued_at": T0 - 1_000}) == []


def file(**more: Any) -> File:
    given: dict[str, Any] = {"path": "a.db", "error": None, "problems": [], "modes": {"a.db": 0o600}}
    return File(**{**given, "free_bytes": 10**12, "log_bytes": 0, **more})


def test_a_database_that_is_well_has_no_findings() -> None:
    assert list(of_file(file())) == []
    assert list(of_file(file(free_bytes=None))) == []


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"error": "a.db: file is not a database"}, "file_unreadable", "not a database"),
        ({"problems": ["job x has no state"]}, "file_damaged", "job x has no state"),
        ({"modes": {"a.db": 0o644}}, "file_open", "mode 644"),
        ({"free_bytes": 1}, "disk_full", "1 B"),
        ({"log_bytes": 10**9}, "wal_grown", "1.0 GB"),
    ],
)
def test_what_is_wrong_with_a_database_is_a_finding(wrong: dict[str, Any], code: str, words: str) -> None:
    [finding] = of_file(file(**wrong))
    assert finding.code == code
    assert words in finding.what
    assert finding.do
