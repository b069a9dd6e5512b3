"""Disks that fail a hub: what the kernel says is altered under it by `strace`, by a limit, or by another program.

* `strace` makes single system calls of the running process fail (ENOSPC, EIO, EDQUOT) or kills it at one: SQLite and
  the hub then go the very way they go with a broken disk. It needs leave to trace (`ptrace`).
* `RLIMIT_FSIZE` is the kernel's own refusal to let a file grow, as a quota is.
* a lock is another program's transaction.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from tests.serving import PATIENCE_S, HubProcess

Fault = Callable[[HubProcess], AbstractContextManager[object]]
NOT_TRACED = "expected to trace the hub, which tests of failing disks need (strace, and leave to use ptrace); got: "


@contextmanager
def traced(pid: int, *options: str, into: Path | None = None) -> Iterator[None]:
    """Have `strace` on all threads of a process, from the first line of this block to its last.

    Args:
        pid: the process.
        options: of strace: what is traced, and what is done to it.
        into: where it writes what it saw.
    """
    assert shutil.which("strace"), f"{NOT_TRACED}no program of that name"
    command = ["strace", "-f", "-p", str(pid), "-o", str(into or os.devnull), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert "attached" in said, NOT_TRACED + said
        try:
            yield
        finally:
            strace.send_signal(signal.SIGINT)  # it lets go of the process, which goes on
            strace.communicate(timeout=PATIENCE_S)


def failing(call: str, error: str) -> Fault:
    """Every such system call fails; only the database makes those that are named here."""
    return lambda hub: traced(hub.process.pid, f"--trace={call}", f"--inject={call}:error={error}")


@contextmanager
def limited(hub: HubProcess) -> Iterator[None]:
    """No file of the hub's may be longer than its write-ahead log is now."""
    size = hub.db.with_name(f"{hub.db.name}-wal").stat().st_size
    before = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(db: Path) -> Iterator[None]:
    """Another program has begun to write, and does not end."""
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
