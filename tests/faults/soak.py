"""A hub under all kinds of faults, for as long as is asked for, with everything that it promises checked all along.

    python -m tests.faults.soak --seconds 3600 --seed 7
    python -m tests.faults.soak --seed 7 --only "kill hub" cancel --faults 100

The second one is `kill -9` at 50 instants while jobs run and cancels fly.

The order of the faults is made from the seed alone (`schedule.py`); whom they meet depends on who is there. After each
fault all viewers must be right again, and the database sound; it fails at the first promise that is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random, randrange
from typing import Any

import psutil

from tests.bench.crowd import raise_file_limit
from tests.faults.aftermath import TERMINAL, check_aftermath, check_database, looking_into, standing
from tests.faults.onlooker import Onlooker
from tests.faults.restart import JOBS, end_left
from tests.faults.schedule import KINDS, Fault, faults
from tests.faults.toil import Toil
from tests.serving import PATIENCE_S, HubProcess

LIMITS = {
    "BARCAST_LEASE_S": "20",
    "BARCAST_GIVE_UP_S": "5",
    "BARCAST_BEAT_S": "1",
    "BARCAST_GRACE_S": "3",
    "BARCAST_KILL_S": "1",
    "BARCAST_PING_S": "2",
    "BARCAST_HEARTBEAT_S": "1",
    "BARCAST_STUCK_S": "3",
    "BARCAST_JOBS_AT_ONCE": "100",
    "BARCAST_REQUESTS_PER_MINUTE": "1000000",
    "BARCAST_KEEP_JOBS": "300",
    "BARCAST_RETENTION_INTERVAL_S": "30",
}
RIGHT_S = 2.0  # what a viewer may take from its return until it is right
LOCKED_S = 1.0
FOLLOWED = 6  # jobs that one viewer follows at most
LISTED = 40  # the feed holds all that have not ended, and the last 100 to end: surely the last 40 to begin
SLACK_BYTES = 96 * 1024 * 1024
SLACK_FDS = 40  # besides one for each peer: answers under way, files of new children


@dataclass
class Figures:
    """What a soak tells at its end."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    recoveries_s: list[float] = field(default_factory=list)
    jobs: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    most_bytes: int = 0
    most_fds: int = 0
    holes: int = 0

    @property
    def kills(self) -> int:
        """Of the hub, survived."""
        return self.faults["kill hub"]

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        ends = ", ".join(f"{count} {status}" for status, count in self.ends.items())
        return (
            f"seed {self.seed}: {self.faults.total()} faults ({kinds}); {self.kills} kills of the hub survived; "
            f"{len(self.recoveries_s)} rounds, longest time to recover {max(self.recoveries_s, default=0):.2f} s; "
            f"{self.jobs} jobs, {sum(self.ends.values())} ends ({ends}); {self.holes} holes seen and closed; "
            f"hub at most {self.most_bytes // 2**20} MiB, {self.most_fds} descriptors"
        )


class Soak:
    """One of them.

    Args:
        folder: for the database.
        seed: of the faults, and of everybody's chances.
        within_s: what a viewer may take from its return until it is right.
    """

    def __init__(self, folder: Path, seed: int, hub: HubProcess, *, viewers: int, work: int, within_s: float) -> None:
        self._folder = folder
        self._chance = Random(f"all but the faults of {seed}")
        self._within_s = within_s
        self.hub = hub
        self.toil = Toil(folder, hub, self._chance, work, work)
        self.viewers = [Onlooker(hub.port, ["jobs"] if n % 4 == 0 else [], self._fate()) for n in range(viewers)]
        self.figures = Figures(seed)
        self._before = standing(hub)
        self._acts: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill hub": self._kill_hub,
            "restart hub": self._restart_hub,
            "stop hub": self._stop_hub,
            "kill child": self._kill_child,
            "kill worker": self._kill_worker,
            "cut viewers": self._cut_viewers,
            "stop viewers": self._stop_viewers,
            "cancel": self._cancel,
            "repeat": self._repeat,
            "lock database": self._lock_database,
        }

    def _fate(self) -> Random:
        return Random(self._chance.random())

    # ── Faults ────────────────────────────────────────────────────────────────

    async def _kill_hub(self, fault: Fault) -> None:
        await self._go_away(self.hub.kill)

    async def _restart_hub(self, fault: Fault) -> None:
        began_s = time.monotonic()
        await self._go_away(lambda: _stopped(self.hub))
        assert time.monotonic() - began_s < PATIENCE_S, "it took too long to come back"

    async def _go_away(self, how: Callable[[], None]) -> None:
        port = self.hub.port
        await asyncio.to_thread(how)
        check_database(self.hub.db, self.toil.acknowledged)  # as the hub left it
        self.hub = self.toil.hub = await asyncio.to_thread(started, self._folder, port)

    async def _stop_hub(self, fault: Fault) -> None:
        self.hub.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.for_s)
        finally:
            self.hub.process.send_signal(signal.SIGCONT)

    async def _kill_child(self, fault: Fault) -> None:
        job = self._pick(fault, [job for job in await self._listed() if job["kind"] == "brief" and _runs(job)])
        if job is not None:
            pid = int(job["worker"].rsplit("/", 1)[1])
            with suppress(psutil.Error, ProcessLookupError):
                if psutil.Process(pid).cwd() == str(self._folder):
                    os.kill(pid, signal.SIGKILL)

    async def _kill_worker(self, fault: Fault) -> None:
        if self.toil.outsider is not None:
            self.toil.outsider.kill()

    async def _cut_viewers(self, fault: Fault) -> None:
        for viewer in self._some(fault):
            if viewer.line is not None:
                viewer.line.cut()

    async def _stop_viewers(self, fault: Fault) -> None:
        some = self._some(fault)
        for viewer in some:
            viewer.stop_reading()
        await asyncio.sleep(fault.for_s)
        for viewer in some:
            viewer.read_on()

    async def _cancel(self, fault: Fault) -> None:
        job = self._pick(fault, [job for job in await self._listed() if job["status"] not in TERMINAL])
        if job is not None:  # two tabs at once
            await asyncio.gather(self.toil.cancel(job["id"]), self.toil.cancel(job["id"]))

    async def _repeat(self, fault: Fault) -> None:
        for stranger in self.toil.working.values():
            stranger.repeat(self._chance)

    async def _lock_database(self, fault: Fault) -> None:
        with closing(sqlite3.connect(self.hub.db, timeout=PATIENCE_S, isolation_level=None)) as database:
            await asyncio.to_thread(lambda: None)
            database.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(LOCKED_S)
            database.execute("ROLLBACK")

    def _some(self, fault: Fault) -> list[Onlooker]:
        """Every third viewer, from a place on."""
        return self.viewers[int(fault.choice * 3) :: 3]

    def _pick(self, fault: Fault, jobs: list[dict[str, Any]]) -> dict[str, Any] | None:
        return jobs[int(fault.choice * len(jobs))] if jobs else None

    # ── Rounds ────────────────────────────────────────────────────────────────

    async def run(self, kinds: Sequence[str], seconds: float, most: int | None) -> None:
        """Fault after fault until the time is over, or so many have been; then everything comes to its end."""
        until_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            runs = [tasks.create_task(viewer.run()) for viewer in self.viewers]
            toiling = tasks.create_task(self.toil.run())
            for fault in islice(faults(self.figures.seed, kinds), most):
                if time.monotonic() > until_s:
                    break
                await asyncio.sleep(fault.after_s)
                self._follow_new()
                await self._meet(fault)
            await self._end(toiling, runs)

    async def _meet(self, fault: Fault) -> None:
        await self._acts[fault.kind](fault)
        self.figures.faults[fault.kind] += 1
        began_s = time.monotonic()
        await self._settle(str(fault))
        self.figures.recoveries_s.append(time.monotonic() - began_s)
        await self._check(str(fault))

    def _follow_new(self) -> None:
        """Every job is followed by somebody."""
        followed = {topic for viewer in self.viewers for topic in viewer.topics}
        for job in sorted(self.toil.jobs):
            free = [viewer for viewer in self.viewers if viewer.topics != ["jobs"] and len(viewer.topics) < FOLLOWED]
            if f"job:{job}" not in followed and free:
                for viewer in self._chance.sample(free, min(2, len(free))):
                    viewer.follow(f"job:{job}")

    async def _settle(self, fault: str) -> None:
        """Wait until every viewer knows at least what the hub says now."""
        told = {job["id"]: job for job in await self._listed()}
        async with asyncio.TaskGroup() as waits:
            for viewer in self.viewers:
                waits.create_task(self._gets_right(viewer, told, fault))

    async def _gets_right(self, viewer: Onlooker, told: dict[str, dict[str, Any]], fault: str) -> None:
        """Each has its time from now, or from its return if that is later; and to return, there is time, too."""
        asked_s = time.monotonic()
        while not _knows(viewer, told):
            here = viewer.epoch is not None
            by_s = max(viewer.came_at_s, asked_s) + self._within_s if here else asked_s + 2 * PATIENCE_S
            assert time.monotonic() < by_s, f"not {'right' if here else 'back'} after {fault}: {_of(viewer, told)}"
            await _news(viewer, by_s)

    async def _check(self, fault: str) -> None:
        """Everything that must hold at all times."""
        over = await self.toil.audit()
        await asyncio.to_thread(check_database, self.hub.db, self.toil.acknowledged)
        broken = [*self.toil.broken, *(text for viewer in self.viewers for text in viewer.broken)]
        assert not broken, f"{len(broken)} promises broken by or before {fault}: {broken[:5]}"
        self._check_bounds()
        await self._see_off(over)

    def _check_bounds(self) -> None:
        process = psutil.Process(self.hub.process.pid)
        size, descriptors = process.memory_info().rss, process.num_fds()
        self.figures.most_bytes = max(self.figures.most_bytes, size)
        self.figures.most_fds = max(self.figures.most_fds, descriptors)
        peers = len(self.viewers) + 4 * len(self.toil.jobs)
        assert descriptors < self._before.descriptors + peers + SLACK_FDS, f"{descriptors} descriptors"
        assert size < self._before.memory_bytes + SLACK_BYTES, f"{size // 2**20} MiB"

    async def _see_off(self, jobs: list[str]) -> None:
        """Whoever followed a job that ended must know its end, once for each attempt."""
        for job in jobs:
            ends = _stored_ends(self.hub.db, job)
            for viewer in self.viewers:
                if f"job:{job}" in viewer.topics:
                    await self._sees_ends(viewer, job, ends)
                    viewer.unfollow(f"job:{job}")
        self.toil.see_off(jobs)

    async def _sees_ends(self, viewer: Onlooker, job: str, ends: list[str]) -> None:
        by_s = time.monotonic() + PATIENCE_S
        while viewer.ends(job) != ends:
            assert time.monotonic() < by_s, f"job {job}: stored are the ends {ends}, seen {viewer.ends(job)}"
            await _news(viewer, by_s)

    async def _end(self, toiling: asyncio.Task[None], runs: list[asyncio.Task[None]]) -> None:
        self.toil.resting = True
        async with asyncio.timeout(2 * PATIENCE_S):
            await toiling
        while self.toil.jobs:
            self._follow_new()
            await self._settle("the last fault")
            await self._check("the last fault")
        seen = {job: held for viewer in self.viewers for job, held in viewer.jobs.items()}
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await asyncio.to_thread(check_aftermath, self.hub, seen=seen)
        self.figures.holes = sum(viewer.holes for viewer in self.viewers)
        self.figures.jobs, self.figures.ends = self.toil.made, self.toil.ended

    async def _listed(self) -> list[dict[str, Any]]:
        """The newest jobs, by the hub; it has to answer."""
        by_s = time.monotonic() + PATIENCE_S
        while (answer := await self.toil.ask("GET", f"/api/jobs?limit={LISTED}")) is None:
            assert time.monotonic() < by_s, "the hub does not answer"
        return list(answer["jobs"])


def _stopped(hub: HubProcess) -> None:
    assert hub.stop() == 0, hub.log()[-2000:]


def _runs(job: dict[str, Any]) -> bool:
    return job["status"] == "running" and job["worker"] is not None


def _knows(viewer: Onlooker, told: dict[str, dict[str, Any]]) -> bool:
    """Whether a viewer is connected and holds, of all that it follows, at least what was told."""
    mine = told if viewer.topics == ["jobs"] else [topic.removeprefix("job:") for topic in viewer.topics]
    return viewer.epoch is not None and all(
        viewer.jobs.get(job, {"seq": -1})["seq"] >= told[job]["seq"] for job in mine if job in told
    )


async def _news(viewer: Onlooker, by_s: float) -> None:
    """Wait until a viewer is told something more, or for a time on the monotonic clock."""
    viewer.news.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout_at(by_s):
            await viewer.news.wait()


def _of(viewer: Onlooker, told: dict[str, dict[str, Any]]) -> str:
    held = {job: state["seq"] for job, state in viewer.jobs.items() if job in told and state["seq"] < told[job]["seq"]}
    return f"{viewer.topics} holds {held} of { ({job: told[job]['seq'] for job in held}) }"


def _stored_ends(db: Path, job: str) -> list[str]:
    sql = (
        "SELECT record ->> 'attempt', record ->> 'event' FROM entries "
        "WHERE job = ? AND record ->> 'event' LIKE 'attempt\\_%' ESCAPE '\\' ORDER BY n"
    )
    with looking_into(db) as database:
        return [f"{attempt} {event.removeprefix('attempt_')}" for attempt, event in database.execute(sql, [job])]


def started(folder: Path, port: int = 0) -> HubProcess:
    """A hub on the folder's database."""
    return HubProcess(folder / "hub.db", (JOBS,), LIMITS, port)


async def soaked(
    folder: Path, seed: int, seconds: float, kinds: Sequence[str] = KINDS, *, viewers: int = 24, work: int = 4,
    within_s: float = RIGHT_S, most: int | None = None,
) -> Figures:  # fmt: skip
    """Soak a hub.

    Returns:
        figures; it raises where a promise was broken.
    """
    hub = await asyncio.to_thread(started, folder)
    soak = Soak(folder, seed, hub, viewers=viewers, work=work, within_s=within_s)
    try:
        await soak.run(kinds, seconds, most)
    finally:
        soak.hub.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(soak.hub.close)
        end_left(folder)
    return soak.figures


def main() -> None:
    """As long as is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=randrange(1_000_000))
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--viewers", type=int, default=24)
    parser.add_argument("--work", type=int, default=4, help="children, and as many strangers")
    parser.add_argument(
        "--within", type=float, default=RIGHT_S, help="seconds from a viewer's return until it is right"
    )
    parser.add_argument("--faults", type=int, help="how many at most")
    asked = parser.parse_args()
    raise_file_limit()
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        figures = soaked(
            Path(folder), asked.seed, asked.seconds, asked.only, viewers=asked.viewers, work=asked.work,
            within_s=asked.within, most=asked.faults,
        )  # fmt: skip
        print(asyncio.run(figures))


if __name__ == "__main__":
    main()
