"""A database that is harmed under a running hub: what is known is shown, nothing false is said, it ends with a word."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import barcast
from tests.faults.aftermath import check_aftermath
from tests.faults.test_storage import SOON, moved, storage, viewer, work
from tests.serving import HubProcess, hub_process

PAGE = 4096
ROWS = 40  # of a page each: the log has frames of many pages


def wal(db: Path) -> Path:
    return db.with_name(f"{db.name}-wal")


def later(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """A change that the kernel's clock, which may tick every 10 ms only, tells from the hub's last commit."""

    def changed(path: Path) -> None:
        before = path.stat().st_mtime_ns
        change(path)
        while path.stat().st_mtime_ns == before:
            change(path)

    return changed


def overwrite(path: Path) -> None:
    """All but the header."""
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (path.stat().st_size - PAGE))


def replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy(path, other)
    other.replace(path)


def halve(path: Path) -> None:
    os.truncate(path, max(path.stat().st_size // 2 // PAGE, 1) * PAGE)


def empty(path: Path) -> None:
    os.truncate(path, 0)


DAMAGED, GONE = "it is damaged", "its file was removed or replaced"
HARMS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], str]] = {
    "overwritten": (Path, later(overwrite), DAMAGED),
    "cut short": (Path, later(halve), DAMAGED),
    "emptied": (Path, later(empty), DAMAGED),
    "removed": (Path, Path.unlink, GONE),
    "replaced": (Path, replace, GONE),
    "log overwritten": (wal, later(overwrite), DAMAGED),
    "log emptied": (wal, later(empty), DAMAGED),
    "log removed": (wal, Path.unlink, GONE),
}


@pytest.mark.parametrize(("which", "harm", "cause"), HARMS.values(), ids=list(HARMS))
def test_a_hub_whose_database_is_harmed_shows_on_acknowledges_nothing_and_ends_with_what_to_do(
    tmp_path: Path, which: Callable[[Path], Path], harm: Callable[[Path], object], cause: str
) -> None:
    with hub_process(tmp_path / "hub.db", **SOON) as hub:
        with work(hub) as worker, viewer(hub, "jobs", f"job:{worker.job}") as watching:
            for n in range(1, ROWS + 1):
                worker.tell("entry", n=n, text="x" * (PAGE - 100))
            worker.acked(ROWS)
            if which is Path:
                into_the_file(hub)
                worker.tell("entry", n=ROWS + 1, text="seen to be sound")
                worker.acked(ROWS + 1)
            acknowledged = worker.told[-1]["n"]
            harm(which(hub.db))
            worker.tell("entry", n=acknowledged + 1, text="during")
            watching.hear(storage("failing"))
            for done in range(1, 6):
                worker.tell("report", done=done)
                watching.hear(moved(worker.job, done=done))
            refusal = hub.post(f"/api/jobs/{worker.job}/cancel")
            assert (refusal["status"], refusal["detail"].count(cause)) == (503, 1), refusal
            assert [message["n"] for message in worker.heard("ack")][-1] == acknowledged
            told = CliRunner().invoke(barcast, ["doctor", "--url", hub.url, "--db", str(hub.db)])
            assert re.search(f"cannot store: .*{cause}", told.output), told.output
        began_s = time.monotonic()
        assert hub.stop() == 1
        assert time.monotonic() - began_s < 10.0
    lines = [line for line in hub.log().splitlines() if " barcast.jobs: " not in line]
    assert len(lines) == 2, lines  # one as it began, one at the end
    assert all(re.search("stop .*`barcast check`", line) for line in lines), lines
    assert lines[-1].endswith("changes are not stored")


def into_the_file(hub: HubProcess) -> None:
    """Another program may bring what is in the log into the file: the hub looks, and goes on."""
    with closing(sqlite3.connect(hub.db)) as other:
        other.execute("PRAGMA wal_checkpoint")


def test_a_file_that_is_put_back_takes_what_waited_once(tmp_path: Path) -> None:
    with hub_process(tmp_path / "hub.db", **SOON) as hub:
        with work(hub) as worker, viewer(hub, "jobs") as watching:
            away = hub.db.rename(tmp_path / "away")
            worker.tell("entry", n=1, text="during")
            watching.hear(storage("failing"))
            assert worker.heard("ack") == []
            away.rename(hub.db)
            worker.acked(1)
            watching.hear(storage("ok"))
        check_aftermath(hub, acknowledged={worker.job: ["during"]})


def test_an_acknowledgement_outlives_garbage_in_the_log_before_it_that_was_of_no_use_any_more(tmp_path: Path) -> None:
    texts = [f"line {n} " + "x" * (PAGE - 100) for n in range(1, ROWS + 1)]
    with hub_process(tmp_path / "hub.db", **SOON) as hub, work(hub) as worker:
        for n, text in enumerate(texts[:-1], 1):
            worker.tell("entry", n=n, text=text)
            worker.acked(n)
        later(spoil_first_frame)(wal(hub.db))  # of the first page, which came again since
        worker.tell("entry", n=ROWS, text=texts[-1])
        worker.acked(ROWS)
        hub.kill()
    with hub_process(tmp_path / "hub.db", **SOON) as second:
        check_aftermath(second, acknowledged={worker.job: texts})


def spoil_first_frame(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(32 + 24)
        file.write(b"\xff" * PAGE)
