"""What both sockets have in common: a live WebSocket from accept to close, read one message at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from starlette.types import Message, Receive, Send

from hub.codec import Codec, Encoding, Frame, encode
from hub.errors import HubError, Malformed, PeerError
from hub.hub import Hub
from hub.outlet import Outlet, PlainOutlet
from hub.protocol import CloseCode, Closing, Error

T = TypeVar("T")
LOG = logging.getLogger("barcast")


class Session(ABC, Generic[T]):
    """One socket.

    Args:
        hub: whose socket.
        codec: decodes what comes in.
        encoding: of what goes out.
        outlet: where frames are written.
        send: the ASGI send, for closing.
    """

    def __init__(self, hub: Hub, codec: Codec[T], encoding: Encoding, outlet: Outlet, send: Send) -> None:
        self.hub = hub
        self.encoding = encoding
        self.outlet = outlet
        self._codec = codec
        self._asgi_send = send
        self._malformed = 0
        self._closing = False
        self._drained = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        outlet.on_drained = self._on_drained

    async def run(self, receive: Receive) -> None:
        """Serve until the peer is gone or the socket is closed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                running = [tasks.create_task(work) for work in self.alongside()]
                await self._live(receive, tasks)
                self._closing = True
                for task in running:
                    task.cancel()
        finally:
            self._tasks = None
            self.left()

    async def _live(self, receive: Receive, tasks: asyncio.TaskGroup) -> None:
        """Read until the end; where a task does the writing, its end is the socket's too."""
        if not isinstance(self.outlet, PlainOutlet):
            await self._read(receive)
            return
        both = [tasks.create_task(self._read(receive)), tasks.create_task(self.outlet.run())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()

    def alongside(self) -> Sequence[Any]:
        """Coroutines that live as long as the socket."""
        return ()

    @abstractmethod
    async def answer(self, message: T) -> None:
        """Take one message; what it raises is answered as an error."""

    @abstractmethod
    def left(self) -> None:
        """The socket is gone."""

    async def paced(self, size: int) -> None:
        """Wait until the peer may be read from again, having sent `size` bytes."""

    async def _read(self, receive: Receive) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            data = message.get("text")
            await self._take(message["bytes"] if data is None else data, is_text=data is not None)
            while self.outlet.full and not self._closing:
                await self._drained.wait()

    async def _take(self, data: str | bytes, *, is_text: bool) -> None:
        try:
            if is_text is (self.encoding == "msgpack"):
                raise Malformed(f"expected {'binary' if is_text else 'text'} frames, got the other kind")
            await self.paced(len(data))
            message = self._codec.decode(data)
            self._malformed = 0
            await self.answer(message)
        except (PeerError, HubError) as error:
            await self._refuse(error, self._codec.request_id(data))

    async def _refuse(self, error: PeerError | HubError, request: int | str | None) -> None:
        self.put(Error(code=error.code, message=str(error), id=request, field=getattr(error, "field", None)))
        self._malformed = self._malformed + 1 if isinstance(error, Malformed) else 0
        if self._malformed >= self.hub.settings.malformed_in_a_row:
            await self.close(CloseCode.MALFORMED, "too many malformed messages in a row", None)

    def put(self, message: object) -> None:
        """Send a message to this peer alone."""
        self.put_frame(Frame(encode(message, self.encoding), self.encoding))

    @abstractmethod
    def put_frame(self, frame: Frame) -> None:
        """Send a ready-made frame to this peer."""

    def write(self) -> None:
        """Write what was put and not written yet."""

    async def close(self, code: int, reason: str, retry_after_s: float | None) -> None:
        """Say why, then close."""
        if self._closing:
            return
        self.put(Closing(code=code, reason=reason, retry_after_s=retry_after_s))
        self.write()
        self._closing = True
        self._drained.set()
        if isinstance(self.outlet, PlainOutlet):
            await self.outlet.finish()
        message: Message = {"type": "websocket.close", "code": code, "reason": reason}
        with contextlib.suppress(OSError, RuntimeError):  # the peer may have gone meanwhile
            await self._asgi_send(message)

    def _on_drained(self) -> None:
        self._drained.set()
        self._drained = asyncio.Event()
