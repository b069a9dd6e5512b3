"""How much is done, as plain numbers that another thread may read at any time."""

from __future__ import annotations

from typing import Protocol

from hub.view import Number


class Counted(Protocol):
    """A loop that knows how far it is."""

    def handed_out(self) -> int:
        """How many items have been handed out; safe to ask while another thread iterates."""
        ...


class Meter:
    """Done and total of one phase (of the whole job, where it has no phases).

    Args:
        total: work of it, None when unknown.
        unit: what is counted.
        done: work done before.

    Attributes:
        plain: what `advance` added; the hot call changes this and nothing else.
        total: as above; `track` fills it in as long as nobody gave one.
    """

    __slots__ = ("_given", "_total", "_tracked", "plain", "unit")

    def __init__(self, total: Number | None = None, unit: str | None = None, done: Number = 0) -> None:
        self.plain: Number = done
        self.unit = unit
        self._total = total
        self._given = total is not None
        # One tuple, replaced as a whole: whoever reads it from another thread counts nothing twice.
        self._tracked: tuple[int, Counted | None] = (0, None)

    @property
    def total(self) -> Number | None:
        return self._total

    @total.setter
    def total(self, total: Number | None) -> None:
        self._total = total
        self._given = total is not None

    @property
    def done(self) -> Number:
        """What was advanced and handed out so far."""
        ended, running = self._tracked
        return self.plain + ended + (running.handed_out() if running is not None else 0)

    @done.setter
    def done(self, done: Number) -> None:
        self.plain = done - (self.done - self.plain)

    def begin(self, loop: Counted, expected: Number | None, unit: str | None) -> None:
        """Count what `loop` hands out, unless another loop around it is being counted already."""
        ended, running = self._tracked
        if running is not None:
            return
        if expected is not None and not self._given:
            self._total = self.done + expected
        self.unit = self.unit if unit is None else unit
        self._tracked = (ended, loop)

    def end(self, loop: Counted) -> None:
        """That loop is over; what it handed out stays counted."""
        ended, running = self._tracked
        if running is loop:
            self._tracked = (ended + loop.handed_out(), None)
