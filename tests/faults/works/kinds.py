"""Jobs that a hub starts: in a process, in a thread, on its loop; and one of each that will not stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from pathlib import Path

from tests.faults.works.acting import wait, wait_on_loop
from workers import Cancelled, Job, job

PATIENT_S = 60.0  # the cancel is to be heard at the next report, however slow the machine is
IMPATIENT_S = 0.3


def work(job: Job, outcome: str, gate: Path) -> None:
    for item in job.track(range(5)):
        if item == 2:
            wait(outcome, str(gate))


def work_on(job: Job, gate: Path) -> None:
    """Report, and care for no cancel."""
    job.done = 3
    wait("succeed", str(gate))
    for _ in range(3):
        with contextlib.suppress(Cancelled):
            job.advance()


@job("child", grace_s=PATIENT_S)
def child(job: Job, outcome: str, gate: Path) -> None:
    work(job, outcome, gate)


@job("thread", runs_in="thread", grace_s=PATIENT_S)
def thread(job: Job, outcome: str, gate: Path) -> None:
    work(job, outcome, gate)


@job("loop", grace_s=PATIENT_S)
async def loop(job: Job, outcome: str, gate: Path) -> None:
    for item in job.track(range(5)):
        if item == 2:
            await wait_on_loop(outcome, str(gate))


@job("deaf-child", grace_s=IMPATIENT_S)
def deaf_child(job: Job, outcome: str, gate: Path) -> None:
    """Ignore SIGTERM, too, with a child in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    work_on(job, gate)


@job("deaf-thread", runs_in="thread", grace_s=IMPATIENT_S)
def deaf_thread(job: Job, outcome: str, gate: Path) -> None:
    work_on(job, gate)


@job("deaf-loop", grace_s=IMPATIENT_S)
async def deaf_loop(job: Job, outcome: str, gate: Path) -> None:
    job.done = 3
    await asyncio.Event().wait()
