"""A peer that does as it likes: raw bytes, frames that break the rules, silence."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

from tests.serving import PATIENCE_S

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = bytes(4)  # of zeros: a mask that leaves the payload as it is


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, bits: int = 0) -> bytes:
    """A client's WebSocket frame (RFC 6455, 5.2).

    Args:
        opcode: what it is.
        payload: what it holds.
        fin: whether it is a message's last.
        masked: as a client's must be.
        bits: the reserved ones, 0 to 7; 4 says that it is compressed (RFC 7692).
    """
    first, mask, length = (fin << 7) | (bits << 4) | opcode, masked << 7, len(payload)
    if length < 126:
        head = bytes((first, mask | length))
    elif length < 1 << 16:
        head = bytes((first, mask | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + length.to_bytes(8, "big")
    return head + (MASK if masked else b"") + payload


def handshake(path: str, *lines: str, host: str = "127.0.0.1") -> bytes:
    """A request for a WebSocket.

    Args:
        path: where.
        lines: further headers.
        host: the name that the hub is asked under.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    head = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket"]
    return "\r\n".join([*head, "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *lines, "", ""]).encode()


class Peer:
    """One connection to a hub.

    Args:
        port: the hub's.
        receive_bytes: the kernel's buffer for what comes; small ones show soon that nobody reads.
    """

    def __init__(self, port: int, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_cause: object) -> None:
        self.socket.close()

    # ── What it sends ─────────────────────────────────────────────────────────

    def send(self, data: bytes) -> None:
        """Send bytes; those that a hub which hung up does not want are lost."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def push(self, data: bytes) -> int:
        """Send as much as the kernel takes at once; how many bytes that was."""
        self.socket.setblocking(False)
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.socket.settimeout(PATIENCE_S)

    def say(self, type_: str, **fields: Any) -> None:
        """Send a message."""
        self.send(frame(TEXT, json.dumps({"type": type_, **fields}).encode()))

    def upgrade(self, path: str = "/ws", *lines: str) -> Peer:
        """Become a WebSocket; this peer."""
        self.send(handshake(path, *lines))
        assert (head := self.head()).startswith(b"HTTP/1.1 101"), head
        return self

    # ── What it reads ─────────────────────────────────────────────────────────

    def head(self) -> bytes:
        """An answer's headers."""
        while b"\r\n\r\n" not in self._came:
            self._read()
        head, _, self._came = self._came.partition(b"\r\n\r\n")
        return head

    def rest(self) -> bytes:
        """All that comes until the hub hangs up."""
        with contextlib.suppress(EOFError):
            while True:
                self._read()
        return self._came

    def scraps(self) -> None:
        """Throw away what is here."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(1 << 20):
                pass
        self.socket.settimeout(PATIENCE_S)

    def answer(self) -> tuple[int, bytes]:
        """Status and body of an answer with a `content-length`."""
        head = self.head()
        [size] = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")] or [0]
        return int(head.split()[1]), self._take(size)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Frames as (opcode, payload), until the hub hangs up; no ping is answered."""
        with contextlib.suppress(EOFError):
            while True:
                opcode, length = self._take(2)
                if length >= 126:
                    length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
                yield opcode & 0xF, self._take(length)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Messages, until the hub hangs up; pings are answered."""
        for opcode, payload in self.frames():
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == TEXT:
                yield json.loads(payload)

    def until(self, type_: str) -> dict[str, Any]:
        """The next message of a type."""
        return next(message for message in self.messages() if message["type"] == type_)

    def is_open(self) -> bool:
        """Whether a ping is answered."""
        self.send(frame(PING, b"still there?"))
        return any(opcode == PONG for opcode, _ in self.frames())

    def close_code(self) -> int | None:
        """What the hub's close frame says, or None where it hangs up without one."""
        for opcode, payload in self.frames():
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")
        return None

    def _take(self, size: int) -> bytes:
        while len(self._came) < size:
            self._read()
        taken, self._came = self._came[:size], self._came[size:]
        return taken

    def _read(self) -> None:
        """Read on.

        Raises:
            EOFError: the hub has hung up, politely or not.
        """
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        self._came += data
