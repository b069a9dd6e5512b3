"""What must hold after every fault, asked of a hub that runs: the list at the end of the catalogue of faults.

before = standing(hub)                      # once it serves and nothing has happened yet
…                                           # the fault, and the hub's way out of it
check_aftermath(hub, before, acknowledged={job: ["line 1", "line 2"]}, seen={job: what_a_viewer_holds})
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.serving import PATIENCE_S, HubProcess

TERMINAL = ("succeeded", "failed", "cancelled")
MEMORY_SLACK_BYTES = 48 * 1024 * 1024  # the allocator keeps what it once had; a leak of a test's size is larger
DERIVED = {"seq", "rate", "viewers", "queue_position", "starts_in_s", "elapsed_s", "eta_s", "eta_low_s", "eta_high_s"}
"""Fields that say how things are right now, so that two looks may differ."""
NOT_UPDATED = {"attempts", "typical", "max_attempts"}
"""Fields that a viewer has from its last snapshot: no update tells them."""


@dataclass(frozen=True)
class Standing:
    """What a hub's process holds."""

    descriptors: int
    memory_bytes: int
    children: frozenset[int]


def standing(hub: HubProcess) -> Standing:
    """What it holds now; after a first answer, for which things are opened that stay open."""
    hub.get("/api/jobs?limit=1")
    return _held(psutil.Process(hub.process.pid))


def _held(process: psutil.Process) -> Standing:
    children = frozenset(child.pid for child in process.children(recursive=True) if _lives(child))
    return Standing(process.num_fds(), process.memory_info().rss, children)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def check_aftermath(
    hub: HubProcess,
    before: Standing | None = None,
    *,
    acknowledged: Mapping[str, Sequence[str]] | None = None,
    seen: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Assert the whole list.

    Args:
        hub: runs, and does nothing any more that the test began.
        before: what it held before the fault (also where it was another process); None leaves that out.
        acknowledged: for each job the texts of the entries that were acknowledged, in their order.
        seen: for each job the newest state that a viewer holds, put together from snapshots and updates.
    """
    check_database(hub.db, acknowledged or {})
    check_viewers(hub, seen or {})
    if before is not None:
        check_process(hub, before)


# ── The database ──────────────────────────────────────────────────────────────


@contextmanager
def looking_into(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot change the file."""
    with closing(sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)) as database:
        yield database


def check_database(db: Path, acknowledged: Mapping[str, Sequence[str]] | None = None) -> None:
    """The file is sound, nothing acknowledged is missing, each attempt has one outcome and each job one end."""
    with looking_into(db) as database:
        database.execute("BEGIN")  # one moment for all questions, whatever the hub stores meanwhile
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        strays = database.execute("PRAGMA foreign_key_check").fetchall()
        assert not strays, f"rows of jobs that are not there: {strays}"
        for job, texts in (acknowledged or {}).items():
            _check_entries(job, texts, [one["text"] for one in _entries(database, job) if one["event"] == "entry"])
        for job, status, state in database.execute("SELECT id, status, state FROM jobs JOIN states ON job = id"):
            _check_story(job, status, json.loads(state)["state"]["attempt"], _entries(database, job))


def _entries(database: sqlite3.Connection, job: str) -> list[dict[str, Any]]:
    return [json.loads(row) for [row] in database.execute("SELECT record FROM entries WHERE job = ? ORDER BY n", [job])]


def _check_entries(job: str, acknowledged: Sequence[str], stored: Sequence[str]) -> None:
    """All are there, once and in their order; more may be, whose acknowledgement was lost."""
    promised = set(acknowledged)
    found = [text for text in stored if text in promised]
    assert found == list(acknowledged), f"job {job}: acknowledged entries are missing, twice or out of order"


def _check_story(job: str, status: str, attempt: int, entries: Sequence[Mapping[str, Any]]) -> None:
    numbers = [entry["n"] for entry in entries]
    first = numbers[0] if numbers else 1
    assert numbers == list(range(first, first + len(numbers))), f"job {job}: the log has a hole: {numbers}"
    outcomes = Counter(entry["attempt"] for entry in entries if str(entry["event"]).startswith("attempt_"))
    assert not [one for one, count in outcomes.items() if count > 1], f"job {job}: two outcomes of one attempt"
    assert outcomes[attempt] <= (status in TERMINAL), f"job {job} is {status} after its attempt's end"
    if status in TERMINAL:
        assert outcomes[attempt] == 1, f"job {job} is {status} without an outcome"


# ── Viewers ───────────────────────────────────────────────────────────────────


def check_viewers(hub: HubProcess, seen: Mapping[str, Mapping[str, Any]]) -> None:
    """What viewers hold, what the hub answers and what is stored is the same."""
    with looking_into(hub.db) as database:
        for job, held in seen.items():
            told = hub.get(f"/api/jobs/{job}")
            [[stored]] = database.execute("SELECT status FROM jobs WHERE id = ?", [job])
            assert stored == told["status"] == held["status"], f"job {job}: stored, told and seen differ"
            both = (held.keys() & told.keys()) - DERIVED - NOT_UPDATED
            other = {name: (held[name], told[name]) for name in both if held[name] != told[name]}
            assert not other, f"job {job}: seen and told differ: {other}"


# ── The process ───────────────────────────────────────────────────────────────


def check_process(hub: HubProcess, before: Standing) -> None:
    """Its descriptors, children and memory are back; each look asks the hub something, so that it had its turn."""
    by_s = time.monotonic() + PATIENCE_S
    now = standing(hub)
    while not _is_back(now, before) and time.monotonic() < by_s:
        now = standing(hub)
    process = psutil.Process(hub.process.pid)
    assert _is_back(now, before), f"expected {before}, got {now}: {process.open_files()} {process.net_connections()}"


def _is_back(now: Standing, before: Standing) -> bool:
    return (
        now.descriptors <= before.descriptors
        and len(now.children) <= len(before.children)
        and now.memory_bytes <= before.memory_bytes + MEMORY_SLACK_BYTES
    )
