"""The server under the hub: HTTP with a deadline for headers, the listening socket, and no signals of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator
from typing import Any, ClassVar, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.errors import HubError, TooLarge
from hub.listener import Listener, quiet_about_shortage
from hub.outlet import ABORT
from hub.settings import KIB, Settings
from hub.transport import socket_protocol

HEADER_BYTES = 64 * KIB  # a browser's headers, cookies of other services on the host included, with room
STOP_TASKS_S = 5  # what sessions get to end by themselves when the hub stops
TIMEOUT_MOST_MS = 2**31 - 1  # the kernel's integer
BACKLOG = 4096  # every viewer of a large hub comes back at once after a restart
REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
HEADERS_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

log = logging.getLogger("barcast.transport")


class HttpProtocol(HttpToolsProtocol):
    """An HTTP connection served by uvicorn, whose requests have deadlines and whose headers have a limit.

    Built by :func:`http_protocol`, made by uvicorn for each connection.
    """

    settings: ClassVar[Settings]
    _deadline: asyncio.TimerHandle | None = None
    _in_body = False
    _stray_bytes = 0  # since the last byte of a body: headers, trailers, chunk sizes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The first request is due from here on."""
        super().connection_made(transport)
        let_go_of_the_dead(transport, self.settings)
        self._arm_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        super().connection_lost(exc)
        self._clear_deadline()

    def data_received(self, data: bytes) -> None:
        """Whatever comes between requests begins one, a lone line break too."""
        if not self._in_body:
            self._arm_deadline()
        self._stray_bytes += len(data)
        super().data_received(data)
        if self._stray_bytes > HEADER_BYTES:
            self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {ABORT: self.transport.abort}
        self._arm_deadline()

    def on_headers_complete(self) -> None:
        """In time; and within the limit, or the request is not begun.

        Raises:
            TooLarge: the parser's own way out; uvicorn then calls :meth:`send_400_response`.
        """
        self._clear_deadline()
        self._in_body = True
        self._stray_bytes = 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEADER_BYTES:
            self._stray_bytes = size
            raise TooLarge(f"expected at most {HEADER_BYTES} bytes of headers, got {size}")
        super().on_headers_complete()
        self._deadline = self.loop.call_later(self.settings.body_s, self._refuse, REQUEST_TIMEOUT)

    def on_body(self, body: bytes) -> None:
        """A part of a request's body."""
        self._stray_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here; the next one is due when it begins."""
        self._clear_deadline()
        self._in_body = False
        self._stray_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what does not parse, or headers over the limit."""
        if self._stray_bytes > HEADER_BYTES:
            self._refuse(HEADERS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _arm_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.settings.header_s, self._refuse, REQUEST_TIMEOUT)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, answer: bytes) -> None:
        """Answer and close; no answer into the middle of another one."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not (cycle.response_started or self.pipeline):
            self.transport.write(answer)
        self.transport.close()


def let_go_of_the_dead(transport: asyncio.Transport, settings: Settings) -> None:
    """Have the kernel end a connection whose other side takes nothing, dead or alive (Linux: tcp(7)).

    No ping goes to a reader of Server-Sent Events, or of a long answer: without this the kernel would send a
    vanished one its beats again for a quarter of an hour, and wait for a stopped one for ever. Sockets that begin
    as such a connection keep it; what they are judged by themselves comes first.
    """
    own_socket = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if own_socket is not None and option is not None:
        patience_s = max(settings.ping_s + settings.pong_s, settings.stuck_s)
        own_socket.setsockopt(socket.IPPROTO_TCP, option, min(round(patience_s * 1000), TIMEOUT_MOST_MS))


def http_protocol(settings: Settings) -> type[HttpProtocol]:
    """What uvicorn's `http=` takes, bound to `settings`."""
    return type("BarcastHttpProtocol", (HttpProtocol,), {"settings": settings})


class Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to whoever runs it: set `should_exit` to end it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none; uvicorn would end the process by the signal it caught."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then serve.

        Raises:
            HubError: the app did not start; the log says why.
        """
        asyncio.get_running_loop().set_exception_handler(quiet_about_shortage)
        try:
            await super().startup(sockets)
        except SystemExit:
            raise HubError("expected the application to start, but it failed; the log says why") from None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and leave no connection open."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def server(app: Any, settings: Settings, *, host: str, port: int) -> Server:
    """A server of `app` over the protocols above; run it with `serve(sockets=[listen(host, port)])`.

    Args:
        app: an ASGI application.
        settings: limits and intervals.
        host: where it listens, for the log.
        port: likewise.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio",
        interface="asgi3",
        lifespan="on",
        http=http_protocol(settings),
        ws=socket_protocol(settings),
        ws_max_size=settings.message_bytes,
        ws_ping_interval=settings.ping_s,
        ws_ping_timeout=settings.pong_s,
        ws_per_message_deflate=False,  # 50 KiB a connection
        timeout_graceful_shutdown=STOP_TASKS_S,
        backlog=BACKLOG,
        access_log=False,
        log_config=None,  # whoever runs the hub says where logs go
        log_level="info",  # below it, scopes are logged whole, tokens too
        server_header=False,
        proxy_headers=False,
    )
    return Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that its address is known before the app starts.

    Args:
        host: a name or address of this machine.
        port: 0 takes any free one.

    Raises:
        HubError: no such address here, the port is taken, or not ours to take.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = Listener(family, kind, protocol)
    except OSError as error:
        raise HubError(f"expected an address to listen on, got {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise HubError(f"expected a free port, but cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
