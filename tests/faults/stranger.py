"""A worker of a stranger's, over the plain wire: keeps what is not acknowledged, sends it again, obeys a cancel."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from tests.faults.line import Line, Message, dial
from workers.backoff import Backoff

WINDOW = 20  # messages under way without an acknowledgement


class Stranger:
    """One piece of work from outside, from its opening to its end.

    Args:
        port: the hub's.
        key: of its own, by which it is the same job however often it is opened.
        length: how many entries there are to say.
        pause_s: between two of them; while it has nothing else to say, that is its beat.
        chance: for its jitter, and how it ends.

    Attributes:
        job: its id, once it is known.
        sent: what was said, in order: the text of each entry.
        acked: the highest number that was acknowledged.
        told: the outcome that it finished with, or None.
        over: whether nobody takes anything more of it.
        broken: promises that were broken towards it.
    """

    def __init__(self, port: int, key: str, length: int, pause_s: float, chance: Random) -> None:
        self.job: str | None = None
        self.messages: list[Message] = []
        self.acked = 0
        self.outcome: str | None = None
        self.over = asyncio.Event()
        self.news = asyncio.Event()
        self.broken: list[str] = []
        self.line: Line | None = None
        self.cancelled = False
        self._port, self.key = port, key
        self._length, self._pause_s = length, pause_s
        self._chance = chance
        self._backoff = Backoff(chance.random)

    @property
    def acknowledged(self) -> list[str]:
        """The texts of its entries that the hub says it has."""
        return [message["text"] for message in self.messages[: self.acked] if message["type"] == "entry"]

    @property
    def finished(self) -> bool:
        """Whether the hub acknowledged its end."""
        return self.outcome is not None and self.acked >= len(self.messages)

    async def run(self) -> None:
        """Work to the end, over as many connections as it takes."""
        while not (self.finished or self.over.is_set()):
            try:
                self.line = await dial(self._port, "/ws/worker", self._hear)
                self._open()
                await self._work(self.line)
            except ConnectionError:
                pass
            finally:
                if self.line is not None:
                    self.line.cut()
                self.line = None
            if not self.finished:
                await asyncio.sleep(self._backoff.next_s())
        self.over.set()

    def _open(self) -> None:
        assert self.line is not None, "it was just dialled"
        claim = (
            {"job": self.job, "attempt": 1} if self.job else {"kind": "strange", "title": "Strange", "key": self.key}
        )
        self._opened = asyncio.Event()
        self.line.say(type="open", id=1, **claim)

    async def _work(self, line: Line) -> None:
        saying = asyncio.ensure_future(self._say_all(line))
        try:
            await asyncio.wait([saying, line.gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            saying.cancel()

    async def _say_all(self, line: Line) -> None:
        await self._opened.wait()
        for message in self.messages[self.acked :]:
            line.say(**message)
        while not (self.finished or self.over.is_set()):
            if self.outcome is None and len(self.messages) - self.acked < WINDOW:
                self._say_next(line)
            self.news.clear()
            try:
                async with asyncio.timeout(self._pause_s):
                    await self.news.wait()
            except TimeoutError:
                line.say(type="beat", job=self.job, attempt=1)

    def _say_next(self, line: Line) -> None:
        n = len(self.messages) + 1
        if self.cancelled or n > self._length:
            usual = "failed" if self._chance.random() < 0.2 else "succeeded"
            self.outcome = "cancelled" if self.cancelled else usual
            said: dict[str, Any] = {"type": "finish", "outcome": self.outcome}
        else:
            said = {"type": "entry", "text": f"line {n}"}
            line.say(type="report", job=self.job, attempt=1, done=n, total=self._length)
        self.messages.append({**said, "job": self.job, "attempt": 1, "n": n})
        line.say(**self.messages[-1])

    def repeat(self, chance: Random) -> None:
        """Say things twice and out of order, and what belongs to another attempt."""
        if self.line is None or self.job is None:
            return
        again = self.messages[-10:]
        for message in [*again, *chance.sample(again, len(again))]:
            self.line.say(**message)
        self.line.say(type="report", job=self.job, attempt=99, done=7)
        self.line.say(type="entry", job=self.job, attempt=1, n=len(self.messages) + 7, text="from the future")

    def _hear(self, message: Message) -> None:
        match message["type"]:
            case "opened":
                if message["acked"] < self.acked:
                    self.broken.append(f"job {self.job}: {self.acked} was acknowledged, now {message['acked']} is")
                if self.job not in (None, message["job"]):
                    self.broken.append(f"job {self.job} came back as {message['job']}")
                self.job, self.acked = message["job"], message["acked"]
                self.cancelled = self.cancelled or message["cancel"] is not None
                self._backoff.reset()
                self._opened.set()
            case "ack":
                self.acked = max(self.acked, message["n"])
            case "cancel":
                assert self.line is not None, "it was just told something"
                self.cancelled = True
                self.line.say(type="cancel_received", job=self.job, attempt=1)
            case "revoked":
                if message["attempt"] == 1:
                    self.over.set()
        self.news.set()
