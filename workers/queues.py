"""What the adapters for task queues share: a task as a job on the hub, and one run of it in a worker.

A queue's task and the job on the hub are one by kind (the name of its function) and key (the id of the task).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from msgspec import Struct

from hub.errors import Invalid, TooLarge
from hub.protocol import Entry, Finish, Open
from hub.view import Failure, Status
from workers import late, outcome
from workers.announce import Notice, announce, ask
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.job import Job
from workers.outside import kind_name, opening
from workers.session import Session
from workers.stopping import Cancelled, Stop, What
from workers.texts import checked, plain_data, trimmed

logger = logging.getLogger("barcast.worker")

KEY_LENGTH = 256
CALL_LENGTH = 1_000  # of a call's text: enough to tell one from another
RESULT_LENGTH = 1_000  # of a result that JSON cannot hold


class Task(Struct, frozen=True, kw_only=True):
    """A task, as its queue knows it.

    Attributes:
        id: of the task in its queue.
        name: of its function, with the module where the queue knows it.
        title: for people; None for the last part of the name.
        queue: where it waits; None where that is not known.
        call: what it was called with, for people.
        max_attempts: how often it is tried at most; None where nobody says.
    """

    id: str
    name: str
    title: str | None = None
    queue: str | None = None
    call: str | None = None
    max_attempts: int | None = None

    def opening(self, again: bool = False) -> Open:
        """How a worker introduces it.

        Args:
            again: as a new job, because the one of this task is over.
        """
        key = f"{secrets.token_hex(8)}" if again else self._key
        return opening(**self._facts(), key=key, max_attempts=self.max_attempts)

    def notice(self, then: str | None = None, body: dict[str, Any] | None = None) -> Notice:
        """How a process that does not run it speaks of it."""
        return Notice(
            start={**self._facts(), "kind": kind_name(self.name), "key": self._key}, then=then, body=body or {}
        )

    @property
    def _key(self) -> str:
        return self.id if len(self.id) <= KEY_LENGTH else hashlib.sha256(self.id.encode()).hexdigest()

    def _facts(self) -> dict[str, Any]:
        tags = {"queue": self.queue, "task": self.id}
        return {
            "kind": self.name,
            "title": trimmed(self.title or self.name.rpartition(".")[2] or self.name),
            "params": {"call": trimmed(self.call, CALL_LENGTH)} if self.call else {},
            "tags": {name: trimmed(text) for name, text in tags.items() if text},
        }


# ── Where no process reports ──────────────────────────────────────────────────


def announce_queued(task: Task) -> None:
    """It was published. Never waits, never fails."""
    announce(task.notice())


def announce_failed(task: Task, error: Failure, retry_in_s: float | None = None) -> None:
    """The process that ran it is gone.

    Args:
        task: whose.
        error: what became of the process.
        retry_in_s: seconds after which the queue tries again; None for not at all.
    """
    body: dict[str, Any] = {"outcome": "failed", "error": {"type": error.type, "message": trimmed(error.message)}}
    announce(task.notice("finish", body if retry_in_s is None else {**body, "retry_in_s": retry_in_s}))


def announce_stopped(task: Task, reason: str) -> None:
    """It was ended, or will never be begun, and nothing of it is left to say so."""
    announce(task.notice("cancel", {"reason": reason, "force": True}))


# ── One run ───────────────────────────────────────────────────────────────────


class Run:
    """One run of a task in a worker, as an attempt of its job.

    Args:
        task: what is run.
        blocking: whether a pause makes a report wait; False for what runs on an event loop.
        lasting: whether this process goes on to other tasks after it.

    Attributes:
        task: what is run.
        force: ends the work where it does not report; called after the grace time of a cancel, in a thread of its own.
            None where nothing can.
        forced: whether `force` was called.
        ended: whether the hub was told of an end.
        error: what it failed with, for an adapter that learns later what follows from that.
        state: what the task last called its own state, in a queue that knows such a thing.
        left: set when it runs no more.
    """

    def __init__(self, task: Task, *, blocking: bool = True, lasting: bool = True) -> None:
        self.task = task
        self.forced = self.ended = False
        self.error: BaseException | None = None
        self.state: str | None = None
        self.left = threading.Event()
        self.force: Callable[[], None] | None = None
        self._blocking = blocking
        self._lasting = lasting
        self._timer: threading.Timer | None = None
        how = task.opening()
        before = late.give_way(how.kind or "", how.key or "")
        self._session = self._opened(how)
        if before is not None and before.error is not None:
            self._warn(f"Tried again while the hub was away, after {before.error.type}: {before.error.message}")
        self.allowed = self._ask()

    @property
    def job(self) -> Job:
        """To report with."""
        return self._session.job

    @property
    def cancelled_by_order(self) -> bool:
        """Whether somebody asked for a cancel."""
        return self._session.stop.cancel_order is not None

    def check(self) -> None:
        """To be called before the task's function.

        Raises:
            Cancelled: it is not to be run.
        """
        if not self.allowed:
            raise Cancelled("cancelled before it began")

    def succeed(self, result: Any = None, message: str | None = None) -> None:
        """It is done."""
        self._end(outcome.succeeded(_shown(result), message))

    def fail(self, error: BaseException | Failure, *, retry_in_s: float | None = None) -> None:
        """It failed, and the queue tries again in so many seconds, or not at all."""
        self._end(outcome.failed(error, retry_in_s))

    def cancelled(self, cause: BaseException | None = None) -> None:
        """It was stopped, or never begun.

        Args:
            cause: what was raised for it; a task may have raised it anew with a text that says what it did.
        """
        own = cause is not None and cause is not self._session.stop.raised
        self._end(outcome.cancelled((str(cause) or None) if own else None))

    def _end(self, finish: Finish) -> None:
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._session.attempt.over.is_set():
            # Another process had this job open meanwhile, with an end that had had to wait for the hub: now it is told.
            self._session.leave()
            self._session = self._opened(self.task.opening())
        late.end(self._session, finish, lasting=self._lasting)

    # ── What the hub says ─────────────────────────────────────────────────────

    def _opened(self, how: Open) -> Session:
        session = Session(how, blocking=self._blocking)
        session.stop.listen(partial(self._hear, session.stop))
        return session

    def _ask(self) -> bool:
        """Whether it is to be run; where no hub answers, it is."""
        status = self._status()
        if self.cancelled_by_order or status is Status.CANCELLED:
            return False
        if status is not None and status.terminal:
            # The queue runs it once more under the same id, which is another job.
            self._session.leave()
            self._session = self._opened(self.task.opening(again=True))
        return True

    def _status(self) -> Status | None:
        """Where its job stands, None where nobody knows; the hub refuses to open one that is over for good."""
        attempt = self._session.attempt
        if self._session.reached():
            return attempt.introduction.status
        job = ask(self.task.notice()) if attempt.over.is_set() else None
        return Status(job["status"]) if job else None

    def _hear(self, stop: Stop, what: What) -> None:
        if what == "cancel" and stop.cancel_order is not None and self._timer is None:
            self._timer = threading.Timer(stop.cancel_order.grace_s, self._stop)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        """The grace time is over."""
        if self.ended or self.left.is_set():
            return
        if self.force is None:
            self._warn("Still running: this kind of worker cannot end a task that does not report")
            return
        self.forced = True
        try:
            self.force()
        except Exception as error:  # noqa: BLE001 - whatever the queue's own connection may raise
            self._warn(f"Could not be ended: {error}")

    def _warn(self, text: str) -> None:
        entry = Entry(job=UNKNOWN, attempt=1, n=1, level="warning", text=trimmed(text))
        self._session.attempt.say(entry)


_current: ContextVar[Run | None] = ContextVar("barcast_run", default=None)


def begin(run: Run) -> Run:
    """From here on this is what runs in this thread."""
    _current.set(run)
    return run


def leave() -> None:
    """Nothing runs in this thread any more."""
    run = _current.get()
    if run is not None:
        run.left.set()
        _current.set(None)


def current() -> Run | None:
    """What runs in this thread, or coroutine."""
    return _current.get()


def current_job() -> Job:
    """The job of the task that runs here, to report with: `advance`, `track`, `phase`, `message` and all the rest.

    Where no task runs (the function was called directly, in a test or a shell) it is a job that nobody hears of.
    """
    run = current()
    return Job(Attempt(Open(id=0, kind="nobody"), independent=True), "nobody") if run is None else run.job


def _shown(result: Any) -> Any:
    """A result as the hub can keep it: what JSON cannot hold, or is too long, as a text."""
    try:
        plain = plain_data(result, "result")
        checked(Finish(job=UNKNOWN, attempt=1, n=1, outcome="succeeded", result=plain))
    except (Invalid, TooLarge):
        return trimmed(repr(result), RESULT_LENGTH)
    return plain
