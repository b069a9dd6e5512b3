"""How a job function is made to stop: once, by an exception, at its next report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from hub.errors import BarcastError
from hub.protocol import CancelOrder


class Cancelled(BaseException):
    """Raised once, at the next report after a cancel. Let it pass, or raise it anew with a text that says what it did.

    Not an `Exception`, so that `except Exception` does not swallow it.
    """


class Interrupted(Cancelled):
    """The work is to stop, but not by a cancel: the hub stops, or another worker has the job. No end is reported."""


class Stop:
    """What is to be raised in a job function.

    Args:
        changed: guards it; notified when there is something to raise.
        acknowledge: called just before `Cancelled` is raised, under that lock.

    Attributes:
        attention: True when something is to be raised at the next report. The function reads it without the lock.
        cancel_order: the cancel, once there is one.
        interruption: why the work is to stop without an end.
        raised: what was raised.
    """

    def __init__(self, changed: threading.Condition, acknowledge: Callable[[], None]) -> None:
        self.attention = False
        self.cancel_order: CancelOrder | None = None
        self.interruption: str | None = None
        self.raised: Cancelled | None = None
        self._mistake: BarcastError | None = None
        self._changed = changed
        self._acknowledge = acknowledge
        self._turns: list[list[Any]] = []

    def attend(self) -> None:
        """Raise what is to be raised: a cancel, an interruption, a number that the hub would refuse; each once."""
        if not self.attention:
            return
        with self._changed:
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

    def watch(self, turns: list[Any]) -> None:
        """Empty `turns` when something is to be raised, so that the loop that takes them halts."""
        with self._changed:
            self._turns.append(turns)

    def unwatch(self, turns: list[Any]) -> None:
        """That loop is over."""
        with self._changed:
            self._turns = [other for other in self._turns if other is not turns]

    def cancel(self, order: CancelOrder) -> None:
        """Stop at the next report."""
        with self._changed:
            if self.cancel_order is None:
                self.cancel_order = order
                self._halt()

    def interrupt(self, why: str) -> None:
        """Stop at the next report, and report no end."""
        with self._changed:
            if self.interruption is None:
                self.interruption = why
                self._halt()

    def mistaken(self, mistake: BarcastError) -> None:
        """Raise this at the next report, and go on."""
        with self._changed:
            self._mistake = mistake
            self._halt()

    def _halt(self) -> None:
        self.attention = True
        for turns in self._turns:
            turns.clear()
        self._changed.notify_all()
