"""The database as a file: who holds it, whether it is ours and sound, and what the machine says against it."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hub.errors import Damaged, DiskFailed, Foreign, Full, Locked, Missing, Newer, ReadOnly, StoreError, Taken
from hub.schema import APPLICATION_ID, VERSION
from hub.settings import KIB

CHECKED_BYTES = 64 * KIB * KIB  # a larger file is not read through before the hub starts
OF_SQLITE: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_BUSY: Locked,
    sqlite3.SQLITE_LOCKED: Locked,
    sqlite3.SQLITE_FULL: Full,
    sqlite3.SQLITE_IOERR_SHMSIZE: Full,  # no room for the index of the write-ahead log
    sqlite3.SQLITE_IOERR_SHORT_READ: Damaged,  # cut short under whoever reads it
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_PERM: ReadOnly,
    sqlite3.SQLITE_IOERR: DiskFailed,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
}
OF_SYSTEM: dict[int, type[StoreError]] = {
    errno.ENOSPC: Full,
    errno.EDQUOT: Full,
    errno.EACCES: ReadOnly,
    errno.EPERM: ReadOnly,
    errno.EROFS: ReadOnly,
    errno.EIO: DiskFailed,
    errno.ENOENT: Missing,
}
PRIMARY = 0xFF  # SQLite's extended codes have the cause in their last byte


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of the machine and of SQLite become the StoreError of their cause, which names the file."""
    try:
        yield
    except (OSError, sqlite3.Error, ValueError) as error:  # ValueError: aiosqlite's word for a closed connection
        raise _cause(error)(f"{path}: {_words(error)}") from error


def _cause(error: Exception) -> type[StoreError]:
    if isinstance(error, OSError):
        return OF_SYSTEM.get(error.errno or 0, StoreError)
    code = getattr(error, "sqlite_errorcode", 0)
    return OF_SQLITE.get(code) or OF_SQLITE.get(code & PRIMARY, StoreError)


def _words(error: Exception) -> str:
    """What the machine said; with SQLite's own name for it, which people search for."""
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the database through a lock on the file beside it, which also says who holds it.

    The kernel lets go of it when the process ends, however it ends. A link leads to the lock of the file it is for.

    Raises:
        Taken: another hub holds it.
    """
    beside = lock_of(path)
    with open(os.open(beside, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(256).strip() or "another process"
            raise Taken(f"{path}: expected one hub for each database, but another hub has it ({holder})") from None
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
        file.truncate(0)


def lock_of(path: Path) -> Path:
    """The file whose lock holds a database."""
    found = path.resolve()
    return found.with_name(f"{found.name}.lock")


@contextmanager
def looking(path: Path, busy_s: float) -> Iterator[sqlite3.Connection]:
    """A connection that cannot change the file, and makes none.

    Args:
        path: the file.
        busy_s: seconds of patience with another process's lock.

    Raises:
        Damaged: the file is empty, and its log is not.
    """
    begun(path)
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=busy_s, isolation_level=None)) as connection:
        yield connection


def begun(path: Path) -> None:
    """See to it that a log is not without its file: SQLite would take that for a new one, and remove the log.

    Raises:
        Damaged: the file is empty or not there, and its log is not.
    """
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        raise Damaged(f"{path}: expected the database that {log.name} is of, got an empty file")


def identify(connection: sqlite3.Connection, path: Path) -> int:
    """Whose database it is; its schema's version, 0 for one that is empty.

    Raises:
        Foreign: not ours.
        Newer: of a newer Barcast.
    """
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    if tables and application != APPLICATION_ID:
        raise Foreign(f"{path}: expected a database of Barcast, got one of another program")
    if version > VERSION:
        raise Newer(f"{path}: expected schema version {VERSION} or older, got {version}")
    return int(version)


def check(path: Path, busy_s: float) -> None:
    """Look at a file without changing it; make it if it is missing.

    It holds a secret and tracebacks, so it is made readable by its owner alone.

    Raises:
        StoreError: not a database of ours, newer than this Barcast, or damaged.
        OSError, sqlite3.Error: not a database at all, or not to be opened.
    """
    begun(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with looking(path, busy_s) as connection:
        identify(connection, path)
        if path.stat().st_size <= CHECKED_BYTES:
            [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise Damaged(f"{path}: expected a sound database, got a damaged one: {verdict}")
