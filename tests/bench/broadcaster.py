"""Two servers in one process, which tell the same thing to the same number of viewers in two ways.

    broadcaster.py UPDATES ROUNDS

`fast`: ready-made frames through the outlet of `hub.transport`. `plain`: Starlette's `send_text` to one
viewer after the other, on uvicorn's own WebSocket protocol. Prints both ports, waits on standard input
for the crowd (`crowd.py`), then measures this process's CPU time round by round, each update only once
the one before has arrived everywhere, and prints the figures as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from hub.codec import Frame
from hub.settings import Settings
from hub.transport import Outlet, Server, hear, listen, outlet_of, server

QUIET_S = 3_600.0  # no pings while measuring, on either side
UPDATE = {
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


class Hall:
    """Everybody who watches, in either way."""

    def __init__(self) -> None:
        self.outlets: list[Outlet] = []
        self.sockets: list[WebSocket] = []

    async def fast(self, scope: Any, receive: Any, send: Any) -> None:
        """What viewers of the fast server get."""
        if scope["type"] != "websocket":
            return await lifespan(receive, send)
        await send({"type": "websocket.accept"})
        outlet = outlet_of(scope, send)
        self.outlets.append(outlet)
        await hear(outlet, receive)
        return None

    async def plain(self, websocket: WebSocket) -> None:
        """What viewers of the plain server get."""
        await websocket.accept()
        self.sockets.append(websocket)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    async def tell_fast(self) -> None:
        """One update to all, encoded once."""
        frames = (Frame(msgspec.json.encode(UPDATE), "json"),)
        for outlet in self.outlets:
            if not outlet.full:
                outlet.write(frames)

    async def tell_plain(self) -> None:
        """One update to all, encoded once, in the way that everybody writes first."""
        text = msgspec.json.encode(UPDATE).decode()
        for websocket in self.sockets:
            await websocket.send_text(text)


async def lifespan(receive: Any, send: Any) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


def plain_server(app: Any) -> Server:
    """uvicorn as it comes, but for signals and pings."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        http="httptools",
        loop="asyncio",
        ws_ping_interval=QUIET_S,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    return Server(config)


async def cpu_s(tell: Callable[[], Awaitable[None]], arrived: asyncio.StreamReader, updates: int) -> float:
    """CPU seconds of this process for some updates, each of which arrives everywhere before the next."""
    gc.collect()
    await tell()  # not counted: it brings back into the caches what the other way and the collector drove out
    await arrived.readexactly(1)
    before_s = time.process_time()
    for _ in range(updates):
        await tell()
        await arrived.readexactly(1)
    return time.process_time() - before_s


async def measure(hall: Hall, arrived: asyncio.StreamReader, updates: int, rounds: int) -> list[dict[str, float]]:
    """Microseconds of CPU per delivered update, both ways, round by round."""
    figures = []
    for _ in range(rounds):
        fast = await cpu_s(hall.tell_fast, arrived, updates) / (updates * len(hall.outlets))
        plain = await cpu_s(hall.tell_plain, arrived, updates) / (updates * len(hall.sockets))
        figures.append({"fast_us": fast * 1e6, "plain_us": plain * 1e6})
    return figures


async def standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(sys.stdin.fileno(), "rb"))
    return reader


def say(fact: Any) -> None:
    print(json.dumps(fact), flush=True)


async def main(updates: int, rounds: int) -> None:
    hall = Hall()
    routes = [WebSocketRoute("/ws", hall.plain)]
    quiet = Settings(ping_s=QUIET_S)
    servers = [server(hall.fast, quiet, host="127.0.0.1", port=0), plain_server(Starlette(routes=routes))]
    listeners = [listen("127.0.0.1", 0) for _ in servers]
    async with asyncio.TaskGroup() as tasks:
        for one, listener in zip(servers, listeners, strict=True):
            tasks.create_task(one.serve(sockets=[listener]))
        size = len(Frame(msgspec.json.encode(UPDATE), "json").wire)
        say({"ports": [listener.getsockname()[1] for listener in listeners], "update_bytes": size})
        try:
            arrived = await standard_input()
            await arrived.readline()
            say(await measure(hall, arrived, updates, rounds))
        finally:
            for one in servers:
                one.should_exit = True


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # a failure ends a thousand sessions; its traceback is told once, below
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
