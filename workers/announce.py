"""Tells the hub over HTTP of work that no process reports on: still queued, ended by force, lost with its worker.

A thread of its own does it, after whoever has something to tell has gone on. What waits is bounded; the oldest
gives way.
"""

from __future__ import annotations

import atexit
import http.client
import logging
import os
import random
import threading
from collections import deque
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from workers.address import Address, from_environment
from workers.connection import user_agent

logger = logging.getLogger("barcast.worker")

MOST = 10_000  # that wait for the hub
TRIES = 6  # of one at which the hub breaks; one that is away is waited for as long as the process lives
CALL_S = 5.0
LAST_S = 1.0  # for what waits when the process ends
PAUSE_S = 1.0  # on the average, between two tries: one small call a second is no burden
LONGEST_S = 60.0  # that the hub may ask to wait
PASSING = frozenset({408, 425, 429, 503})  # statuses that say nothing against the call itself
BROKEN = frozenset({500, 502, 504})  # that may


class Notice(Struct, frozen=True, kw_only=True):
    """A job from outside, and what is to be said of it.

    Attributes:
        start: body of `POST /api/jobs`; its key makes it one job, however often it is sent.
        then: last part of the path of a second call, on that job, such as `finish`; None for no second call.
        body: of the second call.
    """

    start: dict[str, Any]
    then: str | None = None
    body: dict[str, Any] = {}


class Refused(Exception):
    """The hub will not take it, now or later."""


class Away(Exception):
    """There is no hub, or none that takes it now.

    Attributes:
        wait_s: how many seconds it asks to wait; None where it does not say.
        broken: whether it broke at this call.
    """

    def __init__(self, why: str, wait_s: float | None = None, *, broken: bool = False) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.broken = broken


class Caller:
    """Calls of one thread to one hub, over a connection that is kept.

    Args:
        address: where the hub is, asked before each connection.
        token: for the Authorization header.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        self._address = address
        self._headers = {"User-Agent": user_agent(), "Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None
        self._path = ""

    def tell(self, notice: Notice) -> dict[str, Any]:
        """Make both calls of a notice; the job as the first one was answered.

        Raises:
            Refused: the hub will not take it.
            Away: it may at another time.
        """
        job: dict[str, Any] = self._post("/api/jobs", {**notice.start, "external": True})
        if notice.then is not None:
            self._post(f"/api/jobs/{quote(str(job['id']), safe='')}/{notice.then}", notice.body)
        return job

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        kept = self._connection is not None
        try:
            return self._call(path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept:
                raise Away(str(error)) from None
        except (ValueError, msgspec.MsgspecError) as error:
            self.close()
            raise Refused(f"not understood: {error}") from None
        return self._post(path, body)  # a kept connection may have been closed by the hub meanwhile

    def _call(self, path: str, body: dict[str, Any]) -> Any:
        connection = self._connection = self._connection or self._dial()
        connection.request("POST", self._path + path, msgspec.json.encode(body), self._headers)
        answer = connection.getresponse()
        raw = answer.read()
        if answer.status in PASSING | BROKEN:
            asked = answer.headers.get("retry-after", "")
            wait_s = min(float(asked), LONGEST_S) if asked.isdecimal() else None
            raise Away(f"{answer.status} {answer.reason}", wait_s, broken=answer.status in BROKEN)
        if answer.status >= 300:
            raise Refused(f"{answer.status} {raw[:300].decode(errors='replace')}")
        return msgspec.json.decode(raw)

    def _dial(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._address() or "")
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise Refused("the hub's address is not known, or not of http or https")
        self._path = parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname, parts.port, timeout=CALL_S)


class Announcer:
    """The thread that tells, and what it has to tell.

    Args:
        address: where the hub is.
        token: for the Authorization header.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        self._caller = Caller(address, token)
        self._changed = threading.Condition()
        self._waiting: deque[Notice] = deque(maxlen=MOST)
        self._busy = self._closing = False
        self._reached = True  # nothing speaks against it yet
        self._thread = threading.Thread(target=self._run, name="barcast-announcer", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def tell(self, notice: Notice) -> None:
        """Tell this when its turn comes. Never waits, never fails."""
        with self._changed:
            self._waiting.append(notice)
            self._changed.notify_all()

    def close(self, timeout_s: float = LAST_S) -> None:
        """Wait for what is still to be told, as long as there is a hub that listens."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._busy) or not self._reached, timeout_s)
            self._closing = True
            self._changed.notify_all()

    # ── Its thread ────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            self._tell(notice)
        self._caller.close()

    def _next(self) -> Notice | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if self._closing:
                return None
            self._busy = True
            return self._waiting.popleft()

    def _tell(self, notice: Notice) -> None:
        tries = 0
        while tries < TRIES:
            try:
                self._caller.tell(notice)
            except Refused as error:
                logger.debug("the hub refused %s: %s", notice.start, error)
            except Away as error:
                tries += error.broken
                if self._wait(2 * PAUSE_S * random.random() if error.wait_s is None else error.wait_s):  # noqa: S311
                    return
                continue
            self._reached = True
            return

    def _wait(self, seconds: float) -> bool:
        """Wait before another try; True when the process ends meanwhile."""
        with self._changed:
            self._reached = False
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._closing, seconds)


_announcers: dict[tuple[str | None, str | None], Announcer] = {}
_lock = threading.Lock()


def announce(notice: Notice) -> None:
    """Tell the hub at `BARCAST_URL` (with `BARCAST_TOKEN`). Never waits, never fails."""
    address, token = from_environment(), os.environ.get("BARCAST_TOKEN")
    place = (address(), token)
    with _lock:
        announcer = _announcers.get(place)
        if announcer is None:
            announcer = _announcers[place] = Announcer(address, token)
            announcer.start()
    announcer.tell(notice)


def ask(notice: Notice) -> dict[str, Any] | None:
    """The job of a notice as it stands, asked at once; None where nobody answers."""
    caller = Caller(from_environment(), os.environ.get("BARCAST_TOKEN"))
    try:
        return caller.tell(notice)
    except (Refused, Away) as error:
        logger.debug("no answer about %s: %s", notice.start, error)
        return None
    finally:
        caller.close()


def close_all() -> None:
    """At the end of the process."""
    for announcer in list(_announcers.values()):
        announcer.close()


def _forget() -> None:
    """In a forked process there are none: their threads stayed behind."""
    global _lock
    _lock = threading.Lock()
    _announcers.clear()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget)
