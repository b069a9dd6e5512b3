"""One process for one attempt: `python -m workers.child`, told what to do on its standard input.

Exit status 0: its end was delivered (or nobody takes it any more). 75: it found no hub, and its end is spooled.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import msgspec

from hub.errors import BarcastError
from hub.protocol import Finish, Open
from workers import dump, ending, spool
from workers.address import from_file
from workers.attempt import Attempt
from workers.connection import Connection
from workers.introduction import UNKNOWN
from workers.job import Job
from workers.kinds import Kind, Kinds
from workers.order import WorkOrder
from workers.records import Records
from workers.reporter import Reporter
from workers.tail import Tail

SPOOLED = os.EX_TEMPFAIL
# While one of these runs, an exception out of nowhere would break it; the next report raises it instead.
MODULES = "advance attempt backlog family figures introduction job phase records started stopping tail texts voice"
OURS = frozenset(f"workers.{name}" for name in MODULES.split())


class NoHub(BarcastError):
    """No hub was found for so long that the work was stopped."""


class Child:
    """The attempt of this process.

    Args:
        order: what to do.
    """

    def __init__(self, order: WorkOrder) -> None:
        self.order = order
        opening = Open(id=0, job=order.job, attempt=order.attempt)
        self.attempt = Attempt(opening, worker=f"{socket.gethostname()}/{os.getpid()}", beat_s=order.beat_s)
        self._address_file = Path(order.address_file)
        self._connection = Connection(
            from_file(self._address_file), token=order.token, orphan_s=order.orphan_s, orphaned=self._orphan
        )
        self._connection.roster.add(self.attempt)
        self._reporter = Reporter(self._connection.roster, self._connection)
        self._pid = os.getpid()
        self._running = False
        self._terminated = self._orphaned = False
        self._tail = Tail(self.attempt, os.dup(sys.stderr.fileno()))  # whatever becomes of the other one

    def run(self) -> int:
        """Do the work and deliver its end. Returns the exit status."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        self._connection.start()
        self._reporter.start()
        self._tail.start()
        with dump.findable(spool.place(self._address_file, self.order.job, self.order.attempt, "stack")):
            finish = self._work()
            self._tail.close()
            return self._leave(finish)

    def _work(self) -> Finish | None:
        try:
            kind = self._kind()
            values = kind.parameters.check(self.order.params)
        except BarcastError as error:
            return Finish(job=UNKNOWN, attempt=1, n=1, outcome="failed", error=ending.failure(error))
        self.attempt.expect_phases(kind.info.phases)
        self.attempt.wait_opened()
        job = Job(self.attempt, self.order.title)
        records = Records(self.attempt, self._tail)
        records.install()
        self._running = True
        try:
            return ending.run(self.attempt, lambda: kind.function(job, **values), kind.no_retry)
        finally:
            self._running = False
            records.remove()

    def _kind(self) -> Kind:
        sys.path.extend(folder for folder in self.order.path if folder not in sys.path)
        kinds = Kinds()
        for module in self.order.modules:
            kinds.load(module)
        return kinds[self.order.kind]

    def _leave(self, finish: Finish | None) -> int:
        if finish is None and self._orphaned:
            why = NoHub(f"found no hub for {self.order.orphan_s:g} s and stopped")
            finish = Finish(job=UNKNOWN, attempt=1, n=1, outcome="failed", error=ending.failure(why))
        if finish is not None:
            self.attempt.say(finish)
            self.attempt.wait_told(None)
        self._reporter.close()
        self._connection.close()
        if self._orphaned and not self.attempt.told:
            self._spool()
            return SPOOLED
        if finish is None and self._terminated:
            self._die()
        return 0

    def _spool(self) -> None:
        path = spool.place(self._address_file, self.order.job, self.order.attempt, "spool")
        spool.write(path, self.order.token, self.attempt.unacknowledged())

    # ── Told to stop by something else than a message ─────────────────────────

    def _orphan(self) -> None:
        self._orphaned = True
        self.attempt.stop.interrupt("there is no hub")
        self.attempt.give_up()
        os.kill(os.getpid(), signal.SIGTERM)  # raises in the function, even if it never reports

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        """A clean chance for a function that runs; for anything else the default: die."""
        if os.getpid() != self._pid:  # a process that the function forked: none of our threads is in it
            self._die()
        elif self._running and self.attempt.stop.raised is None:
            self._terminated = True
            if self.attempt.stop.cancel_order is None:
                self.attempt.stop.interrupt("terminated")
            if not _inside_ours(frame):
                self.attempt.stop.attend()
        elif not self._running and not self._orphaned:
            self._die()

    def _die(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _inside_ours(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_globals.get("__name__") != ending.__name__:
        if frame.f_globals.get("__name__") in OURS:
            return True
        frame = frame.f_back
    return False


def main() -> int:
    """Read the order and carry it out."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkOrder)
    _leave_pipe()
    return Child(order).run()


def _leave_pipe() -> None:
    """Nothing more comes on standard input; what the function prints is in the file at once, should it be killed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


if __name__ == "__main__":
    sys.exit(main())
