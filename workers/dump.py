"""Where a child process is, told without its interpreter: `faulthandler` writes to a file when a signal comes.

That works while other code holds the interpreter's lock. The signal goes to a thread of ours, so that no system
call of the job's own is cut short by it.
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

from workers.stack import OURS, bounded

SIGNAL = signal.SIGUSR2
WAIT_S = 2.0  # for the whole dump
STEP_S = 0.02
SOCKET = "/websockets/sync/"
MOST_BYTES = 256 * 1024
BLOCK = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]+) \(most recent call first\):$", re.MULTILINE)
FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


class Threads(msgspec.Struct):
    """First line of the file.

    Attributes:
        job: the thread that does the work.
        ours: those that need not be told.
        listening: the system's number of one of ours.
    """

    job: int
    ours: list[int]
    listening: int


# ── In the child ──────────────────────────────────────────────────────────────


@contextlib.contextmanager
def findable(path: Path) -> Iterator[None]:
    """Write to a file where all threads are when the signal comes; nothing where the file cannot be written.

    Args:
        path: its first line says that the signal is awaited. The threads of ours run already.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError:
        yield
        return
    signal.signal(SIGNAL, signal.SIG_IGN)  # what comes back in the end: one that comes late ends nothing
    faulthandler.register(SIGNAL, descriptor, all_threads=True)
    try:
        os.write(descriptor, msgspec.json.encode(_threads()) + b"\n")
        yield
    finally:
        path.unlink(missing_ok=True)
        faulthandler.unregister(SIGNAL)
        os.close(descriptor)


def _threads() -> Threads:
    ours = [thread for thread in threading.enumerate() if thread.name.startswith(OURS)]
    listening = next((thread.native_id for thread in ours if thread.native_id), threading.get_native_id())
    return Threads(threading.get_ident(), [thread.ident for thread in ours if thread.ident], listening)


# ── In the hub ────────────────────────────────────────────────────────────────


def ask(pid: int, path: Path) -> str | None:
    """Where all threads of a process are. Blocks for up to two seconds.

    Args:
        pid: a process that runs.
        path: where it writes.

    Returns:
        the text, or None where it does not listen or could not be asked.
    """
    try:
        head = path.read_bytes().partition(b"\n")[0] + b"\n"
        threads = msgspec.json.decode(head, type=Threads)
        if not _listens(pid):
            return None
        os.truncate(path, len(head))
        _signal(pid, threads.listening)
        return readable(_written(path, len(head)), threads) or None
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


def readable(text: str, threads: Threads) -> str:
    """A dump as tracebacks are elsewhere: the call that runs last, with source lines; the job's thread first."""
    _, *parts = BLOCK.split(text)
    found = {int(ident, 16): lines for ident, lines in zip(parts[::2], parts[1::2], strict=True)}
    told = {ident: lines for ident, lines in found.items() if ident not in threads.ours and not _is_socket(lines)}
    order = sorted(told, key=lambda ident: ident != threads.job)
    return bounded("\n".join(_block(ident == threads.job, found[ident]) for ident in order))


def _is_socket(lines: str) -> bool:
    """Whether it is one of the threads that our socket brings along."""
    theirs = [line for line in lines.strip().split("\n") if '/threading.py"' not in line]
    return bool(theirs) and SOCKET in theirs[-1]


def _block(is_job: bool, lines: str) -> str:
    frames = [_frame(line) for line in reversed(lines.strip("\n").split("\n"))]
    name = "The job's thread" if is_job else "Thread"
    return f"{name} (most recent call last):\n" + "".join(frames)


def _frame(line: str) -> str:
    match = FRAME.match(line)
    source = linecache.getline(match[1], int(match[2])).strip() if match else ""
    return f"{line}\n    {source}\n" if source else f"{line}\n"
