"""The moving numbers of an attempt, and which of them the hub has been told."""

from __future__ import annotations

from typing import Any

from hub.view import Number
from workers.meter import Meter
from workers.texts import checked_number, number_or_none


class Figures:
    """Read by the sampler while the job function changes them.

    Args:
        meter: counts the work, until a phase brings its own.
        worker: who does the work (`host/pid`), told once on every connection.
    """

    __slots__ = ("_told", "_worker", "counters", "message", "meter")  # the hot call looks here

    def __init__(self, meter: Meter, worker: str | None) -> None:
        self.meter = meter
        self.counters: dict[str, Number] = {}
        self.message: str | None = None
        self._worker = worker
        self._told: dict[str, Any] = {}

    def news(self) -> dict[str, Any]:
        """The fields of a report that changed since they were last told; they count as told from here on.

        Raises:
            Invalid: one is negative, not finite or no number; names it.
        """
        fields = {name: value for name, value in self._all().items() if self._told.get(name) != value}
        self._told |= fields
        return fields

    def begin_phase(self, meter: Meter) -> None:
        """A phase starts; the hub knows its total and unit from the message that says so."""
        self.meter = meter
        self._told |= {"done": 0, "total": meter.total, "unit": meter.unit}

    def forget_told(self) -> None:
        """A new connection: tell everything again."""
        self._told = {}

    def _all(self) -> dict[str, Any]:
        done, total = checked_number(self.meter.done, "done"), number_or_none(self.meter.total, "total")
        counters = {name: checked_number(value, f"counters.{name}") for name, value in self.counters.copy().items()}
        untouched = not done and total is None and "done" not in self._told
        return {
            "done": None if untouched else done,
            "total": total,
            "unit": self.meter.unit,
            "counters": counters or None,
            "message": self.message,
            "worker": self._worker,
        }
