"""Servers in one process, which tell the same thing to the same number of viewers in four ways.

    broadcaster.py UPDATES ROUNDS JOBS

`fast`: ready-made frames through the outlet of `hub.outlet`. `plain`: Starlette's `send_text` to one
viewer after the other, on uvicorn as it comes, whose WebSockets compress for everybody who offers it.
`uncompressed`: the same with compression turned off. `bare`: the same bytes by the system call alone, the
least that telling everybody can cost. An update tells of JOBS jobs. Prints the ports in this order, waits on standard
input for the crowd (`crowd.py`), then measures this process's CPU time round by round, each update only
once the one before has arrived everywhere, and prints the figures as JSON.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import logging
import os
import resource
import sys
import time
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from hub.codec import Frame
from hub.outlet import Outlet, hear, outlet_of
from hub.server import Server, listen, server
from hub.settings import Settings
from hub.transport import SocketOutlet

QUIET_S = 3_600.0  # no pings while measuring, on either side
UPDATE: dict[str, Any] = {
    "type": "update",
    "at": 1_760_000_000_000,
    "jobs": [
        {
            "id": "01K6YV5W8N4T2C9R7B3D1F0GHJ",
            "attempt": 1,
            "seq": 130,
            "from": 130,
            "status": "running",
            "done": 12_480,
            "total": 50_000,
            "unit": "rows",
            "fraction": 0.41,
            "rate": 1510.2,
            "eta_s": 24.9,
            "eta_low_s": 22.0,
            "eta_high_s": 31.5,
            "phase": 2,
            "message": "Loading batch 13 of 50",
            "counters": {"ok": 12_478, "errors": 2},
            "stalled": False,
            "viewers": 3,
        }
    ],
}


def update(number: int, jobs: int) -> bytes:
    """The next update, encoded; no two are the same, as in life."""
    moved = {"seq": 1_000 + number, "from": 1_000 + number, "done": 12_480 + 7 * number, "rate": 1_510 + number / 8}
    job = {**UPDATE["jobs"][0], **moved}
    return msgspec.json.encode({**UPDATE, "at": UPDATE["at"] + 50 * number, "jobs": [job] * jobs})


class FastHall:
    """Everybody who watches through the hub's own transport."""

    def __init__(self) -> None:
        self.outlets: list[Outlet] = []

    def __len__(self) -> int:
        return len(self.outlets)

    def server(self) -> Server:
        return server(self.enter, Settings(ping_s=QUIET_S), host="127.0.0.1", port=0)

    async def enter(self, scope: Any, receive: Any, send: Any) -> None:
        """What a viewer gets."""
        if scope["type"] != "websocket":
            return await lifespan(receive, send)
        await send({"type": "websocket.accept"})
        outlet = outlet_of(scope, send)
        self.outlets.append(outlet)
        await hear(outlet, receive)
        return None

    async def tell(self, message: bytes) -> None:
        """One update to all: its frame is made once."""
        frames = (Frame(message, "json"),)
        for outlet in self.outlets:
            if not outlet.full:
                outlet.write(frames)


class PlainHall:
    """Everybody who watches through Starlette and uvicorn."""

    def __init__(self, *, compressing: bool) -> None:
        self.sockets: list[WebSocket] = []
        self._compressing = compressing

    def __len__(self) -> int:
        return len(self.sockets)

    def server(self) -> Server:
        """uvicorn as it comes, but for pings, logs, and signals, which are the broadcaster's."""
        app = Starlette(routes=[WebSocketRoute("/ws", self.enter)])
        config = uvicorn.Config(
            app,
            ws_per_message_deflate=self._compressing,
            ws_ping_interval=QUIET_S,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        return Server(config)

    async def enter(self, websocket: WebSocket) -> None:
        """What a viewer gets."""
        await websocket.accept()
        self.sockets.append(websocket)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    async def tell(self, message: bytes) -> None:
        """One update to all, encoded once, in the way that everybody writes first."""
        text = message.decode()
        for websocket in self.sockets:
            await websocket.send_text(text)


class BareHall(FastHall):
    """Everybody whose connection is written to behind the server's back."""

    async def tell(self, message: bytes) -> None:
        """One update to all, and nothing of Python's but the loop."""
        wire = Frame(message, "json").wire
        for file in self.files():
            assert os.write(file, wire) == len(wire), "the kernel takes an update whole: the one before is gone"

    @functools.cache  # noqa: B019 - there is one, and it lives as long as the process
    def files(self) -> list[int]:
        """The connections' file descriptors, once all are there."""
        assert all(isinstance(outlet, SocketOutlet) for outlet in self.outlets)
        transports = [outlet._protocol.transport for outlet in self.outlets if isinstance(outlet, SocketOutlet)]
        return [transport.get_extra_info("socket").fileno() for transport in transports]


Hall = FastHall | PlainHall


async def lifespan(receive: Any, send: Any) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def cpu_s(hall: Hall, arrived: asyncio.StreamReader, messages: list[bytes]) -> float:
    """CPU seconds of this process for some updates, each of which arrives everywhere before the next."""
    gc.collect()
    await hall.tell(messages[0])  # not counted: it brings back into the caches what the other ways drove out
    await arrived.readexactly(1)
    before_s = time.process_time()
    for message in messages[1:]:
        await hall.tell(message)
        await arrived.readexactly(1)
    return time.process_time() - before_s


async def measure(
    halls: dict[str, Hall], arrived: asyncio.StreamReader, updates: int, rounds: int, jobs: int
) -> list[dict[str, float]]:
    """Microseconds of CPU per delivered update, each way, round by round."""
    figures = []
    for turn in range(rounds):
        messages = [update(turn * (updates + 1) + number, jobs) for number in range(updates + 1)]
        spent_s = {way: await cpu_s(hall, arrived, messages) for way, hall in halls.items()}
        figures.append({way: spent_s[way] / (updates * len(hall)) * 1e6 for way, hall in halls.items()})
    return figures


async def standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(sys.stdin.fileno(), "rb"))
    return reader


def say(fact: Any) -> None:
    print(json.dumps(fact), flush=True)


async def main(updates: int, rounds: int, jobs: int) -> None:
    halls: dict[str, Hall] = {
        "fast": FastHall(),
        "plain": PlainHall(compressing=True),  # uvicorn's default
        "uncompressed": PlainHall(compressing=False),
        "bare": BareHall(),
    }
    servers = [hall.server() for hall in halls.values()]
    listeners = [listen("127.0.0.1", 0) for _ in servers]
    async with asyncio.TaskGroup() as tasks:
        for one, listener in zip(servers, listeners, strict=True):
            tasks.create_task(one.serve(sockets=[listener]))
        say([listener.getsockname()[1] for listener in listeners])
        try:
            arrived = await standard_input()
            await arrived.readline()
            say(await measure(halls, arrived, updates, rounds, jobs))
        finally:
            for one in servers:
                one.should_exit = True


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # a failure ends a thousand sessions; its traceback is told once, below
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(*map(int, sys.argv[1:])))
