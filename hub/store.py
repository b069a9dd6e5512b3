"""The store: one SQLite file, held by one hub at a time; one connection that writes, one that reads."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiosqlite

from hub.file import check, explained, held
from hub.reader import Reader
from hub.rows import ArtifactRow, CheckpointRow, Counts, JobRow, Note, RunRow, Write
from hub.schema import PREPARE, STORE, VERSION, migration
from hub.settings import Settings
from hub.writer import Writer

__all__ = ["ArtifactRow", "CheckpointRow", "Counts", "JobRow", "Note", "RunRow", "Store", "Write"]

RETAIN_AT_ONCE = 20  # jobs deleted in one commit: up to 20,000 entries, during which others wait
SECRET_BYTES = 32
WRITING = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"


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
        return next((bytes(before) for [before] in rows), None)

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
