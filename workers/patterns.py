"""How far any program is, read from what it prints. Pure; one line at a time, without its control codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hub.errors import Invalid
from workers.programs import APT_LISTS, programs
from workers.reading import PERCENT, Read, Reading, number, pair, percentage

LENGTH = 1_000  # characters of a line that are looked at, its last
OWN_LENGTH = 500  # characters of a pattern of one's own
UNIT_LENGTH = 40
ROUNDED = 1.5  # percent by which a rounded percentage may differ from its fraction

# ── Any program ───────────────────────────────────────────────────────────────

ANY_PERCENT = re.compile(r"(?<![\w.,-])(\d{1,3}(?:\.\d{1,6})?) ?%(?!\w)")
ANY_PAIR = re.compile(r"(?:^|[\s(\[])(\d{1,12})(?: ?/ ?| of )(\d{1,12})(?=$|[\s)\],:;]|\.(?:\s|$))")


def _anything(line: str) -> Reading | None:
    """`NN%` or `n/m`; where both stand in a line and mean the same, `n/m`, which says more."""
    percent, counted = ANY_PERCENT.search(line), _counted(line)
    if percent is None:
        return counted
    if counted is None or counted.total is None:
        return percentage(percent[1])
    same = abs(100 * counted.done / counted.total - float(percent[1])) <= ROUNDED
    return counted if same else percentage(percent[1])


def _counted(line: str) -> Reading | None:
    match = ANY_PAIR.search(line)
    return None if match is None or int(match[2]) < 2 else pair(int(match[1]), int(match[2]))


# ── One's own ─────────────────────────────────────────────────────────────────


def own(pattern: str) -> Read:
    """A reader made of a regular expression with some of the groups `percent`, `done`, `total` and `unit`.

    Raises:
        Invalid: it is no expression, too long, or has neither `percent` nor `done`.
    """
    if len(pattern) > OWN_LENGTH:
        raise Invalid(f"expected at most {OWN_LENGTH} characters, got {len(pattern)}", "pattern")
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid(f"expected a regular expression, got {pattern!r}: {error}", "pattern") from None
    if not {"percent", "done"} & set(compiled.groupindex):
        raise Invalid(f"expected a group (?P<percent>…) or (?P<done>…) in {pattern!r}", "pattern")

    def read(line: str) -> Reading | None:
        match = compiled.search(line)
        return match and _of_groups(match.groupdict())

    return read


def _of_groups(groups: dict[str, str | None]) -> Reading | None:
    found = {name: text for name, text in groups.items() if text is not None}
    unit = found.get("unit", "").strip()[:UNIT_LENGTH] or None
    if "done" in found:
        total = number(found["total"]) if "total" in found else None
        return pair(number(found["done"]), total, unit)
    percent = number(found.get("percent", "").rstrip(" %"))
    return None if percent is None else pair(percent, 100, PERCENT)


# ── All of them ───────────────────────────────────────────────────────────────


class Patterns:
    """Reads one program's output.

    Args:
        own_patterns: regular expressions of one's own; where there are some, nothing else is looked for.

    Raises:
        Invalid: see :func:`own`.

    Once a program is known by its way of printing, a bare `NN%` or `n/m` somewhere else counts no longer.
    """

    def __init__(self, own_patterns: Sequence[str] = ()) -> None:
        self._own = [own(pattern) for pattern in own_patterns]
        self._programs = programs()
        self._known = False

    def read(self, line: str) -> Reading | None:
        """What a line says of how far the program is; None for nothing."""
        line = line[-LENGTH:]
        if self._own:
            return _first(self._own, line)
        if APT_LISTS.match(line):
            return None
        if reading := _first(self._programs, line):
            self._known = True
            return reading
        return None if self._known else _anything(line)


def _first(readers: Sequence[Read], line: str) -> Reading | None:
    return next((reading for read in readers if (reading := read(line)) is not None), None)
