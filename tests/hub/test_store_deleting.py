"""Deletion in small steps: one commit is bounded, others have their turn, and no change is lost with a job."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from hub import schema
from hub.reader import SUPERFLUOUS
from hub.settings import Settings
from hub.store import OWN_ROWS, Store, Write
from tests.hub.serving import KINDS, serving
from tests.hub.stored import ended, entry, job_row, put, soon

DELETES = schema.BATCH.index("deletes")


def deleting(store: Store) -> list[list[str]]:
    """Jobs that each commit from now on deletes."""
    steps: list[list[str]] = []
    commit = store._commit

    async def noted(values: list[str]) -> None:
        steps.append([job for [job] in json.loads(values[DELETES])])
        await commit(values)

    store._commit = noted
    return steps


async def test_one_commit_deletes_a_bounded_number_of_rows_or_one_job(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "hub.db", Settings(keep_s=1.0, delete_rows=100))
    for n in range(30):
        lines = 150 if n == 7 else n
        await put(store, Write(job=ended(f"j{n:02}", n + 1), entries=[entry(k) for k in range(1, lines + 1)]))
    steps = deleting(store)
    assert await store.retain(100_000) == [f"j{n:02}" for n in range(30)]
    rows = [sum(OWN_ROWS + int(job[1:]) for job in step) for step in steps if step]
    assert ["j07"] in steps
    assert all(count <= 100 for count in rows)
    assert len(rows) < 10
    await store.close()


async def test_others_have_their_turn_between_two_steps(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "hub.db", Settings(keep_s=1.0, delete_rows=1))
    await put(store, *(Write(job=ended(f"j{n}", n + 1)) for n in range(5)), Write(job=job_row("other")))
    steps = deleting(store)
    retained = asyncio.create_task(store.retain(100_000))
    written = 0
    while not retained.done():
        await put(store, Write(job_id="other", entries=[entry(written := written + 1)]))
    assert len(await retained) == 5
    deletes = [place for place, step in enumerate(steps) if step]
    assert [len(steps[place]) for place in deletes] == [1] * 5
    assert all(later - earlier > 1 for earlier, later in pairwise(deletes))
    await store.close()


@pytest.mark.parametrize("children", [0, 4])
def test_finding_what_is_no_longer_kept_takes_as_long_as_there_are_jobs(children: int) -> None:
    small, large = steps_of_finding(500, children), steps_of_finding(2_000, children)
    assert large < 6 * small  # by pairs of jobs it would be sixteen times as long


def steps_of_finding(jobs: int, children: int) -> int:
    """Hundreds of steps of SQLite's machine."""
    with closing(sqlite3.connect(":memory:")) as database:
        for script in schema.MIGRATIONS:
            database.executescript(script)
        rows = [(f"j{n}", n, None if n % (children + 1) == 0 else f"j{n - n % (children + 1)}") for n in range(jobs)]
        database.executemany(
            "INSERT INTO jobs (id, kind, status, created_at, finished_at, search, record, params, parent)"
            " VALUES (?1, 'k', 'succeeded', ?2, ?2, '', '', '', ?3)",
            rows,
        )
        taken = 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        database.set_progress_handler(step, 100)
        found = database.execute(SUPERFLUOUS, {"before": -1, "keep": jobs // 2}).fetchall()
        assert len(found) == pytest.approx(jobs // 2, abs=children)
        return taken


def held_up(store: Store) -> tuple[asyncio.Event, asyncio.Event]:
    """Set when a commit is to delete; that waits until the other one is set."""
    deleting, free, commit = asyncio.Event(), asyncio.Event(), store._commit

    async def wait(values: list[str]) -> None:
        if values[DELETES] != "[]":
            deleting.set()
            await free.wait()
        await commit(values)

    store._commit = wait
    return deleting, free


async def test_a_job_that_is_being_deleted_takes_no_change_that_would_be_lost_with_it(db: Path) -> None:
    async with serving(db, KINDS, keep_s=0.001, retention_interval_s=3600) as hub:
        work = await hub.started("import-orders")
        await work.finish("failed")
        ended_at = (await hub.http.get(f"/api/jobs/{work.id}")).json()["finished_at"]
        await hub.until(lambda: hub.service.clock.now() > ended_at + 1)  # older than what is kept
        deleting, free = held_up(hub.service.hub.store)
        retained = asyncio.create_task(hub.service._retain())
        await soon(deleting)
        for answer in (
            await hub.http.get(f"/api/jobs/{work.id}"),
            await hub.http.post(f"/api/jobs/{work.id}/retry"),
        ):
            assert answer.status_code == 404
        free.set()
        await retained
        assert await hub.service.hub.store.job(work.id) is None
