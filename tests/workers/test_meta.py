"""Which keys of a mapping are taken for progress."""

from __future__ import annotations

from typing import Any

import pytest

from workers import queues
from workers.job import Job
from workers.meta import show_progress


@pytest.mark.parametrize(
    ("meta", "done", "total", "words"),
    [
        ({"current": 3, "total": 10, "status": "at it"}, 3, 10, "at it"),
        ({"done": 2.5, "max": 5}, 2.5, 5, None),
        ({"progress": 40}, 40, 100, None),
        ({"progress": 0.4}, 40.0, 100, None),
        ({"percent": 7, "message": "slowly"}, 7, 100, "slowly"),
        ({"progress": 3, "total": 12}, 3, 12, None),
        ({"current": -1, "total": float("nan"), "status": 5}, 0, None, None),
        ({"current": True}, 0, None, None),
        ("nothing of the kind", 0, None, None),
        (None, 0, None, None),
    ],
)
def test_progress_in_a_mapping_of_the_task_is_read(meta: Any, done: float, total: float | None, words: str) -> None:
    queues.leave()
    job: Job = queues.current_job()
    show_progress(job, meta)
    assert (job.done, job.total, job._figures.message) == (done, total, words)
