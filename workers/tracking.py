"""Loops that are counted and can be halted, without any Python of ours running for an item.

- A list, a tuple, a range: its own iterator is handed to the loop and knows how far it is. To halt the loop,
  that iterator is moved to its end; the loop goes on with another one, from the place where the first was.
- Anything else cannot be put back, so nothing is taken from it before it is its turn. `compress` advances a
  counter for every item that is handed out, and each step takes its turn from a list; emptying that list halts
  the loop at the very next step. Where items follow one another faster than that is worth (a microsecond), they
  are handed out in blocks of as many as took 50 µs just before, 1,024 at most: a loop that turns slow within
  such a block can be halted only at its end, and after it at every step again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain, compress, islice, repeat
from operator import call, length_hint
from typing import Any, Generic, Protocol, TypeVar

from hub.view import Number
from workers.meter import Meter
from workers.stopping import Turns

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)
BLOCK = 1024  # steps between two turns of Python, at most; one costs less than a nanosecond a step then
BLOCK_S = 50e-6  # of work in a block that cannot be halted
WORTH = 64  # items a block that cannot be halted has at least; with fewer, turns cost no more
ENDLESS = 2**62  # more items than any loop has


class Stops(Protocol):
    """Who may want a loop to halt."""

    def watch(self, turns: Turns) -> None:
        """Empty `turns` when there is something to attend to."""
        ...

    def unwatch(self, turns: Turns) -> None:
        """The loop is over."""
        ...

    def attend(self) -> None:
        """Wait, or raise what is to be raised, if anything."""
        ...


class Way(Turns, Protocol[Item]):
    """How a loop goes through what it is given."""

    def handed_out(self) -> int:
        """How many items, the one in hand included; safe to ask while another thread iterates."""
        ...

    def block(self) -> Iterator[Item]:
        """The next items, up to where Python gets a turn."""
        ...

    def over(self) -> bool:
        """Whether the block before was the last; otherwise everything is ready for another."""
        ...


def tracked(
    iterable: Iterable[T], meter: Meter, stops: Stops, total: Number | None = None, unit: str | None = None
) -> Iterator[T]:
    """Iterate, counting what is handed out into `meter`, halting where `stops` wants it.

    Args:
        iterable: what to iterate.
        meter: where to count; a loop inside a loop on the same meter is not counted.
        stops: asked between steps.
        total: how many there are; None for `len(iterable)` where it has one.
        unit: what is counted.
    """
    return chain.from_iterable(blocks(iterable, meter, stops, total, unit))


def blocks(
    iterable: Iterable[T], meter: Meter, stops: Stops, total: Number | None = None, unit: str | None = None
) -> Iterator[Iterator[T]]:
    """What `tracked` goes through, for whoever has a generator around it already."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    way: Way[T] = Row(iterable) if type(iterable) in (list, tuple, range) else Stream(iter(iterable))
    meter.begin(way, total, unit)
    stops.watch(way)
    try:
        while True:
            stops.attend()
            yield way.block()
            if way.over():
                return
    finally:
        stops.unwatch(way)
        meter.end(way)


class Row(Generic[T]):
    """Goes through a list, a tuple or a range.

    Args:
        items: one of these three, and no subclass, which may iterate as it likes.
    """

    def __init__(self, items: Any) -> None:
        self._items: Sequence[T] = items
        self._leg: Leg[T] = Leg(items, 0)

    def handed_out(self) -> int:
        return self._leg.place()

    def clear(self) -> None:
        self._leg.halt()

    def block(self) -> Iterator[T]:
        return self._leg.source

    def over(self) -> bool:
        if not self._leg.halted:
            return True
        self._leg = Leg(self._items, self._leg.place())
        return False


class Leg(Generic[T]):
    """From a place of a list, a tuple or a range to its end, or to where it is halted.

    Whatever belongs together is asked and done by `map` in one step of C, between which the loop, in another
    thread, takes no item.

    Args:
        items: see :class:`Row`.
        place: how many items lie before.

    Attributes:
        source: the iterator.
        halted: length and what was left when it was halted.
    """

    def __init__(self, items: Sequence[T], place: int) -> None:
        source: Any = iter(items)
        source.__setstate__(place)
        self.source: Iterator[T] = source
        self.halted: list[int] = []
        self._look = (items.__len__, source.__length_hint__)
        # Over its end, too: an iterator that only stands there would go on in a list that grows.
        self._leave = (partial(source.__setstate__, sys.maxsize), partial(next, source, 0))

    def place(self) -> int:
        """How many items lie before it, those of earlier legs included."""
        found = list(map(call, self._look))
        length, left = self.halted[:2] or found  # looked at last: it is right from the moment it is there
        return length - left

    def halt(self) -> None:
        """Let it have no further item."""
        self.halted.extend(map(call, (*self._look, *self._leave)))


class Stream(Generic[T]):
    """Goes through anything else.

    Args:
        source: an iterator.
    """

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self._counter = repeat(True, ENDLESS)
        self._turns = [source] * BLOCK
        self._at_once = 0  # size of a block that cannot be halted; 0 for one that can

    def handed_out(self) -> int:
        return ENDLESS - length_hint(self._counter)

    def clear(self) -> None:
        self._turns.clear()

    def block(self) -> Iterator[T]:
        self._before, self._began_s = self.handed_out(), time.perf_counter()
        steps = islice(self._source, self._at_once) if self._at_once else map(next, self._turns)
        return compress(steps, self._counter)

    def over(self) -> bool:
        steps = self.handed_out() - self._before
        halted = not (self._at_once or self._turns)
        if steps < (self._at_once or BLOCK) and not halted:
            return True
        fitting = int(BLOCK_S * steps / max(time.perf_counter() - self._began_s, 1e-9))
        self._at_once = min(fitting, BLOCK) if fitting >= WORTH else 0
        if not self._at_once:
            self._turns[:] = [self._source] * BLOCK
        return False
