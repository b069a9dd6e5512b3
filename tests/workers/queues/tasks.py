"""What the tasks of all three libraries do; each library's module only wraps these."""

from __future__ import annotations

import itertools
import os
from typing import Any

from redis import Redis

from workers.job import Job

PATIENCE_S = 30


def redis() -> Redis:
    """The server of this test run."""
    return Redis(unix_socket_path=os.environ["QUEUES_REDIS"], decode_responses=True)


def wait_at(gate: str) -> str:
    """Wait until somebody lets this through, and hear what they say."""
    heard: Any = redis().blpop([gate], timeout=PATIENCE_S)
    assert heard is not None, f"nobody opened {gate}"
    return str(heard[1])


def count(job: Job, gate: str) -> dict[str, Any]:
    """Count to three of ten, wait, count on."""
    with job.phase("counting", total=10):
        job.advance(3)
        job.message("at the gate")
        heard = wait_at(gate)
        for _ in job.track(range(7)):
            pass
    job.log(f"heard {heard}")
    return {"heard": heard}


def fail(text: str) -> None:
    raise ValueError(text)


def fail_once(gate: str) -> str:
    """Fail the first time."""
    if redis().incr(f"{gate}:tries") == 1:
        raise ConnectionError("the line is dead")
    return "at the second try"


def work_until_cancelled(job: Job, gate: str) -> None:
    """Report all the time, and clean up."""
    try:
        for _ in job.track(itertools.count()):
            pass
    finally:
        redis().rpush(f"{gate}:cleaned", "up")


def deaf(gate: str) -> None:
    """Say once that it runs, and never report."""
    redis().rpush(f"{gate}:running", "yes")
    while True:
        pass


def mark(gate: str) -> None:
    """Leave a mark."""
    redis().rpush(f"{gate}:called", "yes")
