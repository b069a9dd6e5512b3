"""Suspension, clocks that are set, and workers that stand still: nobody is taken for dead who is not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.aftermath import check_aftermath
from tests.faults.test_processes import alive, ends, pid_of, seen, texts
from tests.serving import HubProcess
from tests.workers.queues.queueing import State

HERE = Path(__file__).parent
JOBS = str(HERE / "works" / "steady.py")
SHIFTED = "tests.faults.works.shifted"
STOOD_STILL_S = 3.5  # more than the lease below, and more than a loop that is merely busy falls behind
SHORT = {"BARCAST_LEASE_S": "3", "BARCAST_STALL_S": "3", "BARCAST_BEAT_S": "0.5"}
FALSE_ALARMS = {"lost", "found", "stalled", "recovered", "attempt_lost", "attempt_interrupted"}
DAY_S = 86_400

Hubs = Callable[..., HubProcess]


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[Hubs]:
    """Makes hubs, one after the other, on the same database; ends the last one and what it started."""
    made: list[HubProcess] = []

    def make(program: str = "hub", **environ: str) -> HubProcess:
        surroundings = {"SHIFTED_BY": str(tmp_path / "shift"), **environ}
        made.append(HubProcess(tmp_path / "hub.db", (JOBS,), surroundings, program=program))
        return made[-1]

    yield make
    (tmp_path / "gate").touch()
    made[-1].close()


def started(hub: HubProcess, kind: str, folder: Path) -> State:
    """A job that counts until the gate is open."""
    job = hub.post("/api/jobs", {"kind": kind, "params": {"gate": str(folder / "gate")}})
    return seen(hub, job["id"], lambda state: (state["done"] or 0) > 1)


def alarms(state: State) -> list[str]:
    """What its story tells of silence and loss."""
    return [entry["event"] for entry in state["log"] if entry["event"] in FALSE_ALARMS]


def moves_on(hub: HubProcess, job: State) -> State:
    """The job, once it has done more than it is known to have."""
    done = hub.get(f"/api/jobs/{job['id']}")["done"] or 0
    return seen(hub, job["id"], lambda state: (state["done"] or 0) > done)


def succeeds(hub: HubProcess, job: State, folder: Path) -> State:
    """Its end, once the gate is open; it was always the same attempt in the same process."""
    (folder / "gate").touch()
    state = seen(hub, job["id"], lambda state: state["status"] == "succeeded" and bool(ends(state)))
    assert (state["attempt"], ends(state), state["result"]) == (1, ["attempt_succeeded"], pid_of(job))
    check_aftermath(hub, seen={job["id"]: {name: value for name, value in state.items() if name != "log"}})
    return state


def stand_still(pids: list[int], seconds: float) -> None:
    """Stop processes for a while; they are continued by whoever asked for it."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(seconds)  # nothing can happen in them that could be waited for


# ── Standing still ────────────────────────────────────────────────────────────


def test_a_hub_that_stood_still_with_its_workers_loses_none_and_a_worker_that_did_alone_is_found_again(
    hubs: Hubs, tmp_path: Path
) -> None:
    hub = hubs(**SHORT)
    job = started(hub, "steady", tmp_path)
    stand_still([hub.process.pid, pid_of(job)], STOOD_STILL_S)
    os.kill(hub.process.pid, signal.SIGCONT)
    assert hub.get(f"/api/jobs/{job['id']}")["status"] == "running"  # it runs before its workers do
    assert hub.get("/api/summary")["stalled"] == 0
    os.kill(pid_of(job), signal.SIGCONT)
    moves_on(hub, job)
    assert not alarms(seen(hub, job["id"], lambda state: bool(state["log"])))
    stand_still([pid_of(job)], 0)
    seen(hub, job["id"], lambda state: state["status"] == "lost")
    os.kill(pid_of(job), signal.SIGCONT)
    moves_on(hub, job)
    told = alarms(succeeds(hub, job, tmp_path))
    assert [event for event in told if event != "stalled"] == ["lost", "found"]


def test_work_that_holds_the_interpreters_lock_is_stalled_and_not_lost(hubs: Hubs, tmp_path: Path) -> None:
    hub = hubs(BARCAST_LEASE_S="30", BARCAST_STALL_S="0.3", BARCAST_BEAT_S="0.1", BARCAST_STALL_GAPS="1")
    job = started(hub, "gripping", tmp_path)
    told = alarms(succeeds(hub, job, tmp_path))
    assert told[:2] == ["stalled", "recovered"]
    assert not {"lost", "found"} & set(told)


# ── The time of day ───────────────────────────────────────────────────────────


def test_a_clock_that_is_set_forth_and_back_stalls_loses_times_out_and_holds_up_nothing(
    hubs: Hubs, tmp_path: Path
) -> None:
    shift = tmp_path / "shift"
    shift.write_text("0")
    hub = hubs(SHIFTED)
    job = started(hub, "timed", tmp_path)
    unlucky = hub.post("/api/jobs", {"kind": "failing"})
    for days in (1, -1):
        shift.write_text(str(days * DAY_S))
        moves_on(hub, job)  # a clock that is set under a hub
        seen(hub, unlucky["id"], lambda state: state["attempt"] == 2)  # which waits for its time
        hub.kill()
        hub = hubs(SHIFTED)  # and one that was, when the next hub looks at it
        state = moves_on(hub, job)
        assert abs(state["heard_at"] - time.time() * 1000 - days * DAY_S * 1000) < 60_000
        assert 0 <= state["elapsed_s"] < 60
    state = succeeds(hub, job, tmp_path)
    assert not alarms(state)
    assert not [text for text in texts(state) if "Took longer" in text]
    failed = seen(hub, unlucky["id"], lambda state: state["status"] == "failed" and len(ends(state)) == 2)
    assert ends(failed) == ["attempt_failed", "attempt_failed"]


# ── A hub that is away at the wrong moment ────────────────────────────────────


def test_the_next_hub_ends_what_was_to_be_ended_by_force_and_gives_grace_to_what_could_not_hear_of_its_cancel(
    hubs: Hubs, tmp_path: Path
) -> None:
    hub = hubs(BARCAST_KILL_S="600", BARCAST_GRACE_S="2")
    deaf, absent = hub.post("/api/jobs", {"kind": "immortal"}), started(hub, "steady", tmp_path)
    pid = pid_of(seen(hub, deaf["id"], lambda state: "Deaf" in texts(state)))
    hub.post(f"/api/jobs/{deaf['id']}/cancel", {"force": True})
    seen(hub, deaf["id"], lambda state: state["cancel"]["forced_at"])
    stand_still([pid_of(absent)], 0)
    hub.post(f"/api/jobs/{absent['id']}/cancel")
    hub.kill()
    threading.Event().wait(2.0)  # its grace passes, and nobody could have told it
    hub = hubs(BARCAST_KILL_S="0.2")
    os.kill(pid_of(absent), signal.SIGCONT)
    ended = [seen(hub, job["id"], lambda state: state["status"] == "cancelled") for job in (deaf, absent)]
    assert [state["cancel"]["how"] for state in ended] == ["forced", "acknowledged"]
    assert not alive(pid)
