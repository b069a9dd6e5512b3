"""How far a program is, as numbers, and what the texts that programs write numbers in mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from hub.view import SAFE, Number

PERCENT = "%"
BYTES = "bytes"


class Reading(Struct, frozen=True, kw_only=True):
    """How far it is.

    Attributes:
        done, total, unit: as of a report.
        phase: the step that they belong to, where the program names one.
        message: what else it says of itself.
    """

    done: Number
    total: Number | None = None
    unit: str | None = None
    phase: str | None = None
    message: str | None = None


Read = Callable[[str], Reading | None]
SIZE = r"[\d.,]{1,20}[kKMGTP]?"
NUMBER = re.compile(r"^\s*(\d[\d.,_' ]{0,30}?)\s*([kKMGTPE]?)(i?)(?:[Bb]|bytes|[Bb]ytes)?\s*$")
STEPS = "kMGTPE"


def number(text: str, step: int = 1000) -> Number | None:
    """The number that a text like `1,234`, `12.3M` or `45.6 MiB` means; None for none, or one beyond 2^53 - 1.

    Args:
        text: digits, a point or commas, perhaps with a prefix (k, M, G, T, P, E) and `B`.
        step: what `k` stands for; 1024 for programs that count so. `Ki` is 1024 anyhow.
    """
    match = NUMBER.match(text)
    if match is None:
        return None
    digits, prefix, binary = match.groups()
    try:
        value = float(re.sub(r"[,_' ]", "", digits))
    except ValueError:
        return None
    if prefix:
        value *= (1024 if binary else step) ** (STEPS.index("k" if prefix == "K" else prefix) + 1)
    if value > SAFE:
        return None
    return int(value) if prefix or value == int(value) else round(value, 2)


def percentage(text: str) -> Reading | None:
    """Percent, as done of 100; None for more than that."""
    value = float(text)
    return pair(int(value) if value == int(value) else value, 100, PERCENT)


def pair(done: Number | None, total: Number | None, unit: str | None = None, **more: str | None) -> Reading | None:
    """Both numbers, where they make sense together."""
    if done is None or (total is not None and done > total):
        return None
    return Reading(done=done, total=total or None, unit=unit, **more)
