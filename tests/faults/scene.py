"""Those whom a fault must not disturb: a job, the worker that reports on it, and a viewer that watches it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.faults.aftermath import check_aftermath, standing
from tests.serving import PATIENCE_S, HubProcess, hub_process

MOVED_BY_AN_ENTRY = {"heard_at", "advanced_at"}  # which is told by itself; the next update tells them, too


class Witness:
    """A viewer of one job, in a thread of its own.

    Args:
        socket: to the hub; with its end the thread ends.
        job: what it watches.

    Attributes:
        state: of the job, put together from snapshots and updates.
        texts: of the log's entries that the worker wrote, as they came.
    """

    def __init__(self, socket: ClientConnection, job: str) -> None:
        self.state: dict[str, Any] = {"seq": 0}
        self.texts: list[str] = []
        self._last_entry = 0
        self._news = threading.Condition()
        self._wrong: list[str] = []
        self._socket = socket
        self._socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": f"job:{job}"}))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        end: object = "politely"
        try:
            for text in self._socket:
                with self._news:
                    self._take(json.loads(text))
                    self._news.notify_all()
        except ConnectionClosed as error:
            end = error
        with self._news:
            self._wrong.append(f"its socket was closed: {end}")
            self._news.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        for job in message.get("jobs", ()):
            if job["seq"] < self.state["seq"]:
                self._wrong.append(f"{job['seq']} came after {self.state['seq']}")
            self.state.update(job)
        for entry in message.get("entries", ()):
            if entry["n"] != self._last_entry + 1:
                self._wrong.append(f"entry {entry['n']} came after {self._last_entry}")
            self._last_entry = entry["n"]
            if entry["event"] == "entry":
                self.texts.append(entry["text"])
        if message["type"] in ("error", "gone"):
            self._wrong.append(json.dumps(message))

    def sees(self, wanted: Callable[[], object]) -> None:
        """Wait until something holds of what it knows, which so far must be right."""
        with self._news:
            seen = self._news.wait_for(lambda: self._wrong or wanted(), PATIENCE_S)
            assert not self._wrong, self._wrong
            assert seen, f"it stayed {self.state}"

    def close(self) -> None:
        self._socket.close()
        self._reader.join()


class Scene:
    """A hub with one job at work.

    Args:
        hub: runs.
        worker, viewer: sockets to it.

    Attributes:
        before: what the hub held with nobody else there.
        said: the entries that were acknowledged.
    """

    def __init__(self, hub: HubProcess, worker: ClientConnection, viewer: ClientConnection) -> None:
        self.hub = hub
        self.said: list[str] = []
        self.done = 0
        self._n = 0
        self._worker = worker
        self._say("open", id=1, kind="sync", title="Nightly sync", total=1_000_000)
        self.job: str = self._hear("opened")["job"]
        self.witness = Witness(viewer, self.job)
        self.is_well()
        self.before = standing(hub)

    def is_well(self) -> float:
        """A number and an entry go from the worker to the viewer; how many seconds that took."""
        begin_s = time.monotonic()
        self.done += 1
        self._say("report", job=self.job, attempt=1, done=self.done)
        self.tell(f"line {self.done}")
        self.witness.sees(lambda: self.witness.state.get("done") == self.done and self.witness.texts == self.said)
        return time.monotonic() - begin_s

    def tell(self, *texts: str) -> None:
        """Have entries stored."""
        for text in texts:
            self._n += 1
            self._say("entry", job=self.job, attempt=1, n=self._n, text=text)
        while self._hear("ack")["n"] < self._n:
            pass
        self.said += texts

    def watched_by(self, viewers: int) -> None:
        """Wait until the job has so many viewers."""
        self.witness.sees(lambda: self.witness.state.get("viewers") == viewers)

    def check(self) -> None:
        """The worker and the viewer were not disturbed, and all that must hold after a fault does."""
        self.is_well()
        state = {name: value for name, value in self.witness.state.items() if name not in MOVED_BY_AN_ENTRY}
        check_aftermath(self.hub, self.before, acknowledged={self.job: self.said}, seen={self.job: state})

    def _say(self, type_: str, **fields: Any) -> None:
        self._worker.send(json.dumps({"type": type_, **fields}))

    def _hear(self, type_: str) -> dict[str, Any]:
        return heard(self._worker, type_)


def heard(worker: ClientConnection, type_: str) -> dict[str, Any]:
    """The next message of a type; an error is none that is waited for."""
    while True:
        message: dict[str, Any] = json.loads(worker.recv(timeout=PATIENCE_S))
        assert message["type"] in (type_, "ack"), message
        if message["type"] == type_:
            return message


@contextmanager
def opened_worker(hub: HubProcess, **opening: Any) -> Iterator[tuple[ClientConnection, str]]:
    """A worker with work of its own: its socket and its job."""
    with connect(f"{hub.socket_url}/ws/worker", compression=None) as worker:
        kind = {} if "job" in opening else {"kind": "sync"}
        worker.send(json.dumps({"type": "open", "id": 1, **kind, **opening}))
        yield worker, heard(worker, "opened")["job"]


@contextmanager
def scene(folder: Path, *arguments: str, **limits: object) -> Iterator[Scene]:
    """A scene on a hub of its own.

    Args:
        folder: for its database.
        arguments: further ones of `barcast serve`.
        limits: settings, such as `ping_s=0.3`.
    """
    environ = {f"BARCAST_{name.upper()}": str(value) for name, value in limits.items()}
    with (
        hub_process(folder / "hub.db", *arguments, **environ) as hub,
        connect(f"{hub.socket_url}/ws/worker", compression=None) as worker,
        connect(f"{hub.socket_url}/ws", compression=None, max_size=None) as viewer,
    ):
        made = Scene(hub, worker, viewer)
        try:
            yield made
        finally:
            made.witness.close()
