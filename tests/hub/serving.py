"""A real hub on a real port, a launcher whose work the test plays itself, and strangers' clients."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from hub.app import Barcast, application
from hub.errors import Invalid, LaunchError, NotFound, StoreError
from hub.launch import Connect, Exited, Handout, KindInfo, Link, Prepared, ProcessId
from hub.protocol import FromWorker
from hub.server import Server, listen, server
from hub.service import Service
from hub.settings import KIB, Settings
from hub.signing import Secret
from hub.store import Store
from hub.transport import SocketOutlet
from hub.viewer import Viewer

BOUND_S = 30.0
QUICK = {"derived_interval_s": 0.02, "update_interval_s": 0.005, "save_interval_s": 0.05, "retry_after_s": 0.25}
PARAMS = {"type": "object", "properties": {"path": {"type": "string"}}}
IMPORT = KindInfo(kind="import-orders", title="Import {path}", doc="Imports orders.", params=PARAMS)
INSIDE = KindInfo(kind="inside", title="Inside", doc="Runs in the hub's process.", params={}, runs_in="loop")
UNLUCKY = KindInfo(kind="unlucky", title="Unlucky", doc="Tries again.", params={}, retries=2, backoff_s=0.02)
KINDS = (IMPORT, INSIDE)

Message = dict[str, Any]
T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    """What it gives, within bounds."""
    return await asyncio.wait_for(awaitable, BOUND_S)


# ── The hub ───────────────────────────────────────────────────────────────────


class PlayedLauncher:
    """A launcher that starts nothing: what it is handed, the test works off over the worker socket.

    Attributes:
        handouts: what was launched.
        alive: numbers of the processes that are said to run.
        stopped: (job, attempt) of each that was ended by force.
        dies: whether what is ended by force does end.
        stacks: what the system tells of where an attempt is, by job.
        refuses: why nothing can be started, or None.
        asked: set as something is to be launched.
        comes_up: waited for before a launch is over, one way or the other.
    """

    def __init__(self, kinds: tuple[KindInfo, ...], connect: Connect, exited: Exited, alive: set[int]) -> None:
        self.handouts: asyncio.Queue[Handout] = asyncio.Queue()
        self.alive = alive
        self.stopped: list[tuple[str, int]] = []
        self.adopted: list[tuple[str, int]] = []
        self.stacks: dict[str, str] = {}
        self.dies = True
        self.closed = 0
        self.refuses: str | None = None
        self.asked, self.comes_up = asyncio.Event(), asyncio.Event()
        self.comes_up.set()
        self.connect = connect
        self.exited = exited
        self._kinds = {kind.kind: kind for kind in kinds}

    def kinds(self) -> list[KindInfo]:
        return list(self._kinds.values())

    def prepare(self, kind: str, params: dict[str, Any]) -> Prepared:
        if kind not in self._kinds:
            raise NotFound("no such kind", "kind")
        if "path" in params and not isinstance(params["path"], str):
            raise Invalid("expected text", "params.path")
        return Prepared(params=params, title=f"Run {kind} {params.get('path', '')}".strip())

    async def launch(self, handout: Handout) -> ProcessId | None:
        refuses = self.refuses
        self.asked.set()
        await self.comes_up.wait()
        if refuses is not None:
            raise LaunchError(refuses)
        self.handouts.put_nowait(handout)
        if self._kinds[handout.kind].runs_in != "process":
            return None
        pid = 100_000 + len(self.alive)
        self.alive.add(pid)
        return ProcessId(pid=pid, started_at=1)

    def adopt(self, job: str, attempt: int, process: ProcessId) -> bool:
        self.adopted.append((job, attempt))
        return process.pid in self.alive

    async def stop(self, job: str, attempt: int, kill_s: float) -> bool:
        self.stopped.append((job, attempt))
        return self.dies

    async def stack(self, job: str, attempt: int) -> str | None:
        return self.stacks.get(job)

    async def close(self) -> None:
        self.closed += 1


class Served:
    """A running hub and those who talk to it."""

    def __init__(self, service: Service, its_server: uvicorn.Server, port: int, alive: set[int]) -> None:
        self.service = service
        self.server = its_server
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.alive = alive
        self.launcher: PlayedLauncher
        self.http: httpx.AsyncClient
        self.opened: AsyncExitStack

    async def socket(self, path: str, encoding: str | None = "json", **options: Any) -> ClientConnection:
        """A bare WebSocket; what the test does not read waits in it, or its closing would wait for that."""
        offered = {"subprotocols": [Subprotocol(f"barcast.v1.{encoding}")]} if encoding else {}
        url = f"ws://127.0.0.1:{self.port}{path}"
        limits = {"max_size": None, "max_queue": None}
        opening = connect(url, compression=None, ping_interval=None, **{**limits, **offered, **options})
        return await self.opened.enter_async_context(opening)

    async def viewer(self, encoding: str = "json", **options: Any) -> Client:
        """A viewer that is connected."""
        return Client(await self.socket("/ws", encoding, **options), encoding)

    async def watching(self, topic: str, encoding: str = "json", **fields: Any) -> Client:
        """A viewer that has subscribed to a topic."""
        viewer = await self.viewer(encoding)
        await viewer.ask("subscribe", topic=topic, **fields)
        return viewer

    async def worker(self, token: str | None = None, encoding: str = "json") -> Worker:
        """A worker that is connected."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Worker(await self.socket("/ws/worker", encoding, additional_headers=headers), encoding)

    async def handed_out(self) -> Handout:
        """The next attempt that the hub launches."""
        return await soon(self.launcher.handouts.get())

    async def outside(self, **fields: Any) -> Worker:
        """A worker that opened work of its own."""
        worker = await self.worker()
        await worker.open(**{"kind": "sync", "title": "Nightly sync", **fields})
        return worker

    async def started(self, kind: str = "import-orders", **fields: Any) -> Worker:
        """A worker on work that the hub handed out to it."""
        (await self.http.post("/api/jobs", json={"kind": kind, **fields})).raise_for_status()
        return await self.taken_up()

    async def taken_up(self) -> Worker:
        """A worker that opens what the hub launched last."""
        handout = await self.handed_out()
        worker = await self.worker(handout.token)
        await worker.open(job=handout.job, attempt=handout.attempt)
        worker.leave = lambda: self.launcher.exited(handout.job, handout.attempt, "exit status 0")
        return worker

    async def fill(self, viewer: Client, work: Worker) -> Viewer:
        """Make a viewer stop reading, and let work write log entries until the viewer takes nothing; its session."""
        viewer.stop_reading()
        port = viewer.socket.local_address[1]
        [session] = [one for one in self.sessions() if peer_port(one) == port]
        in_vain, taken = 0, -1
        while in_vain < 10:
            await work.store("entry", level="info", text="x" * 4000)
            in_vain = in_vain + 1 if session.outlet.full and session.outlet.taken == taken else 0
            taken = session.outlet.taken
        return session

    async def until(self, condition: Callable[[], object]) -> None:
        """Ask the hub whether it lives until something holds in it."""
        async with asyncio.timeout(BOUND_S):
            while not condition():
                await self.http.get("/healthz")

    def sessions(self) -> list[Viewer]:
        """The hub's ends of all viewers."""
        return [viewer for viewer in self.service.hub.viewers if isinstance(viewer, Viewer)]

    async def job(self, job: str) -> Message:
        """The job over HTTP."""
        answer = await self.http.get(f"/api/jobs/{job}")
        answer.raise_for_status()
        found: Message = answer.json()
        return found

    async def events(self, job: str) -> list[str]:
        """What the job's log tells, over HTTP."""
        answer = await self.http.get(f"/api/jobs/{job}/log")
        return [entry["event"] for entry in answer.json()["entries"]]


def peer_port(session: Viewer) -> int:
    """The port that a viewer's socket comes from."""
    assert isinstance(session.outlet, SocketOutlet)
    port: int = session.outlet._protocol.transport.get_extra_info("peername")[1]
    return port


@asynccontextmanager
async def serving(
    db: Path,
    kinds: tuple[KindInfo, ...] = KINDS,
    *,
    alive: set[int] | None = None,
    plainly: bool = False,
    around: Callable[[Barcast], ASGIApp] = lambda app: app,
    hosts: tuple[str, ...] = (),
    secrets: tuple[Secret, ...] = (),
    **limits: Any,
) -> AsyncIterator[Served]:
    """A hub on a port of its own.

    Args:
        db: the database.
        kinds: what it can start.
        alive: the played processes, where they outlive a hub.
        plainly: serve it by uvicorn as it is, without the fast outlet.
        around: the application that it is mounted in.
        hosts: names under which it may be asked.
        secrets: what it signs with, where it tells a webhook.
        limits: settings.
    """
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    launchers: list[PlayedLauncher] = []

    def make_launcher(connect: Connect, exited: Exited, address_file: Path) -> PlayedLauncher:
        launchers.append(PlayedLauncher(kinds, connect, exited, served.alive))
        return launchers[-1]

    settings = Settings(**{**QUICK, **limits})
    service = Service(db, settings, make_launcher, f"http://127.0.0.1:{port}", secrets)
    app = around(application(service, hosts))
    its_server = plain_server(app) if plainly else server(app, settings, host="127.0.0.1", port=port)
    served = Served(service, its_server, port, set() if alive is None else alive)
    with closing(listener):
        async with running(its_server, listener), AsyncExitStack() as served.opened, client(served.base) as served.http:
            served.launcher = launchers[0]
            yield served


def client(base: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base, timeout=BOUND_S)


@asynccontextmanager
async def running(its_server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    """A server that is asked to end afterwards.

    Raises:
        HubError: the application did not start.
    """
    decided, startup = asyncio.Event(), its_server.startup

    async def starting(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        decided.set()

    its_server.startup = starting  # type: ignore[method-assign]
    serve = asyncio.ensure_future(its_server.serve(sockets=[listener]))
    serve.add_done_callback(lambda _: decided.set())
    await soon(decided.wait())
    if serve.done():
        serve.result()
    try:
        yield
    finally:
        its_server.should_exit = True
        await soon(serve)


def plain_server(app: ASGIApp) -> uvicorn.Server:
    """uvicorn without anything of ours, but for the signals."""
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan="on", log_config=None, timeout_graceful_shutdown=1)
    return Server(config)


class Gate:
    """Stands before the database of a store: commits wait, or fail, until the test lets them pass."""

    def __init__(self, store: Store) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._opened.set()
        self._error: StoreError | None = None
        self._commit = store._commit
        store._commit = self._pass
        store._retry_s = 0.01

    async def _pass(self, values: list[str]) -> None:
        self.reached.set()
        await self._opened.wait()
        if self._error is not None:
            raise self._error
        await self._commit(values)

    def shut(self) -> None:
        self.reached.clear()
        self._opened.clear()

    def fail(self) -> None:
        self._error = StoreError("disk full")
        self._opened.set()

    def open(self) -> None:
        self._error = None
        self._opened.set()


# ── Those who talk to it ──────────────────────────────────────────────────────


class Client:
    """A stranger's client: sends, collects, and keeps the picture of all that it was told.

    Attributes:
        messages: everything that came.
        jobs: what it knows of each job, by id.
        entries: log entries of each job, as they came.
        holes: updates that did not follow on what was known.
        closed: the close code, once there is one.
    """

    def __init__(self, socket: ClientConnection, encoding: str = "json") -> None:
        self.socket = socket
        self.encoding = encoding
        self.messages: list[Message] = []
        self.jobs: dict[str, Message] = {}
        self.entries: dict[str, list[Message]] = {}
        self.holes: list[Message] = []
        self._ids = 0
        self._seen = 0

    async def say(self, type_: str, **fields: Any) -> None:
        message = {"type": type_, **fields}
        await self.socket.send(json.dumps(message) if self.encoding == "json" else msgspec.msgpack.encode(message))

    async def ask(self, type_: str, **fields: Any) -> Message:
        """The answer with the request's id."""
        self._ids += 1
        request = f"{type_}-{self._ids}"
        await self.say(type_, id=request, **fields)
        return await self.first(lambda message: message.get("id") == request, len(self.messages))

    async def until(self, wanted: Callable[[Message], object]) -> Message:
        """The first message that is wanted, behind the one that was last waited for."""
        place = await self._place(wanted, self._seen)
        self._seen = place + 1
        return self.messages[place]

    async def next(self, type_: str, **fields: Any) -> Message:
        """The next message of a type, and with these fields."""
        return await self.until(lambda message: message["type"] == type_ and fields.items() <= message.items())

    async def first(self, wanted: Callable[[Message], object], start: int) -> Message:
        """The first message that is wanted, from a place on."""
        return self.messages[await self._place(wanted, start)]

    async def _place(self, wanted: Callable[[Message], object], start: int) -> int:
        async with asyncio.timeout(BOUND_S):
            for place in count(start):
                if place == len(self.messages):
                    await self.receive()
                if wanted(self.messages[place]):
                    return place
        raise AssertionError("counting has no end")

    async def receive(self) -> None:
        raw = await self.socket.recv()
        assert isinstance(raw, str) is (self.encoding == "json"), "text frames for JSON, binary ones for MessagePack"
        message = json.loads(raw) if isinstance(raw, str) else msgspec.msgpack.decode(raw)
        self.messages.append(message)
        self._paint(message)

    def _paint(self, message: Message) -> None:
        if message["type"] == "snapshot":
            self.jobs |= {job["id"]: job for job in message["jobs"]}
        elif message["type"] == "update":
            for job in message["jobs"]:
                known = self.jobs.get(job["id"])
                if known is None or job["from"] > known["seq"] + 1:
                    self.holes.append(job)
                self.jobs[job["id"]] = {**(known or {}), **job}
        elif message["type"] == "log":
            self.entries.setdefault(message["job"], []).extend(message["entries"])
        elif message["type"] == "gone":
            self.jobs.pop(message["job"], None)

    async def job(self, job: str, wanted: Callable[[Message], object] = lambda job: True, **fields: Any) -> Message:
        """The job as this viewer sees it, once it has these fields."""

        def there() -> bool:
            known = self.jobs.get(job)
            return known is not None and fields.items() <= known.items() and bool(wanted(known))

        async with asyncio.timeout(BOUND_S):
            while not there():
                await self.receive()
        return self.jobs[job]

    async def entry(self, job: str, text: str) -> Message:
        """The log entry of that text or event."""
        async with asyncio.timeout(BOUND_S):
            while not (found := self._entries(job, text)):
                await self.receive()
        return found[0]

    def _entries(self, job: str, text: str) -> list[Message]:
        return [entry for entry in self.entries.get(job, []) if text in (entry["text"], entry["event"])]

    async def caught_up(self) -> None:
        """Everything that was sent to this viewer before is here."""
        await self.ask("ping")

    def stop_reading(self) -> None:
        """Take nothing any more, after the little that a small kernel buffer holds."""
        self._receive_buffer(4 * KIB)
        self.socket.transport.pause_reading()

    def read_again(self) -> None:
        self._receive_buffer(1024 * KIB)
        self.socket.transport.resume_reading()

    def _receive_buffer(self, size_bytes: int) -> None:
        own_socket = self.socket.transport.get_extra_info("socket")
        own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)

    async def close_code(self) -> int:
        """Read to the end; the code it was closed with."""
        with pytest.raises(ConnectionClosed) as closed:
            await self.first(lambda message: False, len(self.messages))
        assert closed.value.rcvd is not None, "expected a close frame, but the connection was cut"
        return closed.value.rcvd.code

    def told(self, type_: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == type_]

    def numbers(self, job: str) -> list[int]:
        return [entry["n"] for entry in self.entries.get(job, [])]


class Worker(Client):
    """A stranger's worker, on one job.

    Attributes:
        leave: ends its process, where it is said to have one.
    """

    def __init__(self, socket: ClientConnection, encoding: str = "json") -> None:
        super().__init__(socket, encoding)
        self.opened: Message = {}
        self.id = ""
        self.attempt = 0
        self.n = 0
        self.leave: Callable[[], None] = lambda: None

    async def open(self, **fields: Any) -> Message:
        answer = await self.ask("open", **fields)
        assert answer["type"] == "opened", answer
        self.opened, self.id, self.attempt, self.n = answer, answer["job"], answer["attempt"], answer["acked"]
        return answer

    async def report(self, **fields: Any) -> None:
        await self.say("report", job=self.id, attempt=self.attempt, **fields)

    async def tell(self, type_: str, **fields: Any) -> int:
        """Send a numbered message."""
        self.n += 1
        await self.say(type_, job=self.id, attempt=self.attempt, n=self.n, **fields)
        return self.n

    async def store(self, type_: str, **fields: Any) -> None:
        """Send a numbered message, and wait until it is acknowledged."""
        n = await self.tell(type_, **fields)
        await self.first(lambda m: m["type"] == "ack" and m["job"] == self.id and m["n"] >= n, 0)

    async def finish(self, outcome: str = "succeeded", **fields: Any) -> None:
        """Say the end; once it is acknowledged the played process is gone, too."""
        await self.store("finish", outcome=outcome, **fields)
        self.leave()

    async def refused(self, type_: str, **fields: Any) -> Message:
        """Send something wrong; the answer to it."""
        before = len(self.messages)
        await self.say(type_, job=self.id, attempt=self.attempt, **fields)
        return await self.first(lambda message: message["type"] in ("error", "revoked"), before)


class Inside:
    """Work in the hub's own process: a link, and what came over it."""

    def __init__(self, launcher: PlayedLauncher, handout: Handout) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self.job = handout.job
        self.attempt = handout.attempt
        self.link: Link = launcher.connect(self.messages.put_nowait)

    def say(self, message: FromWorker) -> None:
        self.link.receive(message)

    async def hear(self) -> Any:
        return await soon(self.messages.get())


def origin(text: str) -> Origin:
    return Origin(text)
