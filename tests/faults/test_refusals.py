"""Databases that a hub does not take: one line that says why and what to do, exit status 1, and a file left alone."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import barcast
from hub.file import held
from hub.schema import FIRST, VERSION
from tests.faults.aftermath import check_database, looking_into
from tests.faults.disk import NOT_TRACED, locked
from tests.serving import PATIENCE_S, HubProcess, hub_process

JOBS = 60
RECORD = '{"id":"j%d","kind":"sync","title":"T","by":null,"key":null,"status":"succeeded","created_at":1}'
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that a hub has served and left."""
    hub = HubProcess(tmp_path_factory.mktemp("refusals") / "hub.db")
    for n in range(JOBS):
        job = hub.post("/api/jobs", {"kind": "sync", "title": f"Sync {n}", "external": True})["id"]
        hub.post(f"/api/jobs/{job}/entry", {"text": "x" * 4_000})
    assert hub.stop() == 0
    return hub.db


@pytest.fixture
def db(served: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(served, tmp_path / "hub.db"))


def changed(statement: str) -> Callable[[Path], AbstractContextManager[None]]:
    """What another program, or another Barcast, made of it."""

    def change(db: Path) -> AbstractContextManager[None]:
        with closing(sqlite3.connect(db)) as other:
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute(statement)
            other.commit()
        return nullcontext()

    return change


def overwritten(db: Path) -> AbstractContextManager[None]:
    """Pages with something else in them."""
    with db.open("r+b") as file:
        for page in range(20, db.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    return nullcontext()


def emptied(db: Path) -> AbstractContextManager[None]:
    """With a log beside it, which a hub that took the file for a new one would remove."""
    db.with_name(f"{db.name}-wal").write_bytes(db.read_bytes())
    os.truncate(db, 0)
    return nullcontext()


def halved(db: Path) -> AbstractContextManager[None]:
    os.truncate(db, db.stat().st_size // 2)
    return nullcontext()


def no_database(db: Path) -> AbstractContextManager[None]:
    db.write_bytes(b"dear diary, " * 1_000)
    return nullcontext()


@contextmanager
def another_hub_by_another_name(db: Path) -> Iterator[None]:
    link = db.with_name("link.db")
    link.symlink_to(db)
    with held(link):
        yield


REFUSALS: dict[str, tuple[Callable[[Path], AbstractContextManager[None]], str, str]] = {
    "newer": (changed("PRAGMA user_version = 99"), "or older, got 99", "use that Barcast, or give another --db"),
    "another program's": (changed("PRAGMA application_id = 7"), "one of another program", "give another --db"),
    "overwritten": (overwritten, "damaged|malformed", "barcast check.*newest backup or another --db"),
    "cut short": (halved, "damaged|malformed", "barcast check.*newest backup or another --db"),
    "emptied": (emptied, "the database that hub.db-wal is of, got an empty file", "barcast check.*newest backup"),
    "no database": (no_database, "file is not a database", "newest backup or another --db"),
    "locked": (locked, "database is locked", "end the program that has the file open"),
    "taken": (held, r"another hub has it \(process \d+ on", "stop that hub, or give this one another --db"),
    "taken by a link": (another_hub_by_another_name, "another hub has it", "stop that hub"),
}


@pytest.mark.parametrize(("cause", "words", "advice"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_database_is_refused_with_what_to_do_and_left_alone(
    db: Path, cause: Callable[[Path], AbstractContextManager[None]], words: str, advice: str
) -> None:
    with cause(db):
        before, log = digest(db), beside(db)
        said = CliRunner().invoke(barcast, ["serve", "--db", str(db), "--port", "0"], env={"BARCAST_BUSY_S": "0.05"})
        assert digest(db) == before
        assert beside(db) == log
    assert said.exit_code == 1
    assert said.stdout == ""
    one_line(said.stderr, db, words, advice)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    db = tmp_path / "missing" / "hub.db"
    said = CliRunner().invoke(barcast, ["serve", "--db", str(db), "--port", "0"])
    assert said.exit_code == 1
    one_line(said.stderr, db, "No such file or directory", "in a folder that exists")
    assert not db.parent.exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_database_that_may_only_be_read_is_refused_and_left_alone(db: Path, kind: str) -> None:
    if kind == "file":
        db.chmod(0o444)
    else:
        db.parent.chmod(0o555)
    before = digest(db)
    said = serve([*unprivileged(), sys.executable], db)
    db.parent.chmod(0o755)
    assert said.returncode == 1
    one_line(said.stderr, db, "Permission denied", "write to the file and to its folder")
    assert digest(db) == before


def unprivileged() -> list[str]:
    """What a command is started by, so that permissions hold for root, too."""
    capabilities = "-dac_override,-dac_read_search,-fowner"
    drop = ["setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities]
    return [] if os.geteuid() else drop


def test_a_disk_that_is_full_already_is_told_and_the_database_left_alone(db: Path) -> None:
    with closing(sqlite3.connect(db)) as other:  # else nothing has to be written to it as a hub starts
        other.execute("DELETE FROM meta")
        other.commit()
    before = digest(db)
    said = serve([*full("pwrite64"), sys.executable], db)
    assert said.returncode == 1, said.stderr
    one_line(said.stderr, db, "SQLITE_FULL|SQLITE_IOERR_SHMSIZE", "make room on its disk")
    assert digest(db) == before


def test_a_disk_without_room_for_the_hubs_address_is_told_and_no_job_is_lost(db: Path) -> None:
    said = serve([*full("write", f"{db}.address.new"), sys.executable], db)
    assert said.returncode == 1, said.stderr
    one_line(said.stderr, db, "No space left on device", "make room on its disk")
    check_database(db)
    with looking_into(db) as database:
        assert database.execute("SELECT count(*) FROM jobs").fetchall() == [(JOBS,)]


@pytest.mark.parametrize("when", [1, 12])
def test_a_migration_without_room_leaves_the_old_database_whole_and_succeeds_later(tmp_path: Path, when: int) -> None:
    db = former(tmp_path / "hub.db")
    before = digest(db)
    said = serve([*full("pwrite64", when=when), sys.executable], db)
    assert said.returncode == 1, said.stderr
    one_line(said.stderr, db, "SQLITE_FULL|SQLITE_IOERR_SHMSIZE", "make room on its disk")
    assert digest(db) == before
    check_former(db)
    check_migrated(db)


def former(db: Path) -> Path:
    """A database as the first Barcast left it."""
    with closing(sqlite3.connect(db, isolation_level=None)) as first:
        first.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {FIRST} PRAGMA user_version = 1; COMMIT;")
        insert = "INSERT INTO jobs (id, kind, status, created_at, finished_at, search, record, params) VALUES "
        for n in range(JOBS):
            first.execute(f"{insert} (?, 'sync', 'succeeded', 1, 3, 't', ?, '{{}}')", [f"j{n}", RECORD % n])
    return db


def check_former(db: Path) -> None:
    """Whole, and as the first Barcast reads it."""
    with looking_into(db) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA user_version").fetchall() == [(1,)]
        assert {name for [name] in database.execute("SELECT name FROM sqlite_master")}.isdisjoint(
            {"notices", "jobs_by_parent"}
        )
        check_records(database)


def check_records(database: sqlite3.Connection) -> None:
    """None is missing, and none is another."""
    records = {record for [record] in database.execute("SELECT record FROM jobs")}
    assert records == {RECORD % n for n in range(JOBS)}


def check_migrated(db: Path) -> None:
    """Once there is room, a hub takes it over and nothing is lost."""
    with hub_process(db) as hub:
        assert hub.get("/api/jobs?limit=1")["jobs"] == []  # none has a state
        assert hub.stop() == 0
    check_database(db)
    with looking_into(db) as database:
        assert database.execute("PRAGMA user_version").fetchall() == [(VERSION,)]
        check_records(database)


def full(call: str, path: str | None = None, when: int = 1) -> list[str]:
    """What a command is started by, so that such calls (for that file only), from one of them on, find no room."""
    assert shutil.which("strace"), f"{NOT_TRACED}no program of that name"
    only = [] if path is None else ["-P", path]
    return ["strace", "-f", "-o", os.devnull, *only, f"--trace={call}", f"--inject={call}:error=ENOSPC:when={when}+"]


def serve(python: list[str], db: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-m", "hub", "serve", "--port", "0", "--db", str(db)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip


def one_line(said: str, db: Path, words: str, advice: str) -> None:
    """It names the file, what came, and what to do."""
    assert "ptrace" not in said, NOT_TRACED + said
    assert said.count("\n") == 1, said
    assert said.startswith(f"Error: {db}")
    assert re.search(f"({words}).*; .*{advice}", said), said


def digest(db: Path) -> str:
    return hashlib.sha256(db.read_bytes()).hexdigest()


def beside(db: Path) -> bytes:
    """What is in its log, if there is one."""
    log = db.with_name(f"{db.name}-wal")
    return log.read_bytes() if log.exists() else b""
