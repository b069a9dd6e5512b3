"""What a program prints, as lines: the control codes of terminals taken out, in any amount, bounded. Pure."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterable
from itertools import islice

LINE_LENGTH = 1_000  # characters; of a longer line the end is kept
REST_LENGTH = 4 * LINE_LENGTH  # control codes included
MOST_PIECES = 200  # of one block of output; the newest are kept
LINES_AT_ONCE = 25
INTERVAL_S = 0.5

# What begins a line anew: carriage return, line feed, backspaces, and moves of the cursor to another line (ECMA-48:
# CUU, CUD, CNL, CPL, CUP, HVP, ED; xterm's save and restore). Programs with several bars go from one to the other by
# these.
BREAK = re.compile(r"(\n|\r|\x08+|\x1b(?:\[[0-9;]{0,8}[ABEFHJf]|[78]))")
# Control sequences, operating system commands (titles, links) and two-character escapes.
CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Text without control codes and without blanks at its end; of a long one the last 1,000 characters."""
    if "\x1b" in text:
        text = CODES.sub("", text)
    return CONTROLS.sub("", text).rstrip()[-LINE_LENGTH:]


class Printed:
    """Makes lines of blocks of output, wherever those are cut.

    Attributes:
        left_out: how many pieces were not looked at because too many came at once.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._shown = ""

    def feed(self, block: bytes) -> tuple[list[str], list[str]]:
        """Take the next block.

        Args:
            block: some bytes; UTF-8, what is none is replaced.

        Returns:
            all pieces of text that the terminal showed for a moment, and the lines that are whole now: of each,
            what was shown last. Blank ones are left out.
        """
        parts = BREAK.split(self._rest + self._decoder.decode(block))
        self._rest = parts[-1][-REST_LENGTH:]
        surplus = max(len(parts) // 2 - MOST_PIECES, 0)
        self.left_out += surplus
        pieces: list[str] = []
        lines: list[str] = []
        for text, end in zip(
            islice(parts, 2 * surplus, None, 2), islice(parts, 2 * surplus + 1, None, 2), strict=False
        ):
            self._take(text, end, pieces, lines)
        return pieces, lines

    def forget(self) -> None:
        """Some output is missing here: what was begun before it is not completed by what comes."""
        self._decoder.reset()
        self._rest = self._shown = ""

    def _take(self, text: str, end: str, pieces: list[str], lines: list[str]) -> None:
        if shown := plain(text):
            pieces.append(shown)
            self._shown = shown
        if end == "\n":
            if self._shown:
                lines.append(self._shown)
            self._shown = ""

    @property
    def rest(self) -> str:
        """What stands on the line that is not whole yet."""
        return plain(self._rest) or self._shown


class Recent:
    """At most 25 lines per half second; where there are more, the newest, after a word on how many are missing.

    Args:
        most: lines at once.
        interval_s: seconds from one handing over to the next.
    """

    def __init__(self, most: int = LINES_AT_ONCE, interval_s: float = INTERVAL_S) -> None:
        self._kept: deque[str] = deque(maxlen=most)
        self._interval_s = interval_s
        self._left_out = 0
        self._due_at = float("-inf")

    def add(self, lines: Iterable[str], left_out: int = 0) -> None:
        """Keep lines until they are due.

        Args:
            lines: oldest first.
            left_out: how many more there were before them, that nobody looked at.
        """
        self._left_out += left_out
        for line in lines:
            self._left_out += len(self._kept) == self._kept.maxlen
            self._kept.append(line)

    def wait_s(self, now: float) -> float | None:
        """Seconds until some are due; None where there are none."""
        return max(self._due_at - now, 0.0) if self._kept or self._left_out else None

    def take(self, now: float) -> list[str]:
        """Those that are due, which are kept no longer.

        Args:
            now: seconds on a clock that does not go back; infinite for all that there is.
        """
        if now < self._due_at or not (self._kept or self._left_out):
            return []
        missing = [f"… {self._left_out:,} lines left out"] if self._left_out else []
        lines = [*missing, *self._kept]
        self._kept.clear()
        self._left_out = 0
        self._due_at = now + self._interval_s
        return lines
