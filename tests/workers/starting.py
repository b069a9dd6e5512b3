"""A launcher of the sample jobs, for tests of child processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hub.launch import Handout, ProcessId
from hub.protocol import FromWorker
from tests.workers.fake_hub import BOUND_S
from workers.kinds import Kinds
from workers.launcher import LocalLauncher

JOBS = Path(__file__).with_name("sample_jobs.py")
JOB = f"j{os.getpid()}"  # what is stopped is found by it, on the whole machine


class NoLink:
    """A hub without work in its own process."""

    def __init__(self, deliver: object) -> None:
        self.deliver = deliver

    def receive(self, message: FromWorker) -> None:
        raise AssertionError(message)

    def close(self) -> None:
        pass


class Started:
    """A launcher, and the ends it told of."""

    def __init__(self, address_file: Path, orphan_s: float = 600.0) -> None:
        kinds = Kinds()
        kinds.load(str(JOBS))
        self.exits: asyncio.Queue[tuple[str, int, str]] = asyncio.Queue()
        self.launcher = LocalLauncher(
            kinds,
            connect=NoLink,
            exited=lambda job, attempt, how: self.exits.put_nowait((job, attempt, how)),
            address_file=address_file,
            orphan_s=orphan_s,
        )

    async def launch(self, kind: str, **params: object) -> ProcessId:
        prepared = self.launcher.prepare(kind, params)
        process = await self.launcher.launch(
            Handout(job=JOB, attempt=1, kind=kind, params=prepared.params, title=prepared.title, token="secret")
        )
        assert process is not None
        return process

    async def ended(self) -> str:
        async with asyncio.timeout(BOUND_S):
            job, attempt, how = await self.exits.get()
        assert (job, attempt) == (JOB, 1)
        return how
