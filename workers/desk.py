"""Where the scripts under `barcast exec` tell how their bars stand: a Unix socket that only this user can reach."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from workers.bars import Bar

PLACE = "BARCAST_BARS"  # variable that names it; the hook reads the same one
HOOK = Path(__file__).parent / "hook"  # holds a `sitecustomize` and what it needs
MOST = 64  # processes with bars at once
LINGER_S = 1.0  # what a process printed may arrive after its end
BUFFER_BYTES = 16 * 1024  # of one that has not ended its line
BLOCK_BYTES = 64 * 1024
_decoder = msgspec.json.Decoder(Bar)


class Caller:
    """One process that has bars.

    Args:
        connection: to it.

    Attributes:
        prefix: of the ids of its bars; None until it has told one.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.prefix: str | None = None
        self._rest = b""

    def read(self) -> list[Bar] | None:
        """What it tells; None when it has ended."""
        try:
            block = self.connection.recv(BLOCK_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            block = b""
        if not block:
            return None
        *lines, rest = (self._rest + block).split(b"\n")
        self._rest = rest[-BUFFER_BYTES:]
        bars = [bar for line in lines if (bar := bar_of(line)) is not None]
        if bars:
            self.prefix = self.prefix or bars[0].id.partition("-")[0] + "-"
        return bars


def bar_of(line: bytes) -> Bar | None:
    """The bar that a line tells of; None where whoever wrote it was no hook of ours."""
    try:
        return _decoder.decode(line)
    except (ValueError, RecursionError):
        return None


class Desk:
    """The socket and those who came to it.

    Args:
        show: called for each bar that is told.
        gone: called with the prefix of the bars of a process that has ended.

    Raises:
        OSError: there can be none here.
    """

    def __init__(self, show: Callable[[Bar], None], gone: Callable[[str], None]) -> None:
        self._show = show
        self._gone = gone
        self._callers: dict[int, Caller] = {}
        self._busy_until = float("-inf")
        self._folder = tempfile.mkdtemp(prefix="barcast-")  # for this user alone (mkdtemp: mode 0700)
        self._path = os.path.join(self._folder, "bars")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(self._path)
            self._listener.listen(MOST)
            self._listener.setblocking(False)
        except OSError:
            self.close()
            raise

    @property
    def busy(self) -> bool:
        """Whether bars are told here, or were a moment ago, so that they need not be read from what is printed."""
        return time.monotonic() < self._busy_until or any(
            caller.prefix is not None for caller in self._callers.values()
        )

    def environment(self, given: dict[str, str]) -> dict[str, str]:
        """Variables by which a Python program finds its way here, added to those given."""
        earlier = given.get("PYTHONPATH")
        path = os.pathsep.join([str(HOOK), *([earlier] if earlier else [])])
        return {**given, PLACE: self._path, "PYTHONPATH": path}

    def descriptors(self) -> dict[int, Callable[[], None]]:
        """What to wait for, and what to do when it can be read."""
        found: dict[int, Callable[[], None]] = {self._listener.fileno(): self._welcome}
        for descriptor in self._callers:
            found[descriptor] = lambda descriptor=descriptor: self._read(descriptor)  # type: ignore[misc]
        return found

    def hear_all(self) -> None:
        """Hear what was told so far. A bar is told before it is drawn: so it is known before that is read."""
        for act in list(self.descriptors().values()):
            act()

    def close(self) -> None:
        """Nobody is heard any more."""
        self._listener.close()
        for caller in self._callers.values():
            caller.connection.close()
        self._callers.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            if len(self._callers) >= MOST:
                connection.close()
                return
            connection.setblocking(False)
            self._callers[connection.fileno()] = Caller(connection)
            self._read(connection.fileno())

    def _read(self, descriptor: int) -> None:
        caller = self._callers.get(descriptor)
        if caller is None:  # heard to its end in the same turn
            return
        bars = caller.read()
        if bars is None:
            del self._callers[descriptor]
            caller.connection.close()
            if caller.prefix is not None:
                self._busy_until = time.monotonic() + LINGER_S
                self._gone(caller.prefix)
            return
        for bar in bars:
            self._show(bar)
