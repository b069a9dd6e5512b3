"""How bytes leave and come: uvicorn's protocols with bounds of our own, and the face they show the hub.

Three quarters of the cost of telling a viewer something is the kernel's `send()`. So a frame is encoded
once for all, and what one viewer is owed in one turn of the loop leaves in one write. Where the hub's
app runs on another server, :class:`PlainOutlet` shows the same face over ASGI's `send`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import sys
import termios
from collections import deque
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from typing import Any, ClassVar, Protocol, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from hub.codec import Frame
from hub.errors import HubError, TooLarge
from hub.settings import KIB, Settings

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

ABORT = "barcast.abort"  # where an HTTP request's ASGI scope holds what cuts its connection
EXTENSION = "barcast.outlet"  # where a WebSocket's ASGI scope holds its outlet
HEADER_BYTES = 64 * KIB  # a browser's headers, cookies of other services on the host included, with room
CLOSE_S = 10.0  # a peer that has not answered a close frame by then will not (uvicorn's own bound)
STOP_S = 2.0  # the same while the hub stops, which has 10 s for everything
STOP_TASKS_S = 5  # what sessions get to end by themselves when the hub stops
BACKLOG = 4096  # every viewer of a large hub comes back at once after a restart
NO_STATUS, INVALID_DATA, INTERNAL_ERROR = 1005, 1007, 1011  # close codes, RFC 6455, 7.4.1
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
HEADERS_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

log = logging.getLogger("barcast.transport")


class Outlet(Protocol):
    """Where a live socket's frames go, and what can be known of how they are taken.

    Attributes:
        on_drained: called when `full` becomes false again.
        on_message: called with each complete incoming message, where it is decoded. Set it before the
            socket is accepted. An exception in it closes the socket with 1011.
    """

    on_drained: Callable[[], None] | None
    on_message: Callable[[str | bytes], None] | None

    @property
    def full(self) -> bool:
        """More waits to be taken than may; look here before writing, and owe the viewer instead."""

    @property
    def waiting(self) -> int:
        """Bytes handed over and not taken yet."""

    @property
    def taken(self) -> int:
        """Bytes that have left, since the beginning; one that stays the same is a peer that takes nothing."""

    def write(self, frames: Sequence[Frame]) -> None:
        """Hand over ready-made frames, all of one call in one write; nothing once the socket closes."""

    def pause_reading(self) -> None:
        """Take no further messages for now; those that are here already wait, the rest stays outside."""

    def resume_reading(self) -> None:
        """Take messages again."""

    def abort(self) -> None:
        """End the socket at once, dropping what waits."""


class SocketOutlet:
    """The fast :class:`Outlet`: frames go straight to the connection's transport.

    An object of its own with slots, because with a thousand viewers every cache line that `write`
    touches is a miss: through the protocol's large dictionary a write costs twice as much.

    Args:
        protocol: the connection that it belongs to.

    Attributes:
        open: whether frames may be written: after the handshake, before any close frame.
        written_bytes: handed over by `write` so far.
    """

    __slots__ = ("_protocol", "_push", "full", "on_drained", "open", "written_bytes")

    def __init__(self, protocol: SocketProtocol) -> None:
        self._protocol = protocol
        self._push: Callable[[bytes], None] = drop
        self.open = False
        self.full = False
        self.written_bytes = 0
        self.on_drained: Callable[[], None] | None = None

    def attach(self, transport: asyncio.WriteTransport) -> None:
        """The connection is made: this is where frames go."""
        self._push = transport.write

    def detach(self) -> None:
        """The connection is lost; frames go nowhere, and a session that waits for room waits no longer."""
        was_full, tell_drained = self.full, self.on_drained
        self.open = self.full = False
        self._push = drop
        self.on_drained = None
        if was_full and tell_drained is not None:
            tell_drained()

    def write(self, frames: Sequence[Frame]) -> None:
        """Hand over ready-made frames in one write; nothing before the socket is open and once it closes."""
        if not self.open or not frames:
            return
        data = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
        self.written_bytes += len(data)
        self._push(data)

    def drained(self) -> None:
        """Little waits again."""
        self.full = False
        if self.on_drained is not None:
            self.on_drained()

    @property
    def waiting(self) -> int:
        """Bytes in the transport's buffer and, on Linux, in the kernel's."""
        return self._protocol.waiting_bytes()

    @property
    def taken(self) -> int:
        """Bytes that have left the transport and, on Linux, that the other side's kernel has acknowledged."""
        return self.written_bytes + self._protocol.conn.bytes_out - self.waiting

    @property
    def on_message(self) -> Callable[[str | bytes], None] | None:
        """Takes complete messages where they are decoded, instead of ASGI's `receive`."""
        return self._protocol.on_message

    @on_message.setter
    def on_message(self, take: Callable[[str | bytes], None] | None) -> None:
        self._protocol.hand_to(take)

    def pause_reading(self) -> None:
        """Take no further messages for now; what one read brought already waits, the rest stays outside."""
        self._protocol.pause_reading()

    def resume_reading(self) -> None:
        """Take messages again, those that waited first."""
        self._protocol.resume_reading()

    def abort(self) -> None:
        """End the socket at once, dropping what waits."""
        self.open = False
        self._protocol.transport.abort()


def drop(_data: bytes) -> None:
    """Where frames go without a connection."""


class TooManyFragments(PayloadTooBig):
    """A message in more pieces than `settings.message_fragments`; the socket closes with 1009."""

    def __init__(self, limit: int) -> None:
        super().__init__(None, limit)
        self.message = f"message of more than {limit} fragments"


class Conversation(ServerProtocol):
    """The rules of one WebSocket (RFC 6455), with bounds on what a peer can make it do.

    Args:
        settings: limits of a message.
        outlet: told when frames may be written and when not any more.

    Attributes:
        bytes_out: what it has had sent: handshake, pings, pongs, close frames, plain messages.
        withhold_pongs: keep the answer to pings for later; they would pile up before a peer that reads nothing.
    """

    def __init__(self, settings: Settings, outlet: SocketOutlet) -> None:
        self._outlet = outlet
        super().__init__(max_size=settings.message_bytes, logger=log)
        self.debug = False  # its debug lines hold the query string and all headers, tokens too
        self.bytes_out = 0
        self.withhold_pongs = False
        self._limit = settings.message_fragments
        self._fragments = 0
        self._owed_pong: bytes | None = None

    @property
    def state(self) -> State:
        """Of RFC 6455, 7.1; the outlet is open exactly while this is."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        self._outlet.open = state is State.OPEN

    def recv_frame(self, frame: WebSocketFrame) -> None:
        """Count a message's fragments while parsing, so that a flood of empty ones ends in the middle."""
        if frame.opcode is Opcode.CONT:
            self._fragments += 1
            if self._fragments > self._limit:
                raise TooManyFragments(self._limit)
        elif frame.opcode is Opcode.PING and self.withhold_pongs:
            self._owed_pong = bytes(frame.data)
            return
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._fragments = 1
        super().recv_frame(frame)

    def release_pong(self) -> None:
        """Answer the newest of the pings that were withheld; one answer is enough (RFC 6455, 5.5.3)."""
        self.withhold_pongs = False
        if self._owed_pong is not None and self.state is State.OPEN:
            self.send_pong(self._owed_pong)
        self._owed_pong = None

    def data_to_send(self) -> list[bytes]:
        """What is to be written now; counted."""
        writes = super().data_to_send()
        self.bytes_out += sum(map(len, writes))
        return writes


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket served by uvicorn, with a :class:`SocketOutlet` and an end to every wait.

    Built by :func:`socket_protocol`, made by uvicorn for each connection.
    """

    settings: ClassVar[Settings]
    conn: Conversation

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.app = self._enter_app
        self.outlet = SocketOutlet(self)
        self.conn = Conversation(self.settings, self.outlet)
        self.close_timeout = min(CLOSE_S, self.settings.pong_s)
        self.on_message: Callable[[str | bytes], None] | None = None
        self._came: deque[Event] = deque()  # parsed, but held back; at most what one read brought
        self._held = False
        self._handing_over = False
        self._heard = False  # anything came since the last ping
        self._taken_at_ping = 0
        self._ping_bytes = 0
        self._end_timer: asyncio.TimerHandle | None = None

    # What the outlet needs

    def waiting_bytes(self) -> int:
        """Bytes in the transport's buffer and the kernel's."""
        return self.transport.get_write_buffer_size() + bytes_in_kernel(self.transport)

    def hand_to(self, take: Callable[[str | bytes], None] | None) -> None:
        """Give complete messages to `take` from now on, those first that wait for ASGI's `receive`."""
        self.on_message = take
        if take is not None:
            self._hand_over_queued()

    def pause_reading(self) -> None:
        """Hand over nothing and read nothing for now."""
        self._held = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Hand over what waited, then read on."""
        self._held = False
        self._hand_over()
        if not self._held and not self.read_paused:
            self.transport.resume_reading()

    # Coming and going

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what may wait, in the transport and in the kernel."""
        super().connection_made(transport)
        self.outlet.attach(self.transport)
        self.transport.set_write_buffer_limits(high=self.settings.write_buffer_bytes)
        own_socket = transport.get_extra_info("socket")
        if own_socket is not None:
            own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.settings.send_buffer_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the session and of all timers."""
        super().connection_lost(exc)
        self.on_message = None
        self.outlet.detach()
        self._came.clear()
        if self._end_timer is not None:
            self._end_timer.cancel()

    def handle_connect(self, event: Request) -> None:
        """Offer this outlet to the app, and leave uvicorn's log a scope without the query string."""
        super().handle_connect(event)
        if not self.close_sent:
            self._asked = cast(dict[str, Any], self.scope)
            self._asked["extensions"][EXTENSION] = self.outlet
            self.scope = {**self.scope, "query_string": b""}

    async def _enter_app(self, _logged_scope: Any, receive: Receive, send: Send) -> None:
        await self.config.loaded_app(self._asked, receive, send)

    async def send(self, message: Any) -> None:
        """ASGI's `send`; a close frame does not wait for a peer that takes nothing."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if self.close_sent and self._held:
            self.resume_reading()  # what still comes is dropped, but for the answer to the close frame
        self._bound_closing()

    async def receive(self) -> Any:
        """ASGI's `receive`; it does not undo :meth:`pause_reading`."""
        event = await super().receive()
        if self._held:
            self.transport.pause_reading()
        return event

    def shutdown(self) -> None:
        """Close politely while the server stops, and soon whether answered or not."""
        if self.conn.state is State.CLOSING and not self.close_sent:
            self.transport.close()  # the peer's close frame waits in a paused socket; there is none to send
        elif not self.transport.is_closing():
            super().shutdown()
        self._end_within(STOP_S)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The app has returned, and the socket with it."""
        super().on_task_complete(task)
        self.outlet.open = False
        self._bound_closing()

    def _bound_closing(self) -> None:
        """A socket that closes waits for its buffer to empty: not for ever."""
        if self._end_timer is None and (self.close_sent or self.transport.is_closing()):
            self._end_within(self.close_timeout)

    def _end_within(self, delay_s: float) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
        if not self.disconnected:
            self._end_timer = self.loop.call_later(delay_s, self.outlet.abort)

    # What comes

    def data_received(self, data: bytes) -> None:
        """Parse what came, hand over what is complete, and end a conversation that broke the rules."""
        self._heard = True
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.parser_exc is not None or self.conn.handshake_exc is not None:
            self._give_up()
        self._bound_closing()

    def handle_events(self) -> None:
        """Queue what was parsed and hand it over, as far as reading is not paused."""
        self._came.extend(self.conn.events_received())
        self._hand_over()

    def _hand_over(self) -> None:
        if self._handing_over:
            return  # resumed from within on_message: the loop below goes on
        self._handing_over = True
        try:
            while self._came and not self._held:
                self.conn.events.append(self._came.popleft())
                super().handle_events()
        finally:
            self._handing_over = False

    def _hand_over_queued(self) -> None:
        """Messages that came before anybody took them directly go first."""
        queued = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        for event in queued:
            if event["type"] == "websocket.receive":
                text = event.get("text")
                self._take(cast(bytes, event.get("bytes")) if text is None else text)
            else:
                self.queue.put_nowait(event)
        if self.read_paused:
            self.read_paused = False
            if not self._held:
                self.transport.resume_reading()

    def send_receive_event_to_app(self) -> None:
        """A message is complete: to `on_message`, or into ASGI's queue."""
        data = b"".join(self.frames)
        self.frames = [data]
        if self.close_sent:
            return
        message: str | bytes = data
        if self.curr_msg_data_type == "text":
            try:
                message = data.decode()
            except UnicodeDecodeError:
                self._fail(INVALID_DATA, "text is not UTF-8")
                return
        if self.on_message is None:
            super().send_receive_event_to_app()
        else:
            self._take(message)

    def _take(self, message: str | bytes) -> None:
        if self.on_message is None:
            return  # the connection was lost while its messages were handed over
        try:
            self.on_message(message)
        except Exception:
            log.exception("A message could not be taken; its socket is closed")
            self._fail(INTERNAL_ERROR, "internal error")

    def _fail(self, code: int, reason: str) -> None:
        """Close with `code`, and read nothing further."""
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say why and close; before the handshake is answered there is nothing to say it in."""
        if self.conn.close_sent is None:
            self.outlet.abort()
        else:
            super().handle_parser_exception()

    def _give_up(self) -> None:
        """End a conversation whose peer broke the rules, unless it is ending already."""
        if self.transport.is_closing():
            return
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        else:  # uvicorn lets a handshake that websockets refuses to parse hang
            self.transport.write(b"".join(self.conn.data_to_send()) or BAD_REQUEST)
            self.transport.close()

    # What is taken

    def pause_writing(self) -> None:
        """Called by the transport when more waits than may."""
        super().pause_writing()
        self.outlet.full = self.conn.withhold_pongs = True

    def resume_writing(self) -> None:
        """Called by the transport when little waits again."""
        super().resume_writing()
        self.conn.release_pong()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.outlet.drained()

    def send_keepalive_ping(self) -> None:
        """Ping, and note what the peer had taken by now."""
        self._heard = False
        self._taken_at_ping = self.outlet.taken
        before = self.conn.bytes_out
        super().send_keepalive_ping()
        self._ping_bytes = self.conn.bytes_out - before

    def keepalive_timeout(self) -> None:
        """No pong came in time: go on if there was another sign of life, else end the socket.

        uvicorn closes politely here, and then waits for a flush that never comes.
        """
        self.pong_timer = self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return  # bounded already
        if self._shows_life():
            self.schedule_ping()
        else:
            self.outlet.abort()

    def _shows_life(self) -> bool:
        """Something came, or bytes left; the ping itself counts only where we do not read its answer."""
        own_bytes = self._ping_bytes if self.transport.is_reading() else 0
        return self._heard or self.outlet.taken - self._taken_at_ping > own_bytes


def bytes_in_kernel(transport: asyncio.BaseTransport) -> int:
    """Bytes of a TCP connection that the other side has not acknowledged (Linux: `SIOCOUTQ`, tcp(7))."""
    own_socket = transport.get_extra_info("socket")
    if sys.platform != "linux" or own_socket is None or own_socket.fileno() < 0:
        return 0
    try:
        answer = fcntl.ioctl(own_socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)


def socket_protocol(settings: Settings) -> type[SocketProtocol]:
    """What uvicorn's `ws=` takes, bound to `settings`."""
    return type("BarcastSocketProtocol", (SocketProtocol,), {"settings": settings})


class PlainOutlet:
    """The same face over ASGI's `send`, for servers that lack the fast one.

    Args:
        send: the ASGI `send` of an accepted WebSocket.
        limit_bytes: how much may wait before `full`.
    """

    def __init__(self, send: Send, limit_bytes: int = Settings().write_buffer_bytes) -> None:
        self.on_drained: Callable[[], None] | None = None
        self.on_message: Callable[[str | bytes], None] | None = None
        self.full = False
        self.waiting = 0
        self.taken = 0
        self.readable = asyncio.Event()
        self.readable.set()
        self._send = send
        self._limit_bytes = limit_bytes
        self._frames: deque[Frame] = deque()
        self._written = asyncio.Event()
        self._sent = asyncio.Event()
        self._closed = False
        self._runner: asyncio.Task[Any] | None = None

    def write(self, frames: Sequence[Frame]) -> None:
        """Queue frames for :meth:`run`; nothing once it has ended."""
        if self._closed:
            return
        self._frames.extend(frames)
        self.waiting += sum(len(frame.payload) for frame in frames)
        self.full = self.full or self.waiting > self._limit_bytes
        self._written.set()

    async def run(self) -> None:
        """Send what is written, frame by frame, until :meth:`abort` or the peer is gone; the only task that sends."""
        self._runner = asyncio.current_task()
        try:
            while not self._closed:
                await self._written.wait()
                await self._send_waiting()
        except OSError:
            log.debug("The peer is gone")
        except asyncio.CancelledError:
            if not self._closed or (self._runner is not None and self._runner.uncancel() > 0):
                raise
        finally:
            self._close()

    async def _send_waiting(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            body = {"bytes": frame.payload} if frame.binary else {"text": frame.payload.decode()}
            await self._send({"type": "websocket.send", **body})
            self.waiting -= len(frame.payload)
            self.taken += len(frame.payload)
            self._sent.set()
            self._tell_drained()
        self._written.clear()

    def _tell_drained(self) -> None:
        """Not at the first byte below the limit, or it would be full again at once."""
        if self.full and self.waiting <= self._limit_bytes // 4:
            self.full = False
            if self.on_drained is not None:
                self.on_drained()

    def pause_reading(self) -> None:
        """Keep :func:`hear` from taking further messages."""
        self.readable.clear()

    def resume_reading(self) -> None:
        """Let :func:`hear` take messages again."""
        self.readable.set()

    def abort(self) -> None:
        """Drop what waits and stop :meth:`run`; the server ends the socket when its app returns."""
        was_running = self._runner is not None and not self._closed
        self._close()
        if was_running and self._runner is not None:
            self._runner.cancel()

    async def close(self, code: int) -> None:
        """Drop what waits, and close with `code`."""
        self.abort()
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.close", "code": code})

    def take(self, event: Message) -> bool:
        """Hand over a message of ASGI's; False when it could not be taken."""
        text = event.get("text")
        try:
            if self.on_message is not None:
                self.on_message(event["bytes"] if text is None else text)
        except Exception:
            log.exception("A message could not be taken; its socket is closed")
            return False
        return True

    async def finish(self, patience_s: float = STOP_S) -> None:
        """Send what waits, but for so many seconds only, and take nothing further."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.waiting and not self._closed:
                    self._sent.clear()
                    await self._sent.wait()
        self._close()

    def _close(self) -> None:
        was_full, self.full = self.full, False
        self._closed = True
        self._frames.clear()
        self._written.set()
        self._sent.set()
        if was_full and self.on_drained is not None:
            self.on_drained()  # a session that waits for room would wait for ever


def outlet_of(scope: MutableMapping[str, Any], send: Send) -> Outlet:
    """The fast outlet where the server offers one, else a :class:`PlainOutlet`, whose `run` is then due.

    Args:
        scope: the WebSocket's ASGI scope.
        send: its `send`.
    """
    fast: Outlet | None = (scope.get("extensions") or {}).get(EXTENSION)
    return PlainOutlet(send) if fast is None else fast


async def hear(outlet: Outlet, receive: Receive) -> int:
    """Wait for a socket's end; on the way, hand `on_message` what comes through ASGI.

    Args:
        outlet: the socket's; a fast one hands its messages over by itself.
        receive: the socket's ASGI `receive`.

    Returns:
        The close code (RFC 6455, 7.4).
    """
    while True:
        if isinstance(outlet, PlainOutlet):
            await outlet.readable.wait()
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return int(event.get("code") or NO_STATUS)
        if isinstance(outlet, PlainOutlet) and event["type"] == "websocket.receive" and not outlet.take(event):
            await outlet.close(INTERNAL_ERROR)
            return INTERNAL_ERROR


class HttpProtocol(HttpToolsProtocol):
    """An HTTP connection served by uvicorn, whose request headers have a deadline and a limit.

    Built by :func:`http_protocol`, made by uvicorn for each connection.
    """

    settings: ClassVar[Settings]
    _deadline: asyncio.TimerHandle | None = None
    _in_body = False
    _stray_bytes = 0  # since the last byte of a body: headers, trailers, chunk sizes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The first request is due from here on."""
        super().connection_made(transport)
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

    def on_body(self, body: bytes) -> None:
        """A part of a request's body."""
        self._stray_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here; the next one is due when it begins."""
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
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()


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
        listener = socket.socket(family, kind, protocol)
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
