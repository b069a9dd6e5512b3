"""The one connection and the one reporter that all sessions of a process share on their way to a hub."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

from workers import afterwards
from workers.address import Address, from_environment
from workers.attempt import Attempt
from workers.connection import Connection
from workers.reporter import Reporter

LINGER_S = 30.0  # for the next session, after the last one left
LOOK_S = 60.0  # between two looks for what scripts that are over could not tell
TELL_S = 10.0  # for one of them
ALONE_S = 600.0  # without a hub, after which what is paused goes on: nobody is there who could resume it
Place = tuple[object, str | None]  # what tells one line from another: the address and the token


class Line:
    """A shared way to one hub; made by :func:`join`, closed when nobody has used it for a while.

    Args:
        place: its place among the lines.
        address: where the hub is.
        token: for its Authorization header.

    Attributes:
        attempts: who is on it. The roster knows them too, but its lock may be held where a process is forked.
        address: as above.
    """

    def __init__(self, place: Place, address: Address, token: str | None) -> None:
        self.attempts: set[Attempt] = set()
        self.address = address
        self.connection = Connection(address, token=token)
        self._place = place
        self._reporter = Reporter(self.connection.roster, self.connection, besides=self._turn)
        self._used_at = time.monotonic()
        self._look_at = float("-inf")
        self._connected_at: float | None = None
        self._teller: threading.Thread | None = None
        self._leaving = False

    def start(self) -> None:
        """Begin to connect."""
        self._reporter.start()
        self.connection.start()

    def join(self, attempt: Attempt) -> None:
        """Carry what this attempt says, and bring it what it is told."""
        self.attempts.add(attempt)
        self.connection.join(attempt)

    def leave(self, attempt: Attempt) -> None:
        """Nothing more comes from this attempt."""
        self.attempts.discard(attempt)
        self._used_at = time.monotonic()
        self.connection.leave(attempt)
        self._reporter.wake()

    def close(self) -> None:
        """Say goodbye and stop."""
        with _lock:
            _lines.pop(self._place, None)
        self.connection.close()
        self._reporter.close()

    def finish_telling(self, timeout_s: float) -> None:
        """The process ends: what other scripts could not tell is told as far as it was begun."""
        self._leaving = True
        if self._teller is not None and self._teller.is_alive():
            self._teller.join(timeout_s)

    # ── The reporter's thread ─────────────────────────────────────────────────

    def _turn(self, now: float) -> float | None:
        """Besides sending: seconds until something here is due, None for not by itself."""
        self.connection.greet()
        if self._forgotten(now):
            self.close()
            return None
        if not self.attempts:
            return LINGER_S
        if self.connection.connected:
            self._connected_at = now
            self._look(now)
            return None
        return self._miss(now)

    def _forgotten(self, now: float) -> bool:
        with _lock:
            if self.attempts or now - self._used_at < LINGER_S or _lines.get(self._place) is not self:
                return False
            del _lines[self._place]  # whoever comes from now on has another
            return True

    def _miss(self, now: float) -> float:
        """The hub is away; what it paused is not kept waiting for ever."""
        self._connected_at = now if self._connected_at is None else self._connected_at
        if now - self._connected_at >= ALONE_S:
            for attempt in list(self.attempts):
                attempt.resume()
        return ALONE_S

    def _look(self, now: float) -> None:
        if now >= self._look_at and (self._teller is None or not self._teller.is_alive()):
            self._look_at = now + LOOK_S
            self._teller = threading.Thread(target=self._tell, name="barcast-afterwards", daemon=True)
            with suppress(RuntimeError):  # no new threads at the end of the process
                self._teller.start()

    # ── What scripts that are over could not tell ─────────────────────────────

    def _tell(self) -> None:
        url = self.address()
        for claim in afterwards.claims(url) if url is not None else ():
            self.join(claim.attempt)
            told = claim.attempt.wait_told(TELL_S)
            self.leave(claim.attempt)
            if told or claim.attempt.over.is_set():
                claim.done()
            else:  # the next may be told all the same: this one may be damaged
                claim.give_back()
            if self._leaving or not self.connection.connected:
                return


_lines: dict[Place, Line] = {}
_lock = threading.Lock()


def join(attempt: Attempt, address: Address | None, token: str | None) -> Line:
    """Let an attempt report over the line of this process.

    Args:
        attempt: whose.
        address: where the hub is; None for `BARCAST_URL`, or the default address.
        token: for the Authorization header.
    """
    url = from_environment()() if address is None else None
    place = (address or url, token)
    with _lock:
        line = _lines.get(place)
        if line is None:
            line = _lines[place] = Line(place, address or (lambda: url), token)
            line.start()
        line.join(attempt)
    return line


def of(attempt: Attempt) -> Line | None:
    """The line that an attempt is on; None where it is on none."""
    return next((line for line in list(_lines.values()) if attempt in line.attempts), None)


def finish_telling(timeout_s: float) -> None:
    """The process ends; see :meth:`Line.finish_telling`."""
    for line in list(_lines.values()):
        line.finish_telling(timeout_s)


def close_all() -> None:
    """Say goodbye on every line."""
    with _lock:
        lines = list(_lines.values())
    for line in lines:
        line.close()


def _forget() -> None:
    """In a forked process there are none: the threads stayed behind, and the sockets are the other process's."""
    global _lock
    _lock = threading.Lock()
    lines = list(_lines.values())
    _lines.clear()
    for attempt in {attempt for line in lines for attempt in line.attempts}:
        attempt.fall_silent()


os.register_at_fork(after_in_child=_forget)
