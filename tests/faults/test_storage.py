"""A database that is locked, on a disk that is full or fails: viewers see on, nothing false is said, it comes back."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.faults.aftermath import check_aftermath, looking_into, standing
from tests.faults.disk import Fault, failing, limited, locked, traced
from tests.serving import PATIENCE_S, HubProcess, hub_process

Message = dict[str, Any]
SOON = {
    "BARCAST_COMMIT_RETRY_S": "0.02",
    "BARCAST_BUSY_S": "0.05",
    "BARCAST_DERIVED_INTERVAL_S": "0.05",
    "BARCAST_SAVE_INTERVAL_S": "0.1",
}


class Client:
    """One socket of a stranger's.

    Attributes:
        told: everything that came.
        jobs: what it knows of each job.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.told: list[Message] = []
        self.jobs: dict[str, Message] = {}
        self._socket = socket

    def say(self, type_: str, **fields: Any) -> None:
        self._socket.send(json.dumps({"type": type_, **fields}))

    def hear(self, wanted: Callable[[Message], object]) -> Message:
        """The next message that is wanted."""
        by_s = time.monotonic() + PATIENCE_S
        while True:
            message: Message = json.loads(self._socket.recv(timeout=max(0.0, by_s - time.monotonic())))
            assert message["type"] != "error", message
            self._take(message)
            if wanted(message):
                return message

    def _take(self, message: Message) -> None:
        self.told.append(message)
        if message["type"] in ("snapshot", "update"):
            for job in message["jobs"]:
                self.jobs.setdefault(job["id"], {}).update(job)

    def heard(self, type_: str) -> list[Message]:
        """What of this type came before the answer to a ping that is sent now."""
        answered = self._socket.ping()
        while not answered.is_set():
            try:
                self._take(json.loads(self._socket.recv(timeout=0.01)))
            except TimeoutError:  # the answer came, or is about to
                answered.wait(PATIENCE_S)
        return [message for message in self.told if message["type"] == type_]


class Work(Client):
    """A worker's socket with one job."""

    def open(self, **known: Any) -> Work:
        self.say("open", id=1, **(known or {"kind": "sync", "title": "Sync", "total": 100}))
        opened = self.hear(lambda message: message["type"] == "opened")
        self.job, self.attempt = opened["job"], opened["attempt"]
        return self

    def tell(self, type_: str, **fields: Any) -> None:
        self.say(type_, job=self.job, attempt=self.attempt, **fields)

    def acked(self, n: int) -> None:
        self.hear(lambda message: message["type"] == "ack" and message["n"] >= n)


@contextmanager
def work(hub: HubProcess, **known: Any) -> Iterator[Work]:
    """A worker of new work, or of the job and attempt that are known."""
    with connect(f"{hub.socket_url}/ws/worker", max_queue=None) as socket:
        yield Work(socket).open(**known)


@contextmanager
def viewer(hub: HubProcess, *topics: str) -> Iterator[Client]:
    with connect(f"{hub.socket_url}/ws", max_queue=None) as socket:
        client = Client(socket)
        for number, topic in enumerate(topics):
            client.say("subscribe", id=number, topic=topic)
        yield client


def moved(job: str, **fields: Any) -> Callable[[Message], bool]:
    """Whether a message tells a job's fields."""
    return lambda message: any(
        one["id"] == job and fields.items() <= one.items()
        for one in (message["jobs"] if message["type"] in ("snapshot", "update") else ())
    )


def texts(messages: list[Message]) -> list[str]:
    return [entry["text"] for message in messages for entry in message["entries"] if entry["event"] == "entry"]


def storage(standing: str) -> Callable[[Message], bool]:
    return lambda message: message["type"] == "summary" and message["storage"] == standing


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One for all faults: it has to come back from each."""
    with hub_process(tmp_path_factory.mktemp("storage") / "hub.db", **SOON) as running:
        with work(running) as first, viewer(running, "jobs"):  # what is opened once and stays open is open by then
            first.tell("finish", n=1, outcome="succeeded")
            first.acked(1)
        yield running
        assert running.stop() == 0


TOLD = "until then nothing is acknowledged"
FAULTS: list[tuple[str, Fault, str]] = [
    ("full", failing("pwrite64", "ENOSPC"), "its disk is full"),
    ("sync fails", failing("fdatasync", "EIO"), "its disk failed"),
    ("write fails", failing("pwrite64", "EIO"), "its disk failed"),
    ("quota", limited, "its disk failed"),
    ("locked", lambda hub: locked(hub.db), "another program keeps it locked"),
]


@pytest.mark.parametrize(("fault", "cause"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_viewing_goes_on_nothing_false_is_acknowledged_and_it_recovers(
    hub: HubProcess, fault: Fault, cause: str
) -> None:
    before, said = standing(hub), len(hub.log())
    with work(hub) as worker, viewer(hub, "jobs", f"job:{worker.job}") as watching:
        worker.tell("entry", n=1, text="before")
        worker.acked(1)
        with fault(hub):
            worker.tell("entry", n=2, text="during")
            watching.hear(storage("failing"))
            for done in range(1, 6):
                worker.tell("report", done=done)
                watching.hear(moved(worker.job, done=done))
            refused_and_nothing_false_is_said(hub, worker, watching, cause)
        worker.acked(2)
        watching.hear(lambda message: message["type"] == "log" and texts([message]) == ["during"])
        watching.hear(storage("ok"))
        worker.tell("finish", n=3, outcome="succeeded")
        worker.acked(3)
        watching.hear(moved(worker.job, status="succeeded"))
    seen = {worker.job: watching.jobs[worker.job]}
    check_aftermath(hub, before, acknowledged={worker.job: ["before", "during"]}, seen=seen)
    lines = [line for line in hub.log()[said:].splitlines() if " barcast.store: " in line]
    assert [line.rpartition(": ")[2].rpartition("; ")[2] for line in lines] == [TOLD, "stores again"], lines


def refused_and_nothing_false_is_said(hub: HubProcess, worker: Work, watching: Client, cause: str) -> None:
    """What cannot be stored is refused with the cause, or waits without an acknowledgement; nobody is shown it."""
    for path, body in ((f"/api/jobs/{worker.job}/cancel", {}), ("/api/jobs", {"kind": "new", "external": True})):
        refusal = hub.post(path, body)
        assert refusal["status"] == 503
        assert refusal["detail"].endswith(f"({cause}); nothing was changed")
    assert cause in hub.get("/readyz")["detail"]
    assert hub.get(f"/api/jobs/{worker.job}")["cancel"] is None
    assert [message["n"] for message in worker.heard("ack")] == [1]
    assert texts(watching.heard("log")) == ["before"]
    with looking_into(hub.db) as database:
        stored = "SELECT count(*) FROM entries WHERE job = ? AND record LIKE '%during%'"
        assert database.execute(stored, [worker.job]).fetchall() == [(0,)]


# ── The order of things ───────────────────────────────────────────────────────

CALLS = "--trace=pwrite64,fdatasync,sendto"
CALL = re.compile(r"(?P<thread>\d+) +(?:(?P<name>\w+)\((?P<start>.*)|<\.\.\. (?P<goes_on>\w+) resumed>.*)")
TOKEN = re.compile(r"line-(\d+)-")
ACK = re.compile(r'\\"type\\":\\"ack\\".*?\\"n\\":(\d+)')
SHOWN = re.compile(r'\\"type\\":\\"log\\".*')


def test_nothing_is_acknowledged_or_shown_before_its_sync_to_the_disk_has_returned(
    hub: HubProcess, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    with work(hub) as worker, viewer(hub, f"job:{worker.job}") as watching:
        watching.hear(lambda message: message["type"] == "subscribed")
        with traced(hub.process.pid, CALLS, "--string-limit=20000", into=calls):
            for n in range(1, 31):
                worker.tell("entry", n=n, text=f"line-{n}-")
                if n % 3 == 0:
                    worker.acked(n)
            watching.hear(lambda message: message["type"] == "log" and "line-30-" in texts([message]))
    acknowledged, shown = in_order(calls.read_text().splitlines())
    assert (acknowledged, shown) == (30, 30)


def in_order(calls: list[str]) -> tuple[int, int]:
    """The last line that was acknowledged, and shown; each only after a sync that began when it was written."""
    written = syncing = synced = acknowledged = shown = 0
    for call in filter(None, map(CALL.match, calls)):
        name, start, ends = call["name"], call["start"] or "", not call[0].endswith("<unfinished ...>")
        if name == "pwrite64":
            written = max([written, *map(int, TOKEN.findall(start))])
        if name == "fdatasync":
            syncing = written
        if ends and "fdatasync" in (name, call["goes_on"]):
            assert call[0].endswith("= 0"), call[0]
            synced = syncing
        if name == "sendto":
            acknowledged = max([acknowledged, *map(int, ACK.findall(start))])
            shown = max([shown, *(int(n) for frame in SHOWN.findall(start) for n in TOKEN.findall(frame))])
            assert max(acknowledged, shown) <= synced, f"told {acknowledged}, shown {shown}, on the disk {synced}"
    return acknowledged, shown


# ── A hub that ends meanwhile ─────────────────────────────────────────────────


def test_what_was_accepted_but_not_stored_when_the_hub_was_killed_comes_again_and_is_there_once(tmp_path: Path) -> None:
    db, texts, known = tmp_path / "hub.db", list[str](), dict[str, Any]()
    for n, call in enumerate(("pwrite64", "fdatasync"), 1):  # killed before it writes, and before it syncs
        texts.append(f"when {call} is called")
        with hub_process(db, **SOON) as hub, work(hub, **known) as worker:
            known = {"job": worker.job, "attempt": 1}
            tell_again(worker, texts[:-1])
            with traced(hub.process.pid, f"--trace={call}", f"--inject={call}:signal=KILL"):
                worker.tell("entry", n=n, text=texts[-1])
                assert hub.process.wait(PATIENCE_S) == -signal.SIGKILL
            hub.kill()
            with pytest.raises(ConnectionClosed):
                worker.acked(n)
    with hub_process(db, **SOON) as hub, work(hub, **known) as worker:
        tell_again(worker, texts)
        worker.tell("finish", n=3, outcome="succeeded")
        worker.acked(3)
        check_aftermath(hub, acknowledged={worker.job: texts})


def tell_again(worker: Work, texts: list[str]) -> None:
    """Say again what the hub does not have; what was written and not synced may be there, or not."""
    acked = worker.told[0]["acked"]
    assert acked in (len(texts) - 1, len(texts)) or not texts
    for n, text in list(enumerate(texts, 1))[acked:]:
        worker.tell("entry", n=n, text=text)
        worker.acked(n)


def test_a_hub_that_is_stopped_on_a_full_disk_says_what_is_not_stored(tmp_path: Path) -> None:
    db = tmp_path / "hub.db"
    with hub_process(db, **SOON) as first, work(first) as worker:
        worker.tell("entry", n=1, text="before")
        worker.acked(1)
        with failing("pwrite64", "ENOSPC")(first), viewer(first, "jobs") as watching:
            worker.tell("entry", n=2, text="during")
            watching.hear(storage("failing"))
            began_s = time.monotonic()
            assert first.stop() == 1
            assert time.monotonic() - began_s < 10.0
        [last] = first.log().splitlines()[-1:]
        assert re.search(r"^Error: .*hub\.db: .* \(SQLITE_FULL\); make room .*; \d+ changes are not stored$", last), (
            last
        )
    with hub_process(db, **SOON) as second:
        check_aftermath(second, acknowledged={worker.job: ["before"]})
