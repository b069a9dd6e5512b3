"""A copy of a database while a hub writes to it: one moment of it, whole, checked, and then in its place at once."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from hub.checkup import BUSY_S, unsound
from hub.errors import Damaged, Missing, Occupied
from hub.file import explained, identify, looking


def back_up(db: Path, copy: Path, *, force: bool) -> int:
    """Copy a database, by SQLite's own backup; the hub that writes to it goes on.

    Args:
        db: the database.
        copy: where the copy is to be; nothing of it is there before it is whole and was checked.
        force: take the place of a file that is there.

    Returns:
        bytes of the copy.

    Raises:
        Missing: there is no such database.
        Occupied: there is a file in the copy's place, or it is the database itself.
        StoreError: it could not be read, written or checked; no copy was made.
    """
    if not db.is_file():
        raise Missing(f"{db}: expected a database, got no such file")
    check_place(db, copy, force=force)
    fresh = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}")
    try:
        with explained(copy):
            os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # it holds a secret, too
        write(db, fresh)
        with explained(copy):
            settle(fresh, copy)
    finally:
        fresh.unlink(missing_ok=True)
    return copy.stat().st_size


def check_place(db: Path, copy: Path, *, force: bool) -> None:
    """Refuse a place that something else has."""
    taken = {db.resolve().with_name(f"{db.resolve().name}{end}") for end in ("", "-wal", "-shm", "-journal", ".lock")}
    if copy.resolve() in taken or (copy.exists() and copy.samefile(db)):
        raise Occupied(f"{copy}: expected another file than the database and what is beside it")
    if copy.is_dir():
        raise Occupied(f"{copy}: expected a file, got a folder")
    if copy.exists() and not force:
        raise Occupied(f"{copy}: expected no file there, got one; --force puts the copy in its place")


def write(db: Path, fresh: Path) -> None:
    """Copy and check."""
    with explained(db), looking(db, BUSY_S) as source:
        identify(source, db)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
            with explained(fresh):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
                problems = unsound(target, quick=False)
            if problems:
                raise Damaged(f"{db}: expected a sound database, got a damaged one: {problems[0]}")


def settle(fresh: Path, copy: Path) -> None:
    """Have it on the disk, then give it its name."""
    sync(fresh)
    fresh.replace(copy)
    sync(copy.parent)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
