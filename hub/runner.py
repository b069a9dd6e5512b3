"""What the hub starts itself: queues attempts, starts them, ends them by force, and takes them over after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from hub.chronicle import about
from hub.clock import Mark, mark, moved_ms
from hub.errors import BarcastError, Conflict, NotFound, Unavailable
from hub.held import Held
from hub.household import Household
from hub.hub import Hub
from hub.launch import KindInfo, Launcher
from hub.protocol import StartOrder
from hub.schedule import Schedule, Wish
from hub.shown import Surroundings
from hub.stack import Stacks
from hub.starter import Starter
from hub.state import JobState
from hub.view import Outcome, Status

LOG = logging.getLogger("barcast")


class Runner:
    """Starts and stops work.

    Args:
        hub: whose jobs.
        launcher: starts processes and functions on this machine.
        tasks: where its tasks live.
        reachable: whether child processes can find this hub.
    """

    def __init__(self, hub: Hub, launcher: Launcher, tasks: asyncio.TaskGroup, *, reachable: bool = True) -> None:
        self.hub = hub
        self.launcher = launcher
        self.kinds: dict[str, KindInfo] = {info.kind: info for info in launcher.kinds()}
        concurrency = {kind: info.concurrency for kind, info in self.kinds.items() if info.concurrency is not None}
        self.schedule = Schedule(hub.settings.jobs_at_once, concurrency, hub.family.waits)
        self.household = Household(hub, self._spawn, self.fill)
        self.stacks = Stacks(launcher, hub.clock)
        self._renewed: set[str] = set()  # children that are queued again once they have ended
        self.stopping = False
        self.starter = Starter(hub, launcher, self.kinds, self._wanted, reachable=reachable)
        self._begun = False  # nothing is started before what it is to find stands where it looks
        self._tasks = tasks
        self._spawned: set[asyncio.Task[None]] = set()
        self._abandoned = False
        self._ended = asyncio.Event()
        hub.on_end = self._on_end
        hub.on_force = lambda held, attempt: self._spawn(self.starter.force(held, attempt))
        hub.on_ready = self._queue
        hub.around = self._around
        hub.slots_free = lambda: self.schedule.slots_free

    # ── Starting ──────────────────────────────────────────────────────────────

    async def start(self, order: StartOrder, by: str | None) -> tuple[Held, bool]:
        """Start a registered kind.

        Returns:
            the job, queued, and whether this call made it (a known key returns the earlier one).

        Raises:
            NotFound: no such kind, or no such parent.
            Invalid: a parameter is wrong; names it.
            Conflict: the parent can have no further child, or the key is that of work from outside.
            Unavailable: nothing can be stored, or the hub is stopping.
        """
        if self.stopping:
            raise Unavailable("the hub is stopping")
        if order.kind not in self.kinds:
            raise NotFound(f"no kind {order.kind!r}; known are {', '.join(sorted(self.kinds)) or 'none'}", "kind")
        held, made = await self.hub.keys.once(order.kind, order.key, lambda: self._create(order, by))
        if not held.job.facts.startable:
            raise Conflict("this key was used for a job from outside")
        return held, made

    async def _create(self, order: StartOrder, by: str | None) -> Held:
        info = self.kinds[order.kind]
        prepared = self.launcher.prepare(order.kind, order.params)
        await self.household.admit(order.parent)
        facts = self.hub.facts(
            kind=order.kind,
            title=order.title or prepared.title,
            place=info.runs_in,
            params=prepared.params,
            tags=order.tags,
            by=by,
            key=order.key,
            grace_s=info.grace_s,
            stall_s=info.stall_s,
            parent=order.parent,
            priority=info.priority if order.priority is None else order.priority,
            retries=info.retries,
            backoff_s=info.backoff_s,
            backoff_max_s=info.backoff_max_s,
            timeout_s=info.timeout_s,
        )
        return await self.hub.create(facts, info.phases, JobState(max_attempts=1 + info.retries))

    async def start_child(self, order: StartOrder) -> Held:
        """Start a child; what an earlier attempt of the parent started under the same key goes on or is queued again.

        Raises:
            NotFound, Invalid, Conflict, Unavailable: as :meth:`start`; or the key is that of another parent's child.
        """
        held, made = await self.start(order, by=None)
        if held.job.facts.parent != order.parent:
            raise Conflict("this key was used for a job that another one started", "key")
        parent = self.hub.jobs.get(order.parent or "")
        if not made and parent is not None and parent.job.state.started_at is not None:
            await self._renew(held, parent.job.state.started_at)
        return held

    async def _renew(self, held: Held, began_at: int) -> None:
        """Queue a child again that was lost before its parent's attempt began, or is about to be since then."""
        state = held.job.state
        if state.status in (Status.FAILED, Status.CANCELLED) and (state.finished_at or 0) <= began_at:
            await self.retry(held.id, by=None)
        elif state.status is Status.CANCELLING and state.cancel and state.cancel.requested_at <= began_at:
            self._renewed.add(held.id)

    async def retry(self, job: str, by: str | None) -> Held:
        """Queue another attempt, or the one that waits for its time.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.hub.find(job)
        if held.job.facts.startable and held.job.facts.kind not in self.kinds:
            raise Conflict(f"this hub does not serve the kind {held.job.facts.kind!r}")
        self.hub.check_storage()
        await self.household.gather(held)
        held = await self.hub.find(job)  # it may have been evicted or deleted meanwhile
        await self.hub.commit(held, held.job.retry(by, self.hub.clock()))
        self.hub.recount = True
        return held

    async def pause(self, job: str, by: str | None) -> Held:
        """Let work stand still at its next report; returns once that is stored.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.hub.find(job)
        self.hub.check_storage()
        await self.hub.commit(held, held.job.pause(by, self.hub.clock()))
        return held

    async def resume(self, job: str, by: str | None) -> Held:
        """Let paused work go on; returns once that is stored.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.hub.find(job)
        self.hub.check_storage()
        await self.hub.commit(held, held.job.resume(by, self.hub.clock()))
        return held

    async def reset(self, job: str, by: str | None, reason: str | None, *, force: bool) -> Held:
        """Give up an attempt that is stuck, so that the next one may begin; returns once that is stored.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.hub.find(job)
        self.hub.check_storage()
        await self.hub.commit(held, held.job.reset(by, reason, force=force, now=self.hub.clock()))
        return held

    def begin(self) -> None:
        """From now on work is started."""
        self._begun = True
        self.fill()

    def _queue(self, held: Held) -> None:
        if held.job.state.status is Status.QUEUED and held.job.state.retry_at is None:
            self.schedule.wait(held.id, _wish(held))
            self.fill()

    def fill(self) -> None:
        """Start what waits while there are slots."""
        while self._begun and not self.stopping and (job := self.schedule.next()) is not None:
            self._spawn(self.starter.start(self.hub.jobs[job]))

    def _wanted(self, held: Held) -> bool:
        return not self.stopping and held.job.facts.parent not in self.household.leaving

    # ── Ending ────────────────────────────────────────────────────────────────

    def _on_end(self, held: Held, outcome: Outcome) -> None:
        self._ended.set()
        self._ended = asyncio.Event()
        self.schedule.drop(held.id)
        if held.id in self._renewed and held.job.state.status.terminal:
            self._renewed.discard(held.id)
            self._spawn(self._retry_child(held))
        else:
            self.household.ended(held)
        self.fill()

    async def _retry_child(self, held: Held) -> None:
        try:
            if self.household.wants(held):
                await self.retry(held.id, by=None)
                return
        except BarcastError as error:
            LOG.info("not queued again: %s", error, extra=about(held))  # it succeeded, or nothing can be stored
        self.household.ended(held)

    # ── Taking over and stopping ──────────────────────────────────────────────

    async def restore(self) -> None:
        """Take over what a former hub on this database left unfinished."""
        hub = self.hub
        for row in await hub.store.recent(hub.settings.feed_terminal_jobs):
            hub.hold(await hub.load(row))
        await self.household.restore()
        moved = await self._clock_moved()
        for row in await hub.store.unfinished():
            self._take_over(hub.hold(await hub.load(row)), moved)
        await hub.store.flush()  # one wait for all, of whom there may be thousands
        self.household.finish_restore()

    async def _clock_moved(self) -> int:
        """By how many milliseconds the system's clock was set since a former hub on this database read it."""
        here = mark(self.hub.clock())
        before = await self.hub.store.swap("clock", msgspec.json.encode(here))
        return moved_ms(msgspec.json.decode(before, type=Mark | None) if before else None, here)

    def _take_over(self, held: Held, moved: int) -> None:
        outside, now = held.job.facts.place == "outside", self.hub.clock()
        _count_anew(held, moved, now)
        if outside or self.starter.adopt(held):
            self.hub.alarm.set(held)
            if not outside:
                self.schedule.resume(held.id, _wish(held))
                self._force_on(held)
        else:  # it ended with the former hub, or with the machine: no failure of the work
            self.hub.commit_then(held, held.job.interrupted(now), None)

    def _force_on(self, held: Held) -> None:
        """A former hub ended while it was ending this work by force."""
        state = held.job.state
        if state.timed_out_forced or (state.cancel is not None and state.cancel.forced_at is not None):
            self._spawn(self.starter.force(held, state.attempt))

    def started(self) -> list[Held]:
        """Unfinished jobs whose work this hub started."""
        jobs = self.hub.jobs.values()
        unfinished = [held for held in jobs if held.job.facts.startable and not held.job.state.status.terminal]
        return [held for held in unfinished if held.job.state.status is not Status.QUEUED or held.job.state.process]

    async def interrupt(self) -> None:
        """Before a restart: jobs in this process stop at their next report and are queued again; children go on."""
        self.stopping = True
        await self.starter.launches.over()
        await self.launcher.close()
        for held in self.started():
            if held.job.facts.place != "process":
                await self.hub.commit(held, held.job.interrupted(self.hub.clock()))

    async def cancel_all(self) -> None:
        """Before a stop for good: cancel what runs, as by hand, and wait until all of it has ended."""
        self.stopping = True
        await self.starter.launches.over()
        stopping = self.started()
        for held in stopping:
            change = held.job.cancel(None, "the hub is stopping", force=False, now=self.hub.clock())
            self.hub.commit_then(held, change, None)
        while not all(self.hub.shown_of(held).status.terminal for held in stopping):
            await self._ended.wait()
        await self.starter.forces.over()

    async def kill_all(self) -> None:
        """Asked a second time: do not wait."""
        async with asyncio.TaskGroup() as tasks:
            for held in self.started():
                tasks.create_task(self.starter.force(held, held.job.state.attempt))

    def abandon(self) -> None:
        """Wait for nothing any more: what was handed to the store is stored as it closes."""
        self._abandoned = True
        for task in self._spawned:
            task.cancel()

    def _around(self, held: Held) -> Surroundings:
        past = self.hub.past.known(held.job.facts.kind)
        return Surroundings(
            viewers=self.hub.rooms.viewers(held.topic),
            queue_position=self.schedule.position(held.id) if held.job.state.status is Status.QUEUED else None,
            typical=past.typical if past else None,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._abandoned:  # what is stored last may want something done: the next hub will see to it
            work.close()
            return
        task = self._tasks.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)


def _wish(held: Held) -> Wish:
    facts = held.job.facts
    return Wish(facts.kind, facts.priority, child=facts.parent is not None)


def _count_anew(held: Held, moved: int, now: int) -> None:
    """What passed while no hub was there is nobody's silence and no time to obey; nor is what the clock was set by."""
    state, facts = held.job.state, held.job.facts
    if state.heard_at is not None and state.status is not Status.QUEUED:
        state.heard_at = now
    for name in ("lost_at", "advanced_at", "timed_out_at"):
        setattr(state, name, None if getattr(state, name) is None else now)
    state.working_since = None if state.working_since is None else min(state.working_since + moved, now)
    state.retry_at = None if state.retry_at is None else state.retry_at + moved
    if state.status is Status.CANCELLING and state.cancel and state.cancel.forced_at is None:
        deadline_at = now + round(facts.grace_s * 1000)
        state.cancel = msgspec.structs.replace(state.cancel, deadline_at=deadline_at)
