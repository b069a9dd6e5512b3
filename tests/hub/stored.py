"""Rows to store, and what a test of the store waits for."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hub.store import JobRow, RunRow, Store, Write
from hub.view import LogEntry, Outcome, Sample, Status

BOUND_S = 20.0
NASTY = "\x00 \x1b[31m <b>&amp;</b> '; DROP TABLE jobs; -- \u202e %_\\ \U0001f600 \n\t\""


def job_row(id: str = "j1", **given: Any) -> JobRow:  # noqa: A002
    row: dict[str, Any] = {
        "id": id,
        "kind": "import-orders",
        "title": f"Import {id}",
        "by": None,
        "key": None,
        "status": Status.RUNNING,
        "created_at": 1_000,
        "started_at": None,
        "finished_at": None,
        "tags": {},
        "params": b"{}",
        "state": b"{}",
    }
    return JobRow(**(row | given))


def ended(id: str, at: int, status: Status = Status.SUCCEEDED) -> JobRow:  # noqa: A002
    return job_row(id, status=status, finished_at=at)


def entry(n: int, text: str = "line", data: Any = None) -> LogEntry:
    return LogEntry(n=n, at=n * 10, attempt=1, level="info", event="entry", text=text, data=data)


def sample(at: int) -> Sample:
    return Sample(at=at, phase=None, done=at, total=None, fraction=None, rate=0.1)


def run_row(job: str, finished_at: int, status: Outcome = Outcome.SUCCEEDED, kind: str = "k") -> RunRow:
    return RunRow(
        kind=kind,
        job=job,
        attempt=1,
        status=status,
        started_at=None,
        finished_at=finished_at,
        elapsed_s=1.1,
        stop_s=None,
        phases={NASTY: 0.3},
        curve=[0.1] * 32,
    )


def nothing() -> None:
    pass


async def put(store: Store, *writes: Write) -> None:
    for write in writes:
        store.submit(write, nothing)
    await store.flush()


def noting(numbers: list[int], number: int) -> Callable[[], None]:
    """What a commit calls: the number is noted."""
    return lambda: numbers.append(number)


@contextmanager
def said(words: str) -> Iterator[asyncio.Event]:
    """An event that is set when the store logs these words."""
    event = asyncio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if words in record.getMessage():
                event.set()

    listener, logger = Listener(), logging.getLogger("barcast.store")
    logger.addHandler(listener)
    try:
        yield event
    finally:
        logger.removeHandler(listener)


async def soon(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), BOUND_S)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def bounds(store: Store, job: str) -> tuple[int, int]:
    """First and last number of the entries that are kept; (0, 0) where there are none."""
    numbers = [one.n for one in await store.entries(job, limit=1_000_000)] or [0]
    return numbers[0], numbers[-1]
