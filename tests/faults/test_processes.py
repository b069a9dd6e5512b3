"""Real child processes: outliving their hub, being killed, and refusing to stop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.client import connect

from tests.serving import PATIENCE_S, HubProcess

JOBS = str(Path(__file__).parent / "stubborn.py")
IMPATIENT = {"BARCAST_GRACE_S": "0.2", "BARCAST_KILL_S": "0.3"}

State = dict[str, Any]
Hubs = Callable[..., HubProcess]


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[Hubs]:
    """Makes hubs, one after the other, on the same database; ends the last one and what it started."""
    made: list[HubProcess] = []

    def make(**environ: str) -> HubProcess:
        made.append(HubProcess(tmp_path / "hub.db", (JOBS,), environ))
        return made[-1]

    yield make
    if made[-1].process.poll() is None:
        children = psutil.Process(made[-1].process.pid).children(recursive=True)
        made[-1].kill()
        for child in children:
            child.kill()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A named pipe: who reads from it waits for who writes."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def seen(hub: HubProcess, job: str, wanted: Callable[[State], bool]) -> State:
    """The job, as soon as it is as wanted; its log in `log`."""
    state: State = {"log": []}
    with connect(f"{hub.socket_url}/ws") as socket:
        socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": f"job:{job}"}))
        while not ("status" in state and wanted(state)):
            message = json.loads(socket.recv(timeout=PATIENCE_S))
            for change in message.get("jobs", []):
                state.update(change)
            state["log"] += message.get("entries", [])
    return state


def texts(state: State) -> list[str]:
    return [entry["text"] for entry in state["log"]]


def ends(state: State) -> list[str]:
    return [entry["event"] for entry in state["log"] if entry["event"].startswith("attempt_")]


def pid_of(state: State) -> int:
    return int(state["worker"].rsplit("/", 1)[1])


def alive(pid: int) -> bool:
    """Whether a process still runs; one that is dead may wait for its adoptive parent to look at it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def waiting(hub: HubProcess, gate: Path) -> State:
    """A job whose function waits at the gate."""
    job = hub.post("/api/jobs", {"kind": "patient", "params": {"gate": str(gate)}})
    return seen(hub, job["id"], lambda state: "waiting" in texts(state))


def ended_for_good(state: State) -> bool:
    """Every attempt is over, and the log says so of each."""
    return ended(state) and len(ends(state)) == state["attempt"]


def ended(state: State) -> bool:
    return state["status"] in ("succeeded", "failed", "cancelled") and bool(ends(state))


@pytest.mark.parametrize("end", [HubProcess.stop, HubProcess.kill])
def test_a_child_goes_on_while_the_hub_is_away_and_nothing_is_lost(
    hubs: Hubs, gate: Path, end: Callable[[HubProcess], int | None]
) -> None:
    hub = hubs()
    job = waiting(hub, gate)
    assert end(hub) in (0, None)
    assert psutil.pid_exists(pid_of(job))
    gate.write_text("you")
    state = seen(hubs(), job["id"], ended)
    assert (state["status"], state["attempt"], state["result"]) == ("succeeded", 1, {"heard": "you"})
    assert [text for text in texts(state) if text in ("waiting", "heard you")] == ["waiting", "heard you"]
    assert ends(state) == ["attempt_succeeded"]
    assert [entry["n"] for entry in state["log"]] == list(range(1, len(state["log"]) + 1))


def test_a_child_that_is_killed_is_noticed_at_once_and_the_job_says_how_it_died(hubs: Hubs, gate: Path) -> None:
    hub = hubs()
    job = waiting(hub, gate)
    os.kill(pid_of(job), signal.SIGKILL)
    state = seen(hub, job["id"], ended)
    assert (state["status"], ends(state)) == ("failed", ["attempt_lost"])
    assert "SIGKILL" in state["error"]["message"]
    assert state["attempts"][0]["outcome"] == "lost"


def test_a_child_killed_while_the_hub_was_away_was_interrupted_and_goes_on_as_another_attempt(
    hubs: Hubs, gate: Path
) -> None:
    hub = hubs()
    job = waiting(hub, gate)
    hub.kill()
    process = psutil.Process(pid_of(job))
    process.kill()
    process.wait(PATIENCE_S)
    hub = hubs()
    seen(hub, job["id"], lambda state: texts(state).count("waiting") == 2)
    gate.write_text("again")
    state = seen(hub, job["id"], lambda state: state["status"] == "succeeded" and len(ends(state)) == 2)
    assert (state["attempt"], ends(state)) == (2, ["attempt_interrupted", "attempt_succeeded"])


def test_a_failed_job_is_retried_by_hand_as_another_attempt(hubs: Hubs, gate: Path) -> None:
    hub = hubs()
    job = waiting(hub, gate)
    os.kill(pid_of(job), signal.SIGKILL)
    seen(hub, job["id"], ended)
    assert hub.post(f"/api/jobs/{job['id']}/retry")["attempt"] == 2
    seen(hub, job["id"], lambda state: texts(state).count("waiting") == 2)
    gate.write_text("again")
    state = seen(hub, job["id"], lambda state: state["status"] == "succeeded" and len(ends(state)) == 2)
    assert ends(state) == ["attempt_lost", "attempt_succeeded"]
    assert state["error"] is None


def test_a_failed_attempt_is_followed_by_another_when_nothing_of_it_is_left(hubs: Hubs) -> None:
    hub = hubs(**IMPATIENT)
    job = hub.post("/api/jobs", {"kind": "shedding"})
    state = seen(hub, job["id"], ended_for_good)
    assert (state["status"], state["attempt"], state["result"]) == ("succeeded", 2, "gone")
    assert ends(state) == ["attempt_failed", "attempt_succeeded"]


def test_work_that_takes_too_long_and_does_not_stop_is_killed_and_tried_again(hubs: Hubs) -> None:
    hub = hubs(**IMPATIENT)
    job = hub.post("/api/jobs", {"kind": "endless"})
    state = seen(hub, job["id"], ended_for_good)
    assert (state["status"], state["error"]["type"], ends(state)) == ("failed", "TimedOut", ["attempt_failed"] * 2)
    assert len({attempt["attempt"] for attempt in state["attempts"]}) == 2
    assert not psutil.pid_exists(pid_of(state))


def test_work_that_stands_still_is_reset_with_its_whole_tree_and_goes_on_from_its_checkpoint(hubs: Hubs) -> None:
    hub = hubs(**IMPATIENT)
    job = hub.post("/api/jobs", {"kind": "standing"})
    stalled = seen(hub, job["id"], lambda state: state["stalled"] and "standing" in texts(state))
    assert [one["id"] for one in hub.get("/api/jobs?stuck=true")["jobs"]] == [job["id"]]
    assert hub.post(f"/api/jobs/{job['id']}/reset", {"reason": "enough"})["attempt"] == 2
    state = seen(hub, job["id"], ended_for_good)
    assert (state["status"], state["attempt"], state["result"]) == ("succeeded", 2, "gone")
    assert ends(state) == ["attempt_lost", "attempt_succeeded"]
    assert any(text.startswith("Reset: enough (stalled, no update for ") for text in texts(state))
    assert not alive(pid_of(stalled))


def test_a_worker_that_is_stopped_is_lost_and_given_up_with_its_tree_and_the_next_attempt_goes_on(hubs: Hubs) -> None:
    hub = hubs(**IMPATIENT, BARCAST_LEASE_S="2", BARCAST_GIVE_UP_S="0.2")
    job = hub.post("/api/jobs", {"kind": "standing"})
    state = seen(hub, job["id"], lambda state: "standing" in texts(state))
    os.kill(pid_of(state), signal.SIGSTOP)
    state = seen(hub, job["id"], ended_for_good)
    assert (state["status"], state["attempt"], state["result"]) == ("succeeded", 2, "gone")
    events = [entry["event"] for entry in state["log"]]
    assert events.index("lost") < events.index("attempt_lost") < events.index("attempt_succeeded")
    assert state["attempts"][0]["error"] == {"type": "WorkerLost", "message": "not heard for 0.2 s"}


def test_a_pause_outlasts_the_hub(hubs: Hubs, tmp_path: Path) -> None:
    hub = hubs()
    job = hub.post("/api/jobs", {"kind": "steady", "params": {"gate": str(tmp_path / "open")}})
    seen(hub, job["id"], lambda state: (state["done"] or 0) > 3)
    assert hub.post(f"/api/jobs/{job['id']}/pause")["status"] == "paused"
    (tmp_path / "open").touch()
    hub.kill()
    hub = hubs()
    held = seen(hub, job["id"], lambda state: state["status"] == "paused" and state["pause"])
    hub.post(f"/api/jobs/{job['id']}/resume")
    state = seen(hub, job["id"], ended)
    assert (state["status"], state["attempt"]) == ("succeeded", 1)
    assert state["result"] >= held["done"]


def test_work_that_ignores_every_cancel_is_killed_with_its_whole_tree(hubs: Hubs) -> None:
    hub = hubs(**IMPATIENT)
    job = hub.post("/api/jobs", {"kind": "deaf"})
    state = seen(hub, job["id"], lambda state: any(text.startswith("grandchild") for text in texts(state)))
    grandchild = int(next(text for text in texts(state) if text.startswith("grandchild")).split()[1])
    hub.post(f"/api/jobs/{job['id']}/cancel", {"reason": "enough"})
    state = seen(hub, job["id"], ended)
    assert (state["status"], state["cancel"]["how"]) == ("cancelled", "forced")
    assert state["cancel"]["requested_at"] <= state["cancel"]["delivered_at"] <= state["cancel"]["forced_at"]
    assert ends(state) == ["attempt_cancelled"]
    assert not psutil.pid_exists(pid_of(state))
    assert not alive(grandchild)


def test_ctrl_c_cancels_what_runs_and_leaves_nothing_over(hubs: Hubs, gate: Path) -> None:
    hub = hubs(**IMPATIENT)
    job = waiting(hub, gate)
    assert hub.stop(signal.SIGINT) == 0
    assert not psutil.pid_exists(pid_of(job))
    state = seen(hubs(), job["id"], ended)
    assert (state["status"], ends(state)) == ("cancelled", ["attempt_cancelled"])
