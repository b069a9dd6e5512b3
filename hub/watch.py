"""A viewer that is no browser: what it knows of a topic, over as many connections as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from hub.codec import to_viewer_codec
from hub.errors import BarcastError
from hub.protocol import (
    CloseCode,
    Closing,
    Error,
    Gone,
    Hello,
    Log,
    Since,
    Snapshot,
    Subscribe,
    Subscribed,
    ToViewer,
    Update,
    Welcome,
)
from hub.remote import Refused, Remote, Unreachable, reason_of
from hub.room import FEED
from hub.view import JobUpdate, JobView, Moving, Status
from workers.backoff import Backoff

FRAME_BYTES = 16 * 1024 * 1024  # one job's snapshot: parameters, result, phases and attempts, with room
OPEN_S = 10.0
CLOSE_S = 0.5  # who leaves with Ctrl-C waits for no farewell of a hub that is busy or gone
LAST_WORDS_S = 2.0  # what a job's last log entries get to arrive after its end
STAY_AWAY = (CloseCode.MALFORMED, CloseCode.UNAUTHENTICATED, CloseCode.FORBIDDEN)
PASSING = ("unavailable", "too_many", "internal")


class Told(NamedTuple):
    """One message of the hub, and its text."""

    message: ToViewer
    text: str


class Lost(NamedTuple):
    """The connection is gone; the next one is tried after so many seconds."""

    why: str
    wait_s: float


class Broken(BarcastError):
    """A connection that ended, or could not be made, and may be tried again."""


class Watch:
    """One topic, seen through the viewer socket.

    Args:
        remote: the hub.
        job: its id, or None for the feed of all jobs.
        random: evenly spread from 0 up to, and without, 1.

    Attributes:
        jobs: the newest that is known of each job, by id.
    """

    def __init__(self, remote: Remote, job: str | None, random: Callable[[], float]) -> None:
        self.jobs: dict[str, JobView] = {}
        self.job = job
        self._remote = remote
        self._topic = FEED if job is None else f"job:{job}"
        self._backoff = Backoff(random)
        self._codec = to_viewer_codec("json")
        self._connected_before = self._asked_again = False
        self._retry_after_s = 0.0
        self._epoch: str | None = None
        self._log = 0
        self._ended_attempt = 0

    @property
    def end(self) -> Status | None:
        """How the job ended; None while it goes on, or for the feed."""
        job = self.jobs.get(self.job) if self.job else None
        return job.status if job and job.status.terminal else None

    @property
    def told_all(self) -> bool:
        """Whether the job has ended and the last entry of its log is known too."""
        return self.end is not None and self.job is not None and self.jobs[self.job].attempt == self._ended_attempt

    async def messages(self) -> AsyncGenerator[Told | Lost, None]:
        """What the hub says, until the job has ended.

        Raises:
            Unreachable: the first connection could not be made.
            Refused: the hub will not show this; trying again would not help.
        """
        while not self.end:
            try:
                async with aclosing(self._connection()) as told:
                    async for one in told:
                        yield one
            except Broken as error:
                if not self._connected_before:
                    raise Unreachable(f"expected a hub at {self._remote.url}, but {error}") from None
                wait_s = max(self._backoff.next_s(), self._retry_after_s)
                yield Lost(str(error), wait_s)
                await asyncio.sleep(wait_s)

    async def _connection(self) -> AsyncGenerator[Told, None]:
        """What the hub says on one connection."""
        try:
            async with self._connect() as socket:
                await self._introduce(socket)
                async with aclosing(self._heard(socket)) as told:
                    async for one in told:
                        yield one
        except InvalidStatus as error:
            raise self._turned_away(error) from None
        except ConnectionClosed as error:
            raise self._closed(error) from None
        except (InvalidHandshake, InvalidMessage) as error:
            raise Broken(f"what answers there is no hub ({error})") from None
        except OSError as error:
            raise Broken(reason_of(error)) from None

    def _connect(self) -> connect:
        parts = urlsplit(self._remote.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return connect(
            urlunsplit((scheme, parts.netloc, f"{parts.path}/ws", "", "")),
            subprotocols=[Subprotocol("barcast.v1.json")],
            additional_headers=self._remote.headers,
            compression=None,
            max_size=FRAME_BYTES,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            proxy=None if self._remote.local else True,
        )

    async def _introduce(self, socket: ClientConnection) -> None:
        self._retry_after_s, self._asked_again = 0.0, False
        hello = Hello(token=self._remote.token, client="barcast watch")
        await socket.send(msgspec.json.encode(hello).decode())
        await self._subscribe(socket)

    async def _subscribe(self, socket: ClientConnection) -> None:
        known = self.jobs.get(self.job) if self.job else None
        since = Since(epoch=self._epoch, seq=known.seq, log=self._log) if known else None
        message = Subscribe(id=1, topic=self._topic, since=since)
        await socket.send(msgspec.json.encode(message).decode())

    async def _heard(self, socket: ClientConnection) -> AsyncGenerator[Told, None]:
        while not self.told_all:
            try:
                async with asyncio.timeout(LAST_WORDS_S if self.end else None):
                    text = str(await socket.recv())
            except TimeoutError:
                return
            message = self._codec.decode(text)
            if not self._take(message) and not self._asked_again:
                self._asked_again = True
                await self._subscribe(socket)
            yield Told(message, text)

    # ── What is known ─────────────────────────────────────────────────────────

    def _take(self, message: ToViewer) -> bool:
        """Learn from a message; whether nothing was missed."""
        match message:
            case Welcome():
                self._epoch = message.epoch
            case Subscribed():
                self._begin()
            case Snapshot():
                self.jobs |= {job.id: job for job in message.jobs}
            case Update():
                gaps = [update for update in message.jobs if not self._update(update)]
                return not gaps
            case Log():
                self._log = message.entries[-1].n
                self._ended_attempt = max(
                    [self._ended_attempt, *(e.attempt for e in message.entries if e.event.startswith("attempt_"))]
                )
            case Gone():
                self._forget(message)
            case Closing():
                self._retry_after_s = message.retry_after_s or 0.0
            case Error():
                raise self._error(message)
        return True

    def _begin(self) -> None:
        self._connected_before, self._asked_again = True, False
        self._backoff.reset()
        if self.job is None:
            self.jobs.clear()

    def _update(self, update: JobUpdate) -> bool:
        known = self.jobs.get(update.id)
        if known is None or update.from_ > known.seq + 1:
            return False
        if update.seq > known.seq:
            self.jobs[update.id] = updated(known, update)
        return True

    def _forget(self, message: Gone) -> None:
        self.jobs.pop(message.job, None)
        if message.job == self.job:
            raise Refused(f"job {message.job} is gone: {message.reason}")

    # ── Why it ends ───────────────────────────────────────────────────────────

    def _error(self, message: Error) -> BarcastError:
        if self._connected_before and message.code in PASSING:
            return Broken(message.message)
        return Refused(message.message)

    def _turned_away(self, error: InvalidStatus) -> BarcastError:
        status = error.response.status_code
        if status >= 500 or status == 429:
            return Broken(f"the hub takes no connection now (HTTP {status})")
        return Refused(f"expected a hub at {self._remote.url}, but it refused the connection (HTTP {status})")

    @staticmethod
    def _closed(error: ConnectionClosed) -> BarcastError:
        code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
        words = f"the connection ended: {reason or 'no reason given'} ({code})"
        return Refused(words) if code in STAY_AWAY else Broken(words)


def updated(job: JobView, update: JobUpdate) -> JobView:
    """A job with its newest moving part."""
    values = {name: getattr(update, name) for name in Moving.__struct_fields__}
    given = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    if update.phases is not msgspec.UNSET:
        given["phases"] = update.phases
    return msgspec.structs.replace(job, **given)
