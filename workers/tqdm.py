"""tqdm that reports: `from workers.tqdm import tqdm, trange`, and everything else stays as it is.

A bar is a job, from its making to its closing; bars that are opened while it is open are told in its message. It
succeeds when it is closed, by its end or by `close()`. An exception in the block of `with tqdm(…) as bar`, or of what
a loop goes through, fails it; so does one that leaves the loop and that nobody catches. A loop that is left early
otherwise ends as cancelled, as one of `track()` does. A cancel on the hub raises `Cancelled` at the next `update`, to
which a loop comes ten times a second; a pause waits there. Under `barcast exec` its bars are phases of that job, like
all others.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm as every_tqdm

from hub.view import Number
from workers import left, outcome
from workers.bars import Bar, Bars
from workers.desk import PLACE
from workers.hook.barcast_hook import drawn_nowhere, tqdm_bar
from workers.meter import Meter
from workers.outside import Session, opening
from workers.texts import trimmed

__all__ = ["tqdm", "trange"]


class Work:
    """The job of an outermost bar, and the bars inside it.

    Args:
        bar: the outermost one.
    """

    def __init__(self, bar: Bar) -> None:
        self.session = Session(opening(None, title=bar.name or None, total=bar.total, unit=bar.unit))
        self._outermost = bar.id
        self._bars = Bars(self)

    def show(self, bar: Bar) -> bool:
        """A bar of it stands like this. Returns whether that is its end."""
        self._bars.show(bar)
        return bar.over and bar.id == self._outermost

    def phase(self, name: str, total: Number | None, unit: str | None) -> Meter:
        """It has none: the outermost bar counts for the job itself."""
        return self.session.attempt.figures.meter

    def message(self, text: str) -> None:
        """What the bars inside say."""
        self.session.attempt.figures.message = trimmed(text)


Said = tuple[Bar, BaseException | None]  # how a bar stands, and what closed it


class Current:
    """The work that is going on in this process, if any.

    A bar that nobody holds any longer is closed where its memory is taken back: anywhere, in a thread that is just
    showing another one, too. So nobody waits for whoever shows: who comes meanwhile leaves word.
    """

    def __init__(self) -> None:
        self.work: Work | None = None
        self._said: deque[Said] = deque()
        self._showing = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    def show(self, bar: Bar, error: BaseException | None) -> None:
        """A bar stands like this, closed perhaps by an exception."""
        self._said.append((bar, error))
        ended: list[tuple[Session, BaseException | None]] = []
        while self._said and self._showing.acquire(blocking=False):
            try:
                ended += self._show_all()
            finally:
                self._showing.release()
        for session, cause in ended:
            _end(session, cause)

    def _show_all(self) -> Iterator[tuple[Session, BaseException | None]]:
        while self._said:
            bar, error = self._said.popleft()
            if self.work is None and not bar.over:
                self.work = Work(bar)
            work = self.work
            if work is not None and work.show(bar):
                self.work = None
                yield work.session, error

    def attend(self) -> None:
        """Wait while paused; raise what is to be raised."""
        work = self.work
        if work is not None and work.session.stop.attention:
            work.session.stop.attend()

    def _forget(self) -> None:
        self.work, self._showing = None, threading.Lock()
        self._said.clear()


def _end(session: Session, error: BaseException | None) -> None:
    if error is None:
        session.succeed()
    elif isinstance(error, GeneratorExit):
        meter = session.attempt.figures.meter
        left.hold(session, outcome.left(meter.done, meter.total))
    else:
        session.end(outcome.raised(error, session.stop))


_current = Current()


class tqdm(every_tqdm):  # type: ignore[type-arg]  # noqa: N801  # its name
    """As `tqdm.auto.tqdm`, and reports to the hub at `BARCAST_URL` (with `BARCAST_TOKEN`), if there is one.

    Raises:
        Cancelled: from `update`, and so from the loop, when somebody cancels the job on the hub.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._told = PLACE not in os.environ
        self._error: BaseException | None = None
        self._before: BaseException | None = None
        self._looping = False
        if self._told:
            drawn_nowhere(options)
        super().__init__(*args, **options)
        self._tell()

    def __iter__(self) -> Iterator[Any]:
        """The items, counted."""
        self._looping, self._before = True, sys.exception()
        yield from super().__iter__()

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more; waits while the job is paused."""
        drawn: bool | None = super().update(n)
        if self._told and not self.disable:
            _current.attend()
        return drawn

    def refresh(self, *args: Any, **options: Any) -> Any:
        """Draw it, and tell how it stands."""
        self._tell()
        return super().refresh(*args, **options)

    def close(self) -> None:
        """It is over."""
        if self._looping and self._error is None and sys.exception() is not self._before:
            self._error = sys.exception()
        self._tell(over=True)
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the block; an exception is how it ended."""
        self._error = error
        super().__exit__(kind, error, trace)

    def _tell(self, over: bool = False) -> None:
        if getattr(self, "_told", False) and not getattr(self, "disable", True) and not sys.is_finalizing():
            _current.show(Bar(**tqdm_bar(self, over)), self._error)


def trange(*args: int, **options: Any) -> tqdm:
    """`tqdm(range(…))`."""
    return tqdm(range(*args), **options)
