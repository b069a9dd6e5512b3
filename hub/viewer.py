"""A viewer: a browser tab, a terminal or another service, from accept to close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any

from hub.codec import Encoding, Frame, encode, viewer_codec
from hub.errors import Forbidden, HubError, NotFound, TooMany
from hub.held import Held
from hub.hub import Hub
from hub.outbox import Outbox
from hub.outlet import Outlet
from hub.protocol import (
    VERSION,
    Beat,
    CancelRequest,
    ControlMessage,
    FromViewer,
    Gone,
    Hello,
    Log,
    May,
    Ok,
    PauseRequest,
    Ping,
    Pong,
    ResumeRequest,
    RetryRequest,
    Since,
    Start,
    StartOrder,
    Subscribe,
    Subscribed,
    Summary,
    Unsubscribe,
    Visible,
    Welcome,
)
from hub.rate import Allowance
from hub.room import FEED, PIECE_BYTES, matches, snapshots
from hub.runner import Runner
from hub.session import Session
from hub.shown import Shown
from hub.view import LogEntry

LOG = logging.getLogger("barcast")
LOG_PIECE = 200  # entries read and sent at a time
UNCOUNTED = (Subscribe, Unsubscribe, Visible, Ping, Hello)


class Viewer(Session[FromViewer]):
    """One viewer's socket.

    Args:
        hub, encoding, outlet, send: as of :class:`Session`.
        runner: starts and retries jobs.
        may: what this viewer may do.
        way: how it is connected: `socket` or `stream`.
    """

    def __init__(
        self, hub: Hub, runner: Runner, encoding: Encoding, outlet: Outlet, send: Any, *, may: May, way: str = "socket"
    ) -> None:
        super().__init__(hub, viewer_codec(encoding), encoding, outlet, send)
        self._runner = runner
        self._may = may
        self.way = way
        self._asked = False
        self._topics: set[str] = set()
        self._slow = False
        self._frames: list[Frame] = []
        self._outbox = Outbox()
        self._summary: Summary | None = None  # the last one sent
        self._summary_due = False
        self._owing = asyncio.Event()
        per_minute = hub.settings.requests_per_minute
        self._allowance = Allowance(per_minute / 60, per_minute)
        self._sent_at = hub.clock()
        self._taken = (0, self._sent_at)

    # ── What it asks ──────────────────────────────────────────────────────────

    async def answer(self, message: FromViewer) -> None:
        now = self.hub.clock()
        if not isinstance(message, UNCOUNTED) and not self._allowance.may(1, now):
            most, wait_s = self.hub.settings.requests_per_minute, self._allowance.wait_s(1)
            raise TooMany(f"expected at most {most} requests a minute; the next in {wait_s:.1f} s", wait_s)
        if isinstance(message, Start | ControlMessage) and not self._may.control:
            raise Forbidden("this viewer may watch, and change nothing")
        match message:
            case Hello():
                self._show(message.visible)
                self.put(self._welcome())
            case Visible():
                self._show(message.value)
            case Ping():
                self.put(Pong(id=message.id, at=now))
            case Subscribe():
                await self._subscribe(message)
            case Unsubscribe():
                self._leave(message.topic)
                self.put(Ok(id=message.id))
            case Start():
                await self._start(message)
            case ControlMessage():
                held = await self._control(message)
                self.put(Ok(id=message.id, job=self.hub.shown_of(held).view))

    def _welcome(self) -> Welcome:
        heartbeat = self.hub.settings.heartbeat_s
        return Welcome(epoch=self.hub.epoch, at=self.hub.clock(), version=VERSION, may=self._may, heartbeat_s=heartbeat)

    async def _start(self, message: Start) -> None:
        order = StartOrder(
            kind=message.kind, params=message.params, title=message.title, tags=message.tags, key=message.key,
            priority=message.priority, parent=message.parent,
        )  # fmt: skip
        held, _ = await self._runner.start(order, by=None)
        self.put(Ok(id=message.id, job=self.hub.shown_of(held).view))

    async def _control(self, message: ControlMessage) -> Held:
        match message:
            case CancelRequest():
                return await self.hub.cancel(message.job, None, message.reason, force=message.force)
            case RetryRequest():
                return await self._runner.retry(message.job, by=None)
            case PauseRequest():
                return await self._runner.pause(message.job, by=None)
            case ResumeRequest():
                return await self._runner.resume(message.job, by=None)
        raise AssertionError(message)  # every control message is one of these

    async def _subscribe(self, message: Subscribe) -> None:
        limit = self.hub.settings.topics_per_viewer
        if message.topic not in self._topics and len(self._topics) >= limit:
            raise TooMany(f"expected at most {limit} topics, got one more")
        if message.topic == FEED:
            self._subscribe_feed(message)
        else:
            await self._subscribe_job(message)

    def _subscribe_feed(self, message: Subscribe) -> None:
        self.put(Subscribed(id=message.id, topic=FEED, recovered=False, log_gap=None))
        lane = self.hub.rooms.join(FEED, self, self.encoding, message.filter, slow=self._slow)
        self._topics.add(FEED)
        jobs = [shown for shown in self.hub.feed() if matches(message.filter, shown.view)]
        for shown in jobs:
            lane.knows(shown)
        for frame in snapshots(jobs, self.encoding, feed=True, end=True):
            self.put_frame(frame)
        self._summary = self.hub.summary()
        self.put(self._summary)

    async def _subscribe_job(self, message: Subscribe) -> None:
        hub, since = self.hub, message.since
        held = await hub.find(message.topic.removeprefix("job:"))
        after = since.log if since else 0
        self._note_return(since)
        gap = await hub.store.gap(held.id, after)
        self.put(Subscribed(id=message.id, topic=held.topic, recovered=since is not None and gap is None, log_gap=gap))
        lane = hub.rooms.join(held.topic, self, self.encoding, None, slow=self._slow)
        self._topics.add(held.topic)
        shown = hub.shown_of(held)
        lane.knows(shown)
        if since is None or since.epoch != hub.epoch or since.seq != shown.seq:
            self._put_whole([shown], held.topic)
        self._outbox.forget(held.topic)
        self._outbox.owe_log(held.id, after)
        self._owing.set()

    def _note_return(self, since: Since | None) -> None:
        """Who knows something of the first job that it asks for was here before, over another connection."""
        if not self._asked and since is not None and (since.seq or since.log):
            self.hub.traffic.returned[self.way] += 1
        self._asked = True

    def _put_whole(self, jobs: Iterable[Shown], topic: str) -> None:
        for frame in snapshots(jobs, self.encoding, feed=topic == FEED, end=False):
            self.put_frame(frame)

    def _show(self, visible: bool) -> None:
        if self._slow is visible:
            self._slow = not visible
            for topic in self._topics:
                self.hub.rooms.repace(topic, self, self.encoding, slow=self._slow)
            self.hub.delivery.hurry()

    def _leave(self, topic: str) -> None:
        self._topics.discard(topic)
        self._outbox.forget(topic)
        self.hub.rooms.leave(topic, self)

    def left(self) -> None:
        self.hub.viewers.discard(self)
        for topic in list(self._topics):
            self._leave(topic)

    # ── What it is sent ───────────────────────────────────────────────────────

    def put_frame(self, frame: Frame) -> None:
        if self._closing:
            return
        if not self._frames:
            self.hub.delivery.touch(self)
        self._frames.append(frame)

    def take(self, topic: str, frame: Frame, jobs: Iterable[str]) -> None:
        """A room's frame: sent, or what it tells of is owed."""
        if self.outlet.full or self._outbox.owes(topic, jobs):
            self.hub.traffic.withheld["update"] += 1
            for job in jobs:
                self._outbox.owe(topic, job)
        else:
            self.put_frame(frame)

    def take_log(self, job: str, frame: Frame, first: int) -> None:
        """New entries: sent, or owed behind the ones that are owed already."""
        if self.outlet.full or job in self._outbox.logs:
            self.hub.traffic.withheld["log"] += self.outlet.full
            self._outbox.owe_log(job, first - 1)
        else:
            self.put_frame(frame)

    def take_summary(self, summary: Summary) -> None:
        """The summary as it is now: sent if it is another than the last one sent, or owed."""
        self._summary_due = self.outlet.full
        if not self._summary_due and summary != self._summary:
            self._summary = summary
            self.put(summary)

    def write(self) -> None:
        """Write this turn's frames, all in one."""
        frames, self._frames = self._frames, []
        self._sent_at = self.hub.clock()
        self.outlet.write(frames)

    def _on_drained(self) -> None:
        super()._on_drained()
        self._owing.set()

    def alongside(self) -> Sequence[Coroutine[Any, Any, None]]:
        return (self._catch_up(),)

    async def _catch_up(self) -> None:
        """Send what is owed whenever there is room; what cannot be read from the store now stays owed."""
        while True:
            await self._owing.wait()
            self._owing.clear()
            try:
                await self._settle()
                while self._outbox.logs and not self.outlet.full:
                    await self._send_log(*next(iter(self._outbox.logs.items())))
            except HubError as error:
                LOG.warning("a viewer waits for what it missed: %s", error)

    async def _settle(self) -> None:
        """Send the newest state of whatever was missed."""
        if self.outlet.full:
            return
        if self._outbox.take_feed():
            wanted = self.hub.rooms.filter_of(FEED, self)
            self._put_whole([shown for shown in self.hub.feed() if matches(wanted, shown.view)], FEED)
        for topic, job in self._outbox.debts():
            await self._settle_job(topic, job)
        if self._summary_due:
            self.take_summary(self.hub.summary())

    async def _settle_job(self, topic: str, job: str) -> None:
        """Send one job as it is now. It is owed until then, so that no update of it goes before."""
        try:
            shown = self.hub.shown_of(await self.hub.find(job))
        except NotFound:
            shown = None
        if topic in self._topics:  # not left meanwhile
            if shown is None:
                self.put(Gone(job=job, reason="deleted"))
            elif matches(self.hub.rooms.filter_of(topic, self), shown.view):
                self._put_whole([shown], topic)
            else:
                self.put(Gone(job=job, reason="filtered"))
        self._outbox.settle(topic, job)

    async def _send_log(self, job: str, after: int) -> None:
        """Send the next entries that are owed, from the store; the debt ends where the live ones follow on."""
        held = self.hub.jobs.get(job)
        last = held.last_entry if held else after  # what is newer is told when it is announced
        entries = await self.hub.store.entries(job, after=after, before=last + 1, limit=LOG_PIECE)
        if self._outbox.logs.get(job) != after:
            return  # left, or subscribed again from elsewhere
        for piece in pieces(entries):
            if self.outlet.full:
                break
            self.put(Log(job=job, entries=piece))
            self.write()  # its size counts before more is sent
            after = piece[-1].n
        if held is None or after >= held.last_entry or (not entries and last == held.last_entry):
            del self._outbox.logs[job]
        else:
            self._outbox.logs[job] = after

    def sweep(self, now: int, beat: dict[Encoding, Frame]) -> None:
        """Once a second: a beat after silence, and an end for one that takes nothing.

        Args:
            now: milliseconds.
            beat: frames of this sweep's beat by encoding, filled on demand.
        """
        settings = self.hub.settings
        taken = self.outlet.taken
        if taken != self._taken[0] or not self.outlet.full:
            self._taken = (taken, now)
        elif now - self._taken[1] >= settings.stuck_s * 1000:
            self.hub.traffic.dropped += 1
            self.outlet.abort()
            return
        if (self._outbox or self._summary_due) and not self.outlet.full:
            self._owing.set()
        if now - self._sent_at >= settings.heartbeat_s * 1000 and not self.outlet.full:
            if self.encoding not in beat:
                beat[self.encoding] = Frame(encode(Beat(at=now), self.encoding), self.encoding)
            self.put_frame(beat[self.encoding])


def pieces(entries: Sequence[LogEntry]) -> Iterator[list[LogEntry]]:
    """Entries in messages of about 48 KiB, unless one entry alone is larger."""
    piece: list[LogEntry] = []
    size = 0
    for entry in entries:
        grown = size + len(encode(entry, "msgpack"))
        if piece and grown > PIECE_BYTES:
            yield piece
            piece, grown = [], grown - size
        piece.append(entry)
        size = grown
    if piece:
        yield piece
