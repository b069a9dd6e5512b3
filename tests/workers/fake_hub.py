"""A small hub for the workers' tests: a real WebSocket server that stores in memory and does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.codec import SUBPROTOCOLS, encode, worker_codec
from hub.protocol import (
    Ack,
    CancelOrder,
    CancelWork,
    Checkpoint,
    Error,
    FromWorker,
    Numbered,
    Open,
    Opened,
    RevokedWork,
    SavedCheckpoint,
    StartChild,
    ToWorker,
)
from hub.view import Status
from tests.workers.children import taken

M = TypeVar("M")
BOUND_S = 20.0  # no test waits longer for anything


class FakeHub:
    """Takes what workers say, in order, and acknowledges it.

    Attributes:
        messages: all that came, duplicates too.
        stored: numbered messages in order, each once.
        acking: whether messages are stored and acknowledged; otherwise they are heard and forgotten.
        headers: of each handshake.
        subprotocols: what it offers.
        answer_start: what it says to the start of a child; None for nothing.
    """

    def __init__(self, address_file: Path | None = None) -> None:
        self.messages: list[FromWorker] = []
        self.stored: list[Numbered] = []
        self.acked: dict[tuple[str, int], int] = {}
        self.acking = True
        self.headers: list[dict[str, str]] = []
        self.subprotocols = [Subprotocol(name) for name in SUBPROTOCOLS]
        self.checkpoint: SavedCheckpoint | None = None
        self.cancel_order: CancelOrder | None = None
        self.revoked: str | None = None
        self.status: Status | None = None
        self.answer_start: Callable[[StartChild], ToWorker | None] = taken
        self.refusal: str | None = None
        self.paused = False
        self._outside: dict[str | None, str] = {}
        self.port = 0
        self._address_file = address_file
        self._sockets: set[ServerConnection] = set()
        self._transports: list[asyncio.Transport] = []
        self._news = asyncio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> FakeHub:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on a port, a free one unless given, and write the address file."""
        self._server = await serve(
            self._serve, "127.0.0.1", port, subprotocols=self.subprotocols, ping_interval=None,
            create_connection=known(self._transports),
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        if self._address_file is not None:
            self._address_file.write_bytes(msgspec.json.encode({"url": self.url, "pid": 1}))

    async def stop(self) -> None:
        """Vanish without a word."""
        if self._server is not None:
            for transport in self._transports:
                transport.abort()
            self._server.close()
            await self._server.wait_closed()
            for transport in self._transports:  # of those that came meanwhile, too
                transport.abort()
            self._transports.clear()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self) -> str:
        """Where it is, or was last."""
        return self.url

    async def expect(self, kind: type[M], suits: Callable[[M], bool] = lambda _: True, nth: int = 1) -> M:
        """The nth message of a type that suits; waits for it."""
        async with asyncio.timeout(BOUND_S):
            while True:
                found = [message for message in self.messages if isinstance(message, kind) and suits(message)]
                if len(found) >= nth:
                    return found[nth - 1]
                await self._news.wait()

    async def send(self, message: ToWorker) -> None:
        """To every worker."""
        for socket in list(self._sockets):
            await _send(socket, message)

    async def cancel(self, job: str = "j1", attempt: int = 1, reason: str = "enough") -> None:
        """Ask for a cancel."""
        await self.send(CancelWork(job=job, attempt=attempt, reason=reason, by="ada", grace_s=5.0))

    def keep_checkpoint(self, saved: Checkpoint) -> None:
        """Whoever opens from here on is told of it."""
        self.checkpoint = SavedCheckpoint(at=0, done=saved.done, fraction=None, data=saved.data)

    def outside(self, kind: str) -> str:
        """Id of the job of work from outside that was opened with this kind."""
        return self._outside[next(message.key for message in self.of(Open) if message.kind == kind)]

    def of(self, kind: type[M]) -> list[M]:
        """All messages of a type so far."""
        return [message for message in self.messages if isinstance(message, kind)]

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers.append(dict(socket.request.headers.raw_items()))
        self._sockets.add(socket)
        codec = worker_codec(SUBPROTOCOLS[socket.subprotocol or "barcast.v1.json"])
        try:
            async for raw in socket:
                for answer in self._answers(codec.decode(raw)):
                    await _send(socket, answer)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)

    def _answers(self, message: FromWorker) -> list[ToWorker]:
        self.messages.append(message)
        self._news.set()
        self._news = asyncio.Event()
        if isinstance(message, Open):
            return [self._opened(message)]
        if isinstance(message, StartChild):
            answer = self.answer_start(message)
            return [] if answer is None else [answer]
        if isinstance(message, Numbered) and self.acking:
            return [self._store(message)]
        return []

    def _store(self, message: Numbered) -> Ack:
        key = (message.job, message.attempt)
        last = self.acked.get(key, 0)
        assert message.n <= last + 1, f"a hole before {message}"
        if message.n == last + 1:
            self.stored.append(message)
            self.acked[key] = message.n
        return Ack(job=message.job, attempt=message.attempt, n=self.acked[key])

    def _opened(self, message: Open) -> Opened | RevokedWork | Error:
        if self.refusal is not None:
            return Error(code="forbidden", message=self.refusal, id=message.id)
        outside = self._outside.setdefault(message.key, f"outside-{len(self._outside) + 1}")
        job, attempt = message.job or outside, message.attempt or 1
        if self.revoked is not None:
            return RevokedWork(job=job, attempt=attempt, reason=self.revoked, status=self.status, id=message.id)
        return Opened(
            id=message.id,
            job=job,
            attempt=attempt,
            status=Status.PAUSED if self.paused else Status.RUNNING,
            acked=self.acked.get((job, attempt), 0),
            lease_s=60.0,
            report_interval_s=0.1,
            checkpoint=self.checkpoint,
            cancel=self.cancel_order,
            history=None,
        )


async def _send(socket: ServerConnection, message: ToWorker) -> None:
    encoding = SUBPROTOCOLS[socket.subprotocol or "barcast.v1.json"]
    await socket.send(encode(message, encoding), text=encoding == "json")


def known(transports: list[asyncio.Transport]) -> type[ServerConnection]:
    """Connections whose transports are put into a list before anything is said over them."""

    class Known(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transports.append(transport)
            super().connection_made(transport)

    return Known
