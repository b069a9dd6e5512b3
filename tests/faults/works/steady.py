"""Jobs in processes of their own, for hubs that are mistreated meanwhile."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path

from workers import Job, job


@job("steady")
def steady(job: Job, gate: Path) -> int:
    """Count until the gate is open; say each tenth number, and at the end which process it was."""
    for number in count(1):
        job.advance()
        if number % 10 == 0:
            job.log(f"line {number // 10}")
        if gate.exists():
            return os.getpid()
        time.sleep(0.2)
    raise AssertionError("counting has no end")
