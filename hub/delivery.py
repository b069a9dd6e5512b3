"""Tells the rooms what is committed and workers what is stored, and leaves each socket one write a turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from hub.codec import Encoding, Frame
from hub.held import Held, WorkerEnd
from hub.protocol import Ack, Summary
from hub.rooms import Rooms
from hub.shown import Shown


class Closable(Protocol):
    """A live socket."""

    async def close(self, code: int, reason: str, retry_after_s: float | None) -> None:
        """Say why, then close."""
        ...


class Viewing(Closable, Protocol):
    """A viewer, as the hub sees it.

    Attributes:
        way: how it is connected: `socket` or `stream`.
    """

    way: str

    def write(self) -> None:
        """Write the frames of this turn, all in one."""
        ...

    def take_summary(self, summary: Summary) -> None:
        """Be sent a newer summary, or be owed it."""
        ...

    def sweep(self, now: int, beat: dict[Encoding, Frame]) -> None:
        """Once a second: a beat after silence, and an end for one that takes nothing."""
        ...


class Delivery:
    """What is to be told, gathered for the end of a turn of the loop.

    Args:
        rooms: whom to tell.
        clock: milliseconds since 1970.
        newest: the newest version of a job that may be seen.

    Attributes:
        offered: changes so far, each as often as there are places to tell of it.
    """

    def __init__(self, rooms: Rooms, clock: Callable[[], int], newest: Callable[[Held], Shown]) -> None:
        self.offered = 0
        self._rooms = rooms
        self._clock = clock
        self._newest = newest
        self._moved: dict[Held, None] = {}
        self._writing: dict[Viewing, None] = {}
        self._acks: dict[tuple[WorkerEnd, str, int], int] = {}
        self._queued = False
        self._timer: asyncio.TimerHandle | None = None
        self._moved_at = -math.inf
        self._loop = asyncio.get_running_loop()

    def show(self, held: Held, shown: Shown, *, phases: bool, whole: bool) -> None:
        """A committed version of a job is to be told; a new status does not wait for the pace."""
        before = held.shown
        held.shown = shown
        self.offered += self._rooms.watching(held.id)
        urgent = whole or phases or before is None or before.status is not shown.status
        self._rooms.change(shown, phases=phases, whole=whole, urgent=urgent)
        self._soon()

    def move(self, held: Held) -> None:
        """A job's numbers moved: they are told unless something visible in it still waits for its commit."""
        watching = self._rooms.watching(held.id)
        self.offered += watching
        if watching and held.unseen == 0:
            self._moved[held] = None
            self._at_pace()

    def hurry(self) -> None:
        """A viewer changed lanes, and what it is owed there may be due at once."""
        self._soon()

    def touch(self, viewer: Viewing) -> None:
        """A viewer has frames to be written at the end of this turn."""
        self._writing[viewer] = None
        self._soon()

    def acknowledge(self, end: WorkerEnd, job: str, attempt: int, n: int) -> None:
        """Everything of this attempt up to `n` is committed."""
        key = (end, job, attempt)
        self._acks[key] = max(n, self._acks.get(key, 0))
        self._soon()

    def stop(self) -> None:
        """Nothing more happens by itself."""
        if self._timer is not None:
            self._timer.cancel()

    def _soon(self) -> None:
        if not self._queued:
            self._queued = True
            self._loop.call_soon(self.flush)

    def _at_pace(self) -> None:
        """Flush as soon as any room may be told of numbers again: a flush for each report would find nothing due."""
        at = self._moved_at + self._rooms.update_ms / 1000
        if at <= self._loop.time():
            self._soon()
        elif not self._queued and (self._timer is None or self._timer.when() > at):
            self.stop()
            self._timer = self._loop.call_at(at, self.flush)

    def flush(self) -> None:
        """Send what is due to the rooms; what a viewer is owed in one turn leaves in one write."""
        self._queued = False
        moved, self._moved = self._moved, {}
        if moved:
            self._moved_at = self._loop.time()
        for held in moved:
            if held.unseen == 0 and not held.deleted:
                self._rooms.change(self._newest(held), phases=False, whole=False)
        now = self._clock()
        due = self._rooms.flush(now, urgent=False)
        writing, self._writing = self._writing, {}
        for viewer in writing:
            viewer.write()
        self._send_acks()
        self.stop()
        self._timer = None if due is None else self._loop.call_later((due - now) / 1000, self.flush)

    def _send_acks(self) -> None:
        acks, self._acks = self._acks, {}
        for (end, job, attempt), n in acks.items():
            end.send(Ack(job=job, attempt=attempt, n=n))
