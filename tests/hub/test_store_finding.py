"""Jobs are found, counted, kept and let go of."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Invalid
from hub.schema import RUNS_PER_KIND
from hub.settings import Settings
from hub.store import ArtifactRow, CheckpointRow, Counts, Note, Store, Write
from hub.view import Outcome, Status
from tests.hub.stored import ended, entry, job_row, nothing, put, run_row, sample, soon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(path, Settings())
    yield opened
    await opened.close()


# ── Finding jobs ────────────────────────────────────────────────────────────────


async def ids(store: Store, **given: Any) -> list[str]:
    return [row.id for row in (await store.jobs(**given))[0]]


async def test_jobs_are_found_by_status_kind_tag_and_text(store: Store) -> None:
    await put(
        store,
        Write(job=job_row("a", created_at=1, title="100% ÄRGER_\\", tags={"store": "7"})),
        Write(job=job_row("b", created_at=2, kind="hash-tree", status=Status.FAILED, finished_at=3)),
        Write(job=job_row("c", created_at=3, tags={"store": "8", "a:b": "c"}, status=Status.QUEUED)),
    )
    assert await ids(store) == ["c", "b", "a"]
    assert await ids(store, status=[Status.FAILED, Status.QUEUED]) == ["c", "b"]
    assert await ids(store, kind=["hash-tree"]) == ["b"]
    assert await ids(store, tag=["store"]) == ["c", "a"]
    assert await ids(store, tag=["store:7", "a:b:c"]) == ["c", "a"]
    assert await ids(store, tag=["store:9", "sto", "a"]) == []
    assert await ids(store, q="0% ärGer_\\") == ["a"]
    assert await ids(store, q="%") == ["a"]
    assert await ids(store, q="HASH") == ["b"]
    assert await ids(store, q="store:8") == ["c"]
    assert await ids(store, q="' OR 1=1 --") == []
    assert await ids(store, q="import", kind=["import-orders"], status=[Status.QUEUED], tag=["store"]) == ["c"]


async def test_pages_hold_every_job_once_though_new_ones_arrive(store: Store) -> None:
    await put(store, *(Write(job=job_row(f"j-{index}", created_at=index // 3)) for index in range(20)))
    seen: list[str] = []
    cursor: str | None = None
    for page_number in range(5):
        page, cursor = await store.jobs(limit=4, after=cursor)
        seen += [row.id for row in page]
        await put(store, Write(job=job_row(f"new-{page_number}", created_at=100)))
    assert cursor is None
    assert seen == [row for _, row in sorted(((n // 3, f"j-{n}") for n in range(20)), reverse=True)]


TOO_LONG = pytest.param("9" * 5000 + "-j", id="5000 digits")


@pytest.mark.parametrize("cursor", ["", "x", "-", "1", "x-j1", "-1-j1", "9" * 30 + "-j", TOO_LONG, "²-j"])
async def test_a_cursor_that_no_page_came_with_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(Invalid, match="after: expected a cursor"):
        await store.jobs(after=cursor)


async def test_unfinished_and_recent_jobs_part_at_their_end(store: Store) -> None:
    await put(
        store,
        Write(job=job_row("young", created_at=9, status=Status.LOST)),
        Write(job=job_row("old", created_at=1, status=Status.QUEUED)),
        Write(job=ended("first", 50)),
        Write(job=ended("last", 70, Status.CANCELLED)),
        Write(job=ended("between", 60, Status.FAILED)),
    )
    assert [row.id for row in await store.unfinished()] == ["old", "young"]
    assert [row.id for row in await store.recent(2)] == ["last", "between"]
    assert await store.counts(60) == Counts(finished_since=2, failed_since=1, finished=3)
    assert await store.counts(71) == Counts(finished_since=0, failed_since=0, finished=3)


async def test_counts_of_nothing_are_zero(store: Store) -> None:
    assert await store.counts(0) == Counts(0, 0, 0)


# ── History and retention ───────────────────────────────────────────────────────


async def test_runs_come_newest_first_and_by_outcome(store: Store) -> None:
    runs = [run_row(f"j{n}", n, Outcome.FAILED if n % 2 else Outcome.SUCCEEDED) for n in range(6)]
    await put(store, *(Write(run=run) for run in runs), Write(run=run_row("x", 99, kind="other")))
    await put(store, Write(run=runs[5]))
    assert await store.runs("k") == runs[::-1]
    assert await store.runs("k", limit=2, outcome=Outcome.SUCCEEDED) == [runs[4], runs[2]]


async def test_history_keeps_the_newest_runs_of_each_kind(store: Store) -> None:
    await put(store, Write(run=run_row("x", 0, kind="other")))
    await put(store, *(Write(run=run_row(f"j{n}", n)) for n in range(RUNS_PER_KIND + 5)))
    found = await store.runs("k", limit=1_000)
    assert [run.finished_at for run in found] == list(range(RUNS_PER_KIND + 4, 4, -1))
    assert len(await store.runs("other")) == 1


async def test_a_deleted_job_takes_all_that_belongs_to_it_but_history(store: Store, path: Path) -> None:
    artifact = ArtifactRow(job="j1", name="a", path="/x", url=None, bytes=1, media_type=None)
    checkpoint = CheckpointRow(job="j1", attempt=1, at=1, done=1, fraction=None, data=b"1")
    full = Write(job=job_row(), entries=[entry(1)], artifact=artifact, checkpoint=checkpoint, traceback=(1, "t"))
    await put(store, full, Write(run=run_row("j1", 1)), Write(job=job_row("j2"), entries=[entry(1)]))
    store.note(Note(job="j1", state=b"1", sample=sample(1)))
    await store.flush()
    store.submit(Write(job_id="j1", entries=[entry(2)]), nothing)
    store.submit(Write(job_id="j1", delete=True), nothing)
    store.submit(Write(job_id="j1", entries=[entry(3)]), nothing)
    await store.flush()
    assert await ids(store) == ["j2"]
    assert len(await store.runs("k")) == 1
    left = {table: rows_of(path, table) for table in ("states", "entries", "checkpoints", "artifacts", "tracebacks")}
    assert left == {"states": 1, "entries": 1, "checkpoints": 0, "artifacts": 0, "tracebacks": 0}
    assert rows_of(path, "samples") == 0


def rows_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        [count] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


async def test_a_job_made_and_deleted_in_one_batch_leaves_nothing(store: Store) -> None:
    await put(store, Write(job=job_row(), entries=[entry(1)]), Write(job_id="j1", delete=True))
    assert (await store.job("j1"), await store.entries("j1")) == (None, [])


async def test_retention_deletes_terminal_jobs_by_age_and_number(path: Path) -> None:
    store = await Store.open(path, Settings(keep_s=1.0, keep_jobs=30))
    await put(store, *(Write(job=ended(f"old{n:02}", 8_000 + n)) for n in range(25)))
    await put(store, *(Write(job=ended(f"new{n:02}", 9_500 + n)) for n in range(32)))
    await put(store, Write(job=job_row("running", created_at=1)))
    deleted = await store.retain(10_000)
    assert deleted == [f"old{n:02}" for n in range(25)] + ["new00", "new01"]
    assert len(await ids(store)) == 31
    assert await store.retain(10_000) == []
    await store.close()


async def test_retention_spares_a_job_that_is_retried_meanwhile(path: Path) -> None:
    store = await Store.open(path, Settings(keep_s=1.0))
    await put(store, Write(job=ended("a", 1), entries=[entry(1)]), Write(job=ended("b", 2)))
    retained = asyncio.create_task(store.retain(10_000))
    started = asyncio.Event()
    asyncio.get_running_loop().call_soon(started.set)
    await soon(started)
    store.submit(Write(job=job_row("a", status=Status.QUEUED)), nothing)
    assert await retained == ["b"]
    assert await store.entries("a") == [entry(1)]
    await store.close()
