"""What a child process prints, told as lines of its job's story while it runs."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from typing import Any

from hub.errors import BarcastError
from hub.protocol import Entry
from hub.view import Level
from workers import output
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.printed import INTERVAL_S, LINES_AT_ONCE, Printed, Recent, plain
from workers.texts import trimmed

BLOCK_BYTES = 256 * 1024
SKIPPED_BYTES = 1024 * 1024  # of what was printed at once, all but the last 256 KiB counts as lines and no more
EXPECTED = 1_000  # lines that records made and that were not read yet


def tell(attempt: Attempt, text: str, level: Level, data: dict[str, Any]) -> None:
    """One line of the story that the function did not ask for: no reason to stop it, or to fail."""
    try:
        attempt.say(Entry(job=UNKNOWN, attempt=1, n=1, level=level, text=trimmed(text), data=data))
    except BarcastError:  # nobody made a mistake here that could be told
        return


class Tail:
    """Reads the file that a child prints to, as it grows, and keeps it short.

    Args:
        attempt: whose story it is.
        descriptor: of the file, opened for reading; where it is no file, nothing is told.
    """

    def __init__(self, attempt: Attempt, descriptor: int) -> None:
        self._attempt = attempt
        self._descriptor = descriptor
        self._printed = Printed()
        self._recent = Recent(LINES_AT_ONCE, 0.0)
        self._expected: Counter[str] = Counter()
        self._offset = output.size(descriptor)
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="barcast-output", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Tell what is left, a line that nothing has ended too, and read no more."""
        self._left.set()
        self._thread.join()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(
                AttributeError, OSError, ValueError
            ):  # the function may have closed or replaced it
                stream.flush()
        self.turn()
        self._tell([self._printed.rest] if self._printed.rest else [], 0)

    def expect(self, text: str) -> None:
        """These lines are told already: what is printed of them is passed over, once."""
        with self._lock:
            if self._expected.total() < EXPECTED:
                self._expected.update(line for line in map(plain, text.split("\n")) if line)

    def turn(self) -> None:
        """Read what came, and tell it."""
        skipped = 0
        while (end := output.size(self._descriptor)) - self._offset > SKIPPED_BYTES:
            skipped += self._block().count(b"\n")
        lines: list[str] = []
        while self._offset < end and (block := self._block()):
            lines += self._printed.feed(block)[1]
        self._offset -= output.bound(self._descriptor)
        self._tell(lines, skipped)

    def _run(self) -> None:
        while not self._left.wait(INTERVAL_S):
            self.turn()

    def _block(self) -> bytes:
        block = os.pread(self._descriptor, BLOCK_BYTES, self._offset)
        self._offset += len(block)
        return block

    def _tell(self, lines: list[str], skipped: int) -> None:
        left_out, self._printed.left_out = self._printed.left_out, 0
        self._recent.add((line for line in lines if not self._is_expected(line)), skipped + left_out)
        if not self._attempt.roomy:  # the newest are kept for when there is room again
            return
        for line in self._recent.take(time.monotonic()):
            tell(self._attempt, line, "info", {"from": "output"})

    def _is_expected(self, line: str) -> bool:
        with self._lock:
            if not self._expected[line]:
                del self._expected[line]
                return False
            self._expected[line] -= 1
            return True
