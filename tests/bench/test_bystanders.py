"""Whether peers that take nothing delay those who do: how long updates take to 100 viewers, with and without them.

Two hubs, each with a job and its viewers; one of them has five stopped readers with full buffers and five half-open
viewers besides. They take turns, report by report, so that whatever else the machine does is beside both. Each report
is timed from its sending until each viewer has it, and waits until the room's pace allows it, so that nothing but the
hub's work is measured.
"""

from __future__ import annotations

import json
import selectors
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from hub.settings import Settings
from tests.faults.peer import Peer
from tests.faults.scene import heard
from tests.serving import HubProcess, hub_process

VIEWERS, STOPPED, HALF_OPEN = 100, 5, 5
WARMING, ROUNDS = 10, 40
SMALL = 4 * 1024
FILLING = 200  # entries of 4,000 characters: more than the buffers of viewer and kernel hold
# Nobody is dropped while it is measured: that would be the end of what it is about.
LASTING = {"BARCAST_REPORT_BYTES_PER_S": str(1 << 26), "BARCAST_STUCK_S": "600", "BARCAST_PING_S": "600"}
PACE_S = Settings().update_interval_s


class Audience:
    """Viewers of a job that read all they are sent.

    Args:
        hub: whose.
        job: what they watch.
        leaving: closes them.
    """

    def __init__(self, hub: HubProcess, job: str, leaving: ExitStack) -> None:
        self._selector = leaving.enter_context(selectors.DefaultSelector())
        for _ in range(VIEWERS):
            peer = leaving.enter_context(watching(hub, job))
            peer.socket.setblocking(False)
            self._selector.register(peer.socket, selectors.EVENT_READ, bytearray())

    def have(self, sign: bytes) -> list[float]:
        """Wait until all were told of something; when each was, by the monotonic clock."""
        at_s: list[float] = []
        missing = VIEWERS
        while missing:
            for key, _ in self._selector.select():
                before = sign in key.data
                key.data.extend(key.fileobj.recv(1 << 18))  # type: ignore[union-attr]  # a socket, registered above
                if not before and sign in key.data:
                    at_s.append(time.monotonic())
                    missing -= 1
        for key in self._selector.get_map().values():
            key.data.clear()
        return at_s


class Work:
    """The job and its worker.

    Args:
        worker: a socket.
    """

    def __init__(self, worker: ClientConnection) -> None:
        self._worker = worker
        self._n = 0
        self._done = 1_000_000  # all numbers are of the same length, so that none is the beginning of another
        worker.send(json.dumps({"type": "open", "id": 1, "kind": "sync", "total": 9_000_000}))
        self.job: str = heard(worker, "opened")["job"]

    def delays_s(self, audience: Audience) -> list[float]:
        """Report; how long it took to each viewer."""
        self._done += 1
        begin_s = time.monotonic()
        self._worker.send(json.dumps({"type": "report", "job": self.job, "attempt": 1, "done": self._done}))
        delays = [at_s - begin_s for at_s in audience.have(b'"done":%d' % self._done)]
        time.sleep(max(0.0, begin_s + PACE_S * 1.2 - time.monotonic()))
        return delays

    def fill(self, audience: Audience) -> None:
        """Say more than those hold who do not read."""
        for _ in range(FILLING):
            self._n += 1
            text = f"{self._n:04}" + "x" * 3_996
            message = {"type": "entry", "job": self.job, "attempt": 1, "n": self._n, "text": text}
            self._worker.send(json.dumps(message))
        while heard(self._worker, "ack")["n"] < self._n:
            pass
        audience.have(b'"%04dxxx' % self._n)


def watching(hub: HubProcess, job: str, receive_bytes: int | None = None) -> Peer:
    peer = Peer(hub.port, receive_bytes).upgrade()
    peer.say("subscribe", id=1, topic=f"job:{job}")
    peer.until("subscribed")
    return peer


@contextmanager
def those_who_take_nothing(hub: HubProcess, job: str) -> Iterator[None]:
    with ExitStack() as leaving:
        for number in range(STOPPED + HALF_OPEN):
            leaving.enter_context(watching(hub, job, SMALL if number < STOPPED else None))
        yield


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


class House:
    """A hub of its own with a job, its worker and its audience.

    Args:
        folder: for its database.
        leaving: closes it.
    """

    def __init__(self, folder: Path, leaving: ExitStack) -> None:
        folder.mkdir()
        self.hub = leaving.enter_context(hub_process(folder / "hub.db", **LASTING))
        self.work = Work(leaving.enter_context(connect(f"{self.hub.socket_url}/ws/worker", compression=None)))
        self.audience = Audience(self.hub, self.work.job, leaving)

    def fill(self) -> None:
        self.work.fill(self.audience)

    def delays_s(self) -> list[float]:
        return self.work.delays_s(self.audience)


def test_peers_that_take_nothing_delay_nobody(tmp_path: Path) -> None:
    alone: list[float] = []
    beside: list[float] = []
    with ExitStack() as leaving:
        quiet, troubled = House(tmp_path / "quiet", leaving), House(tmp_path / "troubled", leaving)
        leaving.enter_context(those_who_take_nothing(troubled.hub, troubled.work.job))
        quiet.fill()
        troubled.fill()
        for round_ in range(-WARMING, ROUNDS):
            pair = quiet.delays_s(), troubled.delays_s()
            if round_ >= 0:
                alone += pair[0]
                beside += pair[1]
        there = troubled.hub.get(f"/api/jobs/{troubled.work.job}")["viewers"]
        assert there == VIEWERS + STOPPED + HALF_OPEN, "they were there all the time"
    print(
        f"\ndelivery to {VIEWERS} viewers, ms: alone, beside {STOPPED} stopped and {HALF_OPEN} half-open peers, ratio"
    )
    for percent in (50, 90, 99):
        alone_s, beside_s = percentile(alone, percent), percentile(beside, percent)
        print(f"  p{percent}  {alone_s * 1e3:7.2f} {beside_s * 1e3:7.2f}  {beside_s / alone_s:.2f}")
    # The aim is 1.1 at p99, to be read above: beside other work on the machine that moves by more from run to run.
    # What is looked for shows in the median, too: a peer waited for in turn would cost everybody seconds.
    assert percentile(beside, 50) < 2 * percentile(alone, 50)
