"""A hub from start to stop: opens the database, takes over what was left, keeps time, and closes in order."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hub.clock import Clock
from hub.codec import Encoding, Frame
from hub.errors import HubError
from hub.file import explained
from hub.hub import Hub
from hub.launch import Connect, Exited, Launcher, Link
from hub.protocol import CloseCode, ToWorker
from hub.room import FEED
from hub.runner import Runner
from hub.settings import Settings
from hub.signing import Secret
from hub.store import Store
from hub.worker import LocalWorker

if TYPE_CHECKING:
    from hub.webhook import Webhook

LOG = logging.getLogger("barcast")
CLOSE_S = 2.0  # what sockets get to be told that they are closed
INTERRUPT_S = 4.0  # what jobs in this process get to stop at their next report, of the 10 s a stop may take

MakeLauncher = Callable[[Connect, Exited, Path], Launcher]
"""Called with how work in this process connects, whom to tell of an exit, and where the hub's address stands."""


class Service:
    """One running hub.

    Args:
        db: the database file.
        settings: limits.
        make_launcher: makes what starts work.
        url: where children reach this hub, such as `http://127.0.0.1:8600`; None where it serves no child.
        secrets: what notices to a webhook are signed with; needed where the settings name one.

    Attributes:
        webhook: tells it of jobs; None where none is named.
    """

    hub: Hub
    runner: Runner

    def __init__(
        self,
        db: Path,
        settings: Settings,
        make_launcher: MakeLauncher,
        url: str | None,
        secrets: tuple[Secret, ...] = (),
    ) -> None:
        self.db = db
        self.settings = settings
        self.url = url
        self.clock = Clock()
        self.ready = False
        self.webhook: Webhook | None = None
        self._make_launcher = make_launcher
        self._secrets = secrets

    @property
    def address_file(self) -> Path:
        """Where children find the hub that serves this database, after a restart too."""
        return self.db.with_name(self.db.name + ".address")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve inside this block.

        Raises:
            StoreError: the database cannot be taken; it is left as it was.
        """
        store = await Store.open(self.db, halved(self.settings))
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._start(store, tasks)
                timers = [tasks.create_task(self._every(*timer)) for timer in self._timers()]
                if self.webhook is not None:
                    timers.append(tasks.create_task(self.webhook.run()))
                self.ready = True
                try:
                    yield
                finally:
                    self.ready = False
                    await self._stop()
                    for timer in timers:
                        timer.cancel()
                    self.runner.abandon()
        finally:
            await store.close()

    async def _start(self, store: Store, tasks: asyncio.TaskGroup) -> None:
        secret = await store.secret()
        self.hub = Hub(
            store,
            self.settings,
            clock=self.clock.now,
            entropy=os.urandom,
            epoch=secrets.token_hex(8),
            secret=secret,
        )
        launcher = self._make_launcher(self._connect, self._exited, self.address_file)
        self.runner = Runner(self.hub, launcher, tasks, reachable=self.url is not None)
        if self.settings.webhook_url:
            from hub.webhook import Webhook  # its client is not loaded where nobody is told

            self.webhook = Webhook(self.hub, self._secrets)
        await self._new_day()
        await self.runner.restore()
        if self.url is not None:
            self._announce(self.url)
        self.runner.begin()
        self.hub.pulse.begin()

    def _exited(self, job: str, attempt: int, how: str) -> None:
        self.runner.starter.exited(job, attempt, how)

    def _connect(self, deliver: Callable[[ToWorker], None]) -> Link:
        return LocalWorker(self.runner, deliver)

    def _announce(self, url: str) -> None:
        """Put the address beside the database, whole or not at all."""
        fresh = self.address_file.with_name(f"{self.address_file.name}.new")
        with explained(fresh):
            fresh.write_text(json.dumps({"url": url, "pid": os.getpid()}))
            fresh.replace(self.address_file)

    def _timers(self) -> list[tuple[float, Callable[[], object]]]:
        settings = self.settings
        return [
            (settings.save_interval_s / 2, self.hub.save),
            (settings.derived_interval_s, self._derive),
            (settings.retention_interval_s, self._retain),
        ]

    async def _every(self, interval_s: float, act: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                result = act()
                if asyncio.iscoroutine(result):
                    await result
            except HubError as error:  # the next round tries again
                LOG.warning("%s", error)

    async def _derive(self) -> None:
        """Once a second: derived values, the summary if it changed, and the sweep over viewers."""
        hub, now = self.hub, self.clock.now()
        self.runner.household.roll_up()
        hub.derive()
        if hub.recount or midnight(now) != hub.tally.day_starts_at:
            hub.recount = False
            await self._new_day()
        summary = hub.summary()
        for viewer in list(hub.viewers):
            if hub.rooms.is_in(FEED, viewer):
                viewer.take_summary(summary)
        beat: dict[Encoding, Frame] = {}
        for viewer in list(hub.viewers):
            viewer.sweep(now, beat)

    async def _new_day(self) -> None:
        day = midnight(self.clock.now())
        counts = await self.hub.store.counts(day)
        self.hub.tally.begin(
            day, finished_today=counts.finished_since, failed_today=counts.failed_since, finished=counts.finished
        )

    async def _retain(self) -> None:
        with self.hub.deletion() as leaving:
            for job in await self.hub.store.retain(self.clock.now(), leaving.add):
                self.hub.drop(job)
        self.hub.evict()

    # ── Stopping ──────────────────────────────────────────────────────────────

    async def restart(self) -> None:
        """What SIGTERM means: others come back to the next hub, work in this process stops and is queued again."""
        self.ready = False
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERRUPT_S):
                await self.runner.interrupt()
        await self._close_sockets(CloseCode.RESTARTING, "the hub is restarting")

    async def stop(self) -> None:
        """What SIGINT means: what runs is cancelled as by hand; returns when all of it has ended."""
        await self.runner.cancel_all()
        await self._close_sockets(CloseCode.GOING_AWAY, "the hub is stopping")

    async def stop_now(self) -> None:
        """What a second SIGINT means: nothing waits any longer."""
        await self.runner.kill_all()

    async def _close_sockets(self, code: CloseCode, reason: str) -> None:
        retry_after_s = self.settings.retry_after_s
        sockets = [*self.hub.viewers, *self.hub.workers]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S), asyncio.TaskGroup() as tasks:
                for session in sockets:
                    tasks.create_task(session.close(code, reason, retry_after_s))

    async def _stop(self) -> None:
        """The last steps, after the sockets are gone; also where nobody asked for a restart or a stop."""
        if not self.runner.stopping:
            await self.restart()
        await self.runner.launcher.close()
        self.hub.save()
        self.hub.stop_timers()
        self.address_file.unlink(missing_ok=True)


def halved(settings: Settings) -> Settings:
    """The store's half of the save interval; the other half passes before the hub hands numbers over."""
    return msgspec.structs.replace(settings, save_interval_s=settings.save_interval_s / 2)


def midnight(now: int) -> int:
    """The local midnight before `now`, both in milliseconds since 1970."""
    local = datetime.datetime.fromtimestamp(now / 1000).astimezone()
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
