"""A hub without a socket or a store, and viewers that apply what they are sent by the protocol's rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hub.codec import Encoding, Frame
from hub.job import Job
from hub.outbox import Outbox
from hub.protocol import Filter
from hub.room import FEED, matches, snapshots
from hub.rooms import Rooms
from hub.shown import Shown, Surroundings, view_of
from hub.state import Change
from hub.view import LogEntry
from tests.hub.made import T0, plain

UPDATE_MS, HIDDEN_MS = 50, 1_000
LEFT_OUT_ON_FEED = {"params", "result", "attempts"}


class Desk:
    """What the shell does around jobs and rooms: commits at once, shows, flushes when told."""

    def __init__(self) -> None:
        self.now = T0
        self.rooms = Rooms(UPDATE_MS, HIDDEN_MS)
        self.jobs: dict[str, Job] = {}
        self.shown: dict[str, Shown] = {}
        self.logs: dict[str, list[LogEntry]] = {}
        self.urgent = False

    def take(self, job: Job, change: Change) -> Change:
        """Commit a change and show it."""
        id_ = job.facts.id
        self.jobs[id_] = job
        self.logs.setdefault(id_, []).extend(change.entries)
        if change.visible:
            before = self.shown.get(id_)
            self.shown[id_] = Shown(view_of(job, Surroundings(), self.now))
            self.rooms.change(self.shown[id_], phases=change.phases, whole=change.whole)
            status = self.shown[id_].view.status
            self.urgent = self.urgent or change.whole or before is None or before.view.status is not status
        self.rooms.log(id_, change.entries)
        return change

    def delete(self, job: str) -> None:
        del self.jobs[job], self.shown[job], self.logs[job]
        self.rooms.remove(job)

    def flush(self) -> int | None:
        urgent, self.urgent = self.urgent, False
        return self.rooms.flush(self.now, urgent=urgent)

    def settle(self) -> None:
        """Let time pass until nothing is due."""
        while (due := self.flush()) is not None:
            self.now = max(self.now, due)


class Screen:
    """One viewer: what it was sent, what it is owed, and what it knows from that."""

    def __init__(self, desk: Desk, encoding: Encoding = "json") -> None:
        self.desk = desk
        self.encoding = encoding
        self.full = self.slow = False
        self.topics: dict[str, Filter | None] = {}
        self.outbox = Outbox()
        self.known: dict[str, dict[str, dict[str, Any]]] = {}
        self.logs: dict[str, list[int]] = {}
        self.holes: list[str] = []
        self.frames = 0
        self._ending = False

    # ── As the hub's session does ─────────────────────────────────────────────

    def subscribe(self, topic: str, filter_: Filter | None = None) -> None:
        desk = self.desk
        self.topics[topic] = filter_
        self.known[topic] = {}
        lane = desk.rooms.join(topic, self, self.encoding, filter_, slow=self.slow)
        jobs = [one for one in desk.shown.values() if topic == FEED or topic == f"job:{one.id}"]
        jobs = [one for one in jobs if matches(filter_, one.view)]
        for shown in jobs:
            lane.knows(shown)
        for frame in snapshots(jobs, self.encoding, feed=topic == FEED, end=topic == FEED):
            self.read(topic, frame)
        self.outbox.forget(topic)
        if topic != FEED:
            self.logs[topic] = []
            self.outbox.owe_log(topic.removeprefix("job:"), 0)
            self.catch_up()

    def leave(self, topic: str) -> None:
        self.desk.rooms.leave(topic, self)
        self.outbox.forget(topic)
        del self.topics[topic], self.known[topic]
        self.logs.pop(topic, None)

    def hide(self, slow: bool) -> None:
        self.slow = slow
        for topic in self.topics:
            self.desk.rooms.repace(topic, self, self.encoding, slow=slow)

    def take(self, topic: str, frame: Frame, jobs: Iterable[str]) -> None:
        if self.full:
            for job in jobs:
                self.outbox.owe(topic, job)
        else:
            self.read(topic, frame)

    def take_log(self, job: str, frame: Frame, first: int) -> None:
        if self.full or job in self.outbox.logs:
            self.outbox.owe_log(job, first - 1)
        else:
            self.read(f"job:{job}", frame)

    def drain(self) -> None:
        """There is room again: what is owed is sent as it is now."""
        self.full = False
        for topic, job in self.outbox.debts():
            held = [self.desk.shown[job]] if job in self.desk.shown else []
            wanted = [one for one in held if matches(self.topics[topic], one.view)]
            for frame in snapshots(wanted, self.encoding, feed=topic == FEED, end=False):
                self.read(topic, frame)
            if not wanted:
                self.known[topic].pop(job, None)
            self.outbox.settle(topic, job)
        self.catch_up()

    def catch_up(self) -> None:
        if self.full:
            return
        for job, after in self.outbox.logs.items():
            self.logs[f"job:{job}"] += [line.n for line in self.desk.logs.get(job, []) if line.n > after]
        self.outbox.logs.clear()

    # ── As a page does ────────────────────────────────────────────────────────

    def read(self, topic: str, frame: Frame) -> None:
        self.frames += 1
        module: Any = msgspec.json if self.encoding == "json" else msgspec.msgpack
        message = module.decode(frame.payload)
        known = self.known[topic]
        match message["type"]:
            case "snapshot":
                known.update({job["id"]: job for job in message["jobs"]})
            case "update":
                for job in message["jobs"]:
                    self._update(topic, job)
            case "log":
                self.logs[topic] += [line["n"] for line in message["entries"]]
            case "gone":
                known.pop(message["job"], None)

    def _update(self, topic: str, update: dict[str, Any]) -> None:
        known = self.known[topic].get(update["id"])
        if known is None or update["from"] > known["seq"] + 1:
            self.holes.append(f"{topic} {update['id']}: from {update['from']} after {known and known['seq']}")
            return
        if update["seq"] < known["seq"]:
            self.holes.append(f"{topic} {update['id']}: back to {update['seq']} from {known['seq']}")
        known.update({name: value for name, value in update.items() if name != "from"})
        if known["phase"] is not None:
            current = known["phases"][known["phase"]]
            current.update(done=known["done"] or 0, total=known["total"], unit=known["unit"])

    # ── What is to be so in the end ───────────────────────────────────────────

    def check(self) -> None:
        """After all has settled this viewer knows exactly what the hub shows."""
        assert self.holes == []
        for topic, filter_ in self.topics.items():
            assert self.known[topic] == expected(self.desk, topic, filter_)
        for topic, numbers in self.logs.items():
            log = self.desk.logs.get(topic.removeprefix("job:"))
            assert log is None or numbers == [line.n for line in log]  # None: the job was deleted


def expected(desk: Desk, topic: str, filter_: Filter | None) -> dict[str, Any]:
    """What the hub shows on a topic."""
    jobs = [one for one in desk.shown.values() if topic in (FEED, f"job:{one.id}") and matches(filter_, one.view)]
    views = {one.id: plain(one.view) for one in jobs}
    left_out = LEFT_OUT_ON_FEED if topic == FEED else set()
    return {id_: {name: value for name, value in view.items() if name not in left_out} for id_, view in views.items()}
