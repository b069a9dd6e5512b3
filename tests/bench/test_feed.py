"""What the whole hub costs while a dashboard is watched: sockets, jobs, storage and sending together.

100 jobs are reported on 10 times a second each, over 4 worker sockets, by `reporters.py`; 100 viewers have
subscribed to the feed (`crowd.py`), and one more reads what all are sent. `barcast serve` runs in a process of its
own, on a real database and loopback, with its defaults. Its CPU time over wall time is its share of a core.
As a core is not the same everywhere, that share stands beside two others, measured in the same run in the
terms of the same machine:

- bare: the same number of writes of the same size by the system call alone (100 viewers, 20 writes a second).
  No hub that tells everybody can cost less;
- one by one: every report sent to every viewer by itself in the plain loop of the send path's bench, with and
  without compression, which is what a hub without rooms does, and neither jobs nor storage included.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import connect

from tests.bench.processes import process, send_costs, tell, told
from tests.serving import HubProcess, hub_process

JOBS = 100
SOCKETS = 4
REPORTS_PER_S = 1_000  # of all jobs together: 10 each
VIEWERS = 100
WARM_S, MEASURED_S = 2, 6
FRAMES_PER_S = 20  # the pace that viewers are promised at most
BOUND_S = 20.0
SUBSCRIBE = json.dumps({"type": "subscribe", "id": 1, "topic": "jobs"})


class Witness:
    """A viewer that reads what it is sent.

    Attributes:
        done: of each job, as last told.
        updates: (when the hub made it, its size in bytes, jobs told of) of each update.
    """

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.updates: list[tuple[int, int, int]] = []
        self._news = asyncio.Event()

    async def watch(self, url: str) -> None:
        async with connect(url, compression=None, max_size=None) as socket:
            await socket.send(SUBSCRIBE)
            async for text in socket:
                self.take(json.loads(text), len(text))

    def take(self, message: dict[str, Any], size: int) -> None:
        if message["type"] == "update":
            self.updates.append((message["at"], size, len(message["jobs"])))
        self.done |= {job["id"]: job["done"] for job in message.get("jobs", ())}
        self._news.set()

    async def sees(self, done: dict[str, int]) -> None:
        """Wait until this is what every job was told to have done."""
        while any(self.done.get(job) != last for job, last in done.items()):
            self._news.clear()
            await self._news.wait()

    def during(self, from_ms: float, to_ms: float) -> list[tuple[int, int, int]]:
        return [update for update in self.updates if from_ms <= update[0] <= to_ms]


class Load:
    """The hub under load, seen from outside.

    Attributes:
        share: of a core that the hub took.
        received: frames that a viewer of the crowd received in a second, in the mean.
        seen: frames that the witness received in a second.
        frame_bytes, frame_jobs: of an update, in the mean.
        reports_per_s: that the hub was really sent.
    """

    share = received = seen = frame_bytes = frame_jobs = reports_per_s = 0.0

    async def measure(
        self, hub: HubProcess, reporters: subprocess.Popen[bytes], crowd: subprocess.Popen[bytes]
    ) -> None:
        """Watch from `measuring` to `measured`, then see every job's last number arrive."""
        witness, process_ = Witness(), psutil.Process(hub.process.pid)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(witness.watch(f"{hub.socket_url}/ws"))
            first = json.loads(await asyncio.to_thread(told(reporters).readline))["measuring"]
            from_s, before_s, _ = time.time(), cpu_s(process_), frames(crowd)
            last = json.loads(await asyncio.to_thread(told(reporters).readline))["measured"]
            to_s, after_s, received = time.time(), cpu_s(process_), frames(crowd)
            await asyncio.wait_for(witness.sees(json.loads(told(reporters).readline())), BOUND_S)
            watching.cancel()
        span_s = to_s - from_s
        updates = witness.during(from_s * 1_000, to_s * 1_000)
        self.share, self.reports_per_s = (after_s - before_s) / span_s, (last - first) / span_s
        self.received, self.seen = received / span_s, len(updates) / span_s
        self.frame_bytes = statistics.fmean(size for _, size, _ in updates)
        self.frame_jobs = statistics.fmean(jobs for _, _, jobs in updates)


def cpu_s(process_: psutil.Process) -> float:
    times = process_.cpu_times()
    return float(times.user + times.system)


def frames(crowd: subprocess.Popen[bytes]) -> int:
    """Frames that each viewer of the crowd received since this was last asked, in the mean."""
    return len(told(crowd).read1())  # type: ignore[attr-defined]  # a pipe is read through a buffer


async def measured(folder: Path) -> Load:
    load = Load()
    with hub_process(folder / "hub.db") as hub:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with process("crowd.py", hub.port, VIEWERS, "/ws", SUBSCRIBE, **pipes) as crowd:
            assert told(crowd).readline() == b"open\n"
            tell(crowd, b"count")
            with process(
                "reporters.py", hub.port, JOBS, SOCKETS, REPORTS_PER_S, WARM_S, MEASURED_S, **pipes
            ) as reporters:
                await load.measure(hub, reporters, crowd)
    return load


def shares(load: Load) -> dict[str, float]:
    """Shares of a core by way: the hub's, and those that it is compared with."""
    whole = send_costs(VIEWERS, updates=60, rounds=5, jobs=round(load.frame_jobs))
    single = send_costs(VIEWERS, updates=100, rounds=3)
    singly = {way: statistics.median(figures[way] for figures in single) for way in single[0]}
    per_write_us = statistics.median(figures["bare"] for figures in whole)
    one_by_one = VIEWERS * load.reports_per_s / 1e6
    return {
        "hub": load.share,
        "bare": per_write_us * VIEWERS * FRAMES_PER_S / 1e6,
        "one by one": singly["uncompressed"] * one_by_one,
        "one by one, compressed": singly["plain"] * one_by_one,
    }


async def test_a_watched_feed_of_100_jobs_costs_the_hub_a_small_share_of_a_core(tmp_path: Path) -> None:
    load = await measured(tmp_path)
    share = shares(load)
    print(
        f"\n{load.reports_per_s:.0f} reports a second, {load.received:.1f} frames a second to each of {VIEWERS} viewers"
    )
    print(f"({load.frame_bytes:,.0f} bytes, {load.frame_jobs:.0f} jobs in the mean); shares of a core:")
    for way, value in share.items():
        print(f"  {way:22} {value:6.1%}  {share['hub'] / value:.2f}")
    assert load.reports_per_s > 0.9 * REPORTS_PER_S
    assert 0.5 * FRAMES_PER_S < load.seen <= 1.05 * FRAMES_PER_S
    assert load.received > 0.5 * FRAMES_PER_S
    # The aim is 15 % of a core where one by one takes 74 % of it, which is 0.2. It is not reached yet: a report costs
    # about 200 µs from socket to room. Until it is, this is a guard against growing worse.
    assert share["hub"] < 0.3 * share["one by one"]
