"""One piece of work that the hub did not start, from its opening to its end."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from hub.errors import BarcastError
from hub.protocol import CancelAck, Entry, Finish, Open
from hub.view import Failure
from workers import afterwards, left, line, outcome
from workers.address import Address
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.job import Job
from workers.texts import trimmed

DELIVER_S = 10.0  # for the end, where a hub was there
REACH_S = 1.0  # for a first connection that is still being made when the work is over already


class OutsideJob(Job):
    """A job in the hands of a script: what a job function has, and `result` for what that would return.

    Args:
        attempt, title: as of :class:`workers.Job`.
        reached: waits a moment for the hub.

    Attributes:
        result: what came of the work, anything JSON can hold; assign it before the end.
    """

    def __init__(self, attempt: Attempt, title: str, reached: Callable[[], bool]) -> None:
        super().__init__(attempt, title)
        self.result: Any = None
        self._reached = reached

    @property
    def checkpoint_data(self) -> Any:
        """Data of the last checkpoint of the job opened under this key; waits a moment for a hub that may know it."""
        self._reached()
        return super().checkpoint_data


class Session:
    """One piece of work that the hub did not start, from its opening to its end.

    All sessions of a process to the same hub share one connection. Without a hub nothing here fails, and nothing
    waits but the end: a second for a hub that was never there, ten for one that was.

    Args:
        opening: how it is introduced; see :func:`workers.outside.opening`.
        address: where the hub is; None for `BARCAST_URL`, or the default address.
        token: for its Authorization header; None for `BARCAST_TOKEN`.
        blocking: whether a pause makes the caller of a report wait; False on an event loop, where `job.resumed()` does.

    Attributes:
        job: to report with.
        stop: tells of a cancel and of pauses; see :meth:`workers.stopping.Stop.listen`.
    """

    def __init__(
        self, opening: Open, *, address: Address | None = None, token: str | None = None, blocking: bool = True
    ) -> None:
        worker = f"{socket.gethostname()}/{os.getpid()}"
        self._began_at_s = time.time()
        opening = msgspec.structs.replace(opening, started_at=round(self._began_at_s * 1000))
        self.attempt = Attempt(opening, worker=worker, blocking=blocking, independent=True)
        self.attempt.expect_phases(opening.phases)
        self.stop = self.attempt.stop
        self.job = OutsideJob(self.attempt, opening.title or opening.kind or UNKNOWN, self.reached)
        self._pid = os.getpid()
        self._ending = threading.Lock()  # taken by whoever says the end, once
        self._line: line.Line | None = None
        _end_with_child()
        _open.add(self)
        self._line = line.join(self.attempt, address, token or os.environ.get("BARCAST_TOKEN") or None)

    def acknowledge(self, message: str | None = None) -> None:
        """A cancel was heard and the work is stopping; no report raises anything for it from here on.

        Args:
            message: what is being done about it.
        """
        if self.stop.settle():
            text = None if message is None else trimmed(message)
            self.attempt.say(CancelAck(job=UNKNOWN, attempt=1, n=1, message=text))

    def succeed(self, result: Any = None, message: str | None = None) -> None:
        """It is done.

        Args:
            result: what came of it, anything JSON can hold; None for `job.result`.
            message: the last word.
        """
        self.end(outcome.succeeded(self.job.result if result is None else result, message))

    def fail(self, error: BaseException | Failure, *, retry_in_s: float | None = None) -> None:
        """It failed.

        Args:
            error: why.
            retry_in_s: seconds after which the system that runs this work tries again by itself; None for not at all.
        """
        self.end(outcome.failed(error, retry_in_s))

    def cancelled(self, message: str | None = None, *, forced: bool = False) -> None:
        """It was stopped before it was done.

        Args:
            message: what the stop did, for people.
            forced: whether it did not stop by itself.
        """
        self.end(outcome.cancelled(message, forced=forced))

    def end(self, finish: Finish) -> None:
        """The end, once: delivers it where there is a hub to hear it, keeps it for later where there is none."""
        if self.say_end(finish):
            try:
                self.await_told(DELIVER_S)
            finally:
                self.leave()

    def reached(self, timeout_s: float | None = None) -> bool:
        """Whether the hub knows of it; waits a moment where that is being found out.

        Args:
            timeout_s: how long; None for a second.
        """
        timeout_s = REACH_S if timeout_s is None else timeout_s
        by_s = time.monotonic() + timeout_s
        road = self._line or line.of(self.attempt)
        if road is None:
            return False
        if not self.attempt.opened.is_set():
            road.connection.tried.wait(timeout_s)
        if road.connection.connected:
            self.attempt.wait_opened(max(by_s - time.monotonic(), 0.0))
        return self.attempt.opened.is_set()

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was made here, and not in the process that this one was forked from."""
        return self._pid == os.getpid()

    # ── The end, step by step, for many of them at once ───────────────────────

    def say_end(self, finish: Finish) -> bool:
        """Say how it ended; False where that was said, or is for the process to say that this one was forked from."""
        if not (self.is_of_this_process and self._ending.acquire(blocking=False)):
            return False
        if self.attempt.left_out:
            text = f"{self.attempt.left_out:,} lines of this story were left out: there was no hub to take them"
            self.attempt.say(Entry(job=UNKNOWN, attempt=1, n=1, text=text, level="warning"))
        try:
            self.attempt.say(finish)
        except BarcastError as error:
            self.attempt.say(outcome.failed(error))
        return True

    def await_told(self, timeout_s: float) -> None:
        """Wait for the hub to have all of it, where there is a hub."""
        if self.reached(min(timeout_s, REACH_S)):
            self.attempt.wait_told(timeout_s)

    def leave(self) -> None:
        """Let go of the hub; what it does not have is kept in a file."""
        _open.discard(self)
        road = self._line or line.of(self.attempt)
        if road is None:
            return  # interrupted before it was on its way
        road.leave(self.attempt)
        url = road.address()
        if url is not None and not (self.attempt.told or self.attempt.over.is_set()):
            afterwards.keep(url, self.attempt, self._began_at_s)


_open: set[Session] = set()
_watched_pid: int | None = None  # the child process that was told to call `end_all`


@atexit.register
def end_all(timeout_s: float = DELIVER_S) -> None:
    """The process ends, and what it left open with it: as the exception says that ends the process, or as left early.

    Args:
        timeout_s: for all of them together.
    """
    by_s = time.monotonic() + timeout_s
    left.settle()
    error = sys.exception()  # a process of `multiprocessing` comes here on its way out
    if error is None and not hasattr(sys, "ps1"):  # at a prompt the last one may be of long ago
        error = getattr(sys, "last_value", None)
    mine = [session for session in list(_open) if session.is_of_this_process]
    for session in mine:
        session.say_end(_left(session, error))  # unless another thread is just delivering it
    for session in mine:
        session.await_told(max(by_s - time.monotonic(), 0.0))
        session.leave()
    line.finish_telling(REACH_S)


def _left(session: Session, error: BaseException | None) -> Finish:
    if error is not None:
        return outcome.raised(error, session.stop)
    meter = session.attempt.figures.meter
    return outcome.cancelled(f"{outcome.left(meter.done, meter.total)}: the program ended")


def _end_with_child() -> None:
    """A process of `multiprocessing` ends without `atexit`; it has a list of its own."""
    global _watched_pid
    processes, endings = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if processes is None or endings is None or processes.parent_process() is None or _watched_pid == os.getpid():
        return
    _watched_pid = os.getpid()
    endings.Finalize(None, end_all, exitpriority=0)
