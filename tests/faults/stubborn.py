"""Jobs that wait for the test, and jobs that will not stop."""

from __future__ import annotations

import itertools
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil

from workers import Cancelled, Job, job


@job("patient")
def patient(job: Job, gate: Path) -> dict[str, Any]:
    """Wait until somebody writes into a named pipe, then say so."""
    job.advance()
    job.log("waiting")
    heard = gate.read_text()
    job.log(f"heard {heard}")
    return {"heard": heard}


@job("deaf", cancel_note="ignores it")
def deaf(job: Job) -> None:
    """Ignore every cancel and SIGTERM, with a child in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    job.log(f"grandchild {grandchild.pid}")
    while True:
        try:
            job.advance()
        except Cancelled:
            job.message("No")


@job("shedding", retries=1, backoff_s=0.1)
def shedding(job: Job) -> str:
    """Fail once, leaving a process behind in a session of its own; then say what became of it."""
    left = job.checkpoint_data
    if left is None:
        job.checkpoint(subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
        raise ValueError("not yet")
    return became_of(left)


def became_of(pid: int) -> str:
    """Whether a process is still there."""
    return "left" if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else "gone"


@job("standing", retries=1, stall_s=0.2)
def standing(job: Job) -> str:
    """Stand still for ever, deaf to SIGTERM, with a process in a session of its own; then say what became of that."""
    if job.checkpoint_data is not None:
        return became_of(job.checkpoint_data)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    job.checkpoint(subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    job.log("standing")
    while True:
        signal.pause()


@job("endless", timeout_s=0.3, retries=1, backoff_s=0.1)
def endless(job: Job) -> None:
    """Ignore that it takes too long; and SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


@job("steady")
def steady(job: Job, gate: Path) -> int:
    """Count until somebody opens the gate."""
    for number in itertools.count(1):
        job.advance(1)
        if gate.exists():
            return number
        threading.Event().wait(0.01)
    raise AssertionError("counting has no end")
