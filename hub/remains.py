"""What still runs of attempts, be they over or not: no attempt is started before all of the one before is gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from hub.launch import Launcher

Key = tuple[str, int]


class Remains:
    """Work that was started and has not been seen to end.

    Args:
        launcher: ends it by force.
        kill_s: seconds from SIGTERM to SIGKILL.
    """

    def __init__(self, launcher: Launcher, kill_s: float) -> None:
        self._launcher = launcher
        self._kill_s = kill_s
        self._alive: dict[Key, asyncio.Event] = {}
        self._ending: Counter[Key] = Counter()

    def begin(self, job: str, attempt: int) -> None:
        """A process of this attempt is there, or about to be."""
        self._alive[job, attempt] = asyncio.Event()

    def leave(self, job: str, attempt: int) -> None:
        """It is gone, or never came."""
        alive = self._alive.pop((job, attempt), None)
        if alive is not None:
            alive.set()

    def ending(self, job: str, attempt: int) -> bool:
        """Whether it is being ended by force: it is over when nothing of it is left, not when its head is gone."""
        return self._ending[job, attempt] > 0

    async def end(self, job: str, attempt: int) -> bool:
        """End all of an attempt by force; False for a thread, and for what does not die."""
        key = (job, attempt)
        self._ending[key] += 1
        try:
            return await self._launcher.stop(job, attempt, self._kill_s)
        finally:
            self._ending -= Counter([key])

    async def gone(self, job: str, attempt: int, wait_s: float) -> bool:
        """Wait until an attempt that is over has left by itself; what is left after `wait_s` seconds is ended.

        Returns:
            whether nothing of it is left.
        """
        alive = self._alive.get((job, attempt))
        if alive is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(alive.wait(), wait_s)
        gone = await self.end(job, attempt)
        if gone:
            self.leave(job, attempt)
        return gone
