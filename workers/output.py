"""What a child process prints: a file of bounded size, so that a death can be told with its last words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

KEPT_BYTES = 64 * 1024
MOST_BYTES = 1024 * 1024  # looked at every few seconds; what a child prints in between is not bounded
LINE_LENGTH = 500


def bound(descriptor: int) -> int:
    """Shorten an output file that grew too long to its last part.

    Args:
        descriptor: of a file opened for reading and appending; others are left alone.

    Returns:
        how many bytes at its beginning are gone.
    """
    try:
        end = size(descriptor)
        if end <= MOST_BYTES:
            return 0
        kept = os.pread(descriptor, KEPT_BYTES, end - KEPT_BYTES)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, kept)
    except OSError:
        return 0
    return end - KEPT_BYTES


def size(descriptor: int) -> int:
    """Length of a file in bytes; 0 for what is no file, and does not grow."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def last_line(path: Path) -> str:
    """The last line that says something; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - KEPT_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:LINE_LENGTH] for line in reversed(lines) if line.strip()), "")
