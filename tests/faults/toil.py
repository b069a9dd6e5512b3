"""Work for a hub that is mistreated: new jobs as others end, and a ledger of all that the hub acknowledged."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.aftermath import TERMINAL
from tests.faults.stranger import Stranger
from tests.serving import HubProcess

ROOT = Path(__file__).parents[2]
OUTSIDER = Path(__file__).parent / "works" / "outsider.py"
AGAIN_S = 0.1  # between two looks at whether there is enough to do


class Toil:
    """Children of the hub, strangers on the plain wire, and one process from outside.

    Args:
        folder: for what processes say.
        chance: how long things take, and whether they fail.
        children, strangers: how many at a time.

    Attributes:
        hub: the one that runs, or ran last.
        jobs: that the hub acknowledged to have, and that were not seen off yet.
        cancelled: those of them whose cancel it acknowledged.
        working: strangers by job.
        made, ended: how many jobs there were; how many ended, by status.
    """

    def __init__(self, folder: Path, hub: HubProcess, chance: Random, children: int, strangers: int) -> None:
        self.hub = hub
        self.jobs: set[str] = set()
        self.cancelled: set[str] = set()
        self.working: dict[str, Stranger] = {}
        self.made = 0
        self.ended: dict[str, int] = dict.fromkeys(TERMINAL, 0)
        self.broken: list[str] = []
        self.resting = False
        self.outsider: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._chance = chance
        self._children, self._strangers = children, strangers

    # ── Keeping it going ──────────────────────────────────────────────────────

    async def run(self) -> None:
        """Keep everybody at work, until told to rest; returns when all have ended their work."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._children):
                tasks.create_task(self._one_after_the_other())
            for _ in range(self._strangers):
                tasks.create_task(self._strangers_come())
            tasks.create_task(self._outsiders_come())

    async def _one_after_the_other(self) -> None:
        while not self.resting:
            self.made += 1
            params = {"steps": self._chance.randrange(5, 60), "fails": self._chance.random() < 0.3}
            order = {"kind": "brief", "params": params, "key": f"child {self.made}"}
            job = None
            while job is None:
                job = await self.ask("POST", "/api/jobs", order)
            self.jobs.add(job["id"])
            await self._until_over(job["id"])

    async def _until_over(self, job: str) -> None:
        while not await self._is_over(job):
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(AGAIN_S)

    async def _is_over(self, job: str) -> bool:
        told = await self.ask("GET", f"/api/jobs/{job}")
        return told is not None and told["status"] in TERMINAL

    async def _strangers_come(self) -> None:
        while not self.resting:
            self.made += 1
            length, pause_s = self._chance.randrange(10, 150), self._chance.uniform(0.01, 0.04)
            stranger = Stranger(self.hub.port, f"stranger {self.made}", length, pause_s, Random(self._chance.random()))
            run = asyncio.ensure_future(stranger.run())
            while not stranger.over.is_set():
                if stranger.job is not None and stranger.job not in self.working:
                    self.working[stranger.job] = stranger
                    self.jobs.add(stranger.job)
                await self._pause()
            await run

    async def _outsiders_come(self) -> None:
        while not self.resting:
            self.made += 1
            self.outsider = self._outsider(self._chance.randrange(20, 80))
            await asyncio.to_thread(self.outsider.wait)

    def _outsider(self, length: int) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "BARCAST_URL": self.hub.url}
        environ["XDG_STATE_HOME"] = str(self._folder / "state")  # what it keeps for later goes nowhere else
        with (self._folder / "outsider.log").open("ab") as log:
            command = [sys.executable, str(OUTSIDER), str(length)]
            return subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=self._folder)

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The hub's answer; None while there is none, or while it says that it cannot."""
        try:
            answer: dict[str, Any] = await asyncio.to_thread(self.hub.call, method, path, body)
        except (OSError, HTTPException, ValueError):
            return None
        refused = answer.get("type", "")
        assert "errors/internal" not in refused, answer
        return None if refused else answer

    # ── What the hub acknowledged ─────────────────────────────────────────────

    async def cancel(self, job: str) -> None:
        """Ask for a cancel, and remember it where it is acknowledged."""
        if await self.ask("POST", f"/api/jobs/{job}/cancel", {"reason": "soaked"}):
            self.cancelled.add(job)

    @property
    def acknowledged(self) -> dict[str, list[str]]:
        """Entries of strangers that the hub said it has."""
        return {job: stranger.acknowledged for job, stranger in self.working.items() if job in self.jobs}

    async def audit(self) -> list[str]:
        """Check every job against what was acknowledged of it; those that ended are seen off.

        Returns:
            the jobs that ended since the last time.
        """
        over = []
        for job in sorted(self.jobs):
            promised = self._promised(job)  # before it is asked for: more may be acknowledged meanwhile
            told = await self.ask("GET", f"/api/jobs/{job}")
            if told is None:
                continue
            self.broken += [text for text, kept in promised.items() if not kept(told)]
            if told["status"] in TERMINAL and self._knows_its_end(job):
                over.append(job)
                self.ended[told["status"]] += 1
        return over

    def _knows_its_end(self, job: str) -> bool:
        return job not in self.working or self.working[job].over.is_set()

    def _promised(self, job: str) -> dict[str, Callable[[dict[str, Any]], bool]]:
        """What must be true of a job from now on, and how to tell."""
        promised: dict[str, Callable[[dict[str, Any]], bool]] = {}
        stranger = self.working.get(job)
        if job in self.cancelled:
            promised[f"job {job}: its cancel was acknowledged, and is gone"] = lambda told: told["cancel"] is not None
        if stranger is not None:
            promised |= {text: lambda told: False for text in stranger.broken}
            if stranger.finished:
                text = f"job {job}: its end, {stranger.outcome}, was acknowledged, and is gone"
                promised[text] = lambda told: told["status"] == stranger.outcome or told["cancel"] is not None
        return promised

    def see_off(self, jobs: list[str]) -> None:
        """They ended, and all was right."""
        self.jobs -= set(jobs)
        self.cancelled -= set(jobs)
        for job in jobs:
            self.working.pop(job, None)
