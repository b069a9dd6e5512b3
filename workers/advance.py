"""The call that is made most often: `job.advance()`."""

from __future__ import annotations

from typing import Protocol

from hub.view import Number
from workers.figures import Figures


class Advance(Protocol):
    """What `job.advance` is."""

    def __call__(self, n: Number = 1) -> None:
        """Add `n` to what is done, in the current phase where there is one. Costs an addition.

        Raises:
            Cancelled: once, after a cancel.
        """
        ...


class Attentive(Protocol):
    """Who knows whether there is something to attend to."""

    attention: bool

    def attend(self) -> None:
        """Wait, or raise what is to be raised, if anything."""
        ...


def advancing(figures: Figures, stop: Attentive) -> Advance:
    """The call for one job.

    A function of its own rather than a method: where `job` is the name of an import too, as the decorator's is,
    CPython looks a method up anew for every call (`compile.c`, `is_import_originated`), which costs more than
    the call.
    """

    def advance(n: Number = 1) -> None:
        figures.meter.plain += n
        if stop.attention:
            stop.attend()

    return advance
