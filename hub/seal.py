"""Whether anybody but the hub touched the database's files: a commit into one that is gone, or beside garbage, is none.

SQLite goes on for a long time with a file that was removed, replaced, cut short or overwritten under it: it has pages
in memory and files open. What would be acknowledged meanwhile is lost with the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hub.errors import Damaged, Replaced
from hub.file import CHECKED_BYTES, looking


class Mark(NamedTuple):
    """Which file it is, and when it was last written to. Nothing is opened: to close it would end SQLite's locks."""

    device: int
    inode: int
    size: int
    written_ns: int

    @property
    def file(self) -> tuple[int, int]:
        """Which file it is, whatever is in it."""
        return self.device, self.inode


class Seal:
    """How the database and its write-ahead log were after the hub's own last commit.

    Args:
        path: the database, open by now.
        busy_s: seconds of patience with another process's lock.
    """

    def __init__(self, path: Path, busy_s: float) -> None:
        found = path.resolve()
        self._paths = (found, found.with_name(f"{found.name}-wal"))
        self._busy_s = busy_s
        self._marks = self._look()
        self._sentence: tuple[tuple[Mark | None, ...], str] | None = None

    def broken(self) -> bool:
        """Whether another program wrote to the files since the last commit.

        Raises:
            Replaced: they are other files by now, or none.
            OSError: they cannot be looked at.
        """
        return self._same() != self._marks

    def renew(self) -> None:
        """What is there now was written by the hub, or is sound.

        Raises:
            Replaced: it is not in the files that are open.
            OSError: they cannot be looked at.
        """
        self._marks = self._same()

    def examine(self) -> None:
        """Read through what another program wrote to, past all that SQLite remembers; not a large file, as at a start.

        Raises:
            Damaged: it is not sound.
            OSError, sqlite3.Error: it cannot be read.
        """
        marks = self._look()
        if self._sentence is None or self._sentence[0] != marks:  # the same garbage is not read again at each try
            self._sentence = (marks, self._verdict(marks))
        if self._sentence[1]:
            raise Damaged(f"{self._paths[0]}: another program wrote to it: {self._sentence[1]}")

    def _verdict(self, marks: tuple[Mark | None, ...]) -> str:
        if marks[0] is not None and marks[0].size > CHECKED_BYTES:
            return ""
        with looking(self._paths[0], self._busy_s) as connection:
            [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        return "" if verdict == "ok" else " ".join(str(verdict).split())

    def _same(self) -> tuple[Mark | None, ...]:
        marks = self._look()
        for path, before, now in zip(self._paths, self._marks, marks, strict=True):
            if before is not None and (now is None or now.file != before.file):
                came = "no such file" if now is None else "another"
                raise Replaced(f"{path}: expected the file that the hub has open, got {came}")
        return marks

    def _look(self) -> tuple[Mark | None, ...]:
        return tuple(map(mark, self._paths))


def mark(path: Path) -> Mark | None:
    """How a file is now; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Mark(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
