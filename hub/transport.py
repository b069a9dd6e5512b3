"""uvicorn's WebSocket protocol with bounds of our own: ready-made frames in one write, dead peers aborted."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import socket
import sys
import termios
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.protocol import Event, State

from hub.codec import Frame
from hub.conversation import Conversation
from hub.outlet import EXTENSION, STOP_S, Receive, Send
from hub.settings import Settings

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
EXCUSED_PINGS = 2  # after all has left towards a slow reader: its kernel may hold what takes it a while to read
CLOSE_S = 10.0  # a peer that has not answered a close frame by then will not (uvicorn's own bound)
NO_STATUS, INVALID_DATA, INTERNAL_ERROR = 1005, 1007, 1011  # close codes, RFC 6455, 7.4.1

log = logging.getLogger("barcast.transport")


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
        self._excused = 0  # pings whose answer may take long, because much lies before the peer to be read
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
        self._heard, self._excused = True, EXCUSED_PINGS if self.outlet.full else 0
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
        self._excused = EXCUSED_PINGS

    def resume_writing(self) -> None:
        """Called by the transport when little waits again."""
        super().resume_writing()
        self.conn.release_pong()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.outlet.drained()

    def send_keepalive_ping(self) -> None:
        """Ping, and note what the peer had taken by now."""
        self._heard = False
        if self._excused and not self.outlet.waiting:
            self._excused -= 1
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
        """Something came, or bytes left.

        Bytes prove little: a frozen peer's kernel takes them, too, as long as they are few. They count where the
        answer to the ping cannot be expected yet: where we do not read it, or much lay before the peer to be read.
        """
        taken = self.outlet.taken - self._taken_at_ping
        if not self.transport.is_reading():
            return self._heard or taken > 0
        return self._heard or (self._excused > 0 and taken > self._ping_bytes)


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
