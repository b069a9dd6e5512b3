"""A webhook's receiver on a real port: it answers as it is told, and checks signatures by the specification alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, NamedTuple

from hub.server import listen

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TOLERANCE_S = 300  # what receivers usually allow
Mood = int | Literal["hang", "cut", "drip", "endless"]


class Heard(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    @property
    def about(self) -> tuple[str, str]:
        """What happened, and to which job."""
        return self.told["type"], self.told["data"]["id"]


def verified(heard: Heard, key: bytes = KEY) -> bool:
    """Whether it is ours, written from the specification alone."""
    at_s = int(heard.headers["webhook-timestamp"])
    if abs(time.time() - at_s) > TOLERANCE_S:
        return False
    signed = b".".join([heard.id.encode(), str(at_s).encode(), heard.body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [one.partition(",") for one in heard.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(text, expected) for version, _, text in given)


class Played:
    """Whoever is told.

    Attributes:
        moods: how the next requests are answered, one each; the last for all further ones.
        about: how those about some jobs are answered instead.
        heard: all requests.
        taken: those that were answered with 2xx.
        headers: of each answer.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.moods: list[Mood] = [200]
        self.about: dict[str, Mood] = {}
        self.headers: dict[str, str] = {}
        self.heard: list[Heard] = []
        self.taken: list[Heard] = []
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=of-the-receiver"

    async def until(self, count: int, *, taken: bool = True) -> list[Heard]:
        """So many requests were taken, or made."""
        listed = self.taken if taken else self.heard
        while len(listed) < count:
            self._news.clear()
            await self._news.wait()
        return listed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which may be used again."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(await _request(reader), writer):
                pass
        writer.close()

    def _next(self) -> Mood:
        return self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]

    async def _answer(self, heard: Heard, writer: asyncio.StreamWriter) -> bool:
        mood = self.about.get(heard.about[1]) or self._next()
        status = mood if isinstance(mood, int) else 200
        self.heard.append(heard)
        if 200 <= status < 300 and mood not in ("hang", "cut", "drip"):
            self.taken.append(heard)
        self._news.set()
        if mood == "cut":
            return False
        if mood == "hang":
            await asyncio.Event().wait()
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"HTTP/1.1 {status} Said\r\n{lines}".encode()
        if mood == "drip":
            for byte in head * 1_000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.01)  # it is the pace that is tried here
        if mood == "endless":
            writer.write(head + b"transfer-encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await writer.drain()
        writer.write(head + b"content-length: 2\r\n\r\nok")
        await writer.drain()
        return True


async def _request(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    assert head[0].startswith("POST /hook?token=of-the-receiver "), head[0]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Heard(headers, await reader.readexactly(int(headers["content-length"])))


def free_port() -> int:
    """A port at which nobody listens."""
    with listen("127.0.0.1", 0) as one:
        port: int = one.getsockname()[1]
    return port


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Played]:
    """A receiver, until the end of the block; its connections are cut then."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        receiver = Played(listener.getsockname()[1])
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await receiver.serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()

        server = await asyncio.start_server(connected, sock=listener)
        try:
            yield receiver
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
