"""One process that reports on many jobs over a few worker sockets, paced by its own clock.

    reporters.py PORT JOBS SOCKETS REPORTS_PER_S WARM_S MEASURED_S

REPORTS_PER_S counts all jobs together; they take turns, evenly spread, as samplers do that know nothing of
one another. Says `measuring` once it is warm and `measured` when the time is over, each with the number of
reports sent so far; then reports each job's last `done` and says them all, as JSON by job id.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from itertools import cycle
from typing import IO, Any

from tests.bench.crowd import handshake, masked_text, read_answer

TOTAL = 1_000_000


class Desk:
    """One worker socket.

    Args:
        port: the hub's.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(handshake("/ws/worker"))
        read_answer(self._socket)
        self._stream = self._socket.makefile("rb")

    def say(self, type_: str, **fields: Any) -> None:
        self._socket.sendall(masked_text(json.dumps({"type": type_, **fields}).encode()))

    def open(self, number: int) -> str:
        """Open a job; returns its id."""
        opening = {"kind": "import-orders", "title": f"Import orders, store {number}", "total": TOTAL, "unit": "rows"}
        self.say("open", id=number, **opening)
        while (answer := json.loads(message(self._stream)))["type"] != "opened":
            assert answer["type"] != "error", answer
        job: str = answer["job"]
        return job


def message(stream: IO[bytes]) -> bytes:
    """The next message of up to 64 KiB of a server that compresses nothing."""
    length = stream.read(2)[1]
    return stream.read(length if length < 126 else int.from_bytes(stream.read(2), "big"))


class Work:
    """A job that is reported on.

    Args:
        desk: where.
        number: its place among all.
    """

    def __init__(self, desk: Desk, number: int) -> None:
        self._desk = desk
        self.job = desk.open(number)
        self.done = number  # of its own, so that nobody takes one job's number for another's

    def report(self) -> None:
        """What a sampler sends of a loop that counts its rows and names its batch."""
        self.done += 137
        counters = {"ok": self.done - 2, "errors": 2}
        batch = f"Loading batch {self.done // 1_000} of {TOTAL // 1_000}"
        self._desk.say("report", job=self.job, attempt=1, done=self.done, counters=counters, message=batch)


def report_until(end_s: float, turns: cycle[Work], per_s: int, sent: int, start_s: float) -> int:
    """Report in turns, each at its own time, never two at once unless late; returns how many were sent so far."""
    while (now_s := time.monotonic()) < end_s:
        due_s = start_s + sent / per_s
        if due_s > now_s:
            time.sleep(due_s - now_s)
        next(turns).report()
        sent += 1
    return sent


def say(fact: Any) -> None:
    print(json.dumps(fact), flush=True)


def main(port: int, jobs: int, sockets: int, per_s: int, warm_s: float, measured_s: float) -> None:
    desks = [Desk(port) for _ in range(sockets)]
    works = [Work(desks[number % sockets], number) for number in range(jobs)]
    turns, start_s = cycle(works), time.monotonic()
    sent = report_until(start_s + warm_s, turns, per_s, 0, start_s)
    say({"measuring": sent})
    sent = report_until(start_s + warm_s + measured_s, turns, per_s, sent, start_s)
    say({"measured": sent})
    for work in works:
        work.report()
    say({work.job: work.done for work in works})
    sys.stdin.read()  # the sockets stay open as long as somebody looks


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
