"""Server-Sent Events: the same rooms and the same JSON as on the socket, over plain HTTP.

A stream is a viewer whose outlet writes events instead of WebSocket frames. Its event ids are
`epoch:seq:log`, so that a browser's `Last-Event-ID` is the `since` of a subscription.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from hub.answers import problem
from hub.auth import WATCHING
from hub.errors import BarcastError, Unavailable
from hub.outlet import ABORT, PlainOutlet
from hub.protocol import Since, Subscribe
from hub.room import FEED
from hub.service import Service
from hub.viewer import Viewer

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]

DIGITS = 15  # of a number that every JSON reader holds exactly


class _Seen(msgspec.Struct):
    """What an event's id is made of."""

    type: str
    jobs: list[_Numbered] = []
    entries: list[_Counted] = []


class _Numbered(msgspec.Struct):
    seq: int


class _Counted(msgspec.Struct):
    n: int


class EventSource:
    """Turns messages into events.

    Args:
        send: ASGI's, of an HTTP response that has started.
        epoch: of the hub.
        since: where the reader was.
        numbered: whether events carry ids: those of one job do, the feed starts anew.
    """

    def __init__(self, send: Send, epoch: str, since: Since, *, numbered: bool) -> None:
        self.ended = False
        self._send = send
        self._epoch = epoch
        self._seq = since.seq if since.epoch == epoch else 0
        self._log = since.log
        self._numbered = numbered
        self._decoder = msgspec.json.Decoder(_Seen)

    async def send(self, message: Message) -> None:
        """ASGI's `send` of a WebSocket, as an event of this stream."""
        if message["type"] == "websocket.send":
            body = self._event(message["text"])
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
        elif message["type"] == "websocket.close":
            self.ended = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _event(self, text: str) -> bytes:
        seen = self._decoder.decode(text)
        if seen.type == "beat":
            return b": beat\n\n"
        if seen.jobs:
            self._seq = max(job.seq for job in seen.jobs)
        if seen.entries:
            self._log = seen.entries[-1].n
        numbered = self._numbered and (seen.jobs or seen.entries)
        id_ = f"id: {self._epoch}:{self._seq}:{self._log}\n" if numbered else ""
        return f"event: {seen.type}\n{id_}data: {text}\n\n".encode()


def since_of(last_event_id: str | None) -> Since | None:
    """Where a reader was, by its `Last-Event-ID`; anything else counts as nowhere."""
    epoch, _, rest = (last_event_id or "").partition(":")
    seq, _, log = rest.partition(":")
    if not epoch or not (seq.isascii() and seq.isdigit() and log.isascii() and log.isdigit()):
        return None
    if len(seq) > DIGITS or len(log) > DIGITS:
        return None
    return Since(epoch=epoch[:64], seq=int(seq), log=int(log))


class Stream:
    """The two streams: `GET /api/stream` and `GET /api/jobs/{id}/stream`; ASGI applications.

    Args:
        service: whose rooms.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        job = request.path_params.get("id")
        since = since_of(request.headers.get("last-event-id")) if job else None
        try:
            await self._check(job)
        except BarcastError as error:
            await problem(error)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        if request.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        ended = await self._flow(job, since, receive, send)
        if not ended and ABORT in (scope.get("extensions") or {}):
            scope["extensions"][ABORT]()  # a reader that takes nothing would keep the connection for ever

    async def _check(self, job: str | None) -> None:
        hub = self._service.hub
        if not self._service.ready:
            raise Unavailable("the hub is stopping")
        if len(hub.viewers) >= self._service.settings.viewers:
            raise Unavailable("expected fewer viewers, and all places are taken")
        if job is not None:
            await hub.find(job)

    async def _flow(self, job: str | None, since: Since | None, receive: Receive, send: Send) -> bool:
        """Serve until the reader is gone or is dropped (False), or was told of the end (True)."""
        hub = self._service.hub
        source = EventSource(send, hub.epoch, since or Since(), numbered=job is not None)
        outlet = PlainOutlet(source.send, self._service.settings.write_buffer_bytes)
        viewer = Viewer(hub, self._service.runner, "json", outlet, source.send, may=WATCHING, way="stream")
        hub.viewers.add(viewer)
        hub.traffic.opened["stream"] += 1
        topic = f"job:{job}" if job else FEED
        await viewer.run(_Listening(receive, Subscribe(id=0, topic=topic, since=since)))
        return source.ended


class _Listening:
    """An ASGI `receive` of a WebSocket that says one thing and then only hears that the reader is gone."""

    def __init__(self, receive: Receive, first: Subscribe) -> None:
        self._receive = receive
        self._first: Subscribe | None = first

    async def __call__(self) -> Message:
        if self._first is not None:
            text = msgspec.json.encode(self._first).decode()
            self._first = None
            return {"type": "websocket.receive", "text": text}
        while (await self._receive())["type"] != "http.disconnect":
            pass
        return {"type": "websocket.disconnect", "code": 1005}
