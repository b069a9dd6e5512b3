"""How a job function's end becomes the attempt's end."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from hub.errors import Invalid, TooLarge
from hub.protocol import Finish
from hub.view import Failure
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.stopping import Cancelled
from workers.texts import checked, plain_data, tail, trimmed

TRACEBACK_LENGTH = 8_000  # characters, its end; in UTF-8 at most half of a message
NAME_LENGTH = 256


NoRetry = tuple[type[BaseException], ...]


def run(attempt: Attempt, call: Callable[[], Any], no_retry: NoRetry = ()) -> Finish | None:
    """Call the work and tell how it ended; None when no end is to be reported (interrupted, revoked).

    Success wins: what returns has succeeded, cancel or not. Where it started other jobs, they end first.

    Args:
        attempt: whose work it is.
        call: the work.
        no_retry: errors after which no further attempt is to follow by itself.
    """
    try:
        attempt.stop.attend()
        try:
            result = call()
        except SystemExit as left:
            result = None
            _check_return(attempt, left)
        attempt.family.finish()
    except BaseException as error:  # noqa: BLE001 - however a user's function ends, its job ends with it
        return _failed(attempt, error, no_retry)
    return _succeeded(attempt, result)


async def run_async(attempt: Attempt, call: Callable[[], Awaitable[Any]], no_retry: NoRetry = ()) -> Finish | None:
    """As `run`, for a coroutine function."""
    try:
        await attempt.stop.resumed()
        try:
            result = await call()
        except SystemExit as left:
            result = None
            _check_return(attempt, left)
        await attempt.family.finish_async()
    except BaseException as error:  # noqa: BLE001 - see above
        return _failed(attempt, error, no_retry)
    return _succeeded(attempt, result)


def _check_return(attempt: Attempt, left: SystemExit) -> None:
    """`sys.exit()` is a way to return, unless somebody made it leave."""
    if left.code not in (None, 0) or attempt.stop.interruption is not None:
        raise left


def _finish(**fields: Any) -> Finish:
    return Finish(job=UNKNOWN, attempt=1, n=1, **fields)


def _succeeded(attempt: Attempt, result: Any) -> Finish | None:
    if attempt.over.is_set():
        return None
    try:
        finish = _finish(outcome="succeeded", result=plain_data(result, "result"))
        checked(finish)
    except (Invalid, TooLarge) as error:
        # Not to be tried again: the work is done, only its result cannot be kept.
        return _finish(outcome="failed", error=failure(error), retry=False)
    return finish


def _failed(attempt: Attempt, error: BaseException, no_retry: NoRetry) -> Finish | None:
    if attempt.stop.interruption is not None or attempt.over.is_set():
        return None
    if isinstance(error, Cancelled):
        own_words = None if error is attempt.stop.raised else trimmed(str(error)) or None
        return _finish(outcome="cancelled", message=own_words)
    if isinstance(error, asyncio.CancelledError) and attempt.stop.cancel_order is not None:
        return _finish(outcome="cancelled")
    # An error while cleaning up after a cancel: it ends as cancelled, the error kept.
    outcome = "failed" if attempt.stop.raised is None else "cancelled"
    return _finish(outcome=outcome, error=failure(error), retry=not isinstance(error, no_retry))


def failure(error: BaseException) -> Failure:
    """An exception, as it is kept."""
    left = isinstance(error, SystemExit) and isinstance(error.code, int)
    text = f"exit status {error}" if left else str(error)
    trace = "".join(traceback.format_exception(error))
    name = trimmed(type(error).__qualname__, NAME_LENGTH)
    return Failure(type=name, message=trimmed(text), traceback=tail(trace, TRACEBACK_LENGTH))
