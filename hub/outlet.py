"""Where a live socket's frames go: one face for fast sockets and for plain ASGI.

Three quarters of the cost of telling a viewer something is the kernel's `send()`. So a frame is encoded
once for all, and what one viewer is owed in one turn of the loop leaves in one write. Where the hub's
app runs on another server, :class:`PlainOutlet` shows the same face over ASGI's `send`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from hub.codec import Frame
from hub.settings import Settings

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
STOP_S = 2.0  # what a closing socket gets while the hub stops, which has 10 s for everything
ABORT = "barcast.abort"  # where an HTTP request's ASGI scope holds what cuts its connection
EXTENSION = "barcast.outlet"  # where a WebSocket's ASGI scope holds its outlet
NO_STATUS, INTERNAL_ERROR = 1005, 1011  # close codes, RFC 6455, 7.4.1

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
