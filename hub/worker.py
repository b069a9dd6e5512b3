"""A worker: whoever reports on jobs over a socket, from accept to close; and one with no socket between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Receive

from hub.codec import Encoding, Frame, worker_codec
from hub.errors import HubError, NotFound, PeerError, Revoked
from hub.held import Held
from hub.intake import Intake
from hub.outlet import Outlet, PlainOutlet, hear
from hub.protocol import AttemptMessage, Error, FromWorker, Open, RevokedWork, StartChild, ToWorker
from hub.rate import Allowance
from hub.runner import Runner
from hub.session import Session
from hub.view import Status

ASKS = (Open, StartChild)


class Worker(Session[FromWorker]):
    """One worker's socket; several jobs may share it.

    Args:
        runner: of the hub that it works for.
        encoding, outlet, send: as of :class:`Session`.
        token: from its Authorization header.
    """

    def __init__(self, runner: Runner, encoding: Encoding, outlet: Outlet, send: Any, token: str | None) -> None:
        super().__init__(runner.hub, worker_codec(encoding), encoding, outlet, send)
        self._token = token
        self._intake = Intake(runner)
        settings = runner.hub.settings
        self._reports = Allowance(settings.reports_per_s, settings.reports_per_s)
        self._bytes = Allowance(settings.report_bytes_per_s, settings.report_bytes_per_s)

        self._inbox: asyncio.Queue[str | bytes] = asyncio.Queue()  # what has to wait, and all that comes behind it
        self._behind = False
        if not isinstance(outlet, PlainOutlet):
            outlet.on_message = self._hear

    async def _live(self, receive: Receive, tasks: asyncio.TaskGroup) -> None:
        """Where messages come straight from the socket, a task takes only those that have to wait for something."""
        if isinstance(self.outlet, PlainOutlet):
            await super()._live(receive, tasks)
            return
        working = tasks.create_task(self._work_off())
        await hear(self.outlet, receive)
        working.cancel()

    async def _work_off(self) -> None:
        while True:
            data = await self._inbox.get()
            await self._take(data, is_text=isinstance(data, str))
            while self.outlet.full and not self._closing:
                await self._drained.wait()
            if self._inbox.empty():
                self._behind = False
                self.outlet.resume_reading()

    def _hear(self, data: str | bytes) -> None:
        """Take a message at once where nothing has to be waited for; no task is woken, reading goes on."""
        if self._behind or not self._at_once(data):
            self._behind = True
            self._inbox.put_nowait(data)
            self.outlet.pause_reading()

    def _at_once(self, data: str | bytes) -> bool:
        hub, now = self.hub, self.hub.clock()
        if self.outlet.full or hub.store.behind:
            return False
        if isinstance(data, str) is (self.encoding == "msgpack"):
            return False
        try:
            message = self._codec.decode(data)
            if isinstance(message, ASKS) or not (self._reports.may(1, now) and self._bytes.may(len(data), now)):
                return False
            self._intake.receive(message, self)
        except (PeerError, HubError):
            return False  # it changed nothing; the slow way says so
        self._malformed = 0
        return True

    async def paced(self, size: int) -> None:
        """Read no faster than is allowed, and not while too much waits for the disk."""
        now = self.hub.clock()
        wait_s = max(self._reports.take(1, now), self._bytes.take(size, now))
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if self.hub.store.behind:
            await self.hub.store.flush()

    async def answer(self, message: FromWorker) -> None:
        try:
            if isinstance(message, Open):
                await self._tell_children(await self._intake.open(message, self, self._token))
            elif isinstance(message, StartChild):
                await self._intake.start(message, self)
            else:
                self._intake.receive(message, self)
        except Revoked as error:
            self.send(revoked(message, error))

    async def _tell_children(self, held: Held) -> None:
        """No faster than the worker takes it: there may be many, and each may have a large result."""
        async for state in self._intake.children(held):
            self.send(state)
            while self.outlet.full and not self._closing:
                await self._drained.wait()

    def send(self, message: ToWorker) -> None:
        """Send to the worker; nothing once it is gone."""
        self.put(message)

    def put_frame(self, frame: Frame) -> None:
        if not self._closing:
            self.outlet.write([frame])

    def left(self) -> None:
        self.hub.workers.discard(self)
        self._intake.detach(self)


class LocalWorker:
    """The hub's end of work in its own process; implements `launch.Link`.

    Args:
        runner: of the hub whose work it is.
        deliver: called with each message for the worker.
    """

    def __init__(self, runner: Runner, deliver: Callable[[ToWorker], None]) -> None:
        self._hub = runner.hub
        self._spawn = runner.household.spawn
        self._intake = Intake(runner, "local")
        self._deliver = deliver
        self._gone = False

    def receive(self, message: FromWorker) -> None:
        """Take one message; a refusal is delivered as `error` or `revoked`."""
        try:
            if isinstance(message, StartChild):
                self._spawn(self._start(message))
            elif isinstance(message, Open):
                self._open(message)
            else:
                self._intake.receive(message, self)
        except (PeerError, HubError) as error:
            self._refuse(message, error)

    def _open(self, message: Open) -> None:
        held = self._hub.jobs.get(message.job or "")
        if held is None:
            raise NotFound("no such job", "job")
        self._intake.attach(held, message, self)
        if self._hub.family.size(held.id):
            self._spawn(self._tell_children(held))

    async def _start(self, message: StartChild) -> None:
        try:
            await self._intake.start(message, self)
        except (PeerError, HubError) as error:
            self._refuse(message, error)

    async def _tell_children(self, held: Held) -> None:
        try:
            async for state in self._intake.children(held):
                self.send(state)
        except HubError as error:
            self.send(Error(code=error.code, message=str(error)))

    def _refuse(self, message: FromWorker, error: PeerError | HubError) -> None:
        if isinstance(error, Revoked):
            self.send(revoked(message, error))
            return
        request = message.id if isinstance(message, ASKS) else None
        self.send(Error(code=error.code, message=str(error), id=request, field=getattr(error, "field", None)))

    def send(self, message: ToWorker) -> None:
        if not self._gone:
            self._deliver(message)

    def close(self) -> None:
        """The worker is gone."""
        self._gone = True
        self._intake.detach(self)


def revoked(message: FromWorker, error: Revoked) -> RevokedWork:
    """What a worker is told when it speaks of an attempt that is over."""
    request = message.id if isinstance(message, ASKS) else None
    assert isinstance(message, AttemptMessage | Open)
    status = None if error.stands is None else Status(error.stands)
    return RevokedWork(
        job=message.job or "", attempt=message.attempt or 1, reason=str(error), status=status, id=request
    )
