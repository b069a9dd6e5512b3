"""Running a job function without a hub."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hub.errors import Invalid
from hub.protocol import CancelAck, Entry, Finish, PhaseStart
from tests.workers import sample_jobs
from workers.rehearsal import Rehearsal, rehearse


def test_a_rehearsal_keeps_all_that_a_hub_would_hear() -> None:
    rehearsal = rehearse(sample_jobs.add_up, limit=3)
    kinds = [type(message) for message in rehearsal.messages]
    assert kinds[0] is PhaseStart
    assert kinds[-1] is Finish
    assert rehearsal.entries == ["loaded"]
    assert rehearsal.job.title == "Add up to 3"
    assert rehearsal.reports[-1].message == "checking"


def test_a_rehearsal_can_cancel() -> None:
    rehearsal = Rehearsal(sample_jobs.clean_up, cancel_at=lambda message: isinstance(message, Entry))
    finish = rehearsal.run()
    assert finish is not None
    assert (finish.outcome, finish.message) == ("cancelled", "Rolled back, nothing was changed")
    assert CancelAck in [type(message) for message in rehearsal.messages]


def test_a_rehearsal_can_begin_at_a_checkpoint() -> None:
    finish = Rehearsal(sample_jobs.resume, checkpoint={"batch": 2}, done=20).run()
    assert finish is not None
    assert finish.result == {"data": {"batch": 2}, "done": 20}


def test_a_coroutine_can_be_rehearsed() -> None:
    assert rehearse(sample_jobs.on_loop, limit=2).entries == ["done"]


def test_a_rehearsal_that_fails_says_why() -> None:
    with pytest.raises(Invalid, match="row 4 has no price"):
        rehearse(sample_jobs.fail)


def test_the_workers_side_needs_neither_the_server_nor_the_database() -> None:
    code = "import sys, workers, workers.child, workers.launcher; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"starlette", "uvicorn", "aiosqlite", "hub.hub", "hub.store", "prometheus_client"}
