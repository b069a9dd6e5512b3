"""Functions for RQ, as a user would write them."""

from __future__ import annotations

from typing import Any

from rq import Retry, get_current_job

from tests.workers.queues import tasks
from workers.rq import current_job


def count(gate: str) -> Any:
    return tasks.count(current_job(), gate)


def old_style(gate: str) -> str:
    """A function that knows nothing of Barcast."""
    job = get_current_job()
    assert job is not None
    job.meta = {"current": 3, "total": 10, "status": "at the gate"}
    job.save_meta()  # type: ignore[no-untyped-call]
    return tasks.wait_at(gate)


def fail(text: str) -> None:
    tasks.fail(text)


def fail_once(gate: str) -> str:
    return tasks.fail_once(gate)


def work_until_cancelled(gate: str) -> None:
    tasks.work_until_cancelled(current_job(), gate)


def deaf(gate: str) -> None:
    tasks.deaf(gate)


def mark(gate: str) -> None:
    tasks.mark(gate)


def ask_again(gate: str) -> Retry | str:
    return Retry(max=2) if tasks.redis().incr(f"{gate}:tries") == 1 else "at the second try"
