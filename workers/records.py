"""Records of the standard library's `logging` as lines of the job's story.

`Logger.callHandlers` is where every record passes that a logger lets through, whatever handlers a script sets
up before or after. A handler of our own on the root logger would make `logging.basicConfig` do nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hub.view import Level
from workers.attempt import Attempt
from workers.printed import INTERVAL_S, LINES_AT_ONCE
from workers.stack import OURS
from workers.tail import Tail, tell

NOT_TOLD = frozenset({"barcast", "websockets"})  # whoever tells must not tell of the telling
STANDARD = frozenset({1, 2})


class Quota:
    """At most 25 of each level in half a second; where there are more, the first."""

    def __init__(self) -> None:
        self._period = 0
        self._told: Counter[Level] = Counter()
        self._left_out = 0

    def admits(self, level: Level, now: float, *, roomy: bool) -> bool:
        """Whether one more may be told.

        Args:
            level: its own.
            now: seconds on a clock that does not go back.
            roomy: whether there is room for any.
        """
        if (period := int(now / INTERVAL_S)) != self._period:
            self._period = period
            self._told.clear()
        self._told[level] += 1
        admitted = roomy and self._told[level] <= LINES_AT_ONCE
        self._left_out += not admitted
        return admitted

    def take_left_out(self) -> int:
        """How many were not told, and not counted here before."""
        left_out, self._left_out = self._left_out, 0
        return left_out


class Records:
    """Tells of records at INFO and above, from the time it is installed to the time it is removed.

    Args:
        attempt: whose story it is.
        tail: told of what records print, so that nothing is told twice.
    """

    def __init__(self, attempt: Attempt, tail: Tail) -> None:
        self._attempt = attempt
        self._tail = tail
        self._quota = Quota()
        self._pid = os.getpid()
        self._busy = threading.local()
        self._original: Callable[[logging.Logger, logging.LogRecord], None] = logging.Logger.callHandlers

    def install(self) -> None:
        """Begin. The root logger lets INFO through from now on, unless the script says otherwise."""
        if logging.root.level == logging.WARNING:
            logging.root.setLevel(logging.INFO)
        original = self._original

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            self._pass(logger, record)
            original(logger, record)

        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign,assignment]  # see the top

    def remove(self) -> None:
        """End."""
        logging.Logger.callHandlers = self._original  # type: ignore[method-assign,assignment]  # as it was
        self._tell_left_out()

    def _pass(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        if not self._is_theirs(record) or getattr(self._busy, "telling", False):
            return
        self._busy.telling = True  # text made of the script's objects may log in turn
        try:
            self._take(logger, record)
        except Exception:  # noqa: BLE001 - a record that cannot be made a text is `logging`'s to complain of
            return
        finally:
            self._busy.telling = False

    def _is_theirs(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO or record.name.partition(".")[0] in NOT_TOLD:
            return False
        return os.getpid() == self._pid and not threading.current_thread().name.startswith(OURS)

    def _take(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        for handler in _printing(logger, record):
            self._tail.expect(handler.format(record))
        level, text = _level(record.levelno), _text(record)
        if self._quota.admits(level, time.monotonic(), roomy=self._attempt.roomy):
            self._tell_left_out()
            tell(self._attempt, text, level, {"logger": record.name})

    def _tell_left_out(self) -> None:
        if left_out := self._quota.take_left_out():
            data: dict[str, Any] = {"from": "logging"}
            tell(self._attempt, f"… {left_out:,} log records left out", "info", data)


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info"


def _text(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return record.getMessage() + (f" ({type(error).__qualname__}: {error})" if error is not None else "")


def _printing(logger: logging.Logger, record: logging.LogRecord) -> Iterator[logging.Handler]:
    """Handlers that will print a record to standard output or standard error."""
    handlers = list(_all(logger)) or ([logging.lastResort] if logging.lastResort else [])
    for handler in handlers:
        if record.levelno >= handler.level and not handler.filters and _prints(handler):
            yield handler


def _all(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _prints(handler: logging.Handler) -> bool:
    try:
        return getattr(handler, "stream", None).fileno() in STANDARD  # type: ignore[union-attr]  # told by the error
    except (AttributeError, OSError, ValueError):
        return False
