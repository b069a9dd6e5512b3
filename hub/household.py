"""Parents and children in one hub: who may be a parent, what children tell it, and what its end means to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec

from hub.errors import Conflict, NotFound
from hub.family import DEEPEST, MOST_CHILDREN
from hub.feed import CHILDREN
from hub.held import Held, Kept
from hub.hub import Hub
from hub.protocol import ChildState
from hub.rows import JobRow
from hub.shown import Shown
from hub.view import Status

TAKES_ALONG = frozenset({Status.CANCELLING, Status.CANCELLED, Status.FAILED})  # its unfinished children end, too
REASON = "the job that started it was cancelled"
REASON_FAILED = "the job that started it failed"
AT_ONCE = 100  # children that are cancelled, or told of, before others have their turn
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Household:
    """The families of one hub.

    Args:
        hub: whose jobs.
        spawn: lets work go on by itself; an attribute, too.
        rested: called when a job begins to wait for children.

    Attributes:
        leaving: parents whose children are being cancelled right now; none of those is to be started.
    """

    def __init__(self, hub: Hub, spawn: Spawn, rested: Callable[[], None]) -> None:
        self.leaving: set[str] = set()
        self._hub = hub
        self._family = hub.family
        self.spawn = spawn
        self._rested = rested
        hub.on_shown = self._shown

    # ── Becoming a parent ─────────────────────────────────────────────────────

    async def admit(self, parent: str | None) -> None:
        """Whether a job may get one more child; None is no parent, and always right.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended or is about to, it has too many children, or too many parents above it.
        """
        if parent is None:
            return
        try:
            held = await self._hub.find(parent)
        except NotFound:
            raise NotFound("no such job", "parent") from None
        status = held.job.state.status
        if status.terminal or status is Status.CANCELLING:
            raise Conflict(f"a job that is {status} starts no other", "parent")
        if self._family.size(parent) >= MOST_CHILDREN:
            raise Conflict(f"expected at most {MOST_CHILDREN:,} children of one job, got one more", "parent")
        if await self._depth(held) >= DEEPEST:
            raise Conflict(f"expected at most {DEEPEST} parents above a job, got one more", "parent")
        self._family.know(parent)

    async def _depth(self, held: Held) -> int:
        """How many parents are above a job."""
        depth, above = 0, held.job.facts.parent
        while above is not None and depth < DEEPEST:
            depth += 1
            row = None if above in self._hub.jobs else await self._hub.store.job(above)
            known = self._hub.jobs.get(above)
            above = known.job.facts.parent if known else row.parent if row else None
        return depth

    def _born(self, child: Held) -> None:
        """A child is stored; where its parent began to end meanwhile, so does the child."""
        parent = self._hub.jobs.get(child.job.facts.parent or "")
        if parent is not None and parent.job.state.status in TAKES_ALONG:
            self._cancel(child.id, parent)

    async def gather(self, held: Held) -> None:
        """Know the children of a job that ended, and of its parent, before it goes on.

        Raises:
            StoreError: the database cannot be read.
        """
        for one in (held.id, held.job.facts.parent):
            if one is not None and not self._family.knows(one) and await self._is_kept(one):
                self._family.know(one, await self._hub.store.brood(one))

    async def _is_kept(self, job: str) -> bool:
        try:
            await self._hub.find(job)
        except NotFound:
            return False
        return True

    # ── What children mean to their parent ────────────────────────────────────

    def _shown(self, held: Held, shown: Shown) -> None:
        """A new version of a job is committed."""
        if shown.view.parent is not None:
            self._stands(shown.view.parent, held.id, shown.status)
            if held.shown is None:
                self._born(held)
        if shown.status in TAKES_ALONG and self._family.waits(held.id) and _is_new(held.shown, shown):
            self.spawn(self._take_along(held))

    def _stands(self, parent: str, child: str, status: Status) -> None:
        waited = self._family.waits(parent)
        self._family.stands(parent, child, status)
        if self._family.waits(parent) and not waited:
            self._rested()

    def wants(self, child: Held) -> bool:
        """Whether the job that started this one still goes on."""
        parent = self._hub.jobs.get(child.job.facts.parent or "")
        if parent is None:
            return False
        status = parent.job.state.status
        return not status.terminal and status is not Status.CANCELLING

    def ended(self, child: Held) -> None:
        """An attempt of a job is over; if that is its end, its parent's worker is told."""
        parent = self._hub.jobs.get(child.job.facts.parent or "")
        if parent is not None and parent.worker is not None and child.job.state.status.terminal:
            parent.worker.send(_state(parent, child, self._hub.shown_of(child)))

    async def states(self, parent: Held) -> AsyncIterator[ChildState]:
        """How each child of a job stands."""
        after: str | None = None
        while self._family.size(parent.id):
            rows, after = await self._hub.store.jobs(parent=parent.id, limit=AT_ONCE, after=after)
            for row in rows:
                held = self._hub.jobs.get(row.id)
                yield _state(parent, held, self._hub.shown_of(held)) if held else _stored(parent, row)
            if after is None:
                return

    def roll_up(self) -> None:
        """Once a second: parents whose children moved tell so."""
        for parent in self._family.take_changed():
            self._roll_up(parent)

    def before_end(self, held: Held) -> None:
        """A job's own end has come, by which its children have been told as they stand."""
        if self._family.take(held.id):
            self._roll_up(held.id)

    def _roll_up(self, parent: str) -> None:
        held = self._hub.jobs.get(parent)
        if held is not None:
            change = held.job.roll_up(self._family.counts(parent), self._fraction(parent), self._hub.clock())
            self._hub.commit_then(held, change, None)
            self._hub.alarm.set(held)  # without unfinished children it may stall

    def _fraction(self, parent: str) -> float | None:
        """The mean of its children's."""
        size, going = self._family.size(parent), self._family.unfinished(parent)
        held = [self._hub.jobs[child].job.state for child in going if child in self._hub.jobs]
        return (size - len(going) + sum(state.fraction or 0.0 for state in held)) / size if size else None

    # ── What a parent's end means to its children ─────────────────────────────

    async def _take_along(self, parent: Held) -> None:
        """Cancel all that a job started, a part at a time."""
        self.leaving.add(parent.id)
        try:
            for place, child in enumerate(self._family.unfinished(parent.id), 1):
                self._cancel(child, parent)
                if place % AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            self.leaving.discard(parent.id)

    def _cancel(self, child: str, parent: Held) -> None:
        """Cancel one as its parent is: by force, where a person asked for that. One that cannot be forced is asked."""
        held, asked = self._hub.jobs.get(child), parent.job.state.cancel
        if held is None or held.job.state.status.terminal:
            return
        reason = REASON_FAILED if parent.job.state.status is Status.FAILED else REASON
        force = asked is not None and asked.forced_at is not None and asked.forced_at < (asked.deadline_at or 0)
        try:
            change = held.job.cancel(None, reason, force=force, now=self._hub.clock())
        except Conflict:
            change = held.job.cancel(None, reason, force=False, now=self._hub.clock())
        self._hub.commit_then(held, change, None)

    async def delete(self, job: str) -> None:
        """Remove a terminal job, all that it started, and all that belongs to them.

        Raises:
            NotFound: there is no such job.
            Conflict: it is not terminal, or something that it started is not.
        """
        held = await self._hub.find(job)
        if not held.job.state.status.terminal:
            raise Conflict(f"only an ended job can be deleted; this one is {held.job.state.status}")
        self._hub.check_storage()
        await self.gather(held)
        below = await self._hub.store.below(job)
        if any(not self._status(one, status).terminal for one, status in below):
            raise Conflict("a job that it started has not ended")
        if not self._status(job, held.job.state.status).terminal:
            raise Conflict("it was queued again meanwhile")
        await self._remove([*(one for one, _ in below), job])

    def _status(self, job: str, stored: Status) -> Status:
        held = self._hub.jobs.get(job)
        return held.job.state.status if held else stored

    async def _remove(self, jobs: list[str]) -> None:
        """Delete jobs for good; for whoever asks they are gone at once."""
        with self._hub.deletion() as leaving:
            leaving.update(jobs)
            for job in await self._hub.store.delete(jobs):
                self._hub.drop(job)

    # ── Taking over ───────────────────────────────────────────────────────────

    async def restore(self) -> None:
        """Know the families that a former hub left unfinished, before its jobs are taken over."""
        hub = self._hub
        for row in await hub.store.ended_children(CHILDREN):
            hub.hold(await hub.load(row))
        broods: dict[str, list[tuple[str, Status]]] = {}
        for parent, child, status in await hub.store.kin():
            broods.setdefault(parent, []).append((child, status))
        for parent, children in broods.items():
            if await self._is_kept(parent):
                self._family.know(parent, children)

    def finish_restore(self) -> None:
        """Cancel what a parent's end did not reach any more; not what was retried by hand after it."""
        for held in list(self._hub.jobs.values()):
            state = held.job.state
            if state.status in TAKES_ALONG and self._family.waits(held.id):
                for child in self._family.unfinished(held.id):
                    if self._is_older(child, state.finished_at):
                        self._cancel(child, held)

    def _is_older(self, child: str, finished_at: int | None) -> bool:
        held = self._hub.jobs.get(child)
        return held is not None and (finished_at is None or held.job.state.queued_at <= finished_at)


def _is_new(before: Shown | None, shown: Shown) -> bool:
    """Whether a version tells of an end, or of a cancel or its force, that the one before it did not."""
    if before is None or before.status is not shown.status:
        return True
    was, asked = before.view.cancel, shown.view.cancel
    return asked is not None and asked.forced_at is not None and (was is None or was.forced_at is None)


def _state(parent: Held, child: Held, shown: Shown) -> ChildState:
    view = shown.view
    return ChildState(
        job=parent.id, attempt=parent.job.state.attempt, child=child.id, key=child.job.facts.key, status=view.status,
        result=view.result, error=view.error,
    )  # fmt: skip


def _stored(parent: Held, row: JobRow) -> ChildState:
    state = msgspec.json.decode(row.state, type=Kept).state
    return ChildState(
        job=parent.id, attempt=parent.job.state.attempt, child=row.id, key=row.key, status=row.status,
        result=state.result, error=state.error,
    )  # fmt: skip
