"""The Celery app of the tests, as a user would write it; `connect(app)` is all there is of Barcast."""

# mypy: disable-error-code="untyped-decorator"
# Celery says nothing about its types.

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task  # type: ignore[import-untyped]
from celery.exceptions import Ignore  # type: ignore[import-untyped]

from tests.workers.queues import tasks
from workers.celery import connect, current_job

SERVER = f"redis+socket://{os.environ['QUEUES_REDIS']}"
RESULTS = SERVER if "QUEUES_RESULTS" in os.environ else None  # in workers: who publishes here does not ask for them
app = Celery("shop", broker=SERVER, backend=RESULTS)
app.conf.update(
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    worker_lost_wait=1.0,  # seconds; by default Celery now and then takes 10 to tell that a process of its own is dead
)
connect(app)


@app.task
def count(gate: str) -> Any:
    return tasks.count(current_job(), gate)


@app.task(bind=True)
def old_style(self: Task, gate: str) -> str:
    """A task that knows nothing of Barcast."""
    self.update_state(state="PROGRESS", meta={"current": 3, "total": 10, "status": "at the gate"})
    return tasks.wait_at(gate)


@app.task
def fail(text: str) -> None:
    tasks.fail(text)


@app.task(autoretry_for=(ConnectionError,), max_retries=2, default_retry_delay=0, retry_jitter=False)
def fail_once(gate: str) -> str:
    return tasks.fail_once(gate)


@app.task
def work_until_cancelled(gate: str) -> None:
    tasks.work_until_cancelled(current_job(), gate)


@app.task
def deaf(gate: str) -> None:
    tasks.deaf(gate)


@app.task
def mark(gate: str) -> None:
    tasks.mark(gate)


@app.task
def wait(gate: str) -> str:
    return tasks.wait_at(gate)


@app.task(bind=True)
def ignored(self: Task, text: str) -> None:
    raise Ignore(text)


@app.task(bind=True)
def gives_up(self: Task, text: str) -> None:
    """The way in which old code ends a task as failed without an exception."""
    self.update_state(state="FAILURE", meta={"exc_type": "ValueError", "exc_message": [text]})
    raise Ignore(text)
