"""How much is done, as plain numbers that another thread may read at any time."""

from __future__ import annotations

from itertools import repeat
from operator import length_hint

from hub.view import Number

ENDLESS = 2**62  # more items than any loop has


def fresh_counter() -> repeat[bool]:
    """A counter that nothing has passed yet."""
    return repeat(True, ENDLESS)


def handed_out(counter: repeat[bool]) -> int:
    """How many items have passed a counter; safe to ask while another thread iterates."""
    return ENDLESS - length_hint(counter)


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
        self._tracked: tuple[int, repeat[bool] | None] = (0, None)

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
        ended, counter = self._tracked
        return self.plain + ended + (handed_out(counter) if counter is not None else 0)

    @done.setter
    def done(self, done: Number) -> None:
        self.plain = done - (self.done - self.plain)

    def begin(self, counter: repeat[bool], expected: Number | None, unit: str | None) -> None:
        """Count what passes `counter`, unless another loop around this one is being counted already."""
        ended, running = self._tracked
        if running is not None:
            return
        if expected is not None and not self._given:
            self._total = self.done + expected
        self.unit = self.unit if unit is None else unit
        self._tracked = (ended, counter)

    def end(self, counter: repeat[bool]) -> None:
        """The loop over `counter` is over; what it handed out stays counted."""
        ended, running = self._tracked
        if running is counter:
            self._tracked = (ended + handed_out(counter), None)
