"""What the hub starts itself: queues attempts, starts them, ends them by force, and takes them over after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from hub import auth
from hub.errors import Conflict, HubError, LaunchError, NotFound, Unavailable
from hub.held import Held
from hub.hub import Hub
from hub.launch import Handout, KindInfo, Launcher
from hub.protocol import StartOrder
from hub.schedule import Schedule
from hub.shown import Surroundings
from hub.state import Change, JobState
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
        self.reachable = reachable
        self.hub = hub
        self.launcher = launcher
        self.schedule = Schedule(hub.settings.jobs_at_once)
        self.kinds: dict[str, KindInfo] = {info.kind: info for info in launcher.kinds()}
        self.stopping = False
        self._forcing: set[str] = set()
        self._tasks = tasks
        self._spawned: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        hub.on_end = self._on_end
        hub.on_force = lambda held: self._spawn(self._force(held))
        hub.around = self._around
        hub.slots_free = lambda: self.schedule.slots_free

    # ── Starting ──────────────────────────────────────────────────────────────

    async def start(self, order: StartOrder, by: str | None) -> tuple[Held, bool]:
        """Start a registered kind.

        Returns:
            the job, queued, and whether this call made it (a known key returns the earlier one).

        Raises:
            NotFound: no such kind.
            Invalid: a parameter is wrong; names it.
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
        )
        held = await self.hub.create(facts, info.phases, JobState())
        self._queue(held)
        return held

    async def retry(self, job: str, by: str | None) -> Held:
        """Queue another attempt.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.hub.find(job)
        if held.job.facts.startable and held.job.facts.kind not in self.kinds:
            raise Conflict(f"this hub does not serve the kind {held.job.facts.kind!r}")
        self.hub.check_storage()
        await self.hub.commit(held, held.job.retry(by, self.hub.clock()))
        self.hub.recount = True
        self._queue(held)
        return held

    def _queue(self, held: Held) -> None:
        if held.job.state.status is Status.QUEUED:
            self.schedule.wait(held.id)
            self.fill()

    def fill(self) -> None:
        """Start what waits while there are slots."""
        while not self.stopping and (job := self.schedule.next()) is not None:
            self._spawn(self._launch(self.hub.jobs[job]))

    async def _launch(self, held: Held) -> None:
        hub, job = self.hub, held.job
        await hub.commit(held, job.launching(hub.clock()))
        if job.state.status is not Status.QUEUED or self.stopping:
            return
        attempt = job.state.attempt
        try:
            if not self.reachable and job.facts.place == "process":
                raise LaunchError("this hub does not know its own address; give it one: create_app(…, url=…)")
            process = await self.launcher.launch(self._handout(held))
        except HubError as error:
            await hub.commit(held, job.not_started(str(error), hub.clock()))
            return
        if process is not None and job.state.attempt == attempt:
            job.state.process = process
            await hub.commit(held, Change(durable=True))
            if job.state.cancel is not None and job.state.status.terminal:  # asked for while it was coming up
                await self._force(held)

    def _handout(self, held: Held) -> Handout:
        facts, state = held.job.facts, held.job.state
        token = auth.worker_token(self.hub.secret, held.id, state.attempt, state.launches)
        return Handout(
            job=held.id, attempt=state.attempt, kind=facts.kind, params=facts.params, title=facts.title, token=token
        )

    # ── Ending ────────────────────────────────────────────────────────────────

    def exited(self, job: str, attempt: int, how: str) -> None:
        """A process that had an attempt is gone; if it did not finish that attempt, this is its end."""
        held = self.hub.jobs.get(job)
        if held is None or held.job.state.attempt != attempt or job in self._forcing:
            return
        self.hub.commit_then(held, held.job.worker_gone(how, self.hub.clock()), None)

    async def _force(self, held: Held) -> None:
        """End the whole process tree; the attempt is over when nothing of it is left, not when its head is gone."""
        attempt = held.job.state.attempt
        self._forcing.add(held.id)
        try:
            gone = await self.launcher.stop(held.id, attempt, self.hub.settings.kill_s)
        finally:
            self._forcing.discard(held.id)
        if gone:
            self.exited(held.id, attempt, "stopped by force")

    def _on_end(self, held: Held, outcome: Outcome) -> None:
        self._ended.set()
        self._ended = asyncio.Event()
        self.schedule.drop(held.id)
        if held.job.state.status is Status.QUEUED:
            self._queue(held)
        self.fill()

    # ── Taking over and stopping ──────────────────────────────────────────────

    async def restore(self) -> None:
        """Take over what a former hub on this database left unfinished."""
        hub = self.hub
        for row in await hub.store.recent(hub.settings.feed_terminal_jobs):
            hub.hold(await hub.load(row))
        for row in await hub.store.unfinished():
            held = hub.hold(await hub.load(row))
            await self._take_over(held)

    async def _take_over(self, held: Held) -> None:
        job, state, now = held.job, held.job.state, self.hub.clock()
        if job.facts.place == "outside":
            state.heard_at = None if state.heard_at is None else now  # silence while we were away is not theirs
            self.hub.alarm.set(held)
        elif state.process is not None and self.launcher.adopt(held.id, state.attempt, state.process):
            state.heard_at = None if state.heard_at is None else now
            self.schedule.resume(held.id)
            self.hub.alarm.set(held)
        else:  # it ended with the former hub, or with the machine: no failure of the work
            await self.hub.commit(held, job.interrupted(now))
            if state.status is Status.QUEUED:
                self.schedule.wait(held.id)

    def started(self) -> list[Held]:
        """Unfinished jobs whose work this hub started."""
        jobs = self.hub.jobs.values()
        unfinished = [held for held in jobs if held.job.facts.startable and not held.job.state.status.terminal]
        return [held for held in unfinished if held.job.state.status is not Status.QUEUED or held.job.state.process]

    async def interrupt(self) -> None:
        """Before a restart: jobs in this process stop at their next report and are queued again; children go on."""
        self.stopping = True
        await self.launcher.close()
        for held in self.started():
            if held.job.facts.place != "process":
                await self.hub.commit(held, held.job.interrupted(self.hub.clock()))

    async def cancel_all(self) -> None:
        """Before a stop for good: cancel what runs, as by hand, and wait until all of it has ended."""
        self.stopping = True
        stopping = self.started()
        for held in stopping:
            change = held.job.cancel(None, "the hub is stopping", force=False, now=self.hub.clock())
            self.hub.commit_then(held, change, None)
        while not all(self.hub.shown_of(held).status.terminal for held in stopping):
            await self._ended.wait()

    async def kill_all(self) -> None:
        """Asked a second time: do not wait."""
        async with asyncio.TaskGroup() as tasks:
            for held in self.started():
                tasks.create_task(self._force(held))

    def abandon(self) -> None:
        """Wait for nothing any more: what was handed to the store is stored as it closes."""
        for task in self._spawned:
            task.cancel()

    def _around(self, held: Held) -> Surroundings:
        past = self.hub.past.known(held.job.facts.kind)
        return Surroundings(
            viewers=self.hub.rooms.viewers(held.topic),
            queue_position=self.schedule.positions().get(held.id) if held.job.state.status is Status.QUEUED else None,
            typical=past.typical if past else None,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
