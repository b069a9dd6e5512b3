"""`kill -9` while entries are committed: what was acknowledged is there, once, in order."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from hub.settings import Settings
from hub.store import Store

ROUNDS = 12
ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, os, sys
from pathlib import Path
from hub.settings import Settings
from hub.store import JobRow, Store, Write
from hub.view import LogEntry, Status

def entry(n):
    return LogEntry(n=n, at=n, attempt=1, level="info", event="entry", text=f"number {n} " * 20)

async def main():
    store = await Store.open(Path(sys.argv[1]), Settings(log_entries_per_job=10_000_000))
    n = max([one.n for one in await store.entries("j1", limit=1, newest=True)], default=0)
    job = JobRow(id="j1", kind="k", title="t", by=None, key=None, status=Status.RUNNING, created_at=1, started_at=1,
                 finished_at=None, tags={}, params=b"{}", state=b"{}")
    store.submit(Write(job=job), lambda: None)
    room = asyncio.Semaphore(50)
    def done(number):
        os.write(1, b"%d\\n" % number)
        room.release()
    while True:
        await room.acquire()
        n += 1
        store.submit(Write(job_id="j1", entries=[entry(n)]), lambda number=n: done(number))

asyncio.run(main())
"""


def run_until_killed(path: Path, lines: int) -> list[int]:
    """The numbers a child acknowledged until it was killed, some lines after its start."""
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        printed = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        printed += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return [int(line) for line in printed if line.endswith(b"\n")]


def quick_check(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA quick_check").fetchone()[0])


async def test_what_was_acknowledged_survives_kill_9_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "barcast.db"
    chance = random.Random(9)
    stored = 0
    for _ in range(ROUNDS):
        acknowledged = run_until_killed(path, chance.randrange(1, 400))
        assert acknowledged == list(range(stored + 1, stored + 1 + len(acknowledged)))
        store = await Store.open(path, Settings())
        numbers = [entry.n for entry in await store.entries("j1", limit=1_000_000)]
        await store.close()
        stored = len(numbers)
        assert numbers == list(range(1, stored + 1))
        assert stored >= acknowledged[-1]
    assert quick_check(path) == "ok"
