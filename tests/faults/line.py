"""A WebSocket of a stranger's: small enough for thousands in one loop, and obedient to a test that mistreats it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

from tests.bench.crowd import handshake, masked_text

Message = dict[str, Any]
OPEN_S = 10.0
RECEIVE_BYTES = 64 * 1024  # what the kernel takes for a peer that has stopped reading


class Line(asyncio.Protocol):
    """A client's end, from the handshake on.

    Args:
        take: called with each message.

    Attributes:
        upgraded: done with the status of the handshake's answer (0 if there was none).
        gone: done once the connection is.
        close_code: what the hub closed with, 0 for none.
    """

    def __init__(self, path: str, take: Callable[[Message], None]) -> None:
        loop = asyncio.get_running_loop()
        self.upgraded: asyncio.Future[int] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self.close_code = 0
        self._path = path
        self._take = take
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(handshake(self._path))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if not self.upgraded.done():
            self.upgraded.set_result(0)
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Read the answer to the handshake, then frames."""
        self._data += data
        if not self.upgraded.done():
            head, end, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not end:
                return
            self._data = bytearray(rest)
            self.upgraded.set_result(int(head.split(b" ", 2)[1]))
        while self._frame():
            pass

    def _frame(self) -> bool:
        """Take one whole frame; a hub sends each message in one, unmasked (RFC 6455, 5.2)."""
        data = self._data
        if len(data) < 2:
            return False
        start, length = 2, data[1]
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return False
        opcode, payload = data[0] & 15, bytes(data[start : start + length])
        del data[: start + length]
        self._opcode(opcode, payload)
        return True

    def _opcode(self, opcode: int, payload: bytes) -> None:
        if opcode == 1:
            self._take(json.loads(payload))
        elif opcode == 9 and self._transport is not None:
            self._transport.write(b"\x8a" + bytes([0x80 | len(payload)]) + bytes(4) + payload)
        elif opcode == 8:
            self.close_code = int.from_bytes(payload[:2], "big")
            self.cut()

    def say(self, **message: Any) -> None:
        """Send a message, if there is anybody to send it to."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(masked_text(json.dumps(message).encode()))

    def cut(self) -> None:
        """Let go without a word, as a cable that is pulled."""
        if self._transport is not None:
            self._transport.abort()

    def drop(self, ends: socket.socket) -> None:
        """Let go of a socket that never became a line, or did; whoever holds it closes it."""
        if self._transport is None:
            ends.close()
        else:
            self.cut()

    def stop_reading(self) -> None:
        """Take nothing more from the kernel."""
        assert self._transport is not None
        self._transport.pause_reading()

    def read_on(self) -> None:
        """Take everything again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


async def dial(port: int, path: str, take: Callable[[Message], None]) -> Line:
    """A line whose handshake was answered with 101.

    Raises:
        ConnectionError: there was nobody, or another answer.
    """
    loop, ends = asyncio.get_running_loop(), socket.socket()
    ends.setblocking(False)
    ends.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    line = Line(path, take)
    try:
        async with asyncio.timeout(OPEN_S):
            await loop.sock_connect(ends, ("127.0.0.1", port))
            await loop.create_connection(lambda: line, sock=ends)
            status = await line.upgraded
    except (OSError, TimeoutError) as error:
        line.drop(ends)
        raise ConnectionError(f"no hub: {error!r}") from None
    if status != 101:
        line.cut()
        raise ConnectionError(f"expected 101, got {status}")
    return line
