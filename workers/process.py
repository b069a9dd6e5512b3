"""Processes: start one in a session of its own, notice its end, stop all that came of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from hub.errors import LaunchError
from hub.launch import ProcessId
from workers.order import ENVIRONMENT, WorkOrder, mark

ROOT = Path(__file__).resolve().parent.parent
SAME_START_MS = 2_000  # the system derives start times from its clock, which may have been set meanwhile
ROUNDS = 10  # of SIGKILL, against a tree that grows while it is cut
ROUND_S = 1.0


# ── Starting ──────────────────────────────────────────────────────────────────


def start(order: WorkOrder, output: Path) -> int:
    """Start a child for one attempt and hand it its order. Blocks until the process exists.

    Args:
        order: what it is to do.
        output: file for what it prints; a pipe would break when the hub restarts.

    Returns:
        its number; a `Watch` has to collect its exit status.

    Raises:
        LaunchError: the system could not start it.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab+") as file:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "workers.child"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=_environment(order),
                start_new_session=True,
            )
    except OSError as error:
        raise LaunchError(f"the process could not be started: {error}") from None
    _hand_over(process, order)
    process.returncode = 0  # from here on a Watch waits for it, perhaps another hub's: Popen need not mind
    return process.pid


def _hand_over(process: subprocess.Popen[bytes], order: WorkOrder) -> None:
    assert process.stdin is not None  # it was asked for
    with contextlib.suppress(OSError), process.stdin:  # a child that is dead already tells so by its exit status
        process.stdin.write(msgspec.json.encode(order))


def _environment(order: WorkOrder) -> dict[str, str]:
    environment = {**os.environ, ENVIRONMENT: mark(order.job, order.attempt)}
    environment.pop("BARCAST_WEBHOOK_SECRET", None)  # the hub's own: no job signs what the hub says
    if not _installed():
        earlier = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([earlier] if earlier else [])])
    return environment


def _installed() -> bool:
    return str(ROOT) in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}


def identify(pid: int) -> ProcessId:
    """A running process, told apart from a later one with its number.

    Raises:
        LaunchError: it is gone.
    """
    try:
        return ProcessId(pid=pid, started_at=int(psutil.Process(pid).create_time() * 1000))
    except psutil.Error as error:
        raise LaunchError(f"the process ended at once: {error}") from None


def is_alive(process: ProcessId, marked: str) -> bool:
    """Whether that very process runs: by its start time, or by the mark in its environment."""
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        near = abs(found.create_time() * 1000 - process.started_at) <= SAME_START_MS
        return near or found.environ().get(ENVIRONMENT) == marked
    except psutil.Error:
        return False


# ── Noticing the end ──────────────────────────────────────────────────────────


class Watch:
    """Notices the end of one process, whether it is a child of ours or not.

    Args:
        pid: which.
        ended: called once on the event loop, with the exit status (None where nobody can tell).
    """

    def __init__(self, pid: int, ended: Callable[[int | None], None]) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        try:
            self._descriptor = os.pidfd_open(pid)
        except AttributeError:  # not Linux
            threading.Thread(target=self._wait, name="barcast-watch", daemon=True).start()
        except ProcessLookupError:
            self._loop.call_soon(self._notice)
        else:
            self._loop.add_reader(self._descriptor, self._notice)

    def close(self) -> None:
        """Watch no longer; the process goes on."""
        self.gone.set()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _wait(self) -> None:
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:  # another's child
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(self.pid).wait()
        with contextlib.suppress(RuntimeError):  # the loop may be closed by then
            self._loop.call_soon_threadsafe(self._notice)

    def _notice(self) -> None:
        if self.gone.is_set():
            return
        self.close()
        self._ended(_collect(self.pid))


def _collect(pid: int) -> int | None:
    """The exit status of a child of ours that has ended; None for another's child."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def describe(status: int | None, last_words: str) -> str:
    """How a process ended, for people.

    Args:
        status: as of `subprocess.Popen.returncode`; None for unknown.
        last_words: the last line that it printed.
    """
    if status is None:
        how = "ended (its exit status is not known)"
    elif status < 0:
        how = f"killed by {_signal_name(-status)}"
    else:
        how = f"exit status {status}"
    return f"{how}: {last_words}" if last_words else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# ── Stopping ──────────────────────────────────────────────────────────────────


def tree(head: ProcessId | None, marked: str) -> set[psutil.Process]:
    """All processes of an attempt: the head, its descendants, and whatever carries the mark in its environment.

    Args:
        head: the child itself, None when it is gone.
        marked: value of `BARCAST_JOB` to look for.
    """
    found = {process for process in psutil.process_iter() if _carries(process, marked)}
    if head is not None and is_alive(head, marked):
        with contextlib.suppress(psutil.Error):
            found.add(psutil.Process(head.pid))
    for process in list(found):
        with contextlib.suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return {process for process in found if process.pid != os.getpid()}


def _carries(process: psutil.Process, marked: str) -> bool:
    try:
        return process.environ().get(ENVIRONMENT) == marked
    except (psutil.Error, OSError):
        return False


def stop_tree(head: ProcessId | None, marked: str, kill_s: float) -> bool:
    """SIGTERM, after `kill_s` seconds SIGKILL, to the whole tree. Blocks; run it in a thread.

    Returns:
        True when nothing of it is left.
    """
    known = tree(head, marked)
    _signal(known, signal.SIGTERM)
    _wait_gone(known, kill_s)
    for _ in range(ROUNDS):
        known |= tree(head, marked)
        alive = {process for process in known if _runs(process)}
        if not alive:
            return True
        _signal(alive, signal.SIGKILL)
        _wait_gone(alive, ROUND_S)
    return False


def _signal(processes: set[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _wait_gone(processes: set[psutil.Process], timeout_s: float) -> None:
    """Wait until all have ended, at most so long. Takes no child's exit status away from whoever watches it."""
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as stack:
        poller, open_ends = select.poll(), 0
        for process in processes:
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(process.pid)
                stack.callback(os.close, descriptor)
                poller.register(descriptor, select.POLLIN)
                open_ends += 1
        while open_ends and (left_s := deadline - time.monotonic()) > 0:
            for descriptor, _ in poller.poll(left_s * 1000):
                poller.unregister(descriptor)
                open_ends -= 1


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
