"""What a child process prints: a file of bounded size, so that a death can be told with its last words."""

from __future__ import annotations

import os
from pathlib import Path

KEPT_BYTES = 64 * 1024
MOST_BYTES = 1024 * 1024  # looked at every few seconds; what a child prints in between is not bounded
LINE_LENGTH = 500


def bound(descriptor: int) -> None:
    """Shorten an output file that grew too long to its last part.

    Args:
        descriptor: of a file opened for reading and appending; others are left alone.
    """
    try:
        size = os.fstat(descriptor).st_size
        if size <= MOST_BYTES:
            return
        kept = os.pread(descriptor, KEPT_BYTES, size - KEPT_BYTES)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, kept)
    except OSError:  # not a file: nothing that grows
        return


def last_line(path: Path) -> str:
    """The last line that says something; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - KEPT_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:LINE_LENGTH] for line in reversed(lines) if line.strip()), "")
