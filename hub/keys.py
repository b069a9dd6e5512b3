"""Idempotency: of several starts under one key, one makes the job and all get it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hub.held import Held


class Keys:
    """The keys under which a job is being made right now.

    Args:
        find: the job that is stored under a kind and a key, or None.
    """

    def __init__(self, find: Callable[[str, str], Awaitable[Held | None]]) -> None:
        self._find = find
        self._busy: dict[tuple[str, str], asyncio.Event] = {}

    async def once(self, kind: str, key: str | None, make: Callable[[], Awaitable[Held]]) -> tuple[Held, bool]:
        """The job made under this key, and whether it was made by this call.

        Args:
            kind: keys belong to a kind.
            key: the caller's, or None for always a new job.
            make: makes the job; returns once it is stored.
        """
        if key is None:
            return await make(), True
        name = (kind, key)
        while name in self._busy:
            await self._busy[name].wait()
        self._busy[name] = done = asyncio.Event()
        try:
            found = await self._find(kind, key)
            return (await make(), True) if found is None else (found, False)
        finally:
            del self._busy[name]
            done.set()
