"""Loops that are counted and can be stopped, without any Python of ours running for an item.

Measured beside `for item in items`: two C iterators more. `compress` advances a counter for every
item that is handed out, and the sampler reads that counter. Each step takes its turn from a list;
whoever wants the loop to come to a halt empties that list, so a cancel takes effect at the very
next step, with no item taken from the source and lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import chain, compress
from typing import Any, Protocol, TypeVar

from hub.view import Number
from workers.meter import Meter, fresh_counter, handed_out

T = TypeVar("T")
BLOCK = 1024  # steps between two turns of Python; a refill costs less than a nanosecond a step


class Stops(Protocol):
    """Who may want a loop to halt."""

    def watch(self, turns: list[Any]) -> None:
        """Empty `turns` when something is to be raised."""
        ...

    def unwatch(self, turns: list[Any]) -> None:
        """The loop is over."""
        ...

    def attend(self) -> None:
        """Raise what is to be raised, if anything."""
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
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    return chain.from_iterable(_blocks(iterable, meter, stops, total, unit))


def _blocks(
    iterable: Iterable[T], meter: Meter, stops: Stops, total: Number | None, unit: str | None
) -> Iterator[Iterator[T]]:
    source = iter(iterable)
    counter = fresh_counter()
    turns = [source] * BLOCK
    meter.begin(counter, total, unit)
    stops.watch(turns)
    try:
        while True:
            stops.attend()
            before = handed_out(counter)
            yield compress(map(next, turns), counter)
            if turns and handed_out(counter) - before < BLOCK:
                return
            turns[:] = [source] * BLOCK
    finally:
        stops.unwatch(turns)
        meter.end(counter)
