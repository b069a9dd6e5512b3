"""What one commit stores: the rows of all changes that waited, as one statement.

A worker thread must win the interpreter's lock back after every statement it runs, beside a loop
that is busy. So all rows travel as JSON in one `INSERT` (`schema.STORE`), however many changes waited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from hub.rows import JobRow, Write, fields_of
from hub.schema import BATCH
from hub.view import LogEntry, Sample

NO_ROWS = "[]"
OUTLIVE = frozenset({"runs", "notices", "tried", "delivered"})  # the job that they are of


def literal(value: Any) -> str:
    """JSON of anything that messages are made of; half a surrogate pair, which UTF-8 has no bytes for, becomes `?`."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text)).decode()


def free(data: bytes) -> str:
    """Free JSON as text that can be stored, whatever is in it."""
    return data.decode("utf-8", "replace")


class Row(Struct, frozen=True):
    """One row on its way: the JSON array of its columns, and what makes it the same row as another."""

    table: str
    key: Hashable
    columns: str


class Waiting(Struct, frozen=True):
    """A change that waits for its commit, encoded already: what happens to its structs later does not matter."""

    job: str
    rows: list[Row]
    delete: bool
    last_entry: int
    done: Callable[[], None]
    size_bytes: int


def waiting(write: Write, done: Callable[[], None]) -> Waiting:
    """The rows of a change.

    Raises:
        ValueError: it does not tell whose it is.
    """
    job = write.about
    rows = [] if write.delete else list(_rows(job, write))
    if not job and (rows or write.delete):
        raise ValueError("expected job_id, got a change of no job")
    last = max((entry.n for entry in write.entries), default=0)
    size = sum(len(row.columns) for row in rows)
    return Waiting(job, rows, write.delete, last, done, size)


def _rows(job: str, write: Write) -> Iterable[Row]:
    if write.job:
        yield Row("jobs", (), _job_columns(write.job))
        yield Row("states", (), literal([job, free(write.job.state)]))
    for entry in write.entries:
        yield Row("entries", entry.n, _entry_columns(job, entry))
    if write.checkpoint:
        record = literal(fields_of(write.checkpoint, "data"))
        yield Row("checkpoints", (), literal([job, record, free(write.checkpoint.data)]))
    if write.run:
        run = write.run
        columns = [run.kind, run.job, run.attempt, run.status, run.finished_at, literal(run)]
        yield Row("runs", (run.kind, run.attempt), literal(columns))
    if write.traceback:
        attempt, text = write.traceback
        yield Row("tracebacks", attempt, literal([job, attempt, literal(text)]))
    if write.artifact:
        name = literal(write.artifact.name)
        yield Row("artifacts", name, literal([job, name, literal(write.artifact)]))
    for notice in write.notices:
        columns = [notice.id, notice.job, notice.at, notice.next_at, free(notice.body)]
        yield Row("notices", notice.id, literal(columns))
    for one in write.tried:
        if one.delivered:
            yield Row("delivered", one.id, literal([one.id]))
        else:
            yield Row("tried", one.id, literal([one.id, one.tries, one.next_at, one.given_up_at, one.job]))


def _job_columns(job: JobRow) -> str:
    key = None if job.key is None else literal(job.key)
    record = literal(fields_of(job, "params", "state"))
    found_by = folded("\n".join((job.title, job.kind, *(f"{name}:{value}" for name, value in job.tags.items()))))
    columns = [job.id, job.kind, key, job.status.value, job.created_at, job.finished_at, found_by, record]
    return literal([*columns, free(job.params), job.parent])


def _entry_columns(job: str, entry: LogEntry) -> str:
    return literal([job, entry.n, entry.at, literal(entry)])


def folded(text: str) -> str:
    """Text as it is searched: of one case, without the NULs that SQLite would end at."""
    return text.replace("\0", " ").casefold()


class Moving(Struct):
    """What notes of one job left to be saved.

    Attributes:
        state: the newest; None when a durable change brought a newer one.
        step: of the samples stored so far every `step`-th stays.
        samples: new ones, behind those.
    """

    state: bytes | None = None
    step: int = 1
    samples: list[Sample] = []

    def thin(self) -> None:
        """Every second sample goes, of those stored and of those that wait."""
        self.step *= 2
        self.samples = self.samples[::2]


class Batch:
    """The changes of one commit.

    Args:
        log_entries_per_job: the newest so many entries of each job stay.
        since_s: when the first of its changes was handed in, on the loop's clock.
    """

    def __init__(self, log_entries_per_job: int, since_s: float = 0.0) -> None:
        self._rows: dict[str, dict[Hashable, str]] = {name: {} for name in BATCH}
        self._log_entries_per_job = log_entries_per_job
        self.done: list[Callable[[], None]] = []
        self.since_s = since_s
        self.size_bytes = 0

    def add(self, change: Waiting) -> None:
        """Add a change, behind those that are in already."""
        self.done.append(change.done)
        self.size_bytes += change.size_bytes
        if change.delete:
            self._delete(change.job)
        for row in change.rows:
            self._put(row.table, (change.job, row.key), row.columns)
        through = change.last_entry - self._log_entries_per_job
        if through > 0:
            self._put("trims", (change.job, ()), literal([change.job, through]))

    def add_moving(self, job: str, moving: Moving) -> None:
        """Add what notes left; it is newer than any change of that job in this batch."""
        if moving.state is not None:
            self._put("states", (job, ()), literal([job, free(moving.state)]))
        if moving.step > 1:
            self._put("thins", (job, ()), literal([job, moving.step]))
        for place, sample in enumerate(moving.samples):
            self._put("samples", (job, place), literal([job, literal(sample)]))

    def _put(self, table: str, key: tuple[str, Hashable], columns: str) -> None:
        rows = self._rows[table]
        if table == "entries":
            rows.setdefault(key, columns)  # the first one was promised to be kept
        else:
            rows[key] = columns

    def _delete(self, job: str) -> None:
        """Deletes run before all else, so what came before this one is taken out."""
        for table in (name for name in BATCH if name not in OUTLIVE):
            rows = self._rows[table]
            for key in [key for key in rows if isinstance(key, tuple) and key[0] == job]:
                del rows[key]
        self._put("deletes", (job, ()), literal([job]))

    @property
    def empty(self) -> bool:
        """Nothing is to be stored."""
        return not any(self._rows.values())

    def values(self) -> list[str]:
        """What :data:`hub.schema.STORE` is executed with."""
        return [f"[{','.join(rows.values())}]" if rows else NO_ROWS for rows in self._rows.values()]
