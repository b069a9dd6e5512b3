"""Tells the hub what a command prints and how far it is. Never waits and never fails."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

from hub.errors import BarcastError
from hub.protocol import Entry
from hub.view import Number
from workers.attempt import Attempt
from workers.bars import Bar, Bars
from workers.introduction import UNKNOWN
from workers.meter import Meter
from workers.patterns import Patterns
from workers.printed import Printed, Recent
from workers.programs import is_bar
from workers.reading import Reading
from workers.texts import trimmed

logger = logging.getLogger("barcast.worker")

LOOKED_AT = 500  # pieces of text a second in which progress is looked for: a hundredth of a core; the newest count
LOOK_S = 0.05  # from one look at what was printed to the next
WAITING_BYTES = 32 * 1024  # printed meanwhile that is looked at: of more than 640 kB/s the newest
QUIET_S = 0.2  # after which a line that nothing has ended counts as it stands
PHASES = 90  # of the hundred that a job may have
MESSAGE_LENGTH = 200


class AttemptBoard:
    """Shows bars as phases of an attempt.

    Args:
        attempt: whose.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def phase(self, name: str, total: Number | None, unit: str | None) -> Meter:
        """Start a phase; the one before is done."""
        try:
            return self._attempt.begin_phase(name, total, unit)
        except BarcastError as error:
            logger.debug("no phase %r: %s", name, error)
            return self._attempt.figures.meter

    def message(self, text: str) -> None:
        """Say what is being done."""
        self._attempt.figures.message = trimmed(text)


class Source:
    """One of the streams that a command prints to: what of it nobody has looked at yet, the newest 32 KiB.

    Attributes:
        printed: makes lines of it.
        looked_at: the unfinished line as it was when it was looked at last.
    """

    def __init__(self) -> None:
        self.printed = Printed()
        self.looked_at = ""
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._missing = 0
        self._cut = False

    def add(self, block: bytes) -> None:
        """Keep a block until somebody looks at it; what is too much is counted in lines, what is no text left out."""
        if b"\0" in block:  # an archive, say, on its way into a file
            self._cut = True
            return
        self._waiting.append(block)
        self._size += len(block)
        while self._size > WAITING_BYTES and len(self._waiting) > 1:
            self._drop(self._waiting.popleft())
        if self._size > WAITING_BYTES:
            block = self._waiting.pop()
            self._drop(block[:-WAITING_BYTES])
            self._waiting.append(block[-WAITING_BYTES:])

    def _drop(self, block: bytes) -> None:
        self._size -= len(block)
        self._missing += block.count(b"\n")
        self._cut = True

    def take(self) -> tuple[list[str], list[str], int]:
        """Pieces, lines, and how many lines are missing before them."""
        if self._cut:
            self.printed.forget()
        pieces, lines = self.printed.feed(b"".join(self._waiting))
        missing = self._missing + self.printed.left_out
        self._waiting.clear()
        self._size = self._missing = self.printed.left_out = 0
        self._cut = False
        return pieces, lines, missing


class Teller:
    """What a command prints, on its way to the hub.

    Args:
        attempt: what speaks for it.
        patterns: how its progress is read.
    """

    def __init__(self, attempt: Attempt, patterns: Patterns) -> None:
        self._attempt = attempt
        self._board = AttemptBoard(attempt)
        self._bars = Bars(self._board)
        self._patterns = patterns
        self._recent = Recent()
        self._sources: dict[int, Source] = {}
        self._phases: list[str] = []
        self._budget = float(LOOKED_AT)
        self._looked_at = 0.0
        self._look_at: float | None = None  # when, once there is something
        self._heard_at: float | None = None
        self.last_line = ""

    # ── What it prints ────────────────────────────────────────────────────────

    def printed(self, stream: int, block: bytes, now: float) -> None:
        """A block of output.

        Args:
            stream: where it was printed; lines of different streams do not mix.
            block: the bytes.
            now: seconds on a clock that does not go back.
        """
        self._sources.setdefault(stream, Source()).add(block)
        self._heard_at = now
        if self._look_at is None:
            self._look_at = max(now, self._looked_at + LOOK_S)

    def _look_at_all(self, now: float, *, bars: bool) -> None:
        self._look_at = None
        for source in self._sources.values():
            pieces, lines, missing = source.take()
            self._keep(lines, missing, bars=bars)
            if not bars:
                self._look(pieces, now)
        self._looked_at = now

    def _keep(self, lines: list[str], missing: int, *, bars: bool) -> None:
        if lines:
            self.last_line = lines[-1]
        if bars:  # their bars are known; drawn again and again they would drown the rest
            lines = [line for line in lines if not is_bar(line)]
        self._recent.add(lines, missing)
        if lines and not bars:
            self._board.message(trimmed(lines[-1], MESSAGE_LENGTH))

    def _look(self, pieces: list[str], now: float) -> None:
        self._budget = min(self._budget + (now - self._looked_at) * LOOKED_AT, LOOKED_AT)
        newest = pieces[-int(self._budget) :] if self._budget >= 1 else []
        self._budget -= len(newest)
        for piece in newest:
            if (reading := self._patterns.read(piece)) is not None:
                self._show(reading)

    def _show(self, reading: Reading) -> None:
        meter = self._attempt.figures.meter
        if reading.phase is not None and (not self._phases or self._phases[-1] != reading.phase):
            if reading.phase in self._phases or len(self._phases) >= PHASES:
                return
            self._phases.append(reading.phase)
            meter = self._board.phase(reading.phase, reading.total, reading.unit)
        meter.total, meter.unit, meter.done = reading.total, reading.unit, reading.done
        if reading.message is not None:
            self._board.message(trimmed(reading.message, MESSAGE_LENGTH))

    # ── What its bars say ─────────────────────────────────────────────────────

    def show(self, bar: Bar) -> None:
        """A bar of a script stands like this."""
        self._bars.show(bar)

    def gone(self, prefix: str) -> None:
        """The process whose bars have this prefix has ended."""
        self._bars.gone(lambda name: name.startswith(prefix))

    # ── When it is told ───────────────────────────────────────────────────────

    def wait_s(self, now: float) -> float | None:
        """Seconds until `turn` has something to do; None for nothing."""
        quiet_at = None if self._heard_at is None else self._heard_at + QUIET_S
        waits = [max(at - now, 0.0) for at in (quiet_at, self._look_at) if at is not None]
        log_s = self._recent.wait_s(now)
        return min(waits if log_s is None else [*waits, log_s], default=None)

    def turn(self, now: float, *, bars: bool) -> None:
        """Tell what is due.

        Args:
            now: seconds on a clock that does not go back.
            bars: whether its bars are told otherwise, so that they need not be read from what is printed.
        """
        if self._look_at is not None and now >= self._look_at:
            self._look_at_all(now, bars=bars)
        if self._heard_at is not None and now - self._heard_at >= QUIET_S:
            self._heard_at = None
            self._look_at_rest(now, bars=bars)
        self._log(self._recent.take(now))

    def _look_at_rest(self, now: float, *, bars: bool) -> None:
        for source in self._sources.values():
            rest = source.printed.rest
            if rest and rest != source.looked_at and not bars:
                self._look([rest], now)
            source.looked_at = rest

    def finish(self, now: float, *, bars: bool) -> None:
        """Nothing more is printed."""
        self._look_at_all(now, bars=bars)
        self._look_at_rest(now, bars=bars)
        self._keep([rest for source in self._sources.values() if (rest := source.printed.rest)], 0, bars=bars)
        self._log(self._recent.take(float("inf")))

    def _log(self, lines: Iterable[str]) -> None:
        for line in lines:
            try:
                self._attempt.say(
                    Entry(job=UNKNOWN, attempt=1, n=1, level="info", text=trimmed(line), data={"from": "output"})
                )
            except BarcastError as error:
                logger.debug("not told: %s", error)
                return
