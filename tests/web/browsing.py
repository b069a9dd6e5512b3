"""What tests of the page do all the time: work that does what they say, and tabs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from playwright.async_api import BrowserContext, Page, expect
from websockets.asyncio.client import ClientConnection, connect

from tests.serving import PATIENCE_S, HubProcess

expect.set_options(timeout=PATIENCE_S * 1000)


class Worker:
    """A worker that does what the test says, when it says it."""

    def __init__(self, socket: ClientConnection, job: str, acked: int = 0) -> None:
        self.socket = socket
        self.job = job
        self.n = acked

    @classmethod
    async def open(
        cls,
        hub: HubProcess,
        job: str | None = None,
        title: str = "Import orders",
        parent: str | None = None,
        phases: Sequence[str] = (),
    ) -> Worker:
        socket = await connect(f"{hub.socket_url}/ws/worker")
        mine: dict[str, Any] = {"job": job, "attempt": 1}
        claim: dict[str, Any] = mine if job else {"kind": "import-orders", "title": title, "parent": parent}
        if phases:
            claim["phases"] = [{"name": name} for name in phases]
        await socket.send(json.dumps({"type": "open", "id": 1, **claim, "total": 200, "unit": "rows"}))
        opened = await cls._next(socket, "opened")
        return cls(socket, opened["job"], opened["acked"])

    async def report(self, **values: Any) -> None:
        await self._send("report", values)

    async def lasting(self, type_: str, **values: Any) -> None:
        """Send a numbered message; returns when it is acknowledged."""
        self.n += 1
        await self._send(type_, {"n": self.n, **values})
        while (await self._next(self.socket, "ack"))["n"] < self.n:
            pass

    async def told(self, type_: str) -> dict[str, Any]:
        """The next message of that type from the hub."""
        return await self._next(self.socket, type_)

    async def beat(self) -> None:
        """Alive, with nothing to say."""
        await self._send("beat", {})

    async def received(self) -> None:
        await self._send("cancel_received", {})

    async def _send(self, type_: str, values: dict[str, Any]) -> None:
        await self.socket.send(json.dumps({"type": type_, "job": self.job, "attempt": 1, **values}))

    @staticmethod
    async def _next(socket: ClientConnection, type_: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = json.loads(await socket.recv())
                assert message["type"] not in ("error", "revoked"), message
                if message["type"] == type_:
                    return message


async def opened(context: BrowserContext, url: str) -> Page:
    """A tab that is live."""
    page = await context.new_page()
    await page.goto(url)
    await expect(page.get_by_role("button", name="Live")).to_be_visible()
    return page
