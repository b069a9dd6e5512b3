"""Where a child process is, told without its interpreter: `faulthandler` writes to a file when a signal comes.

That works while other code holds the interpreter's lock. The signal goes to the thread that does the work, which tells
of itself alone: what the frames of another thread are can only be seen while that one does not run, and looking at them
nevertheless ends the process now and then. The system goes on with the call that the signal came into, unless it is one
that never is gone on with (signal(7): sleeping and polling), which Python itself repeats.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import linecache
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workers.stack import bounded

SIGNAL = signal.SIGUSR2
WAIT_S = 2.0  # for the whole dump
STEP_S = 0.02
MOST_BYTES = 256 * 1024
FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


class Head(msgspec.Struct):
    """First line of the file.

    Attributes:
        thread: the system's number of the one that does the work.
    """

    thread: int


# ── In the child ──────────────────────────────────────────────────────────────


@contextlib.contextmanager
def findable(path: Path) -> Iterator[None]:
    """Write to a file where this thread is when the signal comes; nothing where the file cannot be written.

    Args:
        path: its first line says that the signal is awaited.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError:
        yield
        return
    signal.signal(SIGNAL, signal.SIG_IGN)  # what comes back in the end: one that comes late ends nothing
    faulthandler.register(SIGNAL, descriptor, all_threads=False)
    try:
        os.write(descriptor, msgspec.json.encode(Head(threading.get_native_id())) + b"\n")
        yield
    finally:
        path.unlink(missing_ok=True)
        faulthandler.unregister(SIGNAL)
        os.close(descriptor)


# ── In the hub ────────────────────────────────────────────────────────────────


def ask(pid: int, path: Path) -> str | None:
    """Where the thread that does a process's work is. Blocks for up to two seconds.

    Args:
        pid: a process that runs.
        path: where it writes.

    Returns:
        the text, or None where it does not listen or could not be asked.
    """
    try:
        first = path.read_bytes().partition(b"\n")[0] + b"\n"
        head = msgspec.json.decode(first, type=Head)
        if not _listens(pid):
            return None
        os.truncate(path, len(first))
        _signal(pid, head.thread)
        return readable(_written(path, len(first))) or None
    except (OSError, ValueError, RecursionError):
        return None


def _listens(pid: int) -> bool:
    """Whether the signal would be caught: otherwise it would end the process."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (SIGNAL - 1) & 1)


def _signal(pid: int, thread: int) -> None:
    """To one thread where the system's library can (glibc from 2.30 on), else to the process."""
    tgkill = getattr(ctypes.CDLL(None, use_errno=True), "tgkill", None)
    if tgkill is None or tgkill(pid, thread, int(SIGNAL)) != 0:
        os.kill(pid, SIGNAL)


def _written(path: Path, start: int) -> str:
    """What is written behind a place, once no more comes."""
    before, deadline = start, time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        time.sleep(STEP_S)
        size = path.stat().st_size
        if size == before > start:
            break
        before = size
    with path.open("rb") as file:
        file.seek(start)
        return file.read(MOST_BYTES).decode("utf-8", "replace")


def readable(text: str) -> str:
    """A dump as tracebacks are elsewhere: the call that runs last, with source lines; empty for an empty one."""
    _, *lines = text.strip("\n").split("\n")
    frames = "".join(_frame(line) for line in reversed(lines))
    return bounded(f"The job's thread (most recent call last):\n{frames}") if lines else ""


def _frame(line: str) -> str:
    match = FRAME.match(line)
    source = linecache.getline(match[1], int(match[2])).strip() if match else ""
    return f"{line}\n    {source}\n" if source else f"{line}\n"
