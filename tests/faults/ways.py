"""Every way to run work and to report on it, as the matrix plays it: started, found, and killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import ClassVar

import psutil

from tests.faults.house import WORKS, House
from tests.serving import PATIENCE_S
from tests.workers.queues.queueing import State

BARCAST = [sys.executable, "-m", "hub"]
PAGE_BYTES = 4096  # the least that a pipe holds (fcntl(2), F_SETPIPE_SZ)
LINES = b"one\ntwo\nthree\n"


class Cell:
    """One way, with one outcome.

    Args:
        house: where it is played.
        way, outcome: which.
    """

    forced_by_hand = True  # where nobody can end it by force, a viewer says that it is over
    hears = True  # of a cancel, before its next report
    own_kind = True  # no other cell's jobs have it

    def __init__(self, house: House, way: str, outcome: str) -> None:
        self.house = house
        self.outcome = outcome
        self.name = f"{way.replace(' ', '-')}-{outcome}"
        self.gate = house.folder / f"{self.name}.gate"
        os.mkfifo(self.gate)
        self._key = os.open(self.gate, os.O_RDWR)  # so that neither end ever waits for the other
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Have it run; returns the id of its job."""
        raise NotImplementedError

    def half_way(self, state: State) -> bool:
        """Whether the hub knows of the first half."""
        return bool((state["done"] or 0) >= 3)

    def hold(self) -> None:
        """See to it that a cancel will be ignored."""

    def open(self) -> None:
        """Let it on."""
        os.write(self._key, b"on\n")

    def kill(self, state: State) -> None:
        """End the process that does the work, as the system does when it runs out of memory."""
        os.kill(int(state["worker"].rsplit("/", 1)[1]), signal.SIGKILL)

    def mark(self, job: str) -> str:
        """What its processes carry."""
        return f"{self.house.token}/{self.name}"

    def end(self) -> None:
        """Wait for its process."""
        os.close(self._key)
        if self.process is not None:
            self.process.wait(PATIENCE_S)


class HubStarted(Cell):
    """The hub starts it: in a child process, a thread, or on its loop."""

    forced_by_hand = False
    own_kind = False
    kind = "child"

    def start(self) -> str:
        """Ask the hub to start it."""
        kind = f"deaf-{self.kind}" if self.outcome == "ignored" else self.kind
        params = {"outcome": self.outcome, "gate": str(self.gate)}
        return str(self.house.hub.post("/api/jobs", {"kind": kind, "params": params})["id"])

    def mark(self, job: str) -> str:
        """The hub's own."""
        return f"{job}/"


class InThread(HubStarted):
    kind = "thread"
    forced_by_hand = True  # refused, that is


class OnLoop(HubStarted):
    kind = "loop"


class Script(Cell):
    """A script of the folder `works`, under a name of its own, which is its kind."""

    file = ""
    before: tuple[str, ...] = ()

    def start(self) -> str:
        """Start it."""
        script = self.house.folder / f"{self.name}{Path(self.file).suffix}"
        script.symlink_to(WORKS / self.file)
        command = [*self.before, *self.interpreter(), str(script), self.outcome, str(self.gate), *self.more()]
        self.process = self.house.start(self.name, command)
        return self.house.find(kind=self.name)

    def interpreter(self) -> list[str]:
        """What runs it."""
        return [sys.executable]

    def more(self) -> list[str]:
        """Further arguments."""
        return []


class Track(Script):
    file = "with_track.py"


class OpenSync(Script):
    file = "open_sync.py"


class OpenAsync(Script):
    file = "open_async.py"


class OurTqdm(Script):
    file = "our_tqdm.py"


class OurRich(Script):
    file = "our_rich.py"


class HuggingFace(Script):
    file = "with_huggingface.py"


class Lightning(Script):
    file = "with_lightning.py"


class Dask(Script):
    """Its futures are cancelled whatever their tasks do."""

    file = "on_dask.py"
    forced_by_hand = False


class Exec(Script):
    """`barcast exec`; killed is the command, as by the system."""

    file = "command.sh"
    before = (*BARCAST, "exec", "--grace", "0.3", "--")
    forced_by_hand = False

    def interpreter(self) -> list[str]:
        """A shell."""
        return ["sh"]

    def kill(self, state: State) -> None:
        """The command."""
        assert self.process is not None
        psutil.Process(self.process.pid).children()[0].kill()


class ExecTqdm(Exec):
    file = "plain_tqdm.py"

    def interpreter(self) -> list[str]:
        """Python."""
        return [sys.executable]


class ExecItself(Exec):
    """`barcast exec` itself is killed."""

    def kill(self, state: State) -> None:
        """It, not the command."""
        Cell.kill(self, state)


class Curl(Script):
    file = "curl.sh"
    hears = False

    def interpreter(self) -> list[str]:
        """A shell."""
        return ["sh"]

    def more(self) -> list[str]:
        """Its kind."""
        return [self.name]

    def kill(self, state: State) -> None:
        """The shell: nobody told the hub its number."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_S)  # until then it has a number, by which what it started finds it alive


class Pipe(Cell):
    """`barcast pipe`; its gate holds back the rest of the stream.

    To fail is to lose its reader. What ignores a cancel is a reader that reads no more, so that nobody hears it.
    """

    def start(self) -> str:
        """Start it, with three lines in the stream."""
        stdin, self._stream = os.pipe()
        self._reader, stdout = os.pipe()
        fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, PAGE_BYTES)
        os.write(stdout, bytes(PAGE_BYTES - len(LINES)))  # there is room for three lines and no more
        command = [*BARCAST, "pipe", "--lines", "--size", "5", "--kind", self.name]
        self.process = self.house.start(self.name, command, stdin=stdin, stdout=stdout)
        os.close(stdin)
        os.close(stdout)
        os.write(self._stream, LINES)
        return self.house.find(kind=self.name)

    def hold(self) -> None:
        """Have it wait for its reader."""
        os.write(self._stream, b"four\n")
        by_s = time.monotonic() + PATIENCE_S
        while struct.unpack("i", fcntl.ioctl(self._stream, termios.FIONREAD, bytes(4))) != (0,):
            assert time.monotonic() < by_s, "it does not read"

    def open(self) -> None:
        """The rest of the stream, and whoever reads it; or nobody."""
        if self.outcome in ("fail", "ignored"):
            os.close(self._reader)
        else:
            os.read(self._reader, PAGE_BYTES)
        with contextlib.suppress(BrokenPipeError):  # it is over
            os.write(self._stream, b"four\nfive\n")
        os.close(self._stream)


class Queued(Cell):
    """A task of a queue: its process is the queue's, and stays."""

    library = ""
    forced_by_hand = own_kind = False
    tasks: ClassVar = {"fail": "fail", "cancel": "work_until_cancelled", "ignored": "deaf"}

    def start(self) -> str:
        """Publish it."""
        self._redis_gate = self.house.folder.name + self.name
        argument = "no-such-shop" if self.outcome == "fail" else self._redis_gate
        task = self.house.publish(self.library, self.tasks.get(self.outcome, "count"), argument)
        return self.house.find(tag=f"task:{task}")

    def half_way(self, state: State) -> bool:
        """As others; of one that never reports, that it runs."""
        return state["status"] == "running" if self.outcome == "ignored" else super().half_way(state)

    def open(self) -> None:
        """Let it on."""
        self.house.redis.rpush(self._redis_gate, "on")


class OnCelery(Queued):
    library = "Celery"


class OnRq(Queued):
    library = "RQ"


class OnDramatiq(Queued):
    library = "Dramatiq"

    def end(self) -> None:
        """Its worker ends with its only process; the next one is given the message again, and must not be kept."""
        if self.outcome == "killed":
            self.house.dismiss(self.library)
            self.open()
        super().end()
