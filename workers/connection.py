"""A worker's socket: comes back by itself, keeps what is not acknowledged, hears a cancel in a thread of its own."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a socket imports it, and a process forked just then would wait for that for ever
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hub.codec import SUBPROTOCOLS, Codec, Encoding, encode, to_worker_codec
from hub.errors import PeerError
from hub.protocol import CloseCode, Closing, FromWorker, Opened, ToWorker
from workers.address import Address, is_loopback, worker_socket
from workers.attempt import Attempt
from workers.backoff import LONGEST_S, Backoff
from workers.roster import Roster

logger = logging.getLogger("barcast.worker")

HANDSHAKE_S = 10.0
PING_S = 20.0  # with as much for the answer: how soon a hub that vanished without a word is noticed
CLOSE_S = 1.0
FRESH_S = 1.0  # as long as this, a failure to connect tells a newcomer enough
REFUSED_STATUS = frozenset({401, 403})
REFUSED_CODES = frozenset({CloseCode.MALFORMED, CloseCode.UNAUTHENTICATED, CloseCode.FORBIDDEN})
PREFERRED: list[Subprotocol] = [Subprotocol("barcast.v1.msgpack"), Subprotocol("barcast.v1.json")]


def user_agent() -> str:
    """How this client names itself."""
    try:
        return f"barcast-worker/{version('barcast')}"
    except PackageNotFoundError:
        return "barcast-worker"


class Connection:
    """The socket that the attempts of one process share.

    Args:
        address: where the hub is, asked before each connection.
        token: sent as `Authorization: Bearer`.
        orphan_s: seconds without a hub after which `orphaned` is called, once.
        orphaned: called in the connection's thread.
        random, clock: as the functions of the standard library.

    Attributes:
        roster: whose messages it carries.
        tried: set once the hub has answered for the first time, or could not be reached.
    """

    def __init__(
        self,
        address: Address,
        *,
        token: str | None = None,
        orphan_s: float | None = None,
        orphaned: Callable[[], None] = lambda: None,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.roster = Roster(self)
        self.tried = threading.Event()
        self._address = address
        self._token = token
        self._orphan_s = orphan_s
        self._orphaned = orphaned
        self._clock = clock
        self._backoff = Backoff(random)
        self._closing = threading.Event()
        self._hasten = threading.Event()
        self._tried_at: float | None = None  # when the last attempt to connect failed, while it waits for the next
        self._socket: ClientConnection | None = None
        self._greeting = threading.Lock()  # whoever introduces attempts to the hub, or forgets that they are
        self._newcomers: deque[Attempt] = deque()
        self._encoding: Encoding = "msgpack"
        self._retry_after_s = 0.0
        self._contact_at = clock()
        self._refused = self._complained = False
        self._silent = False  # who was dialled last did not answer, which takes its time: nobody waits for that again
        self._thread = threading.Thread(target=self._run, name="barcast-connection", daemon=True)

    def start(self) -> None:
        """Begin to connect, and to come back whenever the connection is lost."""
        self._thread.start()

    def close(self, timeout_s: float = 2 * CLOSE_S) -> None:
        """Say goodbye and stop."""
        self._closing.set()
        self._hasten.set()
        socket = self._socket
        if socket is not None:
            socket.close()
            self._thread.join(timeout_s)

    def send(self, message: FromWorker) -> bool:
        """Send one message from any thread; False when there is no hub at the moment."""
        socket = self._socket
        if socket is None:
            return False
        try:
            socket.send(encode(message, self._encoding), text=self._encoding == "json")
        except (ConnectionClosed, OSError):
            return False
        return True

    @property
    def connected(self) -> bool:
        """Whether there is a socket at this moment."""
        return self._socket is not None

    def join(self, attempt: Attempt) -> None:
        """Let one more attempt share the socket. Never waits for it: the reporter's next turn introduces it."""
        self.roster.add(attempt)
        if self.connected:  # else the next connection introduces it with all the others
            self._newcomers.append(attempt)
            self.roster.wake()
        self._try_now()

    def leave(self, attempt: Attempt) -> None:
        """Carry it no longer."""
        self.roster.remove(attempt)
        with suppress(ValueError):
            self._newcomers.remove(attempt)

    def _try_now(self) -> None:
        """Whoever comes later need not wait as long as those who saw it fail again and again."""
        failed_at = self._tried_at
        if not (self.connected or self._refused or failed_at is None) and self._clock() - failed_at >= FRESH_S:
            self._backoff.reset()
            if not self._silent:
                self.tried.clear()
            self._hasten.set()

    def greet(self) -> None:
        """Introduce those who joined on a connection that stood already."""
        with self._greeting:
            while self._newcomers and self._socket is not None:
                self.send(self._newcomers.popleft().introduction.take())

    # ── The connection's thread ───────────────────────────────────────────────

    def _run(self) -> None:
        while not self._closing.is_set():
            self._visit()
            self.tried.set()
            self._complain()
            if self._closing.is_set():
                break
            self._check_orphaned()
            self._rest(self._pause_s())
        self.tried.set()

    def _complain(self) -> None:
        """Once: who forgot the token would wonder why nothing is shown."""
        if self._refused and not self._complained:
            self._complained = True
            logger.warning("the hub at %s does not take this token; see BARCAST_TOKEN", self._address())

    def _rest(self, pause_s: float) -> None:
        self._tried_at = self._clock()
        self._hasten.wait(pause_s)
        self._tried_at = None
        self._hasten.clear()

    def _visit(self) -> None:
        """One connection, from dialling to its end."""
        url = self._address()
        if url is None:
            logger.debug("no hub: its address is not known")
            return
        dialled_at, self._silent = self._clock(), False
        try:
            with self._dial(url) as socket:
                self._converse(socket)
        except (OSError, WebSocketException, ValueError, EOFError, RuntimeError) as error:  # no new threads at exit
            self._refused = isinstance(error, InvalidStatus) and error.response.status_code in REFUSED_STATUS
            self._silent = not self.connected and self._clock() - dialled_at >= FRESH_S
            logger.debug("no hub at %s: %s", url, error)
        finally:
            with self._greeting:
                self._socket = None
                self.roster.detach()

    def _dial(self, url: str) -> ClientConnection:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else None
        options: dict[str, Any] = {"proxy": None} if is_loopback(url) else {}
        socket: ClientConnection = connect(
            worker_socket(url),
            subprotocols=PREFERRED,
            additional_headers=headers,
            user_agent_header=user_agent(),
            compression=None,
            open_timeout=HANDSHAKE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_S,
            **options,
        )
        return socket

    def _converse(self, socket: ClientConnection) -> None:
        self._encoding = SUBPROTOCOLS.get(socket.subprotocol or "", "json")
        codec = to_worker_codec(self._encoding)
        with self._greeting:
            self._socket = socket
            if self._closing.is_set():
                return
            self._newcomers.clear()
            self.roster.introduce()
        self.roster.wake()
        try:
            for raw in socket:
                self._contact_at = self._clock()
                self._hear(codec, raw)
        finally:
            self._contact_at = self._clock()
            self._refused = socket.close_code in REFUSED_CODES

    def _hear(self, codec: Codec[ToWorker], raw: str | bytes) -> None:
        try:
            message = codec.decode(raw)
        except PeerError as error:
            logger.debug("not understood: %s", error)
            return
        self.roster.hear(message)
        self.tried.set()
        if isinstance(message, Opened):
            self._backoff.reset()
        if isinstance(message, Closing):
            self._retry_after_s = message.retry_after_s or 0.0

    def _pause_s(self) -> float:
        after_s, self._retry_after_s = self._retry_after_s, 0.0
        return after_s + (LONGEST_S if self._refused else self._backoff.next_s())

    def _check_orphaned(self) -> None:
        if self._orphan_s is not None and self._clock() - self._contact_at >= self._orphan_s:
            self._orphan_s = None
            self._orphaned()
