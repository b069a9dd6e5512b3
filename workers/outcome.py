"""How work from outside ended, as the message that says so."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.errors import Invalid, TooLarge
from hub.protocol import Finish
from hub.view import Failure, Number
from workers import ending
from workers.introduction import UNKNOWN
from workers.stopping import Cancelled, Stop
from workers.texts import checked, plain_data, trimmed


def succeeded(result: Any, message: str | None = None) -> Finish:
    """It is done; failed where its result cannot be kept.

    Args:
        result: anything JSON can hold, up to 64 KiB.
        message: the last word.
    """
    try:
        finish = _finish(outcome="succeeded", result=plain_data(result, "result"), message=_trimmed(message))
        checked(finish)
    except (Invalid, TooLarge) as error:
        return _finish(outcome="failed", error=ending.failure(error), retry=False)
    return finish


def failed(error: BaseException | Failure, retry_in_s: float | None = None) -> Finish:
    """It failed.

    Args:
        error: why.
        retry_in_s: seconds until it is tried again elsewhere; None for never.
    """
    error = error if isinstance(error, Failure) else ending.failure(error)
    return _finish(outcome="failed", error=error, retry_in_s=retry_in_s)


def cancelled(message: str | None = None, *, forced: bool = False) -> Finish:
    """It was stopped before it was done.

    Args:
        message: what the stop did.
        forced: whether it did not stop by itself.
    """
    return _finish(outcome="cancelled", message=_trimmed(message), forced=forced)


def raised(error: BaseException, stop: Stop, result: Any = None) -> Finish:
    """What an exception makes of the work that it left. Ctrl-C is somebody's wish, so it is a cancel.

    Args:
        error: the exception.
        stop: tells whether it is the answer to a cancel.
        result: of a script that leaves by `sys.exit()`.
    """
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return succeeded(result)
    if isinstance(error, Cancelled):
        return cancelled(None if error is stop.raised else str(error) or None)
    if isinstance(error, KeyboardInterrupt):
        return cancelled("Interrupted at the keyboard")
    if isinstance(error, asyncio.CancelledError):
        return cancelled()
    if stop.raised is not None:  # while cleaning up after a cancel
        return _finish(outcome="cancelled", error=ending.failure(error))
    return failed(error)


def left(done: Number, total: Number | None) -> str:
    """How far work came that was left early, for people."""
    return f"Left after {done}" if total is None else f"Left after {done} of {total}"


def _finish(**fields: Any) -> Finish:
    return Finish(job=UNKNOWN, attempt=1, n=1, **fields)


def _trimmed(text: str | None) -> str | None:
    return None if text is None else trimmed(text)
