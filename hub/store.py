"""The store: one SQLite file, held by one hub at a time; one connection that writes, one that reads."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from hub.errors import StoreError
from hub.reader import Reader
from hub.rows import ArtifactRow, CheckpointRow, Counts, JobRow, Note, RunRow, Write
from hub.schema import APPLICATION_ID, PREPARE, STORE, VERSION, migration
from hub.settings import KIB, Settings
from hub.writer import RETRY_S, Writer

__all__ = ["ArtifactRow", "CheckpointRow", "Counts", "JobRow", "Note", "RunRow", "Store", "Write"]

CHECKED_BYTES = 64 * KIB * KIB  # a larger file is not read through before the hub starts
RETAIN_AT_ONCE = 20  # jobs deleted in one commit: up to 20,000 entries, during which others wait
SECRET_BYTES = 32
WRITING = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"


class Store(Reader, Writer):
    """One database file. Made by :meth:`open`; how to read is in Reader, how to write in Writer."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        retry_s: float,
        writing: aiosqlite.Connection,
        reading: aiosqlite.Connection,
        opened: AsyncExitStack,
    ) -> None:
        Reader.__init__(self, self._read)
        Writer.__init__(self, self._write, settings, retry_s)
        self.path = path
        self._writing = writing
        self._reading = reading
        self._opened = opened

    @classmethod
    async def open(cls, path: Path, settings: Settings, *, retry_s: float = RETRY_S) -> Store:
        """Take the database, make or migrate its tables, and start the writer.

        Args:
            path: the file; made when missing, its folder is not.
            settings: `busy_s`, `save_interval_s` and what is kept.
            retry_s: seconds between two tries of a commit that failed.

        Raises:
            StoreError: held by another hub, newer than this Barcast, damaged, of another program, or not
                to be opened; the file is left as it was.
        """
        with explained(path):
            async with AsyncExitStack() as opened:
                opened.enter_context(held(path))
                check(path, settings.busy_s)
                writing = await opened.enter_async_context(connection(path, settings.busy_s))
                await prepare(writing)
                reading = await opened.enter_async_context(connection(path, settings.busy_s))
                await reading.execute("PRAGMA query_only = ON")
                return cls(path, settings, retry_s, writing, reading, opened.pop_all())

    async def close(self) -> None:
        """Commit all that waits, then let go of the file.

        Raises:
            StoreError: it could not be committed; the file is let go of nevertheless.
        """
        try:
            await self.stop()
        finally:
            await self._opened.aclose()

    async def retain(self, now: int) -> list[str]:
        """Delete terminal jobs older than `keep_s` or beyond the newest `keep_jobs`.

        A job that a change is submitted for meanwhile stays.

        Args:
            now: milliseconds since 1970.

        Returns:
            Ids of the jobs that are deleted.
        """
        with self.touched() as touched:
            await self.flush()
            before = now - int(self._settings.keep_s * 1000)
            ids = await self.superfluous(before, self._settings.keep_jobs)
            deleted: list[str] = []
            for start in range(0, len(ids), RETAIN_AT_ONCE):
                some = [job for job in ids[start : start + RETAIN_AT_ONCE] if job not in touched]
                deleted += some
                for job in some:
                    self.submit(Write(job_id=job, delete=True), _nothing)
                await self.flush()
            return deleted

    async def _read(self, sql: str, values: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
        with explained(self.path):
            bound = {name: bindable(value) for name, value in values.items()}
            return await self._reading.execute_fetchall(sql, bound)

    async def _write(self, values: list[str]) -> None:
        with explained(self.path):
            await self._writing.execute_fetchall(STORE, values)


def _nothing() -> None:
    """Nobody waits for this change by itself."""


def bindable(value: Any) -> Any:
    """A parameter that SQLite takes: half a surrogate pair becomes what it was stored as."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of the machine and of SQLite become StoreError, which names the file."""
    try:
        yield
    except (OSError, sqlite3.Error, ValueError) as error:  # ValueError: aiosqlite's word for a closed connection
        raise StoreError(f"{path}: {error}") from error


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the database through a lock on the file beside it, which also says who holds it.

    The kernel lets go of it when the process ends, however it ends.

    Raises:
        StoreError: another hub holds it.
    """
    beside = path.with_name(f"{path.name}.lock")
    with open(os.open(beside, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(256).strip() or "another process"
            raise StoreError(f"{path}: another hub has it ({holder}); expected one hub for each database") from None
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
        file.truncate(0)


def check(path: Path, busy_s: float) -> None:
    """Look at a file without changing it; make it if it is missing.

    It holds a secret and tracebacks, so it is made readable by its owner alone.

    Raises:
        StoreError: not a database of ours, newer than this Barcast, or damaged.
        sqlite3.Error: not a database at all, or not to be read.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=busy_s)) as looking:
        [version] = looking.execute("PRAGMA user_version").fetchone()
        [tables] = looking.execute("SELECT count(*) FROM sqlite_master").fetchone()
        [application] = looking.execute("PRAGMA application_id").fetchone()
        if tables and application != APPLICATION_ID:
            raise StoreError(f"{path}: expected a database of Barcast, got one of another program")
        if version > VERSION:
            raise StoreError(f"{path}: expected schema version {VERSION} or older, got {version}; use a newer Barcast")
        if path.stat().st_size <= CHECKED_BYTES:
            [verdict] = looking.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StoreError(f"{path}: expected a sound database, got a damaged one: {verdict}")


def connection(path: Path, busy_s: float) -> aiosqlite.Connection:
    """A connection that begins no transactions by itself."""
    return aiosqlite.connect(path, timeout=busy_s, isolation_level=None)


async def prepare(writing: aiosqlite.Connection) -> None:
    """Bring tables up to date and ready to be written to."""
    await writing.executescript(WRITING)
    [[version]] = await writing.execute_fetchall("PRAGMA user_version")
    if version < VERSION:
        await writing.executescript(migration(version))
    await writing.executescript(PREPARE)
    secret = secrets.token_bytes(SECRET_BYTES)
    await writing.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('secret', ?)", [secret])
