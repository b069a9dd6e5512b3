"""A phase while it runs: what `with job.phase(...) as phase` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from hub.view import Number
from workers.meter import Meter
from workers.stopping import Stop
from workers.texts import checked_number, number_or_none
from workers.tracking import tracked

T = TypeVar("T")


class RunningPhase:
    """A named step of a job; it lasts until the next one starts or the job ends.

    Args:
        stop: asked at every report.
        meter: what it counts into.
        name: what it is called.
    """

    def __init__(self, stop: Stop, meter: Meter, name: str) -> None:
        self.name = name
        self._stop = stop
        self._meter = meter

    def __enter__(self) -> RunningPhase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The block is left; the phase counts as done when the next starts or the job ends."""

    def advance(self, n: Number = 1) -> None:
        """Add `n` to done. Costs an addition; sending is somebody else's work.

        Raises:
            Cancelled: once, after a cancel.
        """
        self._meter.plain += n
        if self._stop.attention:
            self._stop.attend()

    def track(self, iterable: Iterable[T], total: Number | None = None, unit: str | None = None) -> Iterator[T]:
        """Iterate and count what is handed out; see :meth:`workers.Job.track`."""
        return tracked(iterable, self._meter, self._stop, number_or_none(total, "total"), unit)

    @property
    def done(self) -> Number:
        """Work done so far; may be assigned (where a checkpoint says how far the last attempt came)."""
        return self._meter.done

    @done.setter
    def done(self, done: Number) -> None:
        self._meter.done = checked_number(done, "done")
        self._stop.attend()

    @property
    def total(self) -> Number | None:
        """Work in all, None while unknown; may be assigned at any time."""
        return self._meter.total

    @total.setter
    def total(self, total: Number | None) -> None:
        self._meter.total = number_or_none(total, "total")
        self._stop.attend()

    @property
    def unit(self) -> str | None:
        """What is counted; may be assigned."""
        return self._meter.unit

    @unit.setter
    def unit(self, unit: str | None) -> None:
        self._meter.unit = unit
        self._stop.attend()
