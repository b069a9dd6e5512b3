"""Ends that the hub has not heard yet, in a worker that goes on to its next task: told as soon as there is a hub.

Nothing waits for that but a moment. What is still untold when the process ends is kept in a file, as for any script.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from contextlib import suppress

from hub.protocol import Finish
from workers import afterwards, line
from workers.address import from_environment
from workers.session import Session

MOST = 250  # ends that wait here, each looked at when anything is sent; older ones are kept in files
PATIENCE_S = 60.0  # with one file, before it is another's turn
TOLD_S = 0.05  # a hub that is there takes an end in a few milliseconds; another is told later
AHEAD_S = 0.5  # where the next attempt must not come before the end of this one

_late: deque[Session] = deque()
_lock = threading.Lock()
_teller: threading.Thread | None = None


def end(session: Session, finish: Finish, *, lasting: bool) -> None:
    """Tell an end, without waiting for a hub that is away.

    Args:
        session: whose.
        finish: how it ended.
        lasting: whether this process goes on after it.
    """
    if not session.say_end(finish):
        return
    session.await_told(TOLD_S if lasting and finish.retry_in_s is None else AHEAD_S)
    if lasting and not _is_over(session):
        with _lock:
            _late.append(session)
    else:
        session.leave()
    _let_go()


def give_way(kind: str, key: str) -> Finish | None:
    """An end that waits here gives way to the next attempt of the same job, which begins now; returns that end.

    Told later, it would end the attempt that the hub takes the new one for.
    """
    with _lock:
        waiting = next((session for session in _late if _is_of(session, kind, key) and not _is_over(session)), None)
        if waiting is None:
            return None
        _late.remove(waiting)
    said = waiting.attempt.unacknowledged()
    waiting.attempt.revoke("its next attempt has begun")
    waiting.leave()
    return said[-1] if said and isinstance(said[-1], Finish) else None


def _is_of(session: Session, kind: str, key: str) -> bool:
    opening = session.attempt.introduction.opening
    return (opening.kind, opening.key) == (kind, key)


def close() -> None:
    """The process ends."""
    _let_go(keep=0)


# ── Where each task has a process of its own, which cannot wait ───────────────


def follow_up() -> None:
    """Tell what such processes left in files, from the worker that started them, as soon as there is a hub."""
    global _teller
    with _lock:
        if (_teller is None or not _teller.is_alive()) and _something_waits():
            _teller = threading.Thread(target=_follow_up, name="barcast-follow-up", daemon=True)
            _teller.start()


def _something_waits() -> bool:
    with suppress(OSError):
        return any(name.endswith(afterwards.WAITING) for name in os.listdir(afterwards.folder()))
    return False


def _follow_up() -> None:
    url = from_environment()()
    while url is not None and _something_waits():
        found = False
        for claim in afterwards.claims(url):  # each in its turn: one that is damaged does not hold up the others
            found = True
            _tell(claim)
        if not found:
            return  # they are for other hubs, or other processes have them


def _tell(claim: afterwards.Claim) -> None:
    way = line.join(claim.attempt, None, os.environ.get("BARCAST_TOKEN") or None)
    if claim.attempt.wait_told(PATIENCE_S) or claim.attempt.over.is_set():
        claim.done()
    else:
        claim.give_back()
    way.leave(claim.attempt)


def _is_over(session: Session) -> bool:
    return session.attempt.told or session.attempt.over.is_set()


def _let_go(keep: int = MOST) -> None:
    with _lock:
        leaving = [session for session in _late if _is_over(session)]
        staying = [session for session in _late if not _is_over(session)]
        most = max(len(staying) - keep, 0)
        leaving += staying[:most]
        _late.clear()
        _late.extend(staying[most:])
    for session in leaving:
        session.leave()


def _forget() -> None:
    """In a forked process: they are the other's."""
    global _lock, _teller
    _lock, _teller = threading.Lock(), None
    _late.clear()


atexit.register(close)
os.register_at_fork(after_in_child=_forget)
