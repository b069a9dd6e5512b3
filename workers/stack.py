"""Where work is right now, as text: of a thread, of a coroutine, and of a process that does not answer."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

FRAMES = 100  # of one thread, the innermost; a deep recursion repeats itself
MOST_BYTES = 48 * 1024  # with what JSON adds it fits into a message
SOCKET = "websockets.sync."
OURS = "barcast-"  # how the names of our own threads begin
STAGE = frozenset({"workers.local", "workers.ending", "workers.child", "runpy"})  # what a job function is called by


def of_thread(ident: int) -> str:
    """Of all threads of this process but our own, with source lines; one of them first.

    Args:
        ident: of the one that does the work (`threading.get_ident()`).
    """
    frames = _frames()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    first = [_told("The job's thread", frames.pop(ident))] if ident in frames else []
    others = [
        _told(f"Thread {names[other]}", frame)
        for other, frame in frames.items()
        if other in names and not names[other].startswith(OURS) and not _is_socket(frame)
    ]
    return bounded("\n".join([*first, *others]))


def of_thread_alone(ident: int) -> str:
    """Of one thread of this process: where the others are other jobs'."""
    frame = _frames().get(ident)
    return "The job's thread is gone\n" if frame is None else bounded(_told("The job's thread", frame))


def of_task(task: asyncio.Task[Any]) -> str:
    """Of a coroutine that is suspended."""
    stack = traceback.StackSummary.extract(_suspended(task.get_coro()), limit=FRAMES)
    return bounded(_titled("The job's coroutine", stack))


def _frames() -> dict[int, FrameType]:
    return sys._current_frames()  # noqa: SLF001 - documented; there is no other way to see a thread


def bounded(text: str) -> str:
    """At most 48 KiB of it."""
    return text.encode("utf-8", "replace")[:MOST_BYTES].decode("utf-8", "ignore")


def _told(name: str, frame: FrameType) -> str:
    frames = [(one, line) for one, line in traceback.walk_stack(frame) if _is_theirs(one)][:FRAMES]
    stack = traceback.StackSummary.extract(iter(reversed(frames)), capture_locals=False)
    return _titled(name, stack)


def _is_socket(frame: FrameType) -> bool:
    """Whether it is one of the threads that our socket brings along."""
    modules = [one.f_globals.get("__name__") for one, _ in traceback.walk_stack(frame)]
    return str(next((name for name in reversed(modules) if name != "threading"), None)).startswith(SOCKET)


def _titled(name: str, stack: traceback.StackSummary) -> str:
    return f"{name} (most recent call last):\n{''.join(stack.format())}"


def _is_theirs(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") not in STAGE


def _suspended(waiting: Any) -> Iterator[tuple[FrameType, int]]:
    """Frames from the outermost coroutine to the one that waits, ours left out."""
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None)
        if frame is not None and _is_theirs(frame):
            yield frame, frame.f_lineno
        waiting = getattr(waiting, "cr_await", None)
