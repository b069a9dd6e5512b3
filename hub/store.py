"""The store: one SQLite file, held by one hub at a time; one connection that writes, one that reads."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiosqlite

from hub.file import check, explained, held
from hub.reader import Reader
from hub.rows import ArtifactRow, CheckpointRow, Counts, JobRow, Note, RunRow, Write
from hub.schema import PREPARE, STORE, VERSION, migration
from hub.seal import Seal
from hub.settings import Settings
from hub.writer import Writer

__all__ = ["ArtifactRow", "CheckpointRow", "Counts", "JobRow", "Note", "RunRow", "Store", "Write"]

COUNTED_AT_ONCE = 100  # jobs whose rows are counted by one question
OWN_ROWS = 5  # of a job besides its log and its chart: itself, its state, a checkpoint, a few more
REST_S = 1.0  # at most, between two commits that delete: a disk that failed meanwhile took far too long
SECRET_BYTES = 32
Leaving = Callable[[str], object]
"""Called with a job just before its deletion is handed in."""
WRITING = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"


def _untold(job: str) -> None:
    """Nobody needs to know of a deletion."""


class Store(Reader, Writer):
    """One database file. Made by :meth:`open`; how to read is in Reader, how to write in Writer."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        writing: aiosqlite.Connection,
        reading: aiosqlite.Connection,
        opened: AsyncExitStack,
    ) -> None:
        Reader.__init__(self, self._read)
        Writer.__init__(self, self._write, settings)
        self.path = path
        self._writing = writing
        self._reading = reading
        self._opened = opened
        self._seal = Seal(path, settings.busy_s)
        self._written: list[str] | None = None

    @classmethod
    async def open(cls, path: Path, settings: Settings) -> Store:
        """Take the database, make or migrate its tables, and start the writer.

        Args:
            path: the file; made when missing, its folder is not.
            settings: `busy_s`, `save_interval_s`, `commit_retry_s` and what is kept.

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
                return cls(path, settings, writing, reading, opened.pop_all())

    async def close(self) -> None:
        """Commit all that waits, then let go of the file.

        Raises:
            StoreError: it could not be committed; the file is let go of nevertheless.
        """
        try:
            await self.stop()
        finally:
            await self._opened.aclose()

    async def swap(self, key: str, value: bytes) -> bytes | None:
        """Keep a value under a name; gives the one before.

        Raises:
            StoreError: it could not be kept.
        """
        rows = await self._read("SELECT value FROM meta WHERE key = :key", {"key": key})
        with explained(self.path):
            await self._writing.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [key, value])
            self._seal.renew()
        return next((bytes(before) for [before] in rows), None)

    async def retain(self, now: int, leaving: Leaving = _untold) -> list[str]:
        """Delete terminal jobs older than `keep_s` or beyond the newest `keep_jobs`.

        A job that a change is submitted for meanwhile stays.

        Args:
            now: milliseconds since 1970.
            leaving: is told.

        Returns:
            Ids of the jobs that are deleted.
        """
        with self.touched() as touched:
            await self.flush()
            before = now - int(self._settings.keep_s * 1000)
            ids = await self.superfluous(before, self._settings.keep_jobs)
            return await self.delete(ids, unless=touched, leaving=leaving)

    async def delete(
        self, jobs: Sequence[str], *, unless: Container[str] = (), leaving: Leaving = _untold
    ) -> list[str]:
        """Delete jobs and all that belongs to them, some rows at a time, and others have their turn between.

        Args:
            jobs: ids; children before their parents.
            unless: those in it by then stay.
            leaving: is told.

        Returns:
            Ids of the jobs that are deleted.
        """
        deleted: list[str] = []
        took_s = 0.0
        async for part in self._parts(jobs):
            await asyncio.sleep(min(took_s, REST_S))  # the writer is others' for as long as it was ours
            some = [job for job in part if job not in unless]
            deleted += some
            for job in some:
                leaving(job)
            took_s = await self._delete(some)
        return deleted

    async def _delete(self, jobs: Sequence[str]) -> float:
        """In one commit; seconds that it took."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for job in jobs:
            self.submit(Write(job_id=job, delete=True), _nothing)
        await self.flush()
        return loop.time() - began_s

    async def _parts(self, jobs: Sequence[str]) -> AsyncIterator[list[str]]:
        """Jobs that have about `delete_rows` rows together; one that has more is a part of its own."""
        part, rows = list[str](), 0
        for start in range(0, len(jobs), COUNTED_AT_ONCE):
            for job, count in await self.rows(jobs[start : start + COUNTED_AT_ONCE]):
                if part and rows + count + OWN_ROWS > self._settings.delete_rows:
                    yield part
                    part, rows = [], 0
                part.append(job)
                rows += count + OWN_ROWS
        if part:
            yield part

    async def _read(self, sql: str, values: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
        with explained(self.path):
            bound = {name: bindable(value) for name, value in values.items()}
            return await self._reading.execute_fetchall(sql, bound)

    async def _write(self, values: list[str]) -> None:
        with explained(self.path):
            if self._seal.broken():
                await self._examine()
            if values is not self._written:  # else they are in the file, which was away for a moment
                await self._commit_once(values)
                self._written = values
            self._seal.renew()
            self._written = None

    async def _commit_once(self, values: list[str]) -> None:
        try:
            await self._writing.execute_fetchall(STORE, values)
        except sqlite3.OperationalError:  # no word of damage; what was half written is the hub's own
            self._seal.renew()
            raise

    async def _examine(self) -> None:
        """Another program wrote to the files: see that they are sound, and that a commit behind it will be found."""
        await asyncio.to_thread(self._seal.examine)
        await self._writing.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")  # a log with garbage in it ends there


def _nothing() -> None:
    """Nobody waits for this change by itself."""


def bindable(value: Any) -> Any:
    """A parameter that SQLite takes: half a surrogate pair becomes what it was stored as."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


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
