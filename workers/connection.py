"""A worker's socket: comes back by itself, keeps what is not acknowledged, hears a cancel in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hub.codec import SUBPROTOCOLS, Codec, Encoding, encode, to_worker_codec
from hub.errors import PeerError
from hub.protocol import CloseCode, Closing, FromWorker, Opened, ToWorker
from workers.address import Address, is_loopback, worker_socket
from workers.backoff import LONGEST_S, Backoff
from workers.roster import Roster

logger = logging.getLogger("barcast.worker")

HANDSHAKE_S = 10.0
PING_S = 20.0  # with as much for the answer: how soon a hub that vanished without a word is noticed
CLOSE_S = 1.0
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
        persistent: whether to come back after the hub refused the token (its successor may know it).
        orphan_s: seconds without a hub after which `orphaned` is called, once.
        orphaned: called in the connection's thread.
        random, clock: as the functions of the standard library.

    Attributes:
        roster: whose messages it carries.
        tried: set once the first attempt to connect has come to an end, one way or the other.
    """

    def __init__(
        self,
        address: Address,
        *,
        token: str | None = None,
        persistent: bool = True,
        orphan_s: float | None = None,
        orphaned: Callable[[], None] = lambda: None,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.roster = Roster(self)
        self.tried = threading.Event()
        self._address = address
        self._token = token
        self._persistent = persistent
        self._orphan_s = orphan_s
        self._orphaned = orphaned
        self._clock = clock
        self._backoff = Backoff(random)
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None
        self._encoding: Encoding = "msgpack"
        self._retry_after_s = 0.0
        self._contact_at = clock()
        self._refused = False
        self._thread = threading.Thread(target=self._run, name="barcast-connection", daemon=True)

    def start(self) -> None:
        """Begin to connect, and to come back whenever the connection is lost."""
        self._thread.start()

    def close(self, timeout_s: float = 2 * CLOSE_S) -> None:
        """Say goodbye and stop."""
        self._closing.set()
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

    # ── The connection's thread ───────────────────────────────────────────────

    def _run(self) -> None:
        while not self._closing.is_set():
            self._visit()
            self.tried.set()
            if self._closing.is_set() or (self._refused and not self._persistent):
                break
            self._check_orphaned()
            self._closing.wait(self._pause_s())
        self.tried.set()

    def _visit(self) -> None:
        """One connection, from dialling to its end."""
        url = self._address()
        if url is None:
            logger.debug("no hub: its address is not known")
            return
        try:
            with self._dial(url) as socket:
                self._converse(socket)
        except (OSError, WebSocketException, ValueError, EOFError) as error:
            self._refused = isinstance(error, InvalidStatus) and error.response.status_code in REFUSED_STATUS
            logger.debug("no hub at %s: %s", url, error)
        finally:
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
        self._socket = socket
        if self._closing.is_set():
            return
        self.roster.introduce()
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
        if isinstance(message, Opened):
            self._backoff.reset()
            self.tried.set()
        if isinstance(message, Closing):
            self._retry_after_s = message.retry_after_s or 0.0

    def _pause_s(self) -> float:
        after_s, self._retry_after_s = self._retry_after_s, 0.0
        return after_s + (LONGEST_S if self._refused else self._backoff.next_s())

    def _check_orphaned(self) -> None:
        if self._orphan_s is not None and self._clock() - self._contact_at >= self._orphan_s:
            self._orphan_s = None
            self._orphaned()
