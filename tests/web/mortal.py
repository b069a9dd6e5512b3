"""A job that waits a while after its checkpoint, so that somebody can kill its process there."""

from __future__ import annotations

from pathlib import Path

from workers import Job, job


@job("mortal", retries=2, backoff_s=300)
def mortal(job: Job, gate: Path) -> None:
    """Wait until somebody writes into a named pipe, one row further in each attempt."""
    job.total = 100
    if job.checkpoint_data is None:
        job.done = 40
        job.checkpoint({"row": 40})
        job.done = 60
    else:
        job.done = 41
    gate.read_text()
