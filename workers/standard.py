"""Our own standard streams: there, even where whoever started us had closed them."""

from __future__ import annotations

import contextlib
import os

STDIN, STDOUT, STDERR = 0, 1, 2


def hold(*, stdin: int, others: int) -> None:
    """Have the null device stand for each that is closed: else the next file opened, such as the hub's socket, would.

    Args:
        stdin: how it is opened (`os.O_RDWR`: reads the end at once; `os.O_WRONLY`: cannot be read, as if closed).
        others: how stdout and stderr are (`os.O_RDWR`: swallow all; `os.O_RDONLY`: cannot be written, as if closed).
    """
    for descriptor, mode in ((STDIN, stdin), (STDOUT, others), (STDERR, others)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, mode)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)


def complain(text: str) -> None:
    """A word on stderr; nothing where that is closed, or nobody reads it."""
    with contextlib.suppress(OSError):
        os.write(STDERR, f"barcast: {text}\n".encode(errors="surrogateescape"))
