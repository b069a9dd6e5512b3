"""Jobs in processes of their own, for hubs that are mistreated meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
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


@job("timed", timeout_s=120)
def timed(job: Job, gate: Path) -> int:
    """The same, with a limit that it does not reach."""
    return steady(job, gate)


@job("gripping")
def gripping(job: Job, gate: Path) -> int:
    """Let no other thread of this process run for a while, as a C extension does that forgets to."""
    job.advance(2)
    job.log("gripping")
    ctypes.PyDLL(None).sleep(2)
    job.advance()
    return os.getpid()


@job("failing", retries=1, backoff_s=5)
def failing(job: Job) -> None:
    """Fail twice."""
    raise ValueError("no such shop")


@job("immortal")
def immortal(job: Job) -> None:
    """Hear of nothing, and ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    job.log("Deaf")
    while True:
        signal.pause()


@job("brief", retries=1, backoff_s=0.2)
def brief(job: Job, steps: int, fails: bool) -> int:
    """Count and tell of it; perhaps fail at the end, the first time."""
    for number in job.track(range(steps)):
        job.log(f"line {number}")
        time.sleep(0.05)
    if fails and job.checkpoint_data is None:
        job.checkpoint("failed once")
        raise ValueError("no such shop")
    return steps


@job("marking")
def marking(job: Job, mark: Path) -> None:
    """Leave a mark, as a sign that it was called."""
    mark.touch()
