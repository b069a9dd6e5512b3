"""Bars of a script as phases of one job: the outermost is the phase, those inside it are told in the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from hub.view import SAFE, Name, Number
from workers.meter import Meter
from workers.texts import trimmed

PHASES = 90  # of the hundred that a job may have; later bars share the last one
OPEN = 200  # at once
INNER = 3  # told in the message
NAME_LENGTH = 200

Figure = Annotated[int, Meta(ge=0, le=SAFE)] | Annotated[float, Meta(ge=0, le=float(SAFE))]


class Bar(Struct, kw_only=True):
    """How a bar stands.

    Attributes:
        id: which, never used again.
        name: its description, may be empty.
        done, total, unit: as of a report.
        over: whether it is closed.
    """

    id: Name
    name: str = ""
    done: Figure | None = None
    total: Figure | None = None
    unit: Name | None = None
    over: bool = False


class Board(Protocol):
    """Where they are shown."""

    def phase(self, name: str, total: Number | None, unit: str | None) -> Meter:
        """Start a phase; the one before is done."""
        ...

    def message(self, text: str) -> None:
        """Say what is being done."""
        ...


class Bars:
    """All bars that are open, oldest first.

    Args:
        board: where they are shown.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._open: dict[str, Bar] = {}
        self._front: str | None = None
        self._named = ""
        self._meter: Meter | None = None
        self._phases = 0
        self._message = ""

    def show(self, bar: Bar) -> None:
        """A bar is as it is now."""
        if bar.id not in self._open and (bar.over or len(self._open) >= OPEN):
            return
        self._open[bar.id] = bar
        if self._front not in self._open:
            self._begin(next(iter(self._open.values())))
        if bar.id == self._front:
            self._count(bar)
        if bar.over:
            del self._open[bar.id]
        self._say()

    def gone(self, belongs: Callable[[str], bool]) -> None:
        """Whoever showed them has ended.

        Args:
            belongs: whether a bar was theirs, by its id.
        """
        self._open = {key: bar for key, bar in self._open.items() if not belongs(key)}

    def _begin(self, bar: Bar) -> None:
        self._front, self._named = bar.id, bar.name
        if self._phases < PHASES or self._meter is None:
            self._phases += 1
            name = bar.name or f"Bar {self._phases}"
            self._meter = self._board.phase(trimmed(name, NAME_LENGTH), bar.total, bar.unit)
        else:
            self._named = ""  # it has no phase of its own: the message names it
        self._count(bar)

    def _count(self, bar: Bar) -> None:
        assert self._meter is not None  # the front has one
        self._meter.total, self._meter.unit = bar.total, bar.unit
        if bar.done is not None:
            self._meter.done = bar.done

    def _say(self) -> None:
        front = self._open.get(self._front or "")
        told = [] if front is None or front.name in ("", self._named) else [front.name]
        told += [_words(bar) for bar in self._open.values() if bar.id != self._front][:INNER]
        message = " · ".join(told)
        if message != self._message:
            self._message = message
            self._board.message(message)


def _words(bar: Bar) -> str:
    done = 0 if bar.done is None else bar.done
    figure = f"{done:,}" if bar.total is None else f"{done:,} of {bar.total:,}"
    return f"{bar.name}: {figure}" if bar.name else figure
