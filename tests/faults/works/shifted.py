"""`barcast serve`, under a system's clock that a test sets: a file holds by how many seconds it is off.

It stands in for `settimeofday(2)`, which would move the clock of everything on this machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

FILE = Path(os.environ["SHIFTED_BY"])
N = TypeVar("N", int, float)


def shifted(real: Callable[[], N], per_s: int) -> Callable[[], N]:
    """A clock that is off by what the file says at that moment."""
    return lambda: real() + type(real())(float(FILE.read_text()) * per_s)


if __name__ == "__main__":
    time.time, time.time_ns = shifted(time.time, 1), shifted(time.time_ns, 1_000_000_000)
    from hub.cli import main

    main()
