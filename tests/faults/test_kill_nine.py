"""`kill -9` at any instant: what was acknowledged is there, once, in order, and each job has one end.

50 times while jobs run and cancels fly: `python -m tests.faults.soak --only "kill hub" cancel --faults 100`
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.faults.aftermath import check_aftermath
from tests.serving import PATIENCE_S, HubProcess

KILLS = 8
WINDOW = 40  # messages under way without an acknowledgement
KEEP_ALL = {"BARCAST_LOG_ENTRIES_PER_JOB": "100000"}


class Reporter:
    """A stranger's worker: keeps what is not acknowledged, sends it again after a reconnect."""

    def __init__(self) -> None:
        self.job: str | None = None
        self.sent = 0
        self.acked = 0

    async def open(self, url: str) -> ClientConnection:
        socket = await connect(f"{url}/ws/worker")
        claim = {"job": self.job, "attempt": 1} if self.job else {"kind": "sync", "title": "Sync"}
        await socket.send(json.dumps({"type": "open", "id": 1, **claim}))
        opened = await self._next(socket, "opened")
        self.job = opened["job"]
        assert opened["acked"] >= self.acked, "an acknowledged entry is gone"
        self.acked = opened["acked"]
        return socket

    async def report_until(self, socket: ClientConnection, acked: int) -> None:
        """Send entries until so many are acknowledged."""
        for n in range(self.acked + 1, self.sent + 1):
            await self._send(socket, n)
        while self.acked < acked:
            while self.sent < self.acked + WINDOW:
                self.sent += 1
                await self._send(socket, self.sent)
            self.acked = (await self._next(socket, "ack"))["n"]

    async def finish(self, socket: ClientConnection) -> None:
        """Have everything acknowledged, the end too."""
        await self.report_until(socket, self.sent)
        await self.say_end(socket)
        while self.acked <= self.sent:
            self.acked = (await self._next(socket, "ack"))["n"]

    async def say_end(self, socket: ClientConnection) -> None:
        """The end, after all that was sent."""
        ending = {"type": "finish", "job": self.job, "attempt": 1, "n": self.sent + 1, "outcome": "succeeded"}
        await socket.send(json.dumps(ending))

    async def _send(self, socket: ClientConnection, n: int) -> None:
        entry = {"type": "entry", "job": self.job, "attempt": 1, "n": n, "text": f"line {n}"}
        await socket.send(json.dumps(entry))

    async def _next(self, socket: ClientConnection, type_: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = json.loads(await socket.recv())
                assert message["type"] != "error", message
                if message["type"] == type_:
                    return message


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_acknowledged_survives_kill_nine_once_and_in_order(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    reporter = Reporter()
    hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (), KEEP_ALL)
    try:
        for _ in range(KILLS):
            socket = await reporter.open(hub.socket_url)
            await reporter.report_until(socket, reporter.acked + chance.randrange(1, 120))
            await asyncio.to_thread(hub.kill)  # with up to 40 entries somewhere between here and the disk
            await socket.wait_closed()
            hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (), KEEP_ALL)
        socket = await reporter.open(hub.socket_url)
        await reporter.finish(socket)
        await socket.close()
        assert reporter.job is not None
        entries = await asyncio.to_thread(hub.log_of, reporter.job)
        job = await asyncio.to_thread(hub.get, f"/api/jobs/{reporter.job}")
        said = [f"line {n}" for n in range(1, reporter.sent + 1)]
        await asyncio.to_thread(check_aftermath, hub, acknowledged={reporter.job: said}, seen={reporter.job: job})
    finally:
        await asyncio.to_thread(hub.kill)
    assert [entry["text"] for entry in entries if entry["event"] == "entry"] == said
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["event"] for entry in entries if entry["event"].startswith("attempt_")] == ["attempt_succeeded"]
    assert job["status"] == "succeeded"


async def test_an_end_that_was_on_its_way_as_the_hub_died_is_delivered_to_the_next_once(tmp_path: Path) -> None:
    reporter = Reporter()
    hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db")
    try:
        socket = await reporter.open(hub.socket_url)
        await reporter.report_until(socket, 5)
        await reporter.report_until(socket, reporter.sent)
        hub.process.send_signal(signal.SIGSTOP)
        await reporter.say_end(socket)  # the kernel has it, and nobody reads it
        await asyncio.to_thread(hub.kill)
        hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db")
        socket = await reporter.open(hub.socket_url)
        await reporter.finish(socket)
        await asyncio.to_thread(hub.kill)  # and as far as this worker knows, it was told nothing again
        reporter.acked -= 1
        hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db")
        socket = await reporter.open(hub.socket_url)
        assert reporter.acked == reporter.sent + 1
        entries = await asyncio.to_thread(hub.log_of, reporter.job or "")
    finally:
        await asyncio.to_thread(hub.kill)
    assert [entry["event"] for entry in entries if entry["event"].startswith("attempt_")] == ["attempt_succeeded"]
    assert [entry["text"] for entry in entries if entry["event"] == "entry"] == [
        f"line {n}" for n in range(1, reporter.sent + 1)
    ]
