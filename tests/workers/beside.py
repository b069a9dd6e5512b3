"""Commands beside a hub: `barcast exec` and scripts, as processes of their own, with or without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pty
import random
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from fcntl import ioctl
from pathlib import Path

from hub.remote import Remote
from hub.view import JobView
from hub.watch import Watch
from tests.serving import HubProcess

ROOT = Path(__file__).parents[2]
BOUND_S = 60.0  # far beyond what anything here takes: a test that hangs ends
TAKE_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
STATE = tempfile.TemporaryDirectory(prefix="barcast-tests-")  # for what was told to nobody
NOBODY = "http://127.0.0.1:1"  # a port on which nobody listens (tcpmux; binding it needs root)


def environment(url: str, **more: str) -> dict[str, str]:
    """The usual one, without this machine's Barcast variables and proxies."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BARCAST_") and not k.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "BARCAST_URL": url, "XDG_STATE_HOME": STATE.name} | more


def barcast(*arguments: str) -> list[str]:
    """A command line of ours."""
    return [sys.executable, "-m", "hub", *arguments]


def job_where(hub: HubProcess, wanted: Callable[[JobView], object]) -> JobView:
    """The first job that is as wanted, as soon as one is."""

    async def watch() -> JobView:
        watching = Watch(Remote(hub.url), None, random.random)
        async with asyncio.timeout(BOUND_S), aclosing(watching.messages()) as messages:
            async for _ in messages:
                for job in watching.jobs.values():
                    if wanted(job):
                        return job
        raise AssertionError("the feed ended")

    return asyncio.run(watch())


def job_named(hub: HubProcess, title: str) -> JobView:
    """The job of this title, which has ended by now."""
    return job_where(hub, lambda job: job.title == title and job.status.terminal)


class Terminal:
    """A process in a terminal of its own, at which the test sits.

    Args:
        command: program and arguments.
        environ: its variables.
    """

    def __init__(self, command: list[str], environ: Mapping[str, str], rows: int = 33, columns: int = 77) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command],
            stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True,
        )  # fmt: skip
        self.settings = termios.tcgetattr(slave)
        self._slave = slave

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Make it larger or smaller."""
        ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: bytes) -> bytes:
        """What was shown, up to this text; it is shown no more afterwards."""
        by_s = time.monotonic() + BOUND_S
        while text not in self.seen:
            assert select.select([self._master], [], [], max(by_s - time.monotonic(), 0))[0], self.seen
            self.seen += os.read(self._master, 65536)
        before, _, self.seen = self.seen.partition(text)
        return before

    def end(self) -> int:
        """Wait for the end; the exit status. The terminal has to be as it was."""
        status = self.process.wait(BOUND_S)
        assert termios.tcgetattr(self._slave) == self.settings
        return status

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(BOUND_S)
        os.close(self._slave)
        os.close(self._master)


@contextlib.contextmanager
def terminal(command: list[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal that is closed with the block."""
    opened = Terminal(command, environ)
    try:
        yield opened
    finally:
        opened.close()


def signal_beside_main(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a thread that is not the main one, so that it interrupts nothing that the main one waits in.

    The same happens to any signal that comes just before a wait begins.
    """
    beside = next(task.name for task in Path(f"/proc/{process.pid}/task").iterdir() if task.name != str(process.pid))
    assert ctypes.CDLL(None, use_errno=True).tgkill(process.pid, int(beside), number) == 0
