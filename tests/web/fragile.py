"""Jobs that fail until the test lets them go on, and that wait where it says."""

from __future__ import annotations

from pathlib import Path

from workers import Job, job


@job("fragile", retries=3, backoff_s=300, timeout_s=600)
def fragile(job: Job, door: Path) -> None:
    """Fail while the door is shut."""
    job.done = 20
    job.total = 100
    if not door.exists():
        raise ConnectionError(f"the door is shut <b>{door.name}</b>")


@job("patient")
def patient(job: Job, gate: Path) -> None:
    """Wait until somebody writes into a named pipe."""
    job.log("waiting")
    wait_at_the_gate(gate)


def wait_at_the_gate(gate: Path) -> None:
    """What a stack shows."""
    gate.read_text()
