"""A hub that goes and comes back under many viewers of many jobs, each job a process that works on meanwhile.

    python -m tests.faults.restart --viewers 1000 --jobs 50 [--how kill term]
    python -m tests.faults.restart --viewers 1000 --jobs 50 --how away --away 70 --lease 60
    python -m tests.faults.restart --viewers 2000 --jobs 50 --how at-once

`kill` is `kill -9`, `term` is SIGTERM; `away` is `kill -9`, too, but then there is no hub for longer than a lease; with
`at-once` so many viewers more come for the first time, all in one moment, just after a `kill -9`. It fails where a
promise was broken, and prints figures.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.bench.crowd import raise_file_limit
from tests.faults.aftermath import check_aftermath, standing
from tests.faults.onlooker import Onlooker
from tests.serving import PATIENCE_S, HubProcess

JOBS = str(Path(__file__).parent / "works" / "steady.py")
WATCHERS_OF_ALL = 20  # each twentieth viewer watches the feed, the others one job each
STOP_S = 10.0  # what SIGTERM may take
VIEWER_BYTES = 40 * 1024  # what a viewer that is gone may leave behind: the allocator keeps what it once had
START_S = 300.0  # for as many processes as are asked for


@dataclass
class Figures:
    """What it took, in seconds; and how the viewers came back."""

    how: str
    away_s: float
    right_s: list[float]
    most_in_tenth: int
    tries: int
    holes: int

    def __str__(self) -> str:
        ordered = sorted(self.right_s)
        half, most = ordered[len(ordered) // 2], ordered[-1]
        return (
            f"{self.how}, {len(ordered)} viewers: hub away {self.away_s:.2f} s; right after it was back: half "
            f"within {half:.2f} s, all within {most:.2f} s; {self.tries} tries, at most {self.most_in_tenth} in a "
            f"tenth of a second; {self.holes} holes"
        )


class Restart:
    """One play of it.

    Args:
        folder: for the database.
        viewers, jobs: how many.
        away_s: for how long there is no hub, where that is asked for.
        lease_s: the setting; work that is not heard for so long is lost.
        seed: of the viewers' jitter.
    """

    def __init__(
        self, folder: Path, viewers: int, jobs: int, *, away_s: float = 0.0, lease_s: float = 60.0, seed: int = 1
    ) -> None:
        self.folder = folder
        self._away_s, self._lease_s = away_s, lease_s
        self._count, self._jobs_count = viewers, jobs
        self._chance = Random(seed)
        self.jobs: list[str] = []
        self.viewers: list[Onlooker] = []
        self.hub: HubProcess

    # ── Steps ─────────────────────────────────────────────────────────────────

    async def start_hub(self, port: int = 0) -> None:
        """The first, or the next on the same port and database."""
        environ = {
            "BARCAST_JOBS_AT_ONCE": str(self._jobs_count),
            "BARCAST_REQUESTS_PER_MINUTE": "100000",
            "BARCAST_LEASE_S": str(self._lease_s),
            "BARCAST_BEAT_S": str(min(5.0, self._lease_s / 6)),
        }
        self.hub = await asyncio.to_thread(HubProcess, self.folder / "hub.db", (JOBS,), environ, port)

    async def start_jobs(self) -> None:
        """All of them, each up to its second line."""
        order = {"kind": "steady", "params": {"gate": str(self.folder / "gate")}}
        for _ in range(self._jobs_count):
            self.jobs.append((await asyncio.to_thread(self.hub.post, "/api/jobs", order))["id"])

    def admit(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Let all viewers come at once."""
        new = [Onlooker(self.hub.port, [self._topic(number)], self._fate()) for number in range(self._count)]
        self.viewers += new
        return [tasks.create_task(viewer.run()) for viewer in new]

    def _topic(self, number: int) -> str:
        return "jobs" if number % WATCHERS_OF_ALL == 0 else f"job:{self.jobs[number % len(self.jobs)]}"

    def _fate(self) -> Random:
        return Random(self._chance.random())

    async def until(self, right: Callable[[Onlooker], bool], within_s: float) -> list[float]:
        """Wait until it holds of each viewer; returns when it did, in seconds from now."""
        began_s = time.monotonic()
        waits = [asyncio.ensure_future(viewer.until(right)) for viewer in self.viewers]
        try:
            async with asyncio.timeout(within_s):
                return [at_s - began_s for at_s in await asyncio.gather(*waits)]
        except TimeoutError:
            still = [viewer for viewer in self.viewers if not right(viewer)]
            assert not still, f"{len(still)} viewers were not right: {_of(still[0])}"
            raise

    async def go_away(self, how: str) -> float:
        """End the hub and start it again; returns for how long nobody was there."""
        began_s, port = time.monotonic(), self.hub.port
        await asyncio.to_thread(self.hub.kill if how != "term" else self._stop)
        if how == "away":
            await asyncio.sleep(self._away_s)
        await self.start_hub(port)
        return time.monotonic() - began_s

    def _stop(self) -> None:
        began_s = time.monotonic()
        assert self.hub.stop() == 0
        assert time.monotonic() - began_s <= STOP_S, "it took too long to stop"

    async def all_move(self) -> None:
        """Wait until each job has begun to count, and each viewer has seen it."""
        await self.until(self.sees_it_move(dict.fromkeys(self.jobs, 0)), START_S)
        while not all(await asyncio.gather(*(asyncio.to_thread(self._moves, job) for job in self.jobs))):
            pass

    def _moves(self, job: str) -> bool:
        return bool(self.hub.get(f"/api/jobs/{job}")["done"])

    # ── What must hold ────────────────────────────────────────────────────────

    def sees_it_move(self, beyond: dict[str, int]) -> Callable[[Onlooker], bool]:
        """Whether a viewer is connected, and has seen each of its jobs go on beyond a number."""

        def right(viewer: Onlooker) -> bool:
            mine = self.jobs if viewer.topics == ["jobs"] else [viewer.topics[0].removeprefix("job:")]
            moved = ((viewer.jobs.get(job, {}).get("done") or 0) > beyond[job] for job in mine)
            return viewer.epoch is not None and all(moved)

        return right

    async def numbers(self) -> dict[str, int]:
        """What each job has done, by the hub."""
        return {job["id"]: job["done"] or 0 for job in await self._all()}

    async def workers(self) -> dict[str, tuple[str, int]]:
        """Which process has each job, and its attempt."""
        return {job["id"]: (job["worker"], job["attempt"]) for job in await self._all()}

    async def _all(self) -> list[dict[str, Any]]:
        return list((await asyncio.to_thread(self.hub.get, "/api/jobs?limit=100&kind=steady"))["jobs"])

    async def end_jobs(self) -> None:
        """Let all of them end; every viewer is told of each end once."""
        (self.folder / "gate").touch()
        await self.until(lambda viewer: all(job["status"] == "succeeded" for job in viewer.jobs.values()), PATIENCE_S)
        await self.until(lambda viewer: all(viewer.ends(job) for job in self._followed(viewer)), PATIENCE_S)

    def check(self) -> None:
        """Nobody was told anything wrong, and of each job's one end."""
        broken = [text for viewer in self.viewers for text in viewer.broken]
        assert not broken, f"{len(broken)} promises broken: {broken[:5]}"
        told = Counter(str(viewer.ends(job)) for viewer in self.viewers for job in self._followed(viewer))
        assert set(told) == {"['1 succeeded']"}, told

    def _followed(self, viewer: Onlooker) -> list[str]:
        return [topic.removeprefix("job:") for topic in viewer.topics if topic != "jobs"]


def _of(viewer: Onlooker) -> str:
    states = [(job.get("status"), job.get("done")) for job in viewer.jobs.values()]
    return f"{viewer.topics}, epoch {viewer.epoch}, {states}, {viewer.broken}"


def most_in_tenth(times_s: list[float]) -> int:
    """The most tries in any tenth of a second."""
    ordered = sorted(times_s)
    return max((sum(1 for t in ordered[i:] if t < at + 0.1) for i, at in enumerate(ordered)), default=0)


def end_left(folder: Path) -> None:
    """End what a play that broke off left at work in a folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd().startswith(str(folder)):
                process.kill()


@asynccontextmanager
async def running(play: Restart) -> AsyncIterator[asyncio.TaskGroup]:
    """A hub with its jobs, and room for viewers; nothing of it is left afterwards."""
    await play.start_hub()
    tasks = asyncio.TaskGroup()
    try:
        async with tasks:
            await play.start_jobs()
            yield tasks
    finally:
        await asyncio.to_thread(play.hub.close)
        end_left(play.folder)


async def restarted(play: Restart, *hows: str) -> list[Figures]:
    """Play restarts, one after the other on the same jobs: `kill`, `term`, `away` or `at-once`.

    Returns:
        figures of each; it raises where a promise was broken.
    """
    async with running(play) as tasks:
        before = await asyncio.to_thread(standing, play.hub)
        runs = [] if hows == ("at-once",) else play.admit(tasks)
        await play.all_move()
        figures = [await once(play, how, runs, tasks) for how in hows]
        await play.end_jobs()
        play.check()
        some = play.viewers[: WATCHERS_OF_ALL * len(play.jobs)]
        seen = {job: held for viewer in some for job, held in viewer.jobs.items()}
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        before = replace(before, memory_bytes=before.memory_bytes + len(play.viewers) * VIEWER_BYTES)
        await asyncio.to_thread(check_aftermath, play.hub, before, seen=seen)
    return figures


async def once(play: Restart, how: str, runs: list[asyncio.Task[None]], tasks: asyncio.TaskGroup) -> Figures:
    """One restart, until all viewers are right again."""
    workers, beyond = await play.workers(), await play.numbers()
    left_s, known = time.monotonic(), list(play.viewers)
    away_s = await play.go_away(how)
    if how == "at-once":
        runs += play.admit(tasks)
    right_s = await play.until(play.sees_it_move(beyond), PATIENCE_S)
    assert await play.workers() == workers, "a job went on in another process, or in another attempt"
    tries = [at for viewer in play.viewers for at in viewer.tries if at > left_s]
    early = [at for viewer in known for at in viewer.tries if viewer.was_held_off(at)]
    assert not early, f"{len(early)} viewers came back before they were asked to"
    assert how != "term" or all(viewer.held_off for viewer in known), "a viewer was told nothing"
    return Figures(how, away_s, right_s, most_in_tenth(tries), len(tries), sum(viewer.holes for viewer in play.viewers))


def main() -> None:
    """The full form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--how", nargs="+", choices=["kill", "term", "away", "at-once"], default=["kill"])
    parser.add_argument("--away", type=float, default=0.0, help="seconds without a hub")
    parser.add_argument("--lease", type=float, default=60.0, help="seconds; the hub's setting")
    asked = parser.parse_args()
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="restart-") as folder:
        play = Restart(Path(folder), asked.viewers, asked.jobs, away_s=asked.away, lease_s=asked.lease)
        for figures in asyncio.run(restarted(play, *asked.how)):
            print(figures)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process: {peak // 1024} MiB")


if __name__ == "__main__":
    main()
