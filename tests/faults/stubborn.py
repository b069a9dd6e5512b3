"""Jobs that wait for the test, and jobs that will not stop."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

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
