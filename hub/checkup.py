"""A look at a database from outside, beside a running hub or without one: is it sound, is it consistent, what is in it.

Everything is read in one transaction on a connection that cannot write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from hub.errors import Missing
from hub.file import explained, identify, looking
from hub.schema import TERMINAL, VERSION

BUSY_S = 10.0  # patience with another process's lock
MOST = 20  # problems of one sort that are told; more of them say nothing new

OUTCOMES = """(SELECT job, json_extract(record, '$.attempt') AS attempt FROM entries
    WHERE json_extract(record, '$.event') GLOB 'attempt_*')"""
STATUS, ATTEMPT = "json_extract(state, '$.state.status')", "json_extract(state, '$.state.attempt')"
STRAYS = "SELECT \"table\" || coalesce(' ' || rowid, '') FROM pragma_foreign_key_check"
STATELESS = "SELECT id FROM jobs WHERE id NOT IN (SELECT job FROM states)"
DIVIDED = f"SELECT id FROM jobs JOIN states ON job = id WHERE status != {STATUS}"  # noqa: S608 - constants only
TWICE = f"SELECT DISTINCT job FROM {OUTCOMES} GROUP BY job, attempt HAVING count(*) > 1"  # noqa: S608 - constants only
ENDLESS = f"""SELECT id FROM jobs JOIN states ON states.job = id WHERE (status IN {TERMINAL})
    != EXISTS (SELECT 1 FROM {OUTCOMES} AS o WHERE o.job = id AND o.attempt = {ATTEMPT})"""  # noqa: S608 - constants only
TIMELESS = f"SELECT id FROM jobs WHERE (status IN {TERMINAL}) != (finished_at IS NOT NULL)"  # noqa: S608 - constants only
HOLES = """SELECT entries.job FROM entries LEFT JOIN trimmed ON trimmed.job = entries.job
    GROUP BY entries.job HAVING count(*) != max(entries.n) - coalesce(trimmed.n, 0)"""
INVARIANTS = {
    "{} belongs to a job that is not there": STRAYS,
    "job {} has no state": STATELESS,
    "job {} has another status than its state": DIVIDED,
    "job {} has two outcomes of one attempt": TWICE,
    "job {} ended without an outcome, or goes on after it": ENDLESS,
    "job {} ended at no time, or goes on with a time of its end": TIMELESS,
    "job {} has a hole in its log": HOLES,
}


class Checkup(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        path: the file.
        version: of its schema.
        bytes: size of the file.
        log_bytes: size of its write-ahead log, 0 where there is none.
        jobs: how many, by status.
        entries: log entries of all jobs.
        problems: one sentence each; empty for a database that is all right.
    """

    path: str
    version: int
    bytes: int
    log_bytes: int
    jobs: dict[str, int]
    entries: int
    problems: list[str]


def check_up(path: Path, *, quick: bool) -> Checkup:
    """Look at a database; changes nothing, and holds up nobody who writes.

    Args:
        path: the file.
        quick: leave out whether indexes match their tables, which takes longest.

    Raises:
        Missing: there is no such file.
        StoreError: not to be read, of another program, or of a newer Barcast.
    """
    if not path.is_file():
        raise Missing(f"{path}: expected a database, got no such file")
    with explained(path), looking(path, BUSY_S) as connection:
        connection.execute("BEGIN")
        version = identify(connection, path)
        problems = unsound(connection, quick=quick)
        if not problems and version == VERSION:
            problems = list(inconsistent(connection))
        return Checkup(
            path=str(path), version=version, bytes=size(path), log_bytes=size(path.with_name(f"{path.name}-wal")),
            jobs=counts(connection) if version and not problems else {},
            entries=how_many(connection) if version and not problems else 0, problems=problems,
        )  # fmt: skip


def unsound(connection: sqlite3.Connection, *, quick: bool) -> list[str]:
    """What SQLite says against the file."""
    pragma = "quick_check" if quick else "integrity_check"
    try:
        found = [str(verdict) for [verdict] in connection.execute(f"PRAGMA {pragma}({MOST})")]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
            raise
        found = [str(error)]
    return [] if found == ["ok"] else found


def inconsistent(connection: sqlite3.Connection) -> Iterator[str]:
    """What we promise of a database and is not so."""
    for sentence, question in INVARIANTS.items():
        for [name] in connection.execute(f"{question} LIMIT {MOST}"):
            yield sentence.format(name)


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many jobs there are of each status."""
    return dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status ORDER BY status"))


def how_many(connection: sqlite3.Connection) -> int:
    """Log entries of all jobs."""
    [count] = connection.execute("SELECT count(*) FROM entries").fetchone()
    return int(count)


def size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
