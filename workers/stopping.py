"""How a job function is made to stop or to wait: at its next report, by an exception or by not being let on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

from hub.errors import BarcastError
from hub.protocol import CancelOrder

logger = logging.getLogger("barcast.worker")

What = Literal["cancel", "interrupt", "pause", "resume"]
Listener = Callable[[What], None]


class Cancelled(BaseException):
    """Raised once, at the next report after a cancel. Let it pass, or raise it anew with a text that says what it did.

    Not an `Exception`, so that `except Exception` does not swallow it.
    """


class Interrupted(Cancelled):
    """The work is to stop, but not by a cancel: the hub stops, or another worker has the job. No end is reported."""


class Turns(Protocol):
    """What a loop needs to go on."""

    def clear(self) -> None:
        """Halt it; it attends to what there is, then goes on."""
        ...


class Stop:
    """What is to be raised in a job function, and whether it is to wait.

    Args:
        changed: guards it; notified when there is something to attend to.
        acknowledge: called just before `Cancelled` is raised, under that lock.
        blocking: whether a pause makes the caller of a report wait; not on an event loop, where `resumed` does.

    Attributes:
        attention: True when there is something to attend to at the next report. The function reads it without the lock.
        paused: whether the function is to wait. A cancel and an interruption end that too.
        cancel_order: the cancel, once there is one.
        interruption: why the work is to stop without an end.
        raised: what was raised.
    """

    def __init__(self, changed: threading.Condition, acknowledge: Callable[[], None], *, blocking: bool = True) -> None:
        self.attention = False
        self.paused = False
        self.cancel_order: CancelOrder | None = None
        self.interruption: str | None = None
        self.raised: Cancelled | None = None
        self._mistake: BarcastError | None = None
        self._changed = changed
        self._acknowledge = acknowledge
        self._blocking = blocking
        self._turns: list[Turns] = []
        self._listeners: dict[Listener, None] = {}  # in order; thousands may come and go
        self._untold: deque[tuple[Listener, What]] = deque()
        self._telling = threading.Lock()

    # ── The job's function ────────────────────────────────────────────────────

    def attend(self) -> None:
        """Wait while paused, then raise what is to be raised, each once.

        That is a cancel, an interruption, or a number that the hub would refuse.
        """
        if not self.attention:
            return
        with self._changed:
            if self._blocking:
                self._changed.wait_for(lambda: not self.paused)
            self.attention = False
            mistake, self._mistake = self._mistake, None
            cause = self._cause() if self.raised is None else None
        if cause is not None:
            raise cause
        if mistake is not None:
            raise mistake

    def _cause(self) -> Cancelled | None:
        if self.interruption is not None:
            self.raised = Interrupted(self.interruption)
        elif self.cancel_order is not None:
            self.raised = Cancelled(self.cancel_order.reason or "cancelled")
            self._acknowledge()
        return self.raised

    async def resumed(self) -> None:
        """As `attend`, for a coroutine: its event loop goes on while it waits."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def tell(what: What) -> None:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(news.set)

        self.listen(tell)
        try:
            while self.paused:
                news.clear()
                await news.wait()
        finally:
            self.unlisten(tell)
        self.attend()

    def renew(self, changed: threading.Condition) -> None:
        """In a forked process: the locks of the process before may be held by threads that are not here."""
        self._changed, self._telling = changed, threading.Lock()
        self._listeners = {}
        self._untold.clear()
        self.paused = False

    def settle(self) -> bool:
        """Somebody acts on the cancel, so that nothing is raised for it. Returns whether there is one to act on."""
        with self._changed:
            if self.cancel_order is None or self.raised is not None:
                return False
            self.raised = Cancelled(self.cancel_order.reason or "cancelled")
            return True

    def watch(self, turns: Turns) -> None:
        """Empty `turns` when there is something to attend to, so that the loop that takes them halts."""
        with self._changed:
            self._turns.append(turns)

    def unwatch(self, turns: Turns) -> None:
        """That loop is over."""
        with self._changed:
            self._turns = [other for other in self._turns if other is not turns]

    # ── Whoever wants it to stop or to wait ───────────────────────────────────

    def cancel(self, order: CancelOrder) -> None:
        """Stop at the next report."""
        with self._changed:
            if self.cancel_order is None:
                self.cancel_order = order
                self._stop("cancel")
        self._tell()

    def interrupt(self, why: str) -> None:
        """Stop at the next report, and report no end."""
        with self._changed:
            if self.interruption is None:
                self.interruption = why
                self._stop("interrupt")
        self._tell()

    def pause(self) -> None:
        """Wait at the next report; nothing where the work is to stop."""
        with self._changed:
            if not (self.paused or self.stopping):
                self.paused = True
                self._halt("pause")
        self._tell()

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            if self.paused:
                self.paused = False
                self._halt("resume")
        self._tell()

    def mistaken(self, mistake: BarcastError) -> None:
        """Raise this at the next report, and go on."""
        with self._changed:
            self._mistake = mistake
            self._halt()

    @property
    def stopping(self) -> bool:
        """Whether the work was asked to stop, by a cancel or otherwise."""
        return self.cancel_order is not None or self.interruption is not None

    def _stop(self, what: What) -> None:
        self.paused = False
        self._halt(what)

    def _halt(self, what: What | None = None) -> None:
        self.attention = True
        for turns in self._turns:
            turns.clear()
        self._changed.notify_all()
        if what is not None:
            self._untold.extend((listener, what) for listener in self._listeners)

    # ── Whoever wants to know ─────────────────────────────────────────────────

    def listen(self, listener: Listener) -> None:
        """Have this called after each cancel, interruption, pause and resume, in order, in the thread that brought it.

        What holds already is told at once. The listener is called without the lock, and one at a time.
        """
        with self._changed:
            holds: dict[What, bool] = {
                "cancel": self.cancel_order is not None,
                "interrupt": self.interruption is not None,
                "pause": self.paused,
            }
            self._listeners[listener] = None
            self._untold.extend((listener, what) for what, true in holds.items() if true)
        self._tell()

    def unlisten(self, listener: Listener) -> None:
        """Call it no more."""
        with self._changed:
            self._listeners.pop(listener, None)

    def _tell(self) -> None:
        """Whoever is telling already tells this too, so that nobody hears a resume before its pause."""
        while self._untold and self._telling.acquire(blocking=False):
            try:
                self._tell_all()
            finally:
                self._telling.release()

    def _tell_all(self) -> None:
        while self._untold:
            listener, what = self._untold.popleft()
            try:
                listener(what)
            except Exception:
                logger.exception("a listener failed when told of %s", what)
