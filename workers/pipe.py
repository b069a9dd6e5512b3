"""Passes stdin on to stdout and tells the hub how far it is; never holds more than a block."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
from types import FrameType

from msgspec import Struct

from hub.view import Failure
from workers.address import Address
from workers.outside import Session, opening
from workers.reading import BYTES
from workers.standard import STDIN, STDOUT, complain, hold
from workers.stopping import What

BLOCK_BYTES = 256 * 1024
SUCCEEDED, FAILED = 0, 1
INTERRUPTED = 128 + signal.SIGINT  # 130
NOBODY_READS = 128 + signal.SIGPIPE  # 141
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Pipe(Struct, kw_only=True):
    """What is to be said of the stream.

    Attributes:
        title: what the job is called; None for `pipe`.
        kind: name under which such runs are grouped; None for `pipe`.
        lines: whether lines are counted, not bytes.
        size: how many there are; None for the size of the file that stdin is, where it is one.
    """

    title: str | None = None
    kind: str | None = None
    lines: bool = False
    size: int | None = None


def run(pipe: Pipe, *, address: Address | None = None, token: str | None = None) -> int:
    """Pass all of stdin on. Call it in the main thread: it takes the signals meanwhile.

    Args:
        pipe: what is to be said of it.
        address: where the hub is; None for `BARCAST_URL`, or the default address.
        token: for its Authorization header; None for `BARCAST_TOKEN`.

    Returns:
        the exit status: 0 when all is through, 130 when it was cancelled, 128 and the number of a signal that
        ended it, 141 when nobody reads stdout any more, 1 when reading or writing failed.

    Raises:
        Invalid: the hub would not take the title or the kind.
    """
    hold(stdin=os.O_WRONLY, others=os.O_RDONLY)
    kind, total = pipe.kind or "pipe", pipe.size
    if total is None and not pipe.lines:
        total = left_in_file()
    introduction = opening(kind, title=pipe.title, total=total, unit="lines" if pipe.lines else BYTES)
    return Passing(Session(introduction, address=address, token=token, blocking=False), lines=pipe.lines).run()


def left_in_file() -> int | None:
    """Bytes that stdin still has to give, where it is a file."""
    try:
        status = os.fstat(STDIN)
        return status.st_size - os.lseek(STDIN, 0, os.SEEK_CUR) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None


class Ended(Exception):
    """A signal came.

    Attributes:
        number: which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Passing:
    """The stream, on its way.

    Args:
        session: where it is reported.
        lines: whether lines are counted, not bytes.
    """

    def __init__(self, session: Session, *, lines: bool) -> None:
        self._session = session
        self._meter = session.attempt.figures.meter
        self._stop = session.stop
        self._lines = lines
        self._last = b"\n"
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        session.stop.listen(self._hear)

    def _hear(self, what: What) -> None:
        if what == "cancel":
            self._session.acknowledge("Reads no more")
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def run(self) -> int:
        """Pass everything on; the exit status."""
        earlier = {number: signal.signal(number, _end) for number in ENDING if _is_ours(number)}
        woken_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)  # by one just before a wait, too
        try:
            return self._run()
        except Ended as end:
            self._session.cancelled(f"Stopped by {end} where it ran")
            return 128 + end.number
        finally:
            signal.set_wakeup_fd(woken_before)
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _run(self) -> int:
        try:
            whole = self._pass_all()
        except BrokenPipeError:
            return self._broken()
        except OSError as error:
            complain(str(error.strerror))
            self._session.fail(Failure(type=type(error).__name__, message=str(error)))
            return FAILED
        if not whole:
            self._session.cancelled(f"Passed on {self._meter.done:,} {self._meter.unit}")
            return INTERRUPTED
        self._count_unfinished()
        self._session.succeed()
        return SUCCEEDED

    def _broken(self) -> int:
        """Nobody reads what we write; as other programs do, go without a word."""
        with contextlib.suppress(OSError):  # so that nothing is flushed into it at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        self._session.fail(Failure(type="BrokenPipe", message="nobody reads the output any more"))
        return NOBODY_READS

    def _pass_all(self) -> bool:
        """Whether it came to its end; False where it was cancelled."""
        while self._ready():
            block = os.read(STDIN, BLOCK_BYTES)
            if not block:
                return True
            self._write(block)
            self._meter.done += block.count(b"\n") if self._lines else len(block)
            self._last = block[-1:]
        return False

    def _ready(self) -> bool:
        """Wait until there is something to read, not while paused; False for a cancel."""
        while self._stop.cancel_order is None:
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if not self._stop.paused:
                poll.register(STDIN, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken in ready:
                os.read(self._woken, 64)
            elif ready:
                return True
        return False

    def _write(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(STDOUT, view) :]

    def _count_unfinished(self) -> None:
        """A last line counts without its line feed, too."""
        if self._lines and self._last != b"\n":
            self._meter.done += 1


def _is_ours(number: signal.Signals) -> bool:
    """Not where we were started with it ignored (`nohup`)."""
    return signal.getsignal(number) is not signal.SIG_IGN


def _end(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)
