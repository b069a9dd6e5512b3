"""`barcast backup` and `barcast check`, beside a hub and without one."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import barcast
from hub.schema import FIRST, VERSION
from hub.settings import Settings
from hub.store import Store
from tests.serving import HubProcess, hub_process

LINES = 20


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One that keeps running, with an ended job and one that was opened."""
    with hub_process(tmp_path_factory.mktemp("upkeep") / "hub.db") as running:
        for kind in ("sync", "nightly"):
            job = running.post("/api/jobs", {"kind": kind, "external": True})["id"]
            for n in range(LINES):
                running.post(f"/api/jobs/{job}/entry", {"text": f"line {n}"})
        running.post(f"/api/jobs/{job}/finish", {"outcome": "succeeded"})
        yield running


@pytest.fixture
def db(hub: HubProcess, tmp_path: Path) -> Path:
    """A copy of its database, to be harmed."""
    copy = tmp_path / "hub.db"
    assert run("backup", str(copy), "--db", str(hub.db)).exit_code == 0
    return copy


def run(*arguments: str) -> Result:
    return CliRunner().invoke(barcast, arguments)


def change(db: Path, *statements: str) -> None:
    with closing(sqlite3.connect(db)) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()


# ── Check ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", [(), ("--quick",)])
def test_a_running_hubs_database_is_looked_at_without_changing_it(hub: HubProcess, how: tuple[str, ...]) -> None:
    before = hub.db.read_bytes()
    said = run("check", "--db", str(hub.db), *how)
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith(f"{hub.db}: all is right\n")
    assert "1 running, 1 succeeded\n" in said.stdout
    assert hub.db.read_bytes() == before
    hub.post("/api/jobs", {"kind": "later", "external": True, "key": "once"})  # the hub goes on


def test_what_is_found_is_told_as_json(db: Path) -> None:
    said = run("check", "--db", str(db), "--json")
    found = json.loads(said.stdout)
    assert found["jobs"]["succeeded"] == found["jobs"]["running"] == 1
    assert found["entries"] > 2 * LINES
    assert (found["version"], found["bytes"], found["problems"]) == (VERSION, db.stat().st_size, [])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("INSERT INTO states VALUES ('nobody', '{}')", "states .* belongs to a job that is not there"),
        ("DELETE FROM states", "has no state"),
        ("UPDATE jobs SET status = 'paused' WHERE status = 'running'", "another status than its state"),
        (
            "INSERT INTO entries SELECT job, n + 1, at, record FROM entries WHERE record GLOB '*attempt_s*'",
            "two outcomes of one attempt",
        ),
        ("DELETE FROM entries WHERE record GLOB '*attempt_s*'", "ended without an outcome"),
        ("UPDATE jobs SET finished_at = NULL", "ended at no time"),
        ("DELETE FROM entries WHERE n = 3", "hole in its log"),
    ],
)
def test_what_is_inconsistent_is_told(db: Path, harm: str, words: str) -> None:
    change(db, harm)
    said = run("check", "--db", str(db))
    assert said.exit_code == 1
    assert "not all is right; keep the file, and go on with the newest backup" in said.stdout
    assert re.search(words, said.stdout), said.stdout


def test_a_damaged_database_is_told(db: Path) -> None:
    content = bytearray(db.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    db.write_bytes(content)
    said = run("check", "--db", str(db))
    assert (said.exit_code, said.stdout.splitlines()[0].rpartition(": ")[2][:20]) == (1, "not all is right; ke")
    assert db.read_bytes() == content
    refused = run("backup", str(db.with_name("copy.db")), "--db", str(db))
    assert refused.exit_code == 1
    assert "damaged" in refused.stderr
    assert [path for path in db.parent.iterdir() if "copy" in path.name] == []


@pytest.mark.parametrize("command", [["check"], ["backup", "copy.db"]])
def test_a_database_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*command, "--db", "none.db")
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: none.db: expected a database, got no such file; ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["check"], ["backup", "copy.db"]])
def test_another_programs_database_is_refused(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change(tmp_path / "other.db", "CREATE TABLE jobs (id)")
    said = run(*command, "--db", "other.db")
    assert (said.exit_code, "one of another program; give another --db" in said.stderr) == (1, True)
    assert not (tmp_path / "copy.db").exists()


def test_a_database_of_an_older_barcast_is_looked_at_as_far_as_it_goes(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    with closing(sqlite3.connect(db)) as old:
        old.executescript(f"{FIRST} PRAGMA user_version = 1;")
    said = run("check", "--db", str(db))
    assert (said.exit_code, "schema version  1\n" in said.stdout, "jobs            0: none" in said.stdout) == (
        0,
        True,
        True,
    )


# ── Backup ──────────────────────────────────────────────────────────────────────


def test_a_backup_is_whole_and_private(hub: HubProcess, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    said = run("backup", str(copy), "--db", str(hub.db))
    assert (said.exit_code, said.stdout.startswith(f"{copy}: a sound copy of {hub.db}, ")) == (0, True)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [copy]  # nothing beside it
    assert run("check", "--db", str(copy)).exit_code == 0


async def test_a_hub_goes_on_with_a_backup(hub: HubProcess, db: Path) -> None:
    store = await Store.open(db, Settings())
    assert {row.id for row in (await store.jobs())[0]} == {job["id"] for job in hub.get("/api/jobs")["jobs"]}
    await store.close()


def test_a_file_that_is_there_stays_unless_it_is_forced(hub: HubProcess, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    said = run("backup", str(copy), "--db", str(hub.db))
    assert (said.exit_code, copy.read_text()) == (1, "precious")
    assert "expected no file there, got one; --force" in said.stderr
    assert run("backup", str(copy), "--db", str(hub.db), "--force").exit_code == 0
    assert run("check", "--db", str(copy)).exit_code == 0


@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
def test_a_database_is_never_copied_over_itself(hub: HubProcess, tmp_path: Path, end: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(f"{hub.db}{end}")
    for place in (f"{hub.db}{end}", str(link)):
        said = run("backup", place, "--db", str(hub.db), "--force")
        assert (said.exit_code, "another file than the database" in said.stderr) == (1, True)
    assert run("check", "--db", str(hub.db)).exit_code == 0


def test_a_place_that_cannot_be_written_is_told(hub: HubProcess, tmp_path: Path) -> None:
    for place in (tmp_path / "missing" / "copy.db", tmp_path):
        said = run("backup", str(place), "--db", str(hub.db))
        assert (said.exit_code, said.stderr.startswith(f"Error: {place}")) == (1, True)
    assert list(tmp_path.iterdir()) == []
