"""How a command is made to stop, to wait and to go on: signals to its group, and to the whole tree at last."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable

from hub.errors import LaunchError
from hub.launch import ProcessId
from hub.view import Failure
from workers.outside import Session
from workers.process import describe, identify, stop_tree
from workers.stopping import What

logger = logging.getLogger("barcast.worker")

BY_SIGNAL = 128  # is added to a signal's number in an exit status (POSIX, Shell Command Language, 2.8.2)
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
GRACE_S = 10.0  # where neither the command line nor the hub says how long


class Steering:
    """A command, its process group, and whoever wants something of it.

    Args:
        pid: of the command, head of a process group of that number.
        session: where the orders come from.
        marked: value of `BARCAST_JOB` that all its processes carry.
        grace_s: seconds from SIGTERM to SIGKILL after a cancel; None for what the cancel says.
        wake: called from another thread when there is something for `overdue`.

    Attributes:
        cancelled_at: when a cancel came, on the clock of `time.monotonic`.
        killed: whether the grace time was not enough.
        passed_on: the last signal that was sent to us and meant the command.
        paused: whether it is held.
    """

    def __init__(
        self, pid: int, session: Session, marked: str, grace_s: float | None, wake: Callable[[], None]
    ) -> None:
        self.cancelled_at: float | None = None
        self.killed = False
        self.passed_on: signal.Signals | None = None
        self.paused = False
        self._pid = pid
        self._session = session
        self._marked = marked
        self._grace_s = grace_s
        self._wake = wake
        self._gone = False
        self._lock = threading.RLock()  # a handler of signals may come in between
        session.stop.listen(self._hear)

    def send(self, number: int) -> None:
        """A signal to its process group; nothing where it has ended."""
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if not self._gone:
                os.killpg(self._pid, number)

    def pass_on(self, number: int) -> None:
        """A signal that was sent to us and is meant for it."""
        self.passed_on = signal.Signals(number)
        self.send(number)
        if not self.paused:
            self.send(signal.SIGCONT)

    # ── The hub's orders, in the thread that brings them ──────────────────────

    def _hear(self, what: What) -> None:
        if what == "cancel":
            self._cancel()
        elif what == "pause":
            self.paused = True
            self.send(signal.SIGSTOP)
        elif what == "resume":
            self.paused = False
            self.send(signal.SIGCONT)

    def _cancel(self) -> None:
        order = self._session.stop.cancel_order
        if self._grace_s is None:
            self._grace_s = GRACE_S if order is None or order.grace_s is None else order.grace_s
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)  # one that is held must go on to hear it
        self.paused = False
        self.cancelled_at = time.monotonic()
        self._session.stop.settle()  # it is acknowledged by the command's end: nobody knows whether it listens
        self._wake()

    # ── The end ───────────────────────────────────────────────────────────────

    def wait_s(self, now: float) -> float | None:
        """Seconds until the grace time is over; None where nobody cancelled."""
        if self.cancelled_at is None or self.killed:
            return None
        return max(self.cancelled_at + (self._grace_s or 0.0) - now, 0.0)

    def kill_if_overdue(self, now: float) -> None:
        """Kill the whole tree where it was asked to stop and has not within the grace time."""
        if self.wait_s(now) == 0.0:
            self.killed = True
            self._stop_tree(0.0)

    def collect(self) -> int:
        """The exit status of the command, which has ended; after a cancel nothing of it is left over."""
        if self.cancelled_at is not None:
            self._stop_tree(self.wait_s(time.monotonic()) or 0.0)
        with self._lock:
            self._gone = True
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _stop_tree(self, kill_s: float) -> None:
        if not stop_tree(self._head(), self._marked, kill_s):
            logger.warning("some processes of the command could not be killed")

    def _head(self) -> ProcessId | None:
        try:
            return identify(self._pid)
        except LaunchError:
            return None


def report_end(session: Session, steering: Steering, status: int, last_line: str) -> None:
    """Tell the hub how it ended.

    Args:
        session: whose end.
        steering: knows who asked for it.
        status: as of `subprocess.Popen.returncode`.
        last_line: the last that it printed.
    """
    if steering.cancelled_at is not None:
        message = "Did not stop in time, and was killed" if steering.killed else "Stopped by SIGTERM"
        session.cancelled(message, forced=steering.killed)
    elif status == 0:
        session.succeed()
    elif by_hand(status, steering.passed_on):
        name = (steering.passed_on or signal.SIGINT).name
        session.cancelled(f"Stopped by {name} where it ran")
    else:
        session.fail(Failure(type="Killed" if status < 0 else "ExitStatus", message=describe(status, last_line)))


def by_hand(status: int, passed_on: signal.Signals | None) -> bool:
    """Whether somebody stopped the command where it ran: Ctrl-C, or a signal sent to us."""
    return passed_on in ENDING or status in (-signal.SIGINT, BY_SIGNAL + signal.SIGINT)
