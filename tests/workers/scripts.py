"""Scripts of somebody's own, each run in a process of its own beside the test's hub."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import TypeVar

from tests.workers.fake_hub import BOUND_S

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def running(source: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A script that reports to `url`, and has more patience with a busy machine; killed when the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from workers import session; session.REACH_S = {BOUND_S}\n{dedent(source)}",
        env={**os.environ, "PYTHONPATH": str(ROOT), "BARCAST_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcome_of(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Exit status and what it complained of, once it is over."""
    _, complaint = await asyncio.wait_for(process.communicate(), BOUND_S)
    return process.returncode, complaint.decode()


async def apart(work: Callable[[], T]) -> T:
    """Do it where a script runs: in another thread than the hub."""
    return await asyncio.wait_for(asyncio.to_thread(work), BOUND_S)
