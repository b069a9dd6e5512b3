"""How long retention holds the one writer, beside what a usual commit takes.

    python -m tests.bench.test_retention --jobs 5000 --entries 20 --samples 10

A database is filled with ended jobs, each with its log and its chart. A change like those of a worker is committed
again and again, alone at first, then while retention deletes all those jobs; the hold of the writer is one commit. The
ratio is the longest hold that deletes over the longest of the same number of usual commits: a disk has slow moments of
its own, which are in both. What is asserted is what does not depend on the machine: how many rows one commit deletes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub.batch import literal
from hub.schema import BATCH
from hub.settings import Settings
from hub.store import OWN_ROWS, Store, Write
from tests.hub.stored import ended, entry, job_row, put, sample

DELETES = BATCH.index("deletes")
NONE_KEPT = Settings(keep_s=0.001)
LATER = 10**12


@dataclass
class Figures:
    """Seconds of each commit, and what the whole took."""

    usual: list[float]
    deleting: list[float]
    between: list[float]
    jobs_at_once: int
    whole_s: float

    def __str__(self) -> str:
        usual, worst = statistics.median(self.usual), max(self.usual)
        most = max(self.deleting)
        return (
            f"longest hold {most * 1000:.1f} ms (median {statistics.median(self.deleting) * 1000:.1f} ms) of "
            f"{len(self.deleting)} commits that delete, at most {self.jobs_at_once} jobs each; usual commits: median "
            f"{usual * 1000:.1f} ms, longest {worst * 1000:.1f} ms; ratio of the longest {most / worst:.1f}, of the "
            f"medians {statistics.median(self.deleting) / usual:.1f}; {len(self.between)} commits of others in "
            f"between; {self.whole_s:.1f} s in all"
        )


async def fill(path: Path, jobs: int, entries: int, samples: int) -> None:
    """Put ended jobs into a new database, past the store: what is measured is not how they came."""
    store = await Store.open(path, NONE_KEPT)
    await put(store, Write(job=ended("seed", 1), entries=[entry(1, "a line as jobs write them, not too long")]))
    await store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TEMP TABLE names (name)")
        database.executemany("INSERT INTO names VALUES (?)", [(f"j{n:06d}",) for n in range(jobs)])
        columns = [row[1] for row in database.execute("PRAGMA table_info(jobs)") if row[1] != "id"]
        listed = ", ".join(columns)
        database.execute(f"INSERT INTO jobs (id, {listed}) SELECT name, {listed} FROM names, jobs WHERE id = 'seed'")
        database.execute("INSERT INTO states SELECT name, state FROM names, states")
        counted = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
        database.execute(
            f"{counted} INSERT INTO entries SELECT name, n.n, at, record FROM names, n, entries WHERE job = 'seed'",
            [entries],
        )
        point = literal(sample(1))
        database.execute(f"{counted} INSERT INTO samples (job, record) SELECT name, ? FROM n, names", [samples, point])
        database.commit()


async def measure(path: Path) -> Figures:
    """Commit as usual, then while retention deletes."""
    store = await Store.open(path, NONE_KEPT)
    await put(store, Write(job=job_row("other")))
    commits: list[tuple[int, float]] = []
    commit = store._commit

    async def timed(values: list[str]) -> None:
        began_s = time.perf_counter()
        await commit(values)
        commits.append((len(json.loads(values[DELETES])), time.perf_counter() - began_s))

    store._commit = timed
    for n in range(1, 201):
        await put(store, Write(job=job_row("other"), entries=[entry(n)]))
    usual = [seconds for _, seconds in commits]
    commits.clear()
    began_s = time.perf_counter()
    retained = asyncio.create_task(store.retain(LATER))
    while not retained.done():
        n += 1
        await put(store, Write(job=job_row("other"), entries=[entry(n)]))
    whole_s = time.perf_counter() - began_s
    assert await retained
    await store.close()
    deleting = [seconds for count, seconds in commits if count]
    between = [seconds for count, seconds in commits if not count]
    return Figures(usual, deleting, between, max(count for count, _ in commits), whole_s)


async def test_retention_never_holds_the_writer_for_long(tmp_path: Path) -> None:
    jobs, entries, samples = 1_000, 20, 10
    await fill(tmp_path / "hub.db", jobs, entries, samples)
    found = await measure(tmp_path / "hub.db")
    print(f"\nretention of {jobs:,} jobs with {entries} entries and {samples} samples each: {found}")
    assert found.jobs_at_once * (entries + samples + OWN_ROWS) <= NONE_KEPT.delete_rows
    assert len(found.between) >= len(found.deleting) - 1  # others have their turn after each


def main() -> None:
    """The full form, by command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("jobs", 5_000), ("entries", 20), ("samples", 10)):
        asked.add_argument(f"--{name}", type=int, default=default)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        asyncio.run(fill(path, given.jobs, given.entries, given.samples))
        print(asyncio.run(measure(path)))


if __name__ == "__main__":
    main()
