"""The table of statuses: every row that protocol.md has, and every row that it lacks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from hub.errors import Conflict
from hub.job import Job
from hub.state import JobState
from hub.transitions import TRANSITIONS, become
from hub.view import Outcome, Status
from tests.hub.made import T0, cancel, encoded, finish, made, opened, report, running

ROWS = """
queued     → running cancelled failed queued
running    → paused cancelling lost succeeded failed cancelled queued
paused     → running cancelling lost succeeded failed cancelled queued
cancelling → cancelled succeeded
lost       → running paused cancelling succeeded cancelled failed queued
succeeded  →
failed     → queued
cancelled  → queued
"""
TABLE = {
    Status(line.partition("→")[0].strip()): {Status(name) for name in line.partition("→")[2].split()}
    for line in ROWS.strip().splitlines()
}
PAIRS = list(product(Status, Status))


def test_the_table_is_the_protocols() -> None:
    assert {start: set(ends) for start, ends in TRANSITIONS.items()} == TABLE


@pytest.mark.parametrize(("start", "end"), [pair for pair in PAIRS if pair[1] in TABLE[pair[0]]])
def test_a_row_of_the_table_changes_the_status_and_nothing_else(start: Status, end: Status) -> None:
    job = made(state=JobState(status=start))
    before = encoded(job)
    become(job.state, end)
    assert job.state.status is end
    job.state.status = start
    assert encoded(job) == before


@pytest.mark.parametrize(("start", "end"), [pair for pair in PAIRS if pair[1] not in TABLE[pair[0]]])
def test_a_missing_row_is_an_error_and_changes_nothing(start: Status, end: Status) -> None:
    job = made(state=JobState(status=start))
    before = encoded(job)
    with pytest.raises(Conflict, match=f"{start} cannot become {end}"):
        become(job.state, end)
    assert encoded(job) == before


def paused(place: str = "process") -> Job:
    job = running(place)  # type: ignore[arg-type]
    job.pause(None, T0)
    return job


def lost(job: Job | None = None) -> Job:
    job = job or running()
    job.tick(T0 + 60_000)
    assert job.state.status is Status.LOST
    return job


def again(make: Callable[..., Job]) -> Job:
    """One that is tried again by itself."""
    return make(retries=1, state=JobState(max_attempts=2))


def cancelling() -> Job:
    job = running()
    cancel(job)
    return job


WAYS: dict[tuple[Status, Status], Callable[[], tuple[Job, object]]] = {
    (Status.QUEUED, Status.RUNNING): lambda: (job := made(), opened(job)),
    (Status.QUEUED, Status.CANCELLED): lambda: (job := made(), cancel(job)),
    (Status.QUEUED, Status.FAILED): lambda: (job := made(), job.not_started("no such file", T0)),
    (Status.QUEUED, Status.QUEUED): lambda: (job := again(made), job.not_started("no such file", T0)),
    (Status.RUNNING, Status.PAUSED): lambda: (job := running(), job.pause(None, T0)),
    (Status.RUNNING, Status.CANCELLING): lambda: (job := running(), cancel(job)),
    (Status.RUNNING, Status.LOST): lambda: (job := running(), job.tick(T0 + 60_000)),
    (Status.RUNNING, Status.SUCCEEDED): lambda: (job := running(), finish(job)),
    (Status.RUNNING, Status.FAILED): lambda: (job := running(), finish(job, "failed")),
    (Status.RUNNING, Status.CANCELLED): lambda: (job := running(), finish(job, "cancelled")),
    (Status.RUNNING, Status.QUEUED): lambda: (job := running("thread"), job.interrupted(T0)),
    (Status.PAUSED, Status.RUNNING): lambda: (job := paused(), job.resume(None, T0)),
    (Status.PAUSED, Status.CANCELLING): lambda: (job := paused(), cancel(job)),
    (Status.PAUSED, Status.LOST): lambda: (job := paused(), job.tick(T0 + 60_000)),
    (Status.PAUSED, Status.SUCCEEDED): lambda: (job := paused(), finish(job)),
    (Status.PAUSED, Status.FAILED): lambda: (job := paused(), finish(job, "failed")),
    (Status.PAUSED, Status.CANCELLED): lambda: (job := paused(), finish(job, "cancelled")),
    (Status.PAUSED, Status.QUEUED): lambda: (job := paused("thread"), job.interrupted(T0)),
    (Status.CANCELLING, Status.CANCELLED): lambda: (job := cancelling(), job.worker_gone("killed", T0)),
    (Status.CANCELLING, Status.SUCCEEDED): lambda: (job := cancelling(), finish(job)),
    (Status.LOST, Status.RUNNING): lambda: (job := lost(), report(job, done=1)),
    (Status.LOST, Status.PAUSED): lambda: (job := lost(paused()), report(job, done=1)),
    (Status.LOST, Status.CANCELLING): lambda: (job := lost(), cancel(job)),
    (Status.LOST, Status.SUCCEEDED): lambda: (job := lost(), finish(job)),
    (Status.LOST, Status.CANCELLED): lambda: (job := lost(), finish(job, "cancelled")),
    (Status.LOST, Status.FAILED): lambda: (job := lost(), job.worker_gone("killed", T0)),
    (Status.LOST, Status.QUEUED): lambda: (job := lost(), job.interrupted(T0)),
    (Status.FAILED, Status.QUEUED): lambda: (job := made(), job.not_started("x", T0), job.retry(None, T0))[::2],
    (Status.CANCELLED, Status.QUEUED): lambda: (job := made(), cancel(job), job.retry(None, T0))[::2],
}


def test_every_row_has_a_way_to_it() -> None:
    assert set(WAYS) == {pair for pair in PAIRS if pair[1] in TABLE[pair[0]]}


@pytest.mark.parametrize(("start", "end"), WAYS)
def test_what_happens_to_a_job_leads_along_the_row(start: Status, end: Status) -> None:
    job, _ = WAYS[start, end]()
    assert job.state.status is end


@pytest.mark.parametrize(("start", "end"), [way for way in WAYS if way[1].terminal])
def test_an_attempt_that_ended_has_one_outcome(start: Status, end: Status) -> None:
    job, _ = WAYS[start, end]()
    assert [attempt.attempt for attempt in job.state.attempts] == [1]
    assert job.state.attempts[0].outcome in Outcome
    assert job.state.finished_at is not None


@pytest.mark.parametrize("end", [status for status in Status if status.terminal])
def test_terminal_statuses_are_those_with_no_way_out_but_a_retry(end: Status) -> None:
    assert TABLE[end] <= {Status.QUEUED}
