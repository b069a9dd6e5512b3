"""A disk that is really full, and a lock of 8 s, with the settings that everybody has.

    python -m tests.faults.full_disk            # as root, or where users may have namespaces; needs `unshare`
    python -m tests.faults.full_disk --locked   # needs nothing: another program locks the database for 8 s

The disk is a tmpfs of 32 MiB in a namespace of this script's own. It is filled to the last byte while a worker reports,
then room is made. Prints what was seen and how long it took to be well again; fails where a promise is broken. The test
suite has the same with faults that need no namespace (`test_storage.py`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.aftermath import check_aftermath, looking_into, standing
from tests.faults.disk import locked
from tests.faults.test_storage import Client, Work, moved, storage, viewer, work
from tests.serving import hub_process

LOCKED_S = 8.0
DISK = "32m"
BLOCK = 64 * 1024


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not one byte more fits."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (BLOCK, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    yield
    ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Seen in this process's namespace alone."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)], check=True)
    yield
    subprocess.run(["umount", str(folder)], check=True)


def try_full(folder: Path) -> None:
    """Fill the disk under a hub at work, then make room."""
    with small_disk(folder), hub_process(folder / "hub.db") as hub:
        before = standing(hub)
        with work(hub) as worker, viewer(hub, "jobs", f"job:{worker.job}") as watching:
            worker.tell("entry", n=1, text="before")
            worker.acked(1)
            with filled(folder):
                worker.tell("entry", n=2, text="during " + "x" * 4_000)
                watching.hear(storage("failing"))
                see_on(worker, watching)
                assert [message["n"] for message in worker.heard("ack")] == [1]
                refusal = hub.post(f"/api/jobs/{worker.job}/cancel")
                print(f"while it was full: {refusal['status']} {refusal['detail']}")
            began_s = time.monotonic()
            worker.acked(2)
            print(f"all was stored {time.monotonic() - began_s:.2f} s after there was room")
        check_aftermath(hub, before, acknowledged={worker.job: ["before", "during " + "x" * 4_000]})


def try_locked(folder: Path) -> None:
    """Lock the database under a hub at work for 8 s: less than it has patience for, so that nothing fails."""
    with hub_process(folder / "hub.db") as hub:
        before = standing(hub)
        with work(hub) as worker, viewer(hub, "jobs", f"job:{worker.job}") as watching:
            with locked(hub.db):
                until_s = time.monotonic() + LOCKED_S
                worker.tell("entry", n=1, text="during")
                while time.monotonic() < until_s:
                    see_on(worker, watching)
                assert worker.heard("ack") == []
                with looking_into(hub.db) as database:
                    assert database.execute("SELECT count(*) FROM entries WHERE record LIKE '%during%'").fetchall() == [
                        (0,)
                    ]
            began_s = time.monotonic()
            worker.acked(1)
            print(f"all was stored {time.monotonic() - began_s:.2f} s after a lock of {LOCKED_S:g} s")
        check_aftermath(hub, before, acknowledged={worker.job: ["during"]})
        assert "nothing is acknowledged" not in hub.log()


def see_on(worker: Work, watching: Client) -> None:
    """Numbers go on being seen."""
    for done in range(1, 20):
        worker.tell("report", done=done)
        watching.hear(moved(worker.job, done=done))


def main() -> None:
    """By command."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--locked", action="store_true", help="Lock it, instead of filling its disk.")
    asked.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if not (given.locked or given.inside):
        alone = ["unshare", "-m", *(["-r"] if os.geteuid() else [])]
        os.execvp("unshare", [*alone, sys.executable, "-m", "tests.faults.full_disk", "--inside"])
    with tempfile.TemporaryDirectory() as folder:
        (try_locked if given.locked else try_full)(Path(folder))


if __name__ == "__main__":
    main()
