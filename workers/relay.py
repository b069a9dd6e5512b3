"""Passes on what a command prints and what is typed for it, byte by byte, and never blocks in doing so."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable

from msgspec import Struct

from workers.pseudoterminal import Started
from workers.standard import STDIN

BLOCK_BYTES = 64 * 1024
SURE_BYTES = 4096  # what can be written without waiting once poll says so: PIPE_BUF on Linux (pipe(7))
LAST_BYTES = 4 * 1024 * 1024  # read after the command has ended, of what it left behind printing
LAST_S = 5.0  # to write it to whoever reads slowly, after a cancel


class Stream(Struct):
    """One way from the command to us.

    Attributes:
        source, target: where it is read, where it is written.
        waiting: read and not written yet; no more is read meanwhile.
        open: whether there may be more.
        broken: whether nobody reads what is written.
    """

    source: int
    target: int
    waiting: bytes = b""
    open: bool = True
    broken: bool = False


class Relay:
    """What passes between a command and the world.

    Args:
        started: the command.
        heard: called with the stream's target and each block that is passed on.
        typed: called with what is typed; returns what of it the command is to get.
        broke: called when nobody reads what it prints any more.
    """

    def __init__(
        self,
        started: Started,
        heard: Callable[[int, bytes], None],
        typed: Callable[[bytes], bytes],
        broke: Callable[[], None],
    ) -> None:
        self._streams = [Stream(source, target) for source, target in started.outputs.items()]
        self._keyboard = started.keyboard
        self._listening = started.keyboard is not None
        self._keys = b""
        self._heard = heard
        self._typed = typed
        self._broke = broke
        self._left_bytes = LAST_BYTES

    def turn(self, others: dict[int, Callable[[], None]], wait_s: float | None, *, typing: bool) -> None:
        """Wait until something can be passed on, and pass it on.

        Args:
            others: further descriptors to wait for, and what to do when they can be read.
            wait_s: how long to wait; None for as long as it takes.
            typing: whether our stdin is ours to read.
        """
        actions: dict[int, Callable[[int], None]] = {}
        poll = select.poll()
        for descriptor, act in others.items():
            self._add(poll, actions, descriptor, select.POLLIN, lambda _event, act=act: act())  # type: ignore[misc]
        for stream in self._streams:
            self._add_stream(poll, actions, stream)
        self._add_keyboard(poll, actions, typing=typing)
        for descriptor, event in poll.poll(None if wait_s is None else wait_s * 1000):
            actions[descriptor](event)

    @staticmethod
    def _add(
        poll: select.poll,
        actions: dict[int, Callable[[int], None]],
        descriptor: int,
        events: int,
        act: Callable[[int], None],
    ) -> None:
        poll.register(descriptor, events)
        actions[descriptor] = act

    # ── What it prints ────────────────────────────────────────────────────────

    def _add_stream(self, poll: select.poll, actions: dict[int, Callable[[int], None]], stream: Stream) -> None:
        if stream.waiting:
            self._add(poll, actions, stream.target, select.POLLOUT, lambda _: self._write(stream))
        elif stream.open:
            self._add(poll, actions, stream.source, select.POLLIN, lambda _: self._read(stream))

    def _read(self, stream: Stream) -> None:
        try:
            block = os.read(stream.source, BLOCK_BYTES)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last one that had the terminal open has closed it
            block = b""
        if not block:
            self._close(stream)
            return
        self._heard(stream.target, block)
        if not stream.broken:
            stream.waiting = block

    def _write(self, stream: Stream) -> None:
        try:
            written = os.write(stream.target, stream.waiting[:SURE_BYTES])
        except BlockingIOError:
            return
        except OSError:  # EPIPE, or EIO of a terminal that is gone
            stream.waiting, stream.broken = b"", True
            self._broke()
            return
        stream.waiting = stream.waiting[written:]

    def _close(self, stream: Stream) -> None:
        stream.open = False
        if stream.source != self._keyboard:
            os.close(stream.source)

    # ── What is typed ─────────────────────────────────────────────────────────

    def _add_keyboard(self, poll: select.poll, actions: dict[int, Callable[[int], None]], *, typing: bool) -> None:
        if self._keyboard is None:
            return
        if self._keys:
            before = actions.get(self._keyboard)
            both = select.POLLOUT | (select.POLLIN if before else 0)
            self._add(poll, actions, self._keyboard, both, lambda event: self._press(event, before))
        elif self._listening and typing:
            self._add(poll, actions, STDIN, select.POLLIN, lambda _: self._type())

    def _press(self, event: int, read: Callable[[int], None] | None) -> None:
        """The command's terminal takes keys, or has something to be read, or both."""
        if event & select.POLLOUT:
            assert self._keyboard is not None  # there are keys for it
            try:
                self._keys = self._keys[os.write(self._keyboard, self._keys) :]
            except BlockingIOError:
                pass
            except OSError:
                self._keys, self._listening = b"", False
        if event & ~select.POLLOUT and read is not None:
            read(event)

    def _type(self) -> None:
        try:
            keys = os.read(STDIN, SURE_BYTES)
        except OSError:
            keys = b""
        if not keys:
            self._listening = False
            return
        self._keys = self._typed(keys)

    # ── The end ───────────────────────────────────────────────────────────────

    @property
    def terminals(self) -> list[int]:
        """Where what it prints is read, as long as there may be more."""
        return [stream.source for stream in self._streams if stream.open]

    def drain(self, *, patiently: bool) -> None:
        """Pass on what is still on its way from a command that has ended.

        What it left running may print on; that is not waited for.

        Args:
            patiently: whether to wait as long as it takes until it is written.
        """
        by_s = time.monotonic() + LAST_S
        while any(stream.waiting for stream in self._streams) or (self._left_bytes > 0 and self._readable()):
            self._left_bytes -= BLOCK_BYTES // 16  # what a terminal gives at once
            self.turn({}, None if patiently else max(by_s - time.monotonic(), 0.0), typing=False)
            if not patiently and time.monotonic() > by_s:
                break
        self._hang_up()

    def _readable(self) -> bool:
        poll = select.poll()
        for source in self.terminals:
            poll.register(source, select.POLLIN)
        return bool(self.terminals and poll.poll(0))

    def _hang_up(self) -> None:
        for stream in self._streams:
            if stream.open:
                self._close(stream)
        if self._keyboard is not None:
            with contextlib.suppress(OSError):
                os.close(self._keyboard)
            self._keyboard = None
