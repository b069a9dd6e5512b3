"""Parents and children in the database, and databases from before there were any."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.reader import SOMEBODYS
from hub.rows import JobRow
from hub.schema import APPLICATION_ID, FIRST, VERSION
from hub.settings import Settings
from hub.store import Store, Write
from hub.view import Status
from tests.hub.stored import ended, job_row, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(path, Settings())
    yield store
    await store.close()


def child(id_: str, parent: str, status: Status = Status.RUNNING, **given: Any) -> JobRow:
    return job_row(id_, parent=parent, status=status, finished_at=9 if status.terminal else None, **given)


async def keep(store: Store, *rows: JobRow) -> None:
    await put(store, *[Write(job=row) for row in rows])


async def test_children_are_found_by_their_parent_a_page_at_a_time(store: Store) -> None:
    await keep(store, job_row("p"), *[child(f"c{number}", "p", created_at=number) for number in range(5)])
    await keep(store, child("g", "c0"), child("other", "q"))
    first, cursor = await store.jobs(parent="p", limit=3)
    rest, end = await store.jobs(parent="p", limit=3, after=cursor)
    assert ([row.id for row in first + rest], end) == (["c4", "c3", "c2", "c1", "c0"], None)
    assert [row.id for row in (await store.jobs(parent=""))[0]] == ["p"]
    assert len((await store.jobs())[0]) == 8
    assert (await store.job("c0") or job_row()).parent == "p"


async def test_listing_children_reads_no_other_jobs(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path)) as looking:
        plan = str(looking.execute(f"EXPLAIN QUERY PLAN {SOMEBODYS}", defaultdict(str)).fetchall())
    assert "SEARCH jobs USING INDEX jobs_by_parent (parent=? AND (created_at,id)<(?,?))" in plan
    assert "TEMP B-TREE" not in plan, "they come in their order"


async def test_all_below_a_job_comes_with_children_before_their_parents(store: Store) -> None:
    done = Status.SUCCEEDED
    await keep(store, job_row("p"), child("c", "p", done), child("g", "c"), child("d", "p"), child("x", "y"))
    assert await store.below("p") == [("g", "running"), ("c", done), ("d", "running")]
    assert await store.below("g") == []
    assert await store.brood("p") == [("c", done), ("d", "running")]


async def test_a_family_is_unfinished_while_the_parent_or_a_child_is(store: Store) -> None:
    done = Status.FAILED
    await keep(store, job_row("going"), child("a", "going", done))
    await keep(store, ended("over", 5), child("b", "over"), child("c", "over", done))
    await keep(store, ended("done", 5), child("d", "done", done))
    assert await store.kin() == [("going", "a", done), ("over", "b", "running"), ("over", "c", done)]
    assert [row.id for row in await store.ended_children(9)] == ["a"]
    assert [row.id for row in await store.recent(9)] == ["over", "done"]


async def test_a_family_is_superfluous_as_a_whole_by_the_end_of_its_first(store: Store) -> None:
    done = Status.SUCCEEDED
    await keep(store, ended("old", 10), child("o1", "old", done), child("o2", "o1", done))
    await keep(store, ended("new", 20), child("n1", "new", done))
    await keep(store, ended("held", 5), child("h1", "held", done), child("h2", "h1"))
    await keep(store, ended("lone", 30), child("orphan", "gone", done))
    assert await store.superfluous(before=0, keep=9) == []
    assert await store.superfluous(before=15, keep=9) == ["orphan", "old", "o2", "o1"]
    assert await store.superfluous(before=0, keep=3) == ["orphan", "old", "o2", "o1"]
    assert await store.superfluous(before=0, keep=2) == ["orphan", "old", "o2", "o1"]
    assert await store.superfluous(before=0, keep=1) == ["orphan", "old", "o2", "o1", "new", "n1"]


async def test_a_database_from_before_there_were_parents_is_taken_over(path: Path) -> None:
    record = (
        '{"id":"j","kind":"k","title":"T","by":null,"key":null,"status":"succeeded","created_at":1,"started_at":2,'
        '"finished_at":3,"tags":{}}'
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as former:
        former.executescript(f"BEGIN; {FIRST} PRAGMA user_version = 1; COMMIT;")
        columns = ("j", "k", "succeeded", 1, 3, "t", record, "{}")
        former.execute(
            "INSERT INTO jobs (id, kind, status, created_at, finished_at, search, record, params)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            columns,
        )
        former.execute("INSERT INTO states (job, state) VALUES ('j', '{}')")
        assert former.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    store = await Store.open(path, Settings())
    [row] = (await store.jobs(parent=""))[0]
    assert (row.id, row.parent) == ("j", None)
    await keep(store, child("c", "j"))
    assert await store.brood("j") == [("c", "running")]
    await store.close()
    with closing(sqlite3.connect(path)) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (VERSION,)
