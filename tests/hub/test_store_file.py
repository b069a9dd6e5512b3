"""Files that the store takes, and files that it refuses and leaves alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from hub.errors import StoreError
from hub.settings import Settings
from hub.store import Store, Write
from tests.hub.stored import job_row, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(path, Settings())
    yield opened
    await opened.close()


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def refused(path: Path, words: str) -> None:
    """Opening says so and leaves every byte as it was."""
    before = bytes_of(path)
    with pytest.raises(StoreError, match=words):
        await Store.open(path, Settings())
    assert bytes_of(path) == before


async def full_store(path: Path) -> None:
    store = await Store.open(path, Settings())
    await put(store, *(Write(job=job_row(f"j{n}", title="x" * 500)) for n in range(200)))
    await store.close()


async def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    await full_store(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    await refused(path, "expected schema version 3 or older, got 99")


async def test_a_newer_database_whose_hub_crashed_is_left_alone(path: Path, tmp_path: Path) -> None:
    await full_store(path)
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
        shutil.copy(path, copy)  # as a kill leaves them: the newest pages are in the log beside the file only
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    log = bytes_of(tmp_path / "copy.db-wal")
    assert log
    await refused(copy, "got 99")
    assert bytes_of(tmp_path / "copy.db-wal") == log


async def test_a_damaged_database_is_refused_and_left_alone(path: Path) -> None:
    await full_store(path)
    content = bytearray(bytes_of(path))
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    fill(path, bytes(content))
    await refused(path, "damaged|malformed")


async def test_half_a_database_is_refused_and_left_alone(path: Path) -> None:
    await full_store(path)
    content = bytes_of(path)
    fill(path, content[: len(content) // 2])
    await refused(path, "damaged|malformed")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    fill(path, b"dear diary, " * 1_000)
    await refused(path, "not a database")


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE jobs (id)")
    await refused(path, "of another program")


async def test_every_commit_waits_for_the_disk(store: Store) -> None:
    found = [await store._writing.execute_fetchall(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
    assert [list(map(tuple, rows)) for rows in found] == [[("wal",)], [(2,)]]


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        await Store.open(tmp_path / "missing" / "barcast.db", Settings())


async def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await Store.open(tmp_path, Settings())


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    fill(path, b"")
    store = await Store.open(path, Settings())
    await put(store, Write(job=job_row()))
    await store.close()


async def test_a_second_hub_is_told_who_has_the_file(path: Path) -> None:
    store = await Store.open(path, Settings())
    with pytest.raises(StoreError, match=rf"another hub has it \(process {os.getpid()} on "):
        await Store.open(path, Settings())
    await put(store, Write(job=job_row()))
    await store.close()
    again = await Store.open(path, Settings())
    assert await again.job("j1") == job_row()
    await again.close()


async def test_a_stored_row_that_is_no_row_is_named(store: Store, path: Path) -> None:
    await put(store, Write(job=job_row()))
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE jobs SET record = '{}'")
        other.commit()
    with pytest.raises(StoreError, match="expected a stored JobRow"):
        await store.job("j1")
