"""A viewer that keeps the hub to its promises: what it is told is right, in order, and once; or it says what was not.

It comes back as a page does: full jitter, 0.25 s doubling to 20 s, and not before `retry_after_s`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from tests.faults.line import Line, Message, dial
from workers.backoff import Backoff


class Onlooker:
    """One viewer of some jobs, or of the feed.

    Args:
        port: the hub's, which stays the same.
        topics: what it follows.
        chance: for its jitter.

    Attributes:
        jobs: what it holds of each job.
        lines: the texts of each job's entries, by number.
        broken: promises that were broken towards it.
        epoch: of the hub that it is connected to; None while it is not.
        came_at_s: when it was last let in; asked_at_s: when it last tried, on the monotonic clock.
        tries: the times of all its attempts to come back.
        held_off: times at which it was asked to wait, and until when.
        holes: how often updates were skipped, so that it had to ask again.
        news: set whenever it is told something.
    """

    def __init__(self, port: int, topics: list[str], chance: Random) -> None:
        self.port = port
        self.topics = topics
        self.jobs: dict[str, dict[str, Any]] = {}
        self.lines: defaultdict[str, dict[int, Message]] = defaultdict(dict)
        self.broken: list[str] = []
        self.epoch: str | None = None
        self.came_at_s = 0.0
        self.tries: list[float] = []
        self.held_off: list[tuple[float, float]] = []
        self.holes = 0
        self.reads = True
        self.news = asyncio.Event()
        self.line: Line | None = None
        self._last_epoch: str | None = None
        self._whole: set[str] | None = None  # what the feed holds, while that is being told
        self._asked: dict[str, int] = {}  # the last entry that it knew as it asked, by topic
        self._heard: dict[str, int] = {}  # the number of the entry before the one that comes next, by job
        self._after_s = 0.0
        self._steady_s = 0.0
        self._backoff = Backoff(chance.random)

    # ── Coming and going ──────────────────────────────────────────────────────

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.tries.append(time.monotonic())
            try:
                self.line = await dial(self.port, "/ws", self._take)
                self.line.say(type="hello", client="onlooker")
                await self.line.gone
            except ConnectionError:
                pass
            finally:
                self._lose()
            await asyncio.sleep(self._wait_s())

    def _lose(self) -> None:
        if self.line is not None:
            self.line.cut()
        self.line, self.epoch, self.reads = None, None, True
        if self._steady_s and time.monotonic() - self._steady_s > 1:
            self._backoff.reset()
        self._steady_s = 0.0

    def _wait_s(self) -> float:
        after_s, self._after_s = self._after_s, 0.0
        return after_s + self._backoff.next_s()

    def stop_reading(self) -> None:
        """Take nothing more, until it reads on or is dropped."""
        if self.line is not None:
            self.line.stop_reading()
            self.reads = False

    def read_on(self) -> None:
        """Take everything again."""
        if self.line is not None:
            self.line.read_on()
        self.reads = True

    def follow(self, topic: str) -> None:
        """Watch one more, now and after each return."""
        self.topics.append(topic)
        if self.epoch is not None:
            self._ask(topic)

    def unfollow(self, topic: str) -> None:
        """Watch one less, and forget it."""
        self.topics.remove(topic)
        job = topic.removeprefix("job:")
        self.jobs.pop(job, None)
        self.lines.pop(job, None)
        if self.line is not None:
            self.line.say(type="unsubscribe", id=1, topic=topic)

    async def until(self, right: Callable[[Onlooker], bool]) -> float:
        """Wait until something holds of it; returns when it did, on the monotonic clock."""
        while not right(self):
            self.news.clear()
            await self.news.wait()
        return time.monotonic()

    # ── What it is told ───────────────────────────────────────────────────────

    def _take(self, message: Message) -> None:
        match message["type"]:
            case "welcome":
                self._welcome(message)
            case "subscribed":
                self._subscribed(message)
            case "snapshot":
                for job in message["jobs"]:
                    self._snapshot(job)
                self._replace({job["id"] for job in message["jobs"]}, end=message.get("end", False))
            case "update":
                for job in message["jobs"]:
                    self._update(job)
            case "log":
                self._log(message["job"], message["entries"])
            case "closing":
                self._after_s = message["retry_after_s"] or 0.0
                self.held_off.append((time.monotonic(), time.monotonic() + self._after_s))
            case "gone" | "error":
                self._refused(message)
        self.news.set()

    def _refused(self, message: Message) -> None:
        if message.get("reason") == "deleted":
            self.jobs.pop(message["job"], None)
        else:
            self.broken.append(f"told {message}")

    def _welcome(self, message: Message) -> None:
        self.epoch = message["epoch"]
        if self.epoch != self._last_epoch:
            self._last_epoch = self.epoch
            for job in self.jobs.values():
                job["seq"] = -1  # compares with nothing of before
        self.came_at_s = self._steady_s = time.monotonic()
        self._asked.clear()
        for topic in self.topics:
            self._ask(topic)

    def _ask(self, topic: str) -> None:
        """Ask for what it does not know of a topic; once, until that is answered."""
        if self.line is None or topic in self._asked:
            return
        job = topic.removeprefix("job:")
        log = self._asked[topic] = max(self.lines.get(job, ()), default=0)
        since = {"epoch": self.epoch, "seq": max(self.jobs.get(job, {"seq": 0})["seq"], 0), "log": log}
        self.line.say(type="subscribe", id=1, topic=topic, **({"since": since} if job in self.jobs else {}))

    def _subscribed(self, message: Message) -> None:
        if message["topic"] not in self.topics:
            return  # left meanwhile
        if message["topic"] == "jobs":
            self._whole = set()
        gap, job = message["log_gap"], message["topic"].removeprefix("job:")
        self._heard[job] = gap["to"] if gap else self._asked[message["topic"]]
        del self._asked[message["topic"]]
        for n in range(gap["from"], gap["to"] + 1) if gap else ():
            self.lines[job].setdefault(n, {"announced": True})

    def _snapshot(self, job: Message) -> None:
        if not self._follows(job["id"]):
            return
        held = self.jobs.setdefault(job["id"], {"seq": -1})
        if job["seq"] < held["seq"]:
            self.broken.append(f"job {job['id']}: seq {held['seq']}, then a snapshot of {job['seq']}")
        self._outdated(held, job)
        held.update(job)

    def _replace(self, jobs: set[str], *, end: bool) -> None:
        """What the feed holds any more is told in pieces, up to the last."""
        if self._whole is None:
            return
        self._whole |= jobs
        if end:
            self.jobs = {job: held for job, held in self.jobs.items() if job in self._whole}
            self._whole = None

    def _follows(self, job: str) -> bool:
        return "jobs" in self.topics or f"job:{job}" in self.topics

    def _update(self, job: Message) -> None:
        if not self._follows(job["id"]):
            return
        held = self.jobs.get(job["id"])
        if held is None or job["from"] > held["seq"] + 1:
            self.holes += 1
            self._ask("jobs" if "jobs" in self.topics else f"job:{job['id']}")
            return
        if job["seq"] < held["seq"]:
            self.broken.append(f"job {job['id']}: seq {held['seq']}, then an update to {job['seq']}")
        self._outdated(held, job)
        held.update(job)

    def _outdated(self, held: Message, job: Message) -> None:
        """What is durable never goes back: an attempt, and how one ended."""
        if job.get("attempt", 0) < held.get("attempt", 0):
            self.broken.append(f"job {job['id']}: attempt {held['attempt']}, then {job['attempt']}")
        ended = held.get("status") in ("succeeded", "failed", "cancelled")
        if ended and job["attempt"] == held["attempt"] and job["status"] != held["status"]:
            self.broken.append(f"job {job['id']}: {held['status']}, then {job['status']} in the same attempt")

    def _log(self, job: str, entries: list[Message]) -> None:
        if f"job:{job}" not in self.topics:
            return
        for entry in entries:
            last, known = self._heard.get(job, 0), self.lines[job].get(entry["n"], entry)
            if entry["n"] != last + 1:
                self.broken.append(f"job {job}: entry {entry['n']} after {last}")
            if known.get("text", entry["text"]) != entry["text"]:
                self.broken.append(f"job {job}: entry {entry['n']} was {known['text']!r}, is {entry['text']!r}")
            self._heard[job] = entry["n"]
            self.lines[job][entry["n"]] = entry

    def was_held_off(self, at_s: float) -> bool:
        """Whether the hub had asked it not to come back at a time on the monotonic clock."""
        return any(asked_s < at_s < until_s for asked_s, until_s in self.held_off)

    def ends(self, job: str) -> list[str]:
        """The outcomes that it was told of, as `ATTEMPT OUTCOME`."""
        told = (entry for entry in self.lines[job].values() if entry.get("event", "").startswith("attempt_"))
        return [f"{entry['attempt']} {entry['event'].removeprefix('attempt_')}" for entry in told]
