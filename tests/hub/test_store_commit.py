"""Durable changes and moving numbers on their way to the disk, also to one that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.errors import StoreError
from hub.settings import Settings
from hub.store import Note, Store, Write
from hub.writer import BATCH_WRITES, Writer
from tests.hub.stored import bounds, entry, job_row, locked, nothing, noting, put, said, sample, soon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(path, Settings())
    yield opened
    await opened.close()


# ── Moving numbers ──────────────────────────────────────────────────────────────


async def state_of(store: Store) -> bytes:
    found = await store.job("j1")
    assert found is not None
    return found.state


async def test_of_several_notes_the_newest_state_and_every_sample_is_saved(store: Store) -> None:
    await put(store, Write(job=job_row()))
    for at in range(3):
        store.note(Note(job="j1", state=b"%d" % at, sample=sample(at)))
    assert store.waiting == 0
    await store.flush()
    assert await state_of(store) == b"2"
    assert await store.samples("j1") == [sample(0), sample(1), sample(2)]


async def test_a_durable_change_is_newer_than_a_note_before_it_but_keeps_its_sample(store: Store) -> None:
    store.note(Note(job="j1", state=b"1", sample=sample(1)))
    await put(store, Write(job=job_row(state=b"2")))
    assert (await state_of(store), await store.samples("j1")) == (b"2", [sample(1)])


async def test_a_note_is_newer_than_a_durable_change_before_it(store: Store) -> None:
    store.submit(Write(job=job_row(state=b"1")), nothing)
    store.note(Note(job="j1", state=b"2"))
    await store.flush()
    assert await state_of(store) == b"2"


async def test_a_note_never_overtakes_a_change_that_waits_for_a_later_batch(store: Store) -> None:
    for index in range(BATCH_WRITES):
        store.submit(Write(job=job_row(f"other{index}")), nothing)
    store.submit(Write(job=job_row(state=b"1")), nothing)
    store.note(Note(job="j1", state=b"2"))
    await store.flush()
    assert await state_of(store) == b"2"


async def test_thinning_keeps_the_first_of_each_two_samples(store: Store) -> None:
    await put(store, Write(job=job_row()), Write(job=job_row("j2")))
    for job in ("j1", "j2"):
        for at in range(8):
            store.note(Note(job=job, state=b"1", sample=sample(at)))
    await store.flush()
    store.note(Note(job="j1", state=b"1", sample=sample(8), thin=True))
    await store.flush()
    assert [point.at for point in await store.samples("j1")] == [0, 2, 4, 6, 8]
    assert len(await store.samples("j2")) == 8


async def test_thinning_twice_before_a_commit_keeps_one_of_four(store: Store) -> None:
    await put(store, Write(job=job_row()))
    for at in range(8):
        store.note(Note(job="j1", state=b"1", sample=sample(at)))
    await store.flush()
    for at in (8, 9, 10):
        store.note(Note(job="j1", state=b"1", sample=sample(at), thin=at != 9))
    await store.flush()
    assert [point.at for point in await store.samples("j1")] == [0, 4, 8, 10]


async def test_samples_that_wait_for_a_sick_disk_are_bounded(path: Path) -> None:
    store = await Store.open(path, Settings(samples_per_job=10))
    await put(store, Write(job=job_row()))
    for at in range(1_000):
        store.note(Note(job="j1", state=b"1", sample=sample(at)))
    await store.flush()
    assert len(await store.samples("j1")) <= 10
    await store.close()


async def test_a_note_is_saved_within_the_save_interval() -> None:
    committed = asyncio.Event()
    stored: list[list[str]] = []

    async def commit(values: list[str]) -> None:
        stored.append(values)
        committed.set()

    writer = Writer(commit, Settings(save_interval_s=0.01))
    writer.note(Note(job="j1", state=b"7"))
    await soon(committed)
    assert any("7" in value for value in stored[0])
    await writer.stop()
    assert len(stored) == 1


async def test_a_note_for_a_job_that_is_not_there_is_dropped(store: Store) -> None:
    await put(store, Write(job=job_row()))
    store.note(Note(job="gone", state=b"1", sample=sample(1)))
    store.note(Note(job="j1", state=b"2", sample=sample(1)))
    await put(store, Write(job_id="j1", delete=True))
    assert (await store.samples("gone"), await store.samples("j1"), await store.job("j1")) == ([], [], None)


# ── Commits ─────────────────────────────────────────────────────────────────────


async def test_done_is_called_after_the_commit_in_the_order_of_submission(store: Store, path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with closing(sqlite3.connect(path)) as other:

        def done(number: int) -> Callable[[], None]:
            counted = "SELECT count(*) FROM entries WHERE n <= ?"
            return lambda: seen.append((number, other.execute(counted, [number]).fetchone()[0]))

        store.submit(Write(job=job_row()), nothing)
        for number in range(1, 51):
            store.submit(Write(job_id="j1", entries=[entry(number)]), done(number))
        assert store.waiting == 51
        await store.flush()
    assert seen == [(number, number) for number in range(1, 51)]
    assert store.waiting == 0


async def test_all_that_wait_share_one_commit() -> None:
    batches = 0
    running, proceed = asyncio.Event(), asyncio.Event()

    async def commit(_: list[str]) -> None:
        nonlocal batches
        batches += 1
        running.set()
        await proceed.wait()

    writer = Writer(commit, Settings())
    writer.submit(Write(job=job_row()), nothing)
    await soon(running)
    for number in range(200):
        writer.submit(Write(job_id="j1", entries=[entry(number)]), nothing)
    assert writer.waiting == 201
    proceed.set()
    await writer.flush()
    assert (batches, writer.waiting) == (2, 0)
    await writer.stop()


async def test_a_callback_that_raises_stops_neither_the_writer_nor_the_others(store: Store) -> None:
    caught: list[dict[str, Any]] = []
    called: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))

    def fail() -> None:
        raise RuntimeError

    store.submit(Write(job=job_row()), fail)
    store.submit(Write(job=job_row("j2")), lambda: called.append("j2"))
    await store.flush()
    await put(store, Write(job=job_row("j3")))
    assert (len(caught), called, len(await store.unfinished())) == (1, ["j2"], 3)


async def test_closing_commits_everything_that_waits(path: Path) -> None:
    store = await Store.open(path, Settings())
    called: list[int] = []
    for number in range(BATCH_WRITES + 10):
        store.submit(Write(job=job_row(f"j{number}")), noting(called, number))
    store.note(Note(job="j0", state=b"9"))
    await store.close()
    assert called == list(range(BATCH_WRITES + 10))
    with pytest.raises(StoreError, match="closed"):
        store.submit(Write(job=job_row()), nothing)
    with pytest.raises(StoreError, match="closed"):
        store.note(Note(job="j0", state=b"1"))
    with pytest.raises(StoreError):
        await store.job("j0")
    again = await Store.open(path, Settings())
    found = await again.job("j0")
    assert found is not None
    assert (found.state, len((await again.jobs(limit=5_000))[0])) == (b"9", BATCH_WRITES + 10)
    await again.close()


# ── A disk that fails ───────────────────────────────────────────────────────────


async def test_nothing_is_acknowledged_while_the_database_is_locked(path: Path) -> None:
    store = await Store.open(path, Settings(busy_s=0.01, commit_retry_s=0.01))
    await put(store, Write(job=job_row()))
    acknowledged: list[int] = []
    with said("stores again") as well, said("database is locked") as sick:
        with locked(path):
            store.submit(Write(job_id="j1", entries=[entry(1)]), noting(acknowledged, 1))
            await soon(sick)
            for n in range(2, 6):
                store.submit(Write(job_id="j1", entries=[entry(n)]), noting(acknowledged, n))
            assert (store.failing, acknowledged, store.waiting) == (True, [], 5)
            assert await store.entries("j1") == []
        await soon(well)
    await store.flush()
    assert (store.failing, acknowledged) == (False, [1, 2, 3, 4, 5])
    assert [found.n for found in await store.entries("j1")] == [1, 2, 3, 4, 5]
    await store.close()


async def test_a_full_disk_keeps_what_waits_until_there_is_room(path: Path) -> None:
    store = await Store.open(path, Settings(commit_retry_s=0.01))
    await put(store, Write(job=job_row()))
    await store._writing.execute("PRAGMA max_page_count = 1")  # SQLite raises it to what is in use
    acknowledged: list[int] = []
    with said("full") as sick:
        for n in range(1, 41):
            store.submit(Write(job_id="j1", entries=[entry(n, "x" * 4_096)]), noting(acknowledged, n))
        await soon(sick)
        assert (store.failing, acknowledged) == (True, [])
    await store._writing.execute("PRAGMA max_page_count = 1000000")
    await store.flush()
    assert acknowledged == list(range(1, 41))
    assert await bounds(store, "j1") == (1, 40)
    await store.close()


@pytest.mark.parametrize(
    "limits", [Settings(commit_backlog=3), Settings(commit_backlog_bytes=4 * 1024)], ids=["number", "bytes"]
)
async def test_too_much_that_waits_for_the_disk_is_told_until_it_is_stored(path: Path, limits: Settings) -> None:
    store = await Store.open(path, msgspec.structs.replace(limits, busy_s=0.01, commit_retry_s=0.01))
    await put(store, Write(job=job_row()))
    behind = []
    with said("locked") as sick, locked(path):
        for n in range(1, 6):
            store.submit(Write(job_id="j1", entries=[entry(n, "x" * 1_000)]), nothing)
            behind.append(store.behind)
        await soon(sick)
        behind.append(store.behind)
    await store.flush()
    assert [*behind, store.behind] == [False, False, False, True, True, True, False]
    await store.close()


async def test_closing_under_a_lock_says_what_is_not_stored_and_lets_go(path: Path) -> None:
    store = await Store.open(path, Settings(busy_s=0.01, commit_retry_s=60.0))
    acknowledged: list[int] = []
    with said("locked") as sick, locked(path):
        store.submit(Write(job=job_row()), noting(acknowledged, 1))
        await soon(sick)
        flushed = asyncio.create_task(store.flush())
        started = asyncio.Event()
        asyncio.get_running_loop().call_soon(started.set)
        await soon(started)
        with pytest.raises(StoreError, match="2 changes are not stored"):
            await store.close()
        with pytest.raises(StoreError, match="closed before"):
            await flushed
    assert acknowledged == []
    again = await Store.open(path, Settings())
    assert await again.job("j1") is None
    await again.close()


async def test_flush_that_is_given_up_disturbs_nobody(path: Path) -> None:
    store = await Store.open(path, Settings(busy_s=0.01, commit_retry_s=0.01))
    with said("locked") as sick, locked(path):
        store.submit(Write(job=job_row()), nothing)
        await soon(sick)
        flushed = asyncio.create_task(store.flush())
        started = asyncio.Event()
        asyncio.get_running_loop().call_soon(started.set)
        await soon(started)
        flushed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushed
    await store.close()
