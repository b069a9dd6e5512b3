"""The one writer: gathers changes while a commit runs, and commits all that wait as one.

Durable changes are committed in the order in which they were submitted; moving numbers ride along.
A commit that fails is tried again, unchanged, until it succeeds: nothing is acknowledged falsely,
lost or stored twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from hub.batch import Batch, Moving, Waiting, waiting
from hub.errors import StoreError
from hub.histogram import Histogram
from hub.rows import Note, Write
from hub.settings import KIB, Settings

LOG = logging.getLogger("barcast.store")
BATCH_WRITES = 1_000  # of one commit: the callbacks of all of them run in one turn of the loop
BATCH_BYTES = 8 * KIB * KIB
COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds

Commit = Callable[[list[str]], Awaitable[None]]
"""Stores what `Batch.values` tells, wholly or not at all; raises StoreError for not at all."""


class Writer:
    """Takes changes at any rate and commits them one batch at a time. Made on a running loop.

    Args:
        commit: stores one batch.
        settings: `save_interval_s`, `commit_retry_s`, `commit_backlog` and what is kept.

    Attributes:
        trouble: why the last try to commit failed; the same changes are tried again. None when it succeeded.
        committed: changes that are stored, so far.
        failures: tries to commit that failed.
        commit_s: seconds that each commit took in the database, its sync to the disk included.
        wait_s: seconds from when the first change of a commit was handed in until it was stored, tries that failed
            included: the longest that anybody waited for this commit. Where more waits than one commit takes, those
            after it are counted from the same moment: never too short.
    """

    def __init__(self, commit: Commit, settings: Settings) -> None:
        self.trouble: StoreError | None = None
        self.committed = 0
        self.failures = 0
        self.commit_s, self.wait_s = Histogram(COMMIT_BOUNDS), Histogram(COMMIT_BOUNDS)
        self._commit = commit
        self._settings = settings
        self._retry_s = settings.commit_retry_s
        self._queue: deque[Waiting] = deque()
        self._since_s = 0.0  # when the first of the queue came
        self._committing = 0
        self._waiting_bytes = 0
        self._moving: dict[str, Moving] = {}
        self._save_timer: asyncio.TimerHandle | None = None
        self._save_due = False
        self._touched: set[str] | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="store writer")

    @property
    def failing(self) -> bool:
        """Whether the last try to commit failed."""
        return self.trouble is not None

    @property
    def waiting(self) -> int:
        """Changes that were submitted and are not committed yet."""
        return len(self._queue) + self._committing

    @property
    def behind(self) -> bool:
        """Whether so much waits for the disk that whoever brings more has to wait."""
        settings = self._settings
        return self.waiting > settings.commit_backlog or self._waiting_bytes > settings.commit_backlog_bytes

    def submit(self, write: Write, done: Callable[[], None]) -> None:
        """Let a change join the next commit, behind those submitted before.

        A change of a job that is deleted by then is dropped with it, and counts as committed.

        Args:
            write: the change; it is encoded now, what happens to it later does not matter.
            done: called once on the loop after the commit, in the order of submission; never without one.

        Raises:
            ValueError: the change does not tell whose it is.
            StoreError: the store is closed.
        """
        self._check_open()
        change = waiting(write, done)
        moving = self._moving.get(change.job)
        if moving and write.job:
            moving.state = None
        if self._touched is not None:
            self._touched.add(change.job)
        if not self._queue:
            self._since_s = asyncio.get_running_loop().time()
        self._queue.append(change)
        self._waiting_bytes += change.size_bytes
        self._wake.set()

    def note(self, note: Note) -> None:
        """Save moving numbers with the next commit, at the latest after `save_interval_s`.

        Of several states of a job the newest is saved, and every sample. `thin` keeps the first of
        each two samples.

        Raises:
            StoreError: the store is closed.
        """
        self._check_open()
        moving = self._moving.setdefault(note.job, Moving())
        moving.state = note.state
        if note.thin or len(moving.samples) >= self._settings.samples_per_job:
            moving.thin()
        if note.sample:
            moving.samples.append(note.sample)
        if self._save_timer is None:
            loop = asyncio.get_running_loop()
            self._save_timer = loop.call_later(self._settings.save_interval_s, self._save)

    async def flush(self) -> None:
        """Return once everything that was handed in before is committed.

        Raises:
            StoreError: the store was closed before it could be.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(Write(), partial(_settle, committed))
        await asyncio.wait((committed, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not committed.done():
            raise StoreError("expected an open store, got one that closed before everything was stored")

    @contextmanager
    def touched(self) -> Iterator[set[str]]:
        """Ids of the jobs that changes are submitted for meanwhile."""
        self._touched = ids = set[str]()
        try:
            yield ids
        finally:
            self._touched = None

    async def stop(self) -> None:
        """Commit all that waits and take nothing further.

        Raises:
            StoreError: it could not be committed.
        """
        self._closing.set()
        self._save()
        await self._task

    def _check_open(self) -> None:
        if self._closing.is_set() or self._task.done():
            raise StoreError("expected an open store, got a closed one")

    def _save(self) -> None:
        self._save_due = True
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._gather():
                await self._commit_surely(batch)
            if self._closing.is_set():
                return

    def _gather(self) -> Batch | None:
        if not (self._queue or self._save_due):
            return None
        batch = Batch(self._settings.log_entries_per_job, self._since_s)
        while self._queue and len(batch.done) < BATCH_WRITES and batch.size_bytes < BATCH_BYTES:
            batch.add(self._queue.popleft())
        self._gather_moving(batch)
        self._committing = len(batch.done)
        return batch

    def _gather_moving(self, batch: Batch) -> None:
        """Add what notes left, but for jobs with a change that has to wait for a later batch: it is older."""
        if self._save_timer:
            self._save_timer.cancel()
        self._save_timer = None
        self._save_due = False
        later = {change.job for change in self._queue}
        for job in self._moving.keys() - later:
            batch.add_moving(job, self._moving.pop(job))

    async def _commit_surely(self, batch: Batch) -> None:
        values = batch.values()
        while not (batch.empty or await self._commits(values)):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._retry_s)
        self._committing = 0
        self._waiting_bytes -= batch.size_bytes
        self.committed += len(batch.done)
        loop = asyncio.get_running_loop()
        if batch.done and not batch.empty:
            self.wait_s.observe(loop.time() - batch.since_s)
        for done in batch.done:
            loop.call_soon(done)  # one that raises must not stop the writer

    async def _commits(self, values: list[str]) -> bool:
        """Try once; a store that is closing has no other time."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            await self._commit(values)
        except StoreError as error:
            self.failures += 1
            if self._closing.is_set():
                raise StoreError(f"{error}; {self.waiting} changes are not stored") from error
            self._become(error)
            return False
        self.commit_s.observe(loop.time() - began_s)
        self._become(None)
        return True

    def _become(self, trouble: StoreError | None) -> None:
        """Said once for each cause, not at each try."""
        if type(trouble) is not type(self.trouble):
            LOG.warning("%s", f"{trouble}; until then nothing is acknowledged" if trouble else "stores again")
        self.trouble = trouble


def _settle(waited_for: asyncio.Future[None]) -> None:
    if not waited_for.done():  # whoever waited may have been cancelled
        waited_for.set_result(None)
