"""Starts, watches and stops work on this machine in all three ways; implements `hub.launch.Launcher`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.launch import Connect, Exited, Handout, KindInfo, Launcher, Prepared, ProcessId
from hub.protocol import Open
from workers import dump, output, process, spool
from workers.address import from_file
from workers.attempt import BEAT_S, Attempt
from workers.connection import Connection
from workers.kinds import Kinds
from workers.local import Key, LocalWork
from workers.order import WorkOrder, mark
from workers.reporter import Reporter

ORPHAN_S = 600.0
NOTICE_S = 1.0  # from the end of a process to its notice
SPOOL_S = 60.0  # for what a former child left behind to be taken


class Watched(Struct):
    """A process with an attempt."""

    identity: ProcessId
    watch: process.Watch


class LocalLauncher:
    """What the hub starts work with.

    Args:
        kinds: the functions.
        connect: opens the hub's end of work in its own process.
        exited: told of the end of each process.
        address_file: where the hub's address stands (or will, before the first launch).
        orphan_s: seconds without a hub after which a child stops itself.
        beat_s: seconds of silence after which a worker says that it is alive.
    """

    def __init__(
        self,
        kinds: Kinds,
        *,
        connect: Connect,
        exited: Exited,
        address_file: Path,
        orphan_s: float = ORPHAN_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._kinds = kinds
        self._exited = exited
        self._address_file = address_file.resolve()
        self._orphan_s = orphan_s
        self._beat_s = beat_s
        self._local = LocalWork(connect, beat_s)
        self._watched: dict[Key, Watched] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Lock()

    def kinds(self) -> list[KindInfo]:
        """Every registered kind, by name."""
        return self._kinds.infos()

    def prepare(self, kind: str, params: dict[str, Any]) -> Prepared:
        """Check parameters against the function's signature.

        Raises:
            NotFound: no such kind.
            Invalid: a parameter is missing, unknown or of the wrong type; field `params.NAME`.
        """
        return self._kinds[kind].prepare(params)

    async def launch(self, handout: Handout) -> ProcessId | None:
        """Start an attempt; None when it runs inside the hub's own process.

        Raises:
            LaunchError: it could not be started.
        """
        kind = self._kinds[handout.kind]
        if kind.info.runs_in != "process":
            self._local.start(handout, kind)
            return None
        key = (handout.job, handout.attempt)
        pid = await asyncio.to_thread(process.start, self._order(handout), self._output(key))
        return self._watch(key, process.identify(pid))

    def adopt(self, job: str, attempt: int, process_id: ProcessId) -> bool:
        """Watch a process that a former hub started; False when it is gone and has left nothing to be told.

        Where it stopped because it found no hub, what it left behind is delivered first.
        """
        key = (job, attempt)
        if process.is_alive(process_id, mark(job, attempt)):
            self._watch(key, process_id)
            return True
        left = spool.read(self._spool(key))
        if left is None:
            self._output(key).unlink(missing_ok=True)
            self._stack(key).unlink(missing_ok=True)
            return False
        self._speak_for(key, left)
        return True

    async def stop(self, job: str, attempt: int, kill_s: float) -> bool:
        """End an attempt by force: SIGTERM, after `kill_s` seconds SIGKILL, to the whole process tree.

        A coroutine's task is cancelled and has `kill_s` seconds to end; a thread cannot be forced.

        Returns:
            True when nothing of it is left.
        """
        key = (job, attempt)
        if key in self._local:
            return await self._local.force(key, kill_s)
        watched = self._watched.get(key)
        head = watched.identity if watched else None
        gone = await asyncio.to_thread(process.stop_tree, head, mark(job, attempt), kill_s)
        if watched is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watched.watch.gone.wait(), NOTICE_S)
        return gone

    async def stack(self, job: str, attempt: int) -> str | None:
        """Where a process is, told by the system rather than by the worker, which does not answer; None if untold."""
        watched = self._watched.get((job, attempt))
        if watched is None or not process.is_alive(watched.identity, mark(job, attempt)):
            return None
        async with self._asking:  # of one file at a time
            return await asyncio.to_thread(dump.ask, watched.identity.pid, self._stack((job, attempt)))

    async def close(self) -> None:
        """Forget all that is watched, without stopping it; work in the hub's own process is told to stop first."""
        await self._local.close()
        for watched in self._watched.values():
            watched.watch.close()
        self._watched.clear()
        for task in self._deliveries:
            task.cancel()

    # ── Processes ─────────────────────────────────────────────────────────────

    def _order(self, handout: Handout) -> WorkOrder:
        return WorkOrder(
            job=handout.job,
            attempt=handout.attempt,
            kind=handout.kind,
            params=handout.params,
            title=handout.title,
            token=handout.token,
            address_file=str(self._address_file),
            modules=self._kinds.modules,
            path=[folder for folder in sys.path if folder],
            orphan_s=self._orphan_s,
            beat_s=self._beat_s,
        )

    def _watch(self, key: Key, identity: ProcessId) -> ProcessId:
        watch = process.Watch(identity.pid, lambda status: self._ended(key, status))
        self._watched[key] = Watched(identity, watch)
        return identity

    def _ended(self, key: Key, status: int | None) -> None:
        self._watched.pop(key, None)
        path = self._output(key)
        how = process.describe(status, output.last_line(path) if status != 0 else "")
        path.unlink(missing_ok=True)
        self._stack(key).unlink(missing_ok=True)
        left = spool.read(self._spool(key))
        if left is None:
            self._exited(*key, how)
        else:
            self._speak_for(key, left)

    def _output(self, key: Key) -> Path:
        return spool.place(self._address_file, *key, "output")

    def _stack(self, key: Key) -> Path:
        return spool.place(self._address_file, *key, "stack")

    def _spool(self, key: Key) -> Path:
        return spool.place(self._address_file, *key, "spool")

    # ── What a former child left behind ───────────────────────────────────────

    def _speak_for(self, key: Key, left: spool.Spool) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver_spool(key, left))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver_spool(self, key: Key, left: spool.Spool) -> None:
        told = await asyncio.to_thread(self._tell, key, left)
        if told:
            self._spool(key).unlink(missing_ok=True)
        self._exited(*key, "stopped itself: it found no hub")

    def _tell(self, key: Key, left: spool.Spool) -> bool:
        """Speak for the child. Blocks; True when everything is stored or nobody takes it any more."""
        attempt = Attempt(Open(id=0, job=key[0], attempt=key[1]))
        attempt.keep(left.messages)
        connection = Connection(from_file(self._address_file), token=left.token)
        connection.roster.add(attempt)
        reporter = Reporter(connection.roster, connection)
        connection.start()
        reporter.start()
        told = attempt.wait_told(SPOOL_S) or attempt.over.is_set()
        reporter.close()
        connection.close()
        return told


def _is_launcher(launcher: LocalLauncher) -> Launcher:
    """Checked by the type checker alone."""
    return launcher
