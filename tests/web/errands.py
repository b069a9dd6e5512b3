"""Jobs that a test holds by a file: one after the other, or not at all while it is missing."""

from __future__ import annotations

from pathlib import Path

from workers import Job, job


@job("errand", title="Errand {name}", concurrency=1)
def errand(job: Job, name: str, gate: Path) -> None:
    """Wait until somebody writes into a named pipe."""
    job.total, job.done = 2, 1
    gate.read_text()


@job("mishap", title="Mishap at {door.name}")
def mishap(job: Job, door: Path, gate: Path | None = None) -> None:
    """Fail while the door is shut."""
    job.total, job.done = 100, 61
    job.checkpoint(61)
    if gate is not None and not door.exists():
        gate.read_text()
    if not door.exists():
        raise ConnectionError("peer closed the stream")
    job.done = 100
