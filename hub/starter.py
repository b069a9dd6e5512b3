"""Starts one attempt, once nothing is left of those before it; ends it by force; notices its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container

from hub import auth
from hub.chronicle import about
from hub.errors import HubError, LaunchError
from hub.held import Held
from hub.hub import Hub
from hub.launch import Handout, Launcher
from hub.remains import Remains
from hub.state import Change
from hub.view import Status

LOG = logging.getLogger("barcast")
AGAIN_S, AGAIN_MOST_S = 0.05, 5.0  # between two looks at what does not end: a thread needs a moment, or for ever


class UnderWay:
    """Steps that are being taken."""

    def __init__(self) -> None:
        self._steps = 0
        self._over = asyncio.Event()

    def __enter__(self) -> None:
        self._steps += 1

    def __exit__(self, *_: object) -> None:
        self._steps -= 1
        self._over.set()

    async def over(self) -> None:
        """Wait until none is."""
        while self._steps:
            self._over.clear()
            await self._over.wait()


class Starter:
    """The hub's hand on the launcher.

    Args:
        hub: whose jobs.
        launcher: starts processes and functions on this machine.
        kinds: what it knows to start.
        wanted: whether work of a job is to be started at this time.
        reachable: whether child processes can find this hub.

    Attributes:
        launches: those that are under way: a process may exist that no job knows yet.
        forces: likewise; a job may have ended of which something is left.
    """

    def __init__(
        self,
        hub: Hub,
        launcher: Launcher,
        kinds: Container[str],
        wanted: Callable[[Held], bool],
        *,
        reachable: bool,
    ) -> None:
        self._hub = hub
        self._launcher = launcher
        self._kinds = kinds
        self._wanted = wanted
        self.reachable = reachable
        self.launches, self.forces = UnderWay(), UnderWay()
        self._remains = Remains(launcher, hub.settings.kill_s)

    async def start(self, held: Held) -> None:
        """Start the attempt that is queued now, unless it is cancelled or followed by another meanwhile."""
        attempt = held.job.state.attempt
        await self._clear(held, attempt)
        if not self._waits(held, attempt):
            return
        await self._hub.commit(held, held.job.launching(self._hub.clock()))
        if self._waits(held, attempt):
            with self.launches:
                await self._launch(held, attempt)

    def _waits(self, held: Held, attempt: int) -> bool:
        state = held.job.state
        return state.attempt == attempt and state.status is Status.QUEUED and self._wanted(held)

    async def _clear(self, held: Held, attempt: int) -> None:
        """Wait until nothing is left of the attempts before, back to the last that ran."""
        for before in reversed(held.job.state.attempts):
            wait_s = AGAIN_S
            while self._waits(held, attempt) and not await self._is_gone(held, before.attempt):
                if wait_s >= AGAIN_MOST_S:
                    LOG.warning("does not end; the next attempt waits for it", extra=about(held, before.attempt))
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, AGAIN_MOST_S)
            if before.started_at is not None:
                return

    async def _is_gone(self, held: Held, attempt: int) -> bool:
        return await self._remains.gone(held.id, attempt, held.job.facts.grace_s)

    async def _launch(self, held: Held, attempt: int) -> None:
        hub, job = self._hub, held.job
        self._remains.begin(held.id, attempt)
        try:
            self._check(held)
            process = await self._launcher.launch(self._handout(held))
        except HubError as error:
            self._remains.leave(held.id, attempt)
            if job.state.attempt == attempt:
                await hub.commit(held, job.not_started(str(error), hub.clock()))
            return
        if process is None:
            self._remains.leave(held.id, attempt)
            return
        if job.state.attempt == attempt:
            job.state.process = process
            await hub.commit(held, Change(durable=True))
        if job.state.attempt != attempt or job.state.status is Status.CANCELLED:  # cancelled as it was coming up
            await self.force(held, attempt)

    def _check(self, held: Held) -> None:
        facts = held.job.facts
        if facts.kind not in self._kinds:  # a former hub knew it
            raise LaunchError(f"this hub does not serve the kind {facts.kind!r}")
        if not self.reachable and facts.place == "process":
            raise LaunchError("this hub does not know its own address; give it one: create_app(…, url=…)")

    def _handout(self, held: Held) -> Handout:
        facts, state = held.job.facts, held.job.state
        token = auth.worker_token(self._hub.secret, held.id, state.attempt, state.launches)
        return Handout(
            job=held.id, attempt=state.attempt, kind=facts.kind, params=facts.params, title=facts.title, token=token
        )

    def adopt(self, held: Held) -> bool:
        """Watch a process that a former hub started; False when it is gone already."""
        state = held.job.state
        if state.process is None or not self._launcher.adopt(held.id, state.attempt, state.process):
            return False
        self._remains.begin(held.id, state.attempt)
        return True

    def exited(self, job: str, attempt: int, how: str) -> None:
        """A process that had an attempt is gone; if it did not finish that attempt, this is its end.

        Args:
            how: for people, such as `killed by SIGKILL`.
        """
        self._remains.leave(job, attempt)
        held = self._hub.jobs.get(job)
        if held is None or held.job.state.attempt != attempt or self._remains.ending(job, attempt):
            return
        self._hub.commit_then(held, held.job.worker_gone(how, self._hub.clock()), None)

    async def force(self, held: Held, attempt: int) -> None:
        """End all of an attempt; it is over when nothing of it is left, not when its head is gone."""
        with self.forces:
            if await self._remains.end(held.id, attempt):
                self.exited(held.id, attempt, "stopped by force")
