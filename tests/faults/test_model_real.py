"""The same over a real hub on loopback: sockets, SQLite, and `kill -9` with a restart as one of the steps.

Few examples, the same in each run, so that a red one can be repeated. More of them, and others each time, by command:

    MODEL_EXAMPLES=200 MODEL_STEPS=40 MODEL_SEED=random python -m pytest tests/faults/test_model_real.py
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from websockets.sync.client import ClientConnection, connect

from tests.faults.model import lasting
from tests.serving import PATIENCE_S, HubProcess

BUDGET = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "3")),
    stateful_step_count=int(os.environ.get("MODEL_STEPS", "12")),
    derandomize=os.environ.get("MODEL_SEED") != "random",
    deadline=None,
    database=None,
    phases=[Phase.generate],  # what failed for the time that something took would be shrunk for ever
    suppress_health_check=list(HealthCheck),
)
ENDED = ("succeeded", "failed", "cancelled")
Message = dict[str, Any]


class Socket:
    """One end of a socket to the hub."""

    def __init__(self, hub: HubProcess, path: str) -> None:
        self._leaving = ExitStack()
        way = connect(f"{hub.socket_url}{path}", open_timeout=PATIENCE_S)
        self._socket: ClientConnection = self._leaving.enter_context(way)

    def say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def hear(self) -> Message:
        """What comes next."""
        heard: Message = json.loads(self._socket.recv(timeout=PATIENCE_S))
        return heard

    def close(self) -> None:
        self._leaving.close()


class Toiler:
    """A worker of one job that opened it itself, and keeps what is not acknowledged."""

    def __init__(self, hub: HubProcess) -> None:
        self.socket: Socket | None = Socket(hub, "/ws/worker")
        self.socket.say(type="open", id=0, kind="real", total=100)
        self.job = str(self.until("opened")["job"])
        self.n = self.acked = 0
        self.kept: dict[int, Message] = {}
        self.lines: list[str] = []
        self.outcome: str | None = None

    def until(self, *types: str) -> Message:
        """The next message of one of these types."""
        assert self.socket is not None
        while (heard := self.socket.hear())["type"] not in types:
            pass
        return heard

    def report(self, done: int) -> None:
        if self.socket is not None and self.outcome is None:
            self.socket.say(type="report", job=self.job, attempt=1, done=done)

    def number(self, type_: str, **fields: Any) -> None:
        """Say something that must last."""
        self.n += 1
        self.kept[self.n] = {"type": type_, "job": self.job, "attempt": 1, "n": self.n, **fields}
        if self.socket is not None:
            self.socket.say(**self.kept[self.n])

    def acknowledged(self) -> None:
        """Wait until all that was said is stored."""
        while self.acked < self.n:
            heard = self.until("ack", "error")
            assert heard["type"] == "ack", heard
            self._heard(heard["n"])

    def _heard(self, n: int) -> None:
        assert n <= self.n
        self.acked = max(self.acked, n)
        self.kept = {number: message for number, message in self.kept.items() if number > self.acked}

    def cut(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def come_back(self, hub: HubProcess) -> None:
        """Open the job anew; what the hub does not have is said again."""
        self.cut()
        self.socket = Socket(hub, "/ws/worker")
        self.socket.say(type="open", id=0, job=self.job, attempt=1)
        opened = self.until("opened")
        assert opened["acked"] >= self.acked, "what was acknowledged is lost"
        self._heard(opened["acked"])
        for message in self.kept.values():
            self.socket.say(**message)


class Onlooker:
    """A viewer of one job, which tells what it saw last when it comes back."""

    def __init__(self, job: str) -> None:
        self.job = job
        self.socket: Socket | None = None
        self.epoch: str | None = None
        self.seen: Message = {}
        self.lines: list[Message] = []

    def come(self, hub: HubProcess, *, remembers: bool) -> None:
        self.cut()
        self.socket = Socket(hub, "/ws")
        self.socket.say(type="hello")
        epoch = self.until_welcome()["epoch"]
        if not remembers or epoch != self.epoch:
            self.seen = {}
        self.lines = self.lines if remembers else []
        since = {"epoch": epoch, "seq": self.seen.get("seq", 0), "log": len(self.lines)}
        self.epoch = epoch
        self.socket.say(type="subscribe", id=1, topic=f"job:{self.job}", **({"since": since} if remembers else {}))

    def until_welcome(self) -> Message:
        assert self.socket is not None
        while (heard := self.socket.hear())["type"] != "welcome":
            pass
        return heard

    def cut(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def read_until_as(self, job: Message, entries: list[Message]) -> None:
        """Read until what it knows is what the hub knows; every step towards that keeps to the rules."""
        assert self.socket is not None
        while not self._is_as(job, entries):
            heard = self.socket.hear()
            for told in heard.get("jobs", []):
                assert told["seq"] >= self.seen.get("seq", 0), "seq went back"
                assert "from" not in told or told["from"] <= self.seen["seq"] + 1, "a hole"
                self.seen |= told
            for line in heard.get("entries", []):
                assert line["n"] == len(self.lines) + 1, "an entry is missing, or came twice"
                self.lines.append(line)

    def _is_as(self, job: Message, entries: list[Message]) -> bool:
        known = bool(self.seen) and lasting(self.seen) == lasting(job) and self.seen["done"] == job["done"]
        return known and self.lines == entries


class RealTown(RuleBasedStateMachine):
    """One hub for all examples, killed and started again; each example has a job, workers and viewers of its own."""

    hub: ClassVar[HubProcess]

    def __init__(self) -> None:
        super().__init__()
        self.toiler = Toiler(self.hub)
        self.viewer = Onlooker(self.toiler.job)
        self.said = 0
        self.cancelled = False

    @property
    def path(self) -> str:
        return f"/api/jobs/{self.toiler.job}"

    @precondition(lambda self: self.toiler.outcome is None)
    @rule(what=st.sampled_from(["entry", "entry", "phase", "checkpoint", "report"]))
    def say(self, what: str) -> None:
        self.said += 1
        match what:
            case "report":
                self.toiler.report(self.said)
            case "entry":
                self.toiler.lines.append(f"line {self.said}")
                self.toiler.number("entry", text=f"line {self.said}")
            case "phase":
                self.toiler.number("phase", name=f"phase {self.said}", total=100)
            case _:
                self.toiler.number("checkpoint", data=self.said)

    @precondition(lambda self: self.toiler.kept and self.toiler.socket)
    @rule()
    def say_again(self) -> None:
        """Repeated before it was acknowledged."""
        assert self.toiler.socket is not None
        self.toiler.socket.say(**next(iter(self.toiler.kept.values())))

    @precondition(lambda self: self.toiler.socket)
    @rule()
    def listen(self) -> None:
        self.toiler.acknowledged()

    @precondition(lambda self: not self.cancelled)
    @rule()
    def cancel(self) -> None:
        answer = self.hub.post(f"{self.path}/cancel", {"reason": "enough"})
        self.cancelled = bool(answer.get("cancel"))  # what has ended by itself is not cancelled any more
        assert self.cancelled or self.toiler.outcome

    @rule(resume=st.booleans())
    def pause_or_resume(self, resume: bool) -> None:
        self.hub.post(f"{self.path}/{'resume' if resume else 'pause'}")

    @precondition(lambda self: self.toiler.outcome is None)
    @rule(outcome=st.sampled_from(ENDED))
    def finish(self, outcome: str) -> None:
        self.toiler.outcome = outcome
        self.toiler.number("finish", outcome=outcome)

    @rule()
    def cut_worker(self) -> None:
        self.toiler.cut()

    @rule()
    def worker_comes_back(self) -> None:
        self.toiler.come_back(self.hub)

    @rule(remembers=st.booleans())
    def viewer_comes(self, remembers: bool) -> None:
        self.viewer.come(self.hub, remembers=remembers)

    @rule()
    def kill_and_restart(self) -> None:
        kill_and_restart(type(self))
        self.toiler.cut()
        self.viewer.cut()

    @rule()
    def settle(self) -> None:
        """All is said and stored: the log has each line once, in order; the viewer knows what the hub knows."""
        if self.toiler.socket is None:
            self.toiler.come_back(self.hub)
        self.toiler.acknowledged()
        job, entries = self.hub.get(self.path), self.hub.log_of(self.toiler.job)
        assert [line["text"] for line in entries if line["event"] == "entry"] == self.toiler.lines
        ends = [line["event"] for line in entries if line["event"].startswith("attempt_")]
        assert len(ends) == len(job["attempts"]) == (self.toiler.outcome is not None)
        assert (job["status"] in ENDED) is (self.toiler.outcome is not None)
        assert self.cancelled is (job["cancel"] is not None)
        if self.viewer.socket is None:
            self.viewer.come(self.hub, remembers=True)
        self.viewer.read_until_as(job, entries)

    def teardown(self) -> None:
        self.kill_and_restart()  # once at least
        self.settle()
        self.toiler.cut()
        self.viewer.cut()


def kill_and_restart(town: type[RealTown]) -> None:
    """`kill -9`, and the same port and database again."""
    hub = town.hub
    hub.kill()
    town.hub = HubProcess(hub.db, (), ENVIRON, hub.port)


ENVIRON = {"BARCAST_REQUESTS_PER_MINUTE": "1000000"}


@pytest.fixture(scope="module", autouse=True)
def hub() -> Iterator[None]:
    """The one that the machine drives."""
    with tempfile.TemporaryDirectory() as folder:
        RealTown.hub = HubProcess(Path(folder) / "hub.db", (), ENVIRON)
        try:
            yield
        finally:
            RealTown.hub.close()
        assert "Traceback" not in RealTown.hub.log()


TestRealTown = RealTown.TestCase
TestRealTown.settings = BUDGET
