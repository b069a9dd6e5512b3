"""Work in the hub's own process: threads and coroutines, the same messages, no socket between.

A coroutine hears of a cancel at its next report. While it is suspended in an `await` it is left alone until
the grace time is over; then the hub asks for force, which here means that its task is cancelled. A thread
cannot be forced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from hub.launch import Connect, Handout, Link
from hub.protocol import Finish, FromWorker, Open, ToWorker
from workers import ending, stack
from workers.attempt import BEAT_S, Attempt
from workers.job import Job
from workers.kinds import Kind
from workers.reporter import Reporter
from workers.roster import Roster

logger = logging.getLogger("barcast.worker")
STOP_S = 3.0  # for work that is told to stop because the hub does; what does not report by then is left behind

Key = tuple[str, int]


class LocalWork:
    """All attempts that run inside the hub.

    Args:
        connect: opens the hub's end.
        beat_s: seconds of silence after which an attempt says that it is alive.
    """

    def __init__(self, connect: Connect, beat_s: float = BEAT_S) -> None:
        self._connect = connect
        self._beat_s = beat_s
        self._roster = Roster(self)
        self._reporter = Reporter(self._roster, self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._heard = asyncio.Event()
        self._running: dict[Key, tuple[Attempt, asyncio.Task[None]]] = {}
        self._in_threads: set[Key] = set()

    def __contains__(self, key: Key) -> bool:
        return key in self._running

    def start(self, handout: Handout, kind: Kind) -> None:
        """Start an attempt. On the event loop."""
        loop = self._open()
        in_thread = kind.info.runs_in == "thread"
        attempt = Attempt(
            Open(id=0, job=handout.job, attempt=handout.attempt),
            worker=f"{socket.gethostname()}/{os.getpid()}",
            blocking=in_thread,
            beat_s=self._beat_s,
        )
        attempt.expect_phases(kind.info.phases)
        key = (handout.job, handout.attempt)
        if in_thread:
            self._in_threads.add(key)
        former = [task for (job, _), (_, task) in self._running.items() if job == handout.job]
        task = loop.create_task(self._run(key, attempt, Job(attempt, handout.title), kind, handout.params, former))
        self._running[key] = attempt, task

    def send(self, message: FromWorker) -> bool:
        """Hand one message to the hub, from any thread; the hub takes it in its loop's next turn."""
        if self._loop is None or self._link is None:
            return False
        try:
            self._loop.call_soon_threadsafe(self._link.receive, message)
        except RuntimeError:  # the loop is closed
            return False
        return True

    async def force(self, key: Key, wait_s: float) -> bool:
        """Cancel a coroutine's task; False where that is not possible, or it does not end in `wait_s` seconds."""
        if key not in self._running:
            return True
        if key in self._in_threads:
            return False
        _, task = self._running[key]
        task.cancel()
        await asyncio.wait([task], timeout=wait_s)
        return task.done()

    async def close(self) -> None:
        """Stop all at their next report, without an end; wait for them, but not for ever."""
        running = list(self._running.items())
        for _, (attempt, _) in running:
            attempt.stop.interrupt("the hub stops")
        self._pulse()
        if running:
            await asyncio.wait([task for _, (_, task) in running], timeout=STOP_S / 2)
        for key, (_, task) in running:
            if key not in self._in_threads:
                task.cancel()
        if left := [task for _, (_, task) in running if not task.done()]:
            await asyncio.wait(left, timeout=STOP_S / 2)
        self._shut(left)

    def _shut(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if self._link is not None:
            self._reporter.close()
            self._link.close()
            self._link = None

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._link = self._connect(self._deliver)
            self._reporter.start()
        return self._loop

    def _deliver(self, message: ToWorker) -> None:
        self._roster.hear(message)
        self._pulse()

    def _pulse(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._heard.wait()

    # ── One attempt ───────────────────────────────────────────────────────────

    async def _run(
        self,
        key: Key,
        attempt: Attempt,
        job: Job,
        kind: Kind,
        params: dict[str, Any],
        former: list[asyncio.Task[None]],
    ) -> None:
        """Do the work, once nothing of the attempts before it is left."""
        try:
            if former:
                await asyncio.wait(former)
            self._roster.add(attempt)
            self.send(attempt.introduction.take())
            await self._until(lambda: attempt.opened.is_set() or attempt.pointless)
            attempt.stack = partial(stack.of_task, self._running[key][1])
            run = self._in_thread if key in self._in_threads else ending.run_async
            finish = await run(attempt, lambda: kind.function(job, **kind.parameters.check(params)), kind.no_retry)
            await self._tell(attempt, finish)
        except Exception:
            logger.exception("an attempt could not be run", extra={"job": key[0], "attempt": key[1]})
        finally:
            self._roster.remove(attempt)
            self._in_threads.discard(key)
            del self._running[key]

    async def _tell(self, attempt: Attempt, finish: Finish | None) -> None:
        if finish is None:
            return
        # What it said before is stored first: the end waits for room like everything else, but off the stack.
        await self._until(lambda: attempt.has_room or attempt.pointless)
        attempt.say(finish)
        await self._until(lambda: attempt.told or attempt.over.is_set())

    async def _in_thread(self, attempt: Attempt, call: Callable[[], Any], no_retry: ending.NoRetry) -> Finish | None:
        """Run in a thread of its own, which does not keep the hub's process alive."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Finish | None] = loop.create_future()

        def work() -> None:
            attempt.stack = partial(stack.of_thread_alone, threading.get_ident())
            finish = ending.run(attempt, call, no_retry)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the hub did not wait for this one
                loop.call_soon_threadsafe(_settle, ended, finish)

        threading.Thread(target=work, name=f"barcast-{attempt.introduction.job}", daemon=True).start()
        return await ended


def _settle(future: asyncio.Future[Finish | None], finish: Finish | None) -> None:
    if not future.done():
        future.set_result(finish)
