"""`barcast doctor` beside a hub that things are done to: what it prints names the fault and the way out."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from websockets.sync.client import ClientConnection, connect

from hub.cli import barcast as command
from tests.faults.test_processes import JOBS, pid_of, seen, waiting
from tests.pages import barcast
from tests.serving import PATIENCE_S, HubProcess

# Small enough to be held by any machine's limit of open files; the rest so that silence is noticed at once.
LIMITS = {"BARCAST_VIEWERS": "100", "BARCAST_STALL_S": "0.2", "BARCAST_STALL_GAPS": "1", "BARCAST_BUSY_S": "0.1"}
FORGETFUL = {"BARCAST_VIEWERS": "100", "BARCAST_LEASE_S": "0.3", "BARCAST_PULSE_S": "0.02"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(tmp_path_factory.mktemp("doctor") / "barcast.db", (JOBS,), LIMITS)
    yield process
    process.close()


def doctor(hub: HubProcess, *arguments: str) -> tuple[int, list[str]]:
    """Exit status, and what it prints, line by line, in the folder of the hub's database."""
    with chdir(hub.db.parent):
        done = CliRunner().invoke(command, ["doctor", *arguments], env={"BARCAST_URL": hub.url})
    return done.exit_code, done.output.splitlines()


def findings(hub: HubProcess, *arguments: str) -> dict[str, dict[str, Any]]:
    """What is wrong, by its code."""
    code, [line] = doctor(hub, "--json", *arguments)
    report = json.loads(line)
    assert report["well"] == (code == 0) == (not report["findings"])
    return {finding["code"]: finding for finding in report["findings"]}


def test_nothing_wrong_is_said_plainly(hub: HubProcess) -> None:
    done = barcast(hub, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"nothing wrong with the hub at {hub.url} and barcast.db\n"
    assert findings(hub) == {}


def test_a_child_that_was_killed_is_named_with_what_to_do(hub: HubProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    job = waiting(hub, tmp_path / "gate")
    os.kill(pid_of(job), signal.SIGKILL)
    seen(hub, job["id"], lambda state: state["status"] == "failed")
    code, [line] = doctor(hub)
    assert code == 1
    assert job["id"] in line
    assert "SIGKILL" in line
    assert f"`barcast retry {job['id']}`" in line
    hub.call("DELETE", f"/api/jobs/{job['id']}")


def opened(worker: ClientConnection, title: str) -> str:
    """Work from outside, which has advanced once; its job."""
    worker.send(json.dumps({"type": "open", "id": 1, "kind": "sync", "title": title}))
    job = str(json.loads(worker.recv())["job"])
    worker.send(json.dumps({"type": "report", "job": job, "attempt": 1, "done": 1, "worker": "far/7"}))
    return job


def test_a_worker_that_hangs_is_told_as_stalled(hub: HubProcess) -> None:
    with connect(f"{hub.socket_url}/ws/worker") as worker:
        job = opened(worker, "Sync \x1b[31mred")
        seen(hub, job, lambda state: bool(state.get("stalled")))
        code, [line] = doctor(hub)
        assert code == 1
        assert f"job {job} (Sync \N{REPLACEMENT CHARACTER}[31mred) is stalled: worker far/7 lives" in line
        assert f"`barcast stack {job}`" in line
        assert f"`barcast reset {job}`" in line
        end = {"type": "finish", "job": job, "attempt": 1, "n": 1, "outcome": "succeeded"}
        worker.send(json.dumps(end))
        seen(hub, job, lambda state: state["status"] == "succeeded")


def test_a_worker_that_went_silent_and_a_hub_that_was_held_up_are_told(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "barcast.db", (JOBS,), FORGETFUL)
    try:
        with connect(f"{hub.socket_url}/ws/worker") as worker:
            job = opened(worker, "Sync")
        seen(hub, job, lambda state: state["status"] == "lost")
        os.kill(hub.process.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError), connect(f"{hub.socket_url}/ws", open_timeout=0.8):
            pass
        os.kill(hub.process.pid, signal.SIGCONT)
        told = findings(hub)
    finally:
        hub.close()
    assert (told["job_lost"]["job"], told["loop_lag"]["job"]) == (job, None)
    assert f"`barcast reset {job}`" in told["job_lost"]["do"]
    assert "held up for" in told["loop_lag"]["what"]


def test_a_database_that_takes_nothing_is_told_with_the_reason(hub: HubProcess) -> None:
    with closing(sqlite3.connect(hub.db, isolation_level=None)) as other, connect(f"{hub.socket_url}/ws") as viewer:
        viewer.send(json.dumps({"type": "subscribe", "id": 1, "topic": "jobs"}))
        other.execute("BEGIN IMMEDIATE")
        with connect(f"{hub.socket_url}/ws/worker") as worker:
            worker.send(json.dumps({"type": "open", "id": 1, "kind": "sync", "title": "Sync"}))
            while json.loads(viewer.recv(PATIENCE_S)).get("storage") != "failing":
                pass
            told = findings(hub)["store_failing"]
            other.execute("ROLLBACK")
            assert json.loads(worker.recv(PATIENCE_S))["type"] == "opened"
    assert "commits have failed" in told["what"]
    assert "lock" in told["what"]


def test_a_database_that_others_may_read_is_told(hub: HubProcess) -> None:
    hub.db.chmod(0o644)
    assert findings(hub)["file_open"]["do"] == "chmod 600 barcast.db"
    hub.db.chmod(0o600)


def test_a_hub_that_is_down_and_a_file_that_is_broken_are_two_lines(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "barcast.db", environ=LIMITS)
    hub.stop()
    code, [down] = doctor(hub)
    assert code == 1
    assert hub.url in down
    assert "`barcast serve`" in down
    hub.db.write_bytes(hub.db.read_bytes()[:4096] + bytes(8192))
    code, lines = doctor(hub)
    assert code == 1
    assert len(lines) >= 2
    assert "barcast.db" in lines[1]
    hub.db.write_text("no database\n" * 400)
    assert "not a database" in findings(hub)["file_unreadable"]["what"]


def test_a_newer_database_and_one_that_is_missing_are_told(tmp_path: Path, hub: HubProcess) -> None:
    newer = tmp_path / "newer.db"
    with closing(sqlite3.connect(hub.db)) as source, closing(sqlite3.connect(newer)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA user_version = 9999")
        copy.commit()
    newer.chmod(0o600)
    assert "9999" in findings(hub, "--db", str(newer))["file_unreadable"]["what"]
    assert "no such file" in findings(hub, "--db", str(tmp_path / "none.db"))["file_missing"]["what"]


def test_what_answers_and_is_no_hub_is_told(hub: HubProcess) -> None:
    assert "file_missing" not in findings(hub, "--url", f"{hub.url}/web")
    assert doctor(hub, "--url", f"{hub.url}/web")[0] == 1


@pytest.mark.parametrize("wrong", [("--url", "ftp://x"), ("--nonsense",), ("--db", "/")])
def test_a_misuse_exits_with_2(hub: HubProcess, wrong: tuple[str, ...]) -> None:
    assert doctor(hub, *wrong)[0] == 2
