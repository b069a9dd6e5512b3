"""Which faults come when: made from a seed alone, whatever becomes of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

KINDS = (
    "kill hub",
    "restart hub",
    "stop hub",
    "kill child",
    "kill worker",
    "cut viewers",
    "stop viewers",
    "cancel",
    "repeat",
    "lock database",
)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: one of :data:`KINDS`.
        after_s: seconds of peace before it.
        choice: whom it meets, among those that are there then: 0 to 1.
        for_s: how long it lasts, where it does.
    """

    kind: str
    after_s: float
    choice: float
    for_s: float

    def __str__(self) -> str:
        return f"{self.kind} ({self.choice:.3f}, {self.for_s:.2f} s)"


def faults(seed: int, kinds: Sequence[str] = KINDS) -> Iterator[Fault]:
    """All faults of a seed, for ever; every kind once in each round, in an order of the round's own."""
    chance = Random(seed)
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            yield Fault(kind, chance.uniform(0.05, 0.6), chance.random(), chance.uniform(0.5, 4.0))
