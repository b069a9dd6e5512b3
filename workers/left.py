"""Loops that are left before their end, and cannot see what for: a `break`, or an exception that is on its way.

Where it was no `break`, such an end is held back for a moment. An exception that nobody catches comes by within that,
at the end of the program or of its thread, and its traceback tells that it went through that loop: then that is how
the work ended. What nobody hears of was caught by somebody, and is cancelled.
"""

from __future__ import annotations

import inspect
import opcode
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

from hub.protocol import Finish
from workers import outcome
from workers.stopping import Stop

HOLD_S = 0.5  # an exception that runs through many `finally` takes a while
MOST = 100  # at once; further ones are not held
OURS = ("workers", "tqdm", "rich")
# What a `break` or a `return` lets go of the loop by; an exception stands where it was raised.
LETS_GO = {opcode.opmap[name] for name in ("POP_TOP", "POP_ITER") if name in opcode.opmap}


class Session(Protocol):
    """What is wanted of a :class:`workers.session.Session`."""

    stop: Stop

    def say_end(self, finish: Finish) -> bool:
        """Say how it ended."""
        ...

    def end(self, finish: Finish) -> None:
        """Say it, and deliver it."""
        ...


class Held:
    """An end that is held back.

    Args:
        session: whose.
        finish: how it ends where nothing else is heard.
        frame: number of the frame in which the loop stood; the frame itself would keep alive what is in it.

    Attributes:
        session, finish: as above.
        due_s: when it is over, on the clock of `time.monotonic`.
    """

    def __init__(self, session: Session, finish: Finish, frame: int) -> None:
        self.session = session
        self.finish = finish
        self.due_s = time.monotonic() + HOLD_S
        self._frame = frame
        self._before = _last()

    def heed(self, error: BaseException | None) -> None:
        """An exception that nobody caught; it may have come from this loop."""
        if any(id(frame) == self._frame for frame in _passed(error)):
            assert error is not None  # it has passed something
            self.finish = outcome.raised(error, self.session.stop)
            self.due_s = 0.0

    def heed_last(self) -> None:
        """IPython calls no hook, but keeps what it shows."""
        error = _last()
        if error is not self._before:
            self.heed(error)


_changed = threading.Condition()  # may be taken again in its thread: a loop can be left wherever something is freed
_held: dict[Session, Held] = {}
_thread: threading.Thread | None = None


def hold(session: Session, message: str | None) -> None:
    """The loop of this work was left early; called where that is noticed, in the thread that left it.

    Args:
        session: whose.
        message: how far it came.
    """
    frame, finish = _around(), outcome.cancelled(message)
    if frame is None or _went_by_itself(frame) or not _take(Held(session, finish, id(frame))):
        session.end(finish)


def _around() -> FrameType | None:
    """Where the loop stood. Generators around it are left with it, and whoever goes through them is meant."""
    frame = inspect.currentframe()
    while frame is not None and (frame.f_code.co_flags & inspect.CO_GENERATOR or _is_ours(frame)):
        frame = frame.f_back
    return frame


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in OURS


def _went_by_itself(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti] in LETS_GO


def _take(held: Held) -> bool:
    global _thread
    with _changed:
        if len(_held) >= MOST or sys.is_finalizing():
            return False
        if _thread is None:
            thread = threading.Thread(target=_run, name="barcast-left", daemon=True)
            with suppress(RuntimeError):  # no new threads at the end of the process
                thread.start()
                _thread = thread
        if _thread is not None:
            _held[held.session] = held
            _listen()
            _changed.notify_all()
        return _thread is not None


def settle() -> None:
    """The process ends: say all that is held; whoever calls this delivers it."""
    with _changed:
        leaving = list(_held.values())
        _held.clear()
        _unlisten()
    for held in leaving:
        held.heed(sys.exception())
        held.heed_last()
        held.session.say_end(held.finish)


# ── A thread of its own, for as long as something is held ─────────────────────


def _run() -> None:
    while (held := _next()) is not None:
        held.session.end(held.finish)


def _next() -> Held | None:
    global _thread
    with _changed:
        while _held:
            held = min(_held.values(), key=lambda one: one.due_s)
            wait_s = held.due_s - time.monotonic()
            if wait_s <= 0:
                del _held[held.session]
                held.heed_last()
                return held
            _changed.wait(wait_s)
        _unlisten()
        _thread = None
        return None


# ── Exceptions that nobody caught ─────────────────────────────────────────────


def _passed(error: BaseException | None) -> Iterator[FrameType]:
    """All frames that an exception went through, with those that it was raised for or in place of."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield from (frame for frame, _ in traceback.walk_tb(one.__traceback__))
            todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _last() -> BaseException | None:
    error: BaseException | None = getattr(sys, "last_value", None)
    return error


def _heed(error: BaseException | None) -> None:
    with _changed:
        for held in _held.values():
            held.heed(error)
        _changed.notify_all()


class Ear:
    """Stands before a module's `excepthook`, which is called in any case.

    Args:
        module: `sys` or `threading`.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._former = module.excepthook
        module.excepthook = self

    def __call__(self, *args: Any) -> None:
        """An exception, in the way of the module."""
        try:
            _heed(args[1] if len(args) > 1 else args[0].exc_value)
        finally:
            self._former(*args)

    def leave(self) -> None:
        """Stand there no more, unless somebody has come before us."""
        if self._module.excepthook is self:
            self._module.excepthook = self._former


_ears: list[Ear] = []


def _listen() -> None:
    if not _ears:
        _ears.extend([Ear(sys), Ear(threading)])


def _unlisten() -> None:
    for ear in _ears:
        ear.leave()
    _ears.clear()


def _forget() -> None:
    """In a forked process: they are the other's to say, and its thread is not here."""
    global _changed, _thread
    _changed, _thread = threading.Condition(), None
    _held.clear()
    _unlisten()


os.register_at_fork(after_in_child=_forget)
