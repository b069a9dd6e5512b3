"""The send path against real servers and real sockets, some of which misbehave."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar, cast

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hub import transport
from hub.codec import Frame
from hub.conversation import Conversation
from hub.errors import HubError
from hub.outlet import Outlet, PlainOutlet, Receive, Send, hear, outlet_of
from hub.server import Server, listen, server
from hub.settings import Settings
from hub.transport import SocketOutlet, SocketProtocol

T = TypeVar("T")
PATIENCE_S = 10.0  # a bound, not a wait
SMALL = 16 * 1024
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


async def soon(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def text(payload: str) -> Frame:
    return Frame(payload.encode(), "json")


class Visit:
    """One socket as the app sees it."""

    def __init__(self, outlet: Outlet, scope: MutableMapping[str, Any], send: Send) -> None:
        self.outlet = outlet
        self.scope = scope
        self.send = send
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.drained = asyncio.Event()
        self.leave = asyncio.Event()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def fast(self) -> SocketProtocol:
        return cast(SocketOutlet, self.outlet)._protocol

    async def close(self, code: int = 1000) -> None:
        await self.send({"type": "websocket.close", "code": code})


class House:
    """An ASGI app that lets everybody in and leaves the rest to the test."""

    def __init__(self, *, direct: bool = True, answers_late: bool = False) -> None:
        self.answers_late = answers_late  # once it has a request's whole body
        self.visits: asyncio.Queue[Visit] = asyncio.Queue()
        self.direct = direct
        self.take: Callable[[Visit, str | bytes], None] = lambda visit, message: visit.messages.put_nowait(message)
        self.before_accept: Callable[[Visit], Awaitable[None]] | None = None
        self.refuse = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] == "http":
            while self.answers_late and (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif self.refuse:
            await send({"type": "websocket.close"})
        else:
            await self.visit(Visit(outlet_of(scope, send), scope, send), receive)

    async def live(self, receive: Receive, send: Send) -> None:
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})

    async def visit(self, visit: Visit, receive: Receive) -> None:
        outlet = visit.outlet
        outlet.on_drained = visit.drained.set
        if self.before_accept is not None:
            await self.before_accept(visit)
        if self.direct:
            outlet.on_message = lambda message: self.take(visit, message)
        await visit.send({"type": "websocket.accept"})
        self.visits.put_nowait(visit)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(outlet.run()) if isinstance(outlet, PlainOutlet) else None
            hearing = tasks.create_task(hear(outlet, receive))
            leaving = tasks.create_task(visit.leave.wait())
            await asyncio.wait((hearing, leaving), return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, hearing, leaving):
                if task is not None:
                    task.cancel()
        visit.code.set_result(hearing.result() if not hearing.cancelled() else 0)


@contextlib.asynccontextmanager
async def running(its_server: Server, listener: socket.socket) -> AsyncIterator[int]:
    serving = asyncio.ensure_future(its_server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        its_server.should_exit = True
        await soon(serving)


@contextlib.asynccontextmanager
async def serving(app: Any, **limits: Any) -> AsyncIterator[int]:
    """A real server of `app` with these limits; yields its port."""
    its_server = server(app, Settings(**limits), host="127.0.0.1", port=0)
    async with running(its_server, listen("127.0.0.1", 0)) as port:
        yield port


def narrow(app: Any, **limits: Any) -> contextlib.AbstractAsyncContextManager[int]:
    """A server whose buffers are small, so that a reader that stops is felt after a few frames."""
    return serving(app, write_buffer_bytes=SMALL, send_buffer_bytes=SMALL, **limits)


@contextlib.asynccontextmanager
async def serving_plainly(app: Any) -> AsyncIterator[int]:
    """The same app under uvicorn's own WebSocket protocol."""
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan="on", log_config=None, timeout_graceful_shutdown=1)
    async with running(Server(config), listen("127.0.0.1", 0)) as port:
        yield port


class Peer:
    """A raw socket that does exactly what the test says."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.loop = asyncio.get_running_loop()
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        await soon(self.loop.sock_sendall(self.sock, data))

    async def read(self, limit_bytes: int = 65_536) -> bytes:
        try:
            return await soon(self.loop.sock_recv(self.sock, limit_bytes))
        except ConnectionError:
            return b""

    async def read_to_end(self) -> bytes:
        while data := await self.read():
            self.buffer += data
        return self.buffer

    async def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            data = await self.read()
            if not data:
                raise EOFError(f"expected {count} bytes, got {len(self.buffer)}")
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    async def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            data = await self.read()
            if not data:
                raise EOFError(f"expected {end!r}, got {self.buffer!r}")
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    async def frame(self) -> tuple[int, bytes]:
        first, length = await self.exactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self.exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.exactly(8))
        return first & 0x0F, await self.exactly(length)

    async def close_code(self) -> int:
        """The code of the close frame that comes next among data and pings."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int(struct.unpack("!H", payload[:2])[0])


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    head = bytes((opcode | (0x80 if fin else 0),))
    if len(payload) < 126:
        return head + bytes((0x80 | len(payload),)) + bytes(4) + payload
    return head + b"\xfe" + struct.pack("!H", len(payload)) + bytes(4) + payload


def handshake(path: str = "/ws", extra: str = "") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extra}\r\n"
    ).encode()


@contextlib.asynccontextmanager
async def dialled(port: int, *, receive_buffer_bytes: int | None = None) -> AsyncIterator[Peer]:
    """A TCP connection; with a small receive buffer, a reader that stops is felt early."""
    with socket.socket() as sock:
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.setblocking(False)
        await soon(asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port)))
        yield Peer(sock)


@contextlib.asynccontextmanager
async def upgraded(port: int, *, receive_buffer_bytes: int | None = None) -> AsyncIterator[Peer]:
    """An open WebSocket whose frames are the test's own."""
    async with dialled(port, receive_buffer_bytes=receive_buffer_bytes) as peer:
        await peer.send(handshake())
        assert b" 101 " in await peer.until(b"\r\n\r\n")
        yield peer


def spy(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that the socket's transport is told to write from here on."""
    writes: list[bytes] = []
    real = visit.fast.transport.write

    def write(data: bytes) -> None:
        writes.append(data)
        real(data)

    monkeypatch.setattr(visit.fast.transport, "write", write)
    visit.fast.outlet.attach(visit.fast.transport)
    return writes


def loss_of(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the socket's connection is gone."""
    lost = asyncio.Event()
    real = visit.fast.connection_lost

    def connection_lost(exc: Exception | None) -> None:
        real(exc)
        lost.set()

    monkeypatch.setattr(visit.fast, "connection_lost", connection_lost)
    return lost


async def until(holds: Callable[[], bool]) -> None:
    """Give the loop turns until something holds."""

    async def turns() -> None:
        while not holds():  # noqa: ASYNC110  # uvicorn's own state has no event to wait for
            await asyncio.sleep(0)

    await soon(turns())


async def fill(outlet: Outlet) -> int:
    """Write until the outlet is full and stays so, the kernel's buffers too; how many frames that took."""
    count = turns_full = 0
    while turns_full < 50:
        turns_full = turns_full + 1 if outlet.full else 0
        while not outlet.full:
            outlet.write([text("x" * 1_000)])
            count += 1
            assert count < 10_000
        await asyncio.sleep(0)
    return count


# Frames


async def test_frames_of_one_call_leave_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        writes = spy(visit, monkeypatch)
        visit.outlet.write([text("one"), Frame(b"two", "msgpack"), text("three")])
        assert [await soon(client.recv()) for _ in range(3)] == ["one", b"two", "three"]
        assert len(writes) == 1


async def test_a_single_frame_is_written_uncopied(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        writes = spy(visit, monkeypatch)
        only = text("only")
        visit.outlet.write([only])
        visit.outlet.write([])
        assert await soon(client.recv()) == "only"
        assert writes[0] is only.wire
        assert len(writes) == 1


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 300_000])
async def test_a_frame_of_any_length_arrives_whole(length: int) -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as client:
        visit = await soon(house.visits.get())
        visit.outlet.write([text("x" * length)])
        assert await soon(client.recv()) == "x" * length


async def test_nothing_is_written_after_a_close_frame() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await visit.close(1001)
        visit.outlet.write([text("late")])
        assert await peer.frame() == (CLOSE, struct.pack("!H", 1001))
        await peer.send(frame(CLOSE, struct.pack("!H", 1001)))
        assert await peer.read_to_end() == b""
        visit.outlet.write([text("later still")])


async def test_nothing_is_written_before_the_socket_is_accepted() -> None:
    house = House()

    async def write_early(visit: Visit) -> None:
        visit.outlet.write([text("early")])

    house.before_accept = write_early
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        visit.outlet.write([text("in time")])
        assert await soon(client.recv()) == "in time"


# Slow and stopped readers


async def test_a_slow_reader_fills_its_outlet_and_is_told_when_it_has_drained() -> None:
    house = House()
    async with narrow(house) as port, upgraded(port, receive_buffer_bytes=SMALL) as peer:
        visit = await soon(house.visits.get())
        count = await fill(visit.outlet)
        assert visit.outlet.waiting > SMALL
        assert not visit.drained.is_set()
        for _ in range(count):
            assert await peer.frame() == (TEXT, b"x" * 1_000)
        await soon(visit.drained.wait())
        assert not visit.outlet.full


async def test_taken_grows_to_all_that_was_written() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        before = visit.outlet.taken
        visit.outlet.write([text("x" * 1_000)] * 10)
        for _ in range(10):
            await peer.frame()
        await peer.send(frame(TEXT, b"read them"))  # carries the acknowledgement of all before it
        await soon(visit.messages.get())
        assert visit.outlet.waiting == 0
        assert visit.outlet.taken - before == 10 * len(text("x" * 1_000).wire)


async def test_taken_stands_still_while_a_reader_has_stopped() -> None:
    house = House()
    async with narrow(house) as port, upgraded(port, receive_buffer_bytes=SMALL):
        visit = await soon(house.visits.get())
        await fill(visit.outlet)
        taken = visit.outlet.taken
        visit.outlet.write([text("more")])
        assert visit.outlet.taken <= taken
        visit.outlet.abort()
        assert await soon(visit.code) == 1005
        assert not visit.outlet.full  # whoever waited for room is let go


async def test_a_reader_that_stopped_is_ended_by_the_ping_timeout() -> None:
    house = House()
    async with narrow(house, ping_s=0.05, pong_s=0.05) as port, upgraded(port, receive_buffer_bytes=SMALL):
        visit = await soon(house.visits.get())
        await fill(visit.outlet)
        assert await soon(visit.code) == 1005


async def test_an_idle_peer_that_answers_no_ping_is_ended() -> None:
    house = House()
    async with serving(house, ping_s=0.05, pong_s=0.05) as port, upgraded(port):
        visit = await soon(house.visits.get())
        assert await soon(visit.code) == 1005


async def test_a_peer_that_answers_pings_is_pinged_again() -> None:
    house = House()
    async with serving(house, ping_s=0.02, pong_s=5.0) as port, upgraded(port) as peer:
        for _ in range(3):
            opcode, payload = await peer.frame()
            assert opcode == PING
            await peer.send(frame(PONG, payload))


async def test_a_slow_reader_that_still_takes_bytes_stays() -> None:
    house = House()
    async with narrow(house) as port, upgraded(port, receive_buffer_bytes=SMALL) as peer:
        visit = await soon(house.visits.get())
        await fill(visit.outlet)
        visit.fast.stop_keepalive()
        visit.fast.send_keepalive_ping()
        while not visit.drained.is_set():
            await peer.read(4_096)
        visit.fast.keepalive_timeout()
        assert not visit.fast.transport.is_closing()
        assert visit.fast.ping_timer is not None


async def test_a_frozen_peer_whose_kernel_goes_on_taking_is_ended() -> None:
    house = House()
    async with serving(house) as port, upgraded(port):
        visit = await soon(house.visits.get())
        visit.fast.send_keepalive_ping()
        visit.outlet.write([text("a beat")])
        await until(lambda: visit.outlet.waiting == 0)
        visit.fast.keepalive_timeout()
        assert visit.fast.transport.is_closing()


async def take_all(outlet: Outlet, peer: Peer) -> None:
    while outlet.waiting:
        await peer.read(4_096)


async def test_a_slow_reader_that_has_taken_all_is_excused_for_some_pings_only() -> None:
    house = House()
    async with narrow(house) as port, upgraded(port, receive_buffer_bytes=SMALL) as peer:
        visit = await soon(house.visits.get())
        await fill(visit.outlet)
        await take_all(visit.outlet, peer)
        pings = 0
        while not visit.fast.transport.is_closing():
            visit.fast.stop_keepalive()
            visit.fast.send_keepalive_ping()
            pings += 1
            visit.outlet.write([text("a beat")])
            await take_all(visit.outlet, peer)
            visit.fast.keepalive_timeout()
        assert pings == 2


async def test_a_peer_that_speaks_without_answering_pings_stays() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        visit.fast.send_keepalive_ping()
        await peer.send(frame(TEXT, b"busy"))
        await soon(visit.messages.get())
        visit.fast.keepalive_timeout()
        assert not visit.fast.transport.is_closing()


async def test_a_peer_that_is_not_read_is_not_blamed_for_its_pong() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        visit.outlet.pause_reading()
        visit.fast.send_keepalive_ping()
        opcode, payload = await peer.frame()
        assert opcode == PING
        await peer.send(frame(PONG, payload))
        visit.fast.keepalive_timeout()
        assert not visit.fast.transport.is_closing()


async def test_answers_to_pings_do_not_pile_up_before_a_peer_that_reads_nothing() -> None:
    house = House()
    async with narrow(house) as port, upgraded(port, receive_buffer_bytes=SMALL) as peer:
        visit = await soon(house.visits.get())
        await fill(visit.outlet)
        await peer.send(frame(PING, b"p" * 100) * 30_000 + frame(PING, b"newest") + frame(TEXT, b"mark"))
        await soon(visit.messages.get())
        one_read_bytes = 256 * 1024  # what asyncio takes in one go, all parsed before the first answer leaves
        assert visit.fast.transport.get_write_buffer_size() < 2 * SMALL + one_read_bytes
        answers: list[bytes] = []
        while answers[-1:] != [b"newest"]:
            opcode, payload = await peer.frame()
            answers += [payload] if opcode == PONG else []
        assert len(answers) < 10_000


async def test_a_closing_socket_whose_peer_takes_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    async with narrow(house, pong_s=0.05) as port, upgraded(port, receive_buffer_bytes=SMALL):
        visit = await soon(house.visits.get())
        lost = loss_of(visit, monkeypatch)
        await fill(visit.outlet)
        await soon(visit.close())
        await soon(lost.wait())


async def test_a_socket_left_by_its_app_with_a_full_buffer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    async with narrow(house, pong_s=0.05) as port, upgraded(port, receive_buffer_bytes=SMALL):
        visit = await soon(house.visits.get())
        lost = loss_of(visit, monkeypatch)
        await fill(visit.outlet)
        visit.leave.set()
        await soon(lost.wait())


async def test_a_polite_close_is_answered_and_over_at_once() -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        await visit.close(1012)
        with pytest.raises(ConnectionClosed):
            await soon(client.recv())
        assert client.close_code == 1012


async def test_a_stopping_server_says_so_to_its_viewers() -> None:
    house = House()
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(house))
        client = await connect(f"ws://127.0.0.1:{port}/ws")
        await soon(house.visits.get())
        await stack.aclose()
        await soon(client.wait_closed())
        assert client.close_code == 1012


async def test_a_stopping_server_does_not_wait_for_a_peer_that_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "STOP_S", 0.05)
    house = House()
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(narrow(house))
        async with upgraded(port, receive_buffer_bytes=SMALL):
            visit = await soon(house.visits.get())
            await fill(visit.outlet)
            await soon(stack.aclose())
            assert visit.fast.disconnected


# What comes in


async def test_messages_are_handed_over_in_order_text_and_binary() -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        for message in ("one", b"\x00two", "drei ✓", b""):
            await client.send(message)
        assert [await soon(visit.messages.get()) for _ in range(4)] == ["one", b"\x00two", "drei ✓", b""]


async def test_messages_that_came_before_anybody_took_them_go_first() -> None:
    house = House()

    async def wait_for_early_one(visit: Visit) -> None:
        await until(lambda: visit.fast.queue.qsize() >= 2)  # the connect event and the message

    house.before_accept = wait_for_early_one
    async with serving(house) as port, dialled(port) as peer:
        await peer.send(handshake())
        while not house.visits.qsize():
            with contextlib.suppress(BlockingIOError):
                peer.sock.send(frame(TEXT, b"early"))
            await asyncio.sleep(0)
        visit = await soon(house.visits.get())
        await peer.send(frame(BINARY, b"late"))
        came = [await soon(visit.messages.get())]
        while came[-1] != b"late":
            came.append(await soon(visit.messages.get()))
        assert came[0] == "early"
        assert set(came[:-1]) == {"early"}


async def test_without_a_taker_messages_go_through_asgi() -> None:
    house = House(direct=False)
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        await client.send("one")
        await client.send("two")
        await until(lambda: visit.fast.read_paused)
        visit.outlet.on_message = visit.messages.put_nowait
        await client.send("three")
        came = [await soon(visit.messages.get())]
        while came[-1] != "three":
            came.append(await soon(visit.messages.get()))
        assert came == ["one", "two", "three"][-len(came) :]


async def test_paused_reading_holds_back_what_one_read_brought_and_resumes_in_order() -> None:
    house = House()

    def take_one(visit: Visit, message: str | bytes) -> None:
        visit.messages.put_nowait(message)
        visit.outlet.pause_reading()

    house.take = take_one
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(b"".join(frame(TEXT, str(n).encode()) for n in range(5)))
        for n in range(5):
            assert await soon(visit.messages.get()) == str(n)
            assert visit.messages.empty()
            visit.outlet.resume_reading()


async def test_reading_resumed_from_within_a_message_goes_on_in_order() -> None:
    house = House()

    def take_and_resume(visit: Visit, message: str | bytes) -> None:
        visit.outlet.pause_reading()
        visit.outlet.resume_reading()
        visit.messages.put_nowait(message)

    house.take = take_and_resume
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(b"".join(frame(TEXT, str(n).encode()) for n in range(5)))
        assert [await soon(visit.messages.get()) for _ in range(5)] == list("01234")


async def test_a_paused_socket_that_closes_reads_the_answer_to_its_close_frame() -> None:
    house = House()
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        visit.outlet.pause_reading()
        await visit.close()
        await soon(client.wait_closed())
        assert client.close_code == 1000


async def test_a_server_stops_beside_a_paused_socket_whose_peer_has_closed() -> None:
    house = House()

    def take_and_pause(visit: Visit, message: str | bytes) -> None:
        visit.outlet.pause_reading()
        visit.messages.put_nowait(message)

    house.take = take_and_pause
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(house))
        async with upgraded(port) as peer:
            visit = await soon(house.visits.get())
            await peer.send(frame(TEXT, b"last") + frame(CLOSE, struct.pack("!H", 1000)))
            await soon(visit.messages.get())
            await soon(stack.aclose())
            assert visit.fast.disconnected


async def test_a_taker_that_fails_closes_its_socket_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def fail(visit: Visit, message: str | bytes) -> None:
        if message == "bad":
            raise ZeroDivisionError
        visit.messages.put_nowait(message)

    house.take = fail
    async with serving(house) as port, upgraded(port) as peer, connect(f"ws://127.0.0.1:{port}/ws") as other:
        visits = [await soon(house.visits.get()) for _ in range(2)]
        await peer.send(frame(TEXT, b"bad"))
        assert await peer.close_code() == 1011
        await other.send("good")
        assert await soon(visits[1].messages.get()) == "good"
        assert await soon(visits[0].code) == 1011
    assert "ZeroDivisionError" in caplog.text


async def test_a_message_of_as_many_fragments_as_may_be_is_joined() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        middle = frame(CONT, b"b", fin=False) * 62
        await peer.send(frame(TEXT, b"a", fin=False) + middle + frame(CONT, b"c"))
        assert await soon(visit.messages.get()) == "a" + "b" * 62 + "c"


async def test_a_character_split_between_fragments_is_no_error() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(frame(TEXT, "✓".encode()[:1], fin=False) + frame(CONT, "✓".encode()[1:]))
        assert await soon(visit.messages.get()) == "✓"


async def test_one_fragment_too_many_closes_with_1009() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        await peer.send(frame(TEXT, b"a", fin=False) + frame(CONT, b"b", fin=False) * 64)
        assert await peer.close_code() == 1009


async def test_fragments_are_counted_message_by_message() -> None:
    house = House()
    async with serving(house, message_fragments=2) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        for _ in range(3):
            await peer.send(frame(TEXT, b"a", fin=False) + frame(CONT, b"b"))
            assert await soon(visit.messages.get()) == "ab"


async def test_200_000_empty_fragments_end_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = 0
    real = Conversation.recv_frame

    def counting(self: Conversation, one: Any) -> None:
        nonlocal parsed
        parsed += 1
        real(self, one)

    monkeypatch.setattr(Conversation, "recv_frame", counting)
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        with contextlib.suppress(ConnectionError):
            await peer.send(frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 200_000)
        visit = await soon(house.visits.get())
        assert await soon(visit.code) == 1009
    assert parsed <= 66


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_message_over_the_limit_closes_with_1009(pieces: int) -> None:
    house = House()
    async with serving(house, message_bytes=3_000) as port, upgraded(port) as peer:
        part = b"x" * (3_001 // pieces + 1)
        rest = b"".join(frame(CONT, part, fin=n == pieces - 2) for n in range(pieces - 1))
        await peer.send(frame(TEXT, part, fin=pieces == 1) + rest)
        assert await peer.close_code() == 1009


async def test_a_message_at_the_limit_is_taken() -> None:
    house = House()
    async with serving(house, message_bytes=3_000) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(frame(TEXT, b"x" * 3_000))
        assert await soon(visit.messages.get()) == "x" * 3_000


async def test_a_tebibyte_announced_closes_with_1009_before_it_comes() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        await peer.send(b"\x82\xff" + struct.pack("!Q", 1 << 40) + bytes(4))
        assert await peer.close_code() == 1009


async def test_what_came_whole_before_a_broken_frame_is_taken() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(frame(TEXT, b"whole") + b"\x81\x05hello")
        assert await soon(visit.messages.get()) == "whole"
        assert await peer.close_code() == 1002


@pytest.mark.parametrize("direct", [True, False])
async def test_text_that_is_not_utf8_closes_with_1007(direct: bool) -> None:
    house = House(direct=direct)
    async with serving(house) as port, upgraded(port) as peer:
        await peer.send(frame(TEXT, b"\xff\xfe"))
        assert await peer.close_code() == 1007


async def test_bad_text_followed_by_a_close_frame_is_no_failure_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await peer.send(frame(TEXT, b"\xff") + frame(CLOSE, struct.pack("!H", 1000)))
        assert await peer.close_code() in (1000, 1007)
        await soon(visit.code)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_unmasked_frame_closes_with_1002() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        await peer.send(b"\x81\x05hello")
        assert await peer.close_code() == 1002


async def test_a_broken_frame_before_the_handshake_is_answered_ends_the_socket(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house, entered = House(), asyncio.Event()

    async def wait_for_the_end(visit: Visit) -> None:
        entered.set()
        await until(lambda: visit.fast.disconnected)

    house.before_accept = wait_for_the_end
    async with serving(house) as port, dialled(port) as peer:
        await peer.send(handshake())
        await soon(entered.wait())
        await peer.send(b"\x81\x05hello")
        assert await peer.read_to_end() == b""
    assert "AssertionError" not in caplog.text


async def test_compression_is_not_agreed_to() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        assert b"permessage-deflate" not in peer.buffer
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws", compression="deflate") as client:
        assert client.protocol.extensions == []


async def test_a_compressed_frame_closes_with_1002() -> None:
    house = House()
    async with serving(house) as port, upgraded(port) as peer:
        await peer.send(bytes((0xC1, 0x80 | 4)) + bytes(4) + b"\xaa\xaa\xaa\x00")
        assert await peer.close_code() == 1002


# The log


@pytest.mark.parametrize("refuse", [False, True])
async def test_a_token_in_the_query_string_is_not_logged(refuse: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    house = House()
    house.refuse = refuse
    async with serving(house) as port:
        url = f"ws://127.0.0.1:{port}/ws?token=s3cret"
        if refuse:
            with pytest.raises(InvalidStatus):
                await connect(url)
        else:
            async with connect(url, additional_headers={"Authorization": "Bearer s3cret"}) as client:
                visit = await soon(house.visits.get())
                visit.outlet.write([text("hello")])
                await soon(client.recv())
                assert visit.scope["query_string"] == b"token=s3cret"
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.client")]
    assert any("WebSocket /ws" in line for line in ours)
    assert not [line for line in ours if "s3cret" in line]


# Request headers


async def silent_until_its_deadline(port: int) -> None:
    """A connection that says nothing, closed at a deadline that began after all before it."""
    async with dialled(port) as peer:
        await peer.read_to_end()


async def test_a_connection_that_says_nothing_is_closed_at_the_deadline() -> None:
    async with serving(House(), header_s=0.05) as port, dialled(port) as peer:
        assert b" 408 " in await peer.read_to_end()


async def test_500_connections_with_half_a_handshake_are_closed_at_the_deadline() -> None:
    async with serving(House(), header_s=0.5) as port, contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(dialled(port)) for _ in range(500)]
        for peer in peers:
            await peer.send(handshake()[:40])
        for peer in peers:
            assert b" 408 " in await peer.read_to_end()


async def test_headers_sent_a_byte_at_a_time_do_not_move_the_deadline() -> None:
    async with serving(House(), header_s=0.1) as port, dialled(port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        ended = asyncio.ensure_future(peer.read_to_end())
        while not ended.done():
            with contextlib.suppress(OSError):
                peer.sock.send(b"x")
            await asyncio.sleep(0)
        assert b" 204 " not in await ended


async def test_a_kept_connection_may_idle_longer_than_the_deadline() -> None:
    async with serving(House(), header_s=0.05) as port, dialled(port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")
        await silent_until_its_deadline(port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")


@pytest.mark.parametrize("beginning", [b"GET / HT", b"\r\n"])
async def test_a_later_request_has_a_deadline_from_its_first_byte(beginning: bytes) -> None:
    async with serving(House(), header_s=0.05) as port, dialled(port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")
        await peer.send(beginning)
        assert b" 408 " in await peer.read_to_end()


async def test_a_request_begun_behind_another_has_a_deadline_too() -> None:
    async with serving(House(), header_s=0.05) as port, dialled(port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\n")
        answers = await peer.read_to_end()
        assert b" 204 " in answers
        assert b" 408 " in answers


async def test_an_open_websocket_outlives_the_deadline() -> None:
    house = House()
    async with serving(house, header_s=0.05) as port, upgraded(port) as peer:
        visit = await soon(house.visits.get())
        await silent_until_its_deadline(port)
        await peer.send(frame(TEXT, b"still here"))
        assert await soon(visit.messages.get()) == "still here"


async def test_headers_over_the_limit_are_refused() -> None:
    async with serving(House()) as port, dialled(port) as peer:
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1_000) for n in range(70))
        with contextlib.suppress(ConnectionError):
            await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"\r\n")
        assert b" 204 " not in await peer.read_to_end()


async def test_what_is_not_http_is_answered_400() -> None:
    async with serving(House()) as port, dialled(port) as peer:
        await peer.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert b" 400 " in await peer.read_to_end()


async def test_headers_within_the_limit_are_taken() -> None:
    async with serving(House()) as port, dialled(port) as peer:
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1_000) for n in range(60))
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"GET /",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
    ],
    ids=["header", "address", "trailer"],
)
async def test_a_header_without_end_is_cut_off(beginning: bytes) -> None:
    async with serving(House()) as port, dialled(port) as peer:
        sent = 0
        with contextlib.suppress(ConnectionError):
            await peer.send(beginning)
            while sent < 64 * 1024 * 1024:
                await peer.send(b"x" * SMALL)
                sent += SMALL
        assert sent < 64 * 1024 * 1024


async def test_a_body_that_never_ends_is_refused_at_its_deadline() -> None:
    async with serving(House(answers_late=True), body_s=0.1) as port, dialled(port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        assert b" 408 " in await peer.read_to_end()


async def test_no_refusal_comes_into_the_middle_of_another_answer() -> None:
    async with serving(House(), body_s=0.1) as port, dialled(port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        assert b" 204 " in await peer.until(b"\r\n\r\n")
        assert b" 408 " in await peer.read_to_end()


async def test_a_body_in_time_leaves_no_deadline_behind() -> None:
    async with serving(House(), body_s=0.1, header_s=0.2) as port, dialled(port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
        assert b" 204 " in await peer.until(b"\r\n\r\n")
        await silent_until_its_deadline(port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")


async def test_a_large_body_does_not_count_as_headers() -> None:
    async with serving(House()) as port, dialled(port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
        assert b" 204 " in await peer.until(b"\r\n\r\n")
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 204 " in await peer.until(b"\r\n\r\n")


@pytest.mark.parametrize(
    "extra", [f"X: {'x' * 9_000}\r\n", "".join(f"X-{n}: y\r\n" for n in range(200))], ids=["long", "many"]
)
async def test_a_handshake_that_cannot_be_parsed_is_answered_and_closed(extra: str) -> None:
    async with serving(House()) as port, dialled(port) as peer:
        await peer.send(handshake(extra=extra))
        assert (await peer.read_to_end()).startswith(b"HTTP/1.1 4")


# Servers that lack the fast outlet


async def test_a_plain_server_gets_a_plain_outlet_and_the_same_messages() -> None:
    came: dict[str, list[Any]] = {}
    for name, serve in (("fast", serving), ("plain", serving_plainly)):
        house = House()
        async with serve(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
            visit = await soon(house.visits.get())
            assert isinstance(visit.outlet, PlainOutlet) == (name == "plain")
            visit.outlet.write([text("one"), Frame(b"two", "msgpack")])
            visit.outlet.write([text("drei ✓")])
            came[name] = [await soon(client.recv()) for _ in range(3)]
            await client.send("up")
            await client.send(b"\x01")
            came[name] += [await soon(visit.messages.get()) for _ in range(2)]
            await client.close(1001)
            came[name].append(await soon(visit.code))
    assert came["plain"] == came["fast"] == ["one", b"two", "drei ✓", "up", b"\x01", 1001]


class Slot:
    """An ASGI `send` that lets one message through when told."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.go = asyncio.Semaphore(0)

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        await self.go.acquire()
        self.sent.put_nowait(message)


async def test_a_plain_outlet_is_full_beyond_its_bound_and_tells_when_drained() -> None:
    slot, drained = Slot(), asyncio.Event()
    outlet = PlainOutlet(slot, limit_bytes=10)
    outlet.on_drained = drained.set
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(outlet.run())
        outlet.write([text("12345"), text("67890")])
        assert (outlet.full, outlet.waiting, outlet.taken) == (False, 10, 0)
        outlet.write([text("x")])
        assert (outlet.full, outlet.waiting) == (True, 11)
        for _ in range(2):
            slot.go.release()
            await soon(slot.sent.get())
        await soon(drained.wait())
        assert (outlet.full, outlet.waiting, outlet.taken) == (False, 1, 10)
        outlet.abort()


async def test_a_plain_outlet_that_is_aborted_stops_its_stuck_writer() -> None:
    outlet = PlainOutlet(Slot())
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(outlet.run())
        outlet.write([text("stuck")])
        await asyncio.sleep(0)
        outlet.abort()
        outlet.abort()
        outlet.write([text("late")])
    assert not writer.cancelled()


async def test_a_plain_outlet_aborted_before_it_runs_ends_at_once() -> None:
    outlet = PlainOutlet(Slot())
    outlet.abort()
    await soon(outlet.run())


async def test_a_plain_outlet_whose_session_is_cancelled_is_cancelled() -> None:
    outlet = PlainOutlet(Slot())
    writer = asyncio.ensure_future(outlet.run())
    await asyncio.sleep(0)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer


async def test_a_plain_outlet_ends_when_the_peer_is_gone() -> None:
    async def gone(_message: MutableMapping[str, Any]) -> None:
        raise ConnectionResetError

    outlet = PlainOutlet(gone)
    outlet.write([text("to nobody")])
    await soon(outlet.run())
    outlet.write([text("to nobody")])


async def test_a_paused_plain_outlet_takes_no_message() -> None:
    house = House()
    async with serving_plainly(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())

        def take_and_pause(message: str | bytes) -> None:
            visit.messages.put_nowait(message)
            visit.outlet.pause_reading()

        visit.outlet.on_message = take_and_pause
        await client.send("one")
        await client.send("two")
        assert await soon(visit.messages.get()) == "one"
        for _ in range(50):  # turns of the loop in which "two" would come
            await asyncio.sleep(0)
        assert visit.messages.empty()
        visit.outlet.resume_reading()
        assert await soon(visit.messages.get()) == "two"


async def test_a_taker_that_fails_closes_a_plain_socket_too(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def fail(_visit: Visit, _message: str | bytes) -> None:
        raise ZeroDivisionError

    house.take = fail
    async with serving_plainly(house) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        visit = await soon(house.visits.get())
        await client.send("bad")
        await soon(client.wait_closed())
        assert client.close_code == 1011
        assert await soon(visit.code) == 1011
    assert "ZeroDivisionError" in caplog.text


# The server


async def test_the_address_is_known_and_answers_before_the_app_has_started() -> None:
    house, let_start = House(), asyncio.Event()

    async def live(receive: Receive, send: Send) -> None:
        await let_start.wait()
        await House.live(house, receive, send)

    house.live = live  # type: ignore[method-assign]
    async with serving(house) as port, dialled(port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        let_start.set()
        assert b" 204 " in await peer.until(b"\r\n\r\n")


async def test_signals_are_left_to_whoever_runs_the_server() -> None:
    house, before = House(), signal.getsignal(signal.SIGTERM)
    async with serving(house) as port, connect(f"ws://127.0.0.1:{port}/ws"):
        await soon(house.visits.get())
        assert signal.getsignal(signal.SIGTERM) is before


async def test_an_app_that_does_not_start_is_an_error_of_the_hub() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ZeroDivisionError

    with listen("127.0.0.1", 0) as listener, pytest.raises(HubError, match="start"):
        await soon(server(broken, Settings(), host="127.0.0.1", port=0).serve(sockets=[listener]))


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(HubError, match=f"127.0.0.1:{port}"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(HubError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(HubError, match=r"nobody\.invalid"):
        listen("nobody.invalid", 0)
