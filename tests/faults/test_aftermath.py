"""The list that is checked after every fault finds what it looks for."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.aftermath import Standing, check_aftermath, check_database, standing
from tests.serving import HubProcess, hub_process


def reported(hub: HubProcess) -> tuple[str, list[str]]:
    """A job from outside that said something and ended, and what was acknowledged of it."""
    job = str(hub.post("/api/jobs", {"kind": "sync", "title": "Sync", "external": True})["id"])
    texts = ["first", "second"]
    for text in texts:
        assert "acked" in hub.post(f"/api/jobs/{job}/entry", {"text": text})
    assert "acked" in hub.post(f"/api/jobs/{job}/finish", {"outcome": "succeeded"})
    return job, texts


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, Standing, str, list[str]]]:
    with hub_process(tmp_path_factory.mktemp("after") / "hub.db") as hub:
        before = standing(hub)
        yield hub, before, *reported(hub)


After = tuple[HubProcess, Standing, str, list[str]]


def test_a_hub_without_a_fault_passes(after: After) -> None:
    hub, before, job, texts = after
    check_aftermath(hub, before, acknowledged={job: texts}, seen={job: hub.get(f"/api/jobs/{job}")})


def test_what_viewers_see_otherwise_is_noticed(after: After) -> None:
    hub, _, job, _ = after
    with pytest.raises(AssertionError, match="differ"):
        check_aftermath(hub, seen={job: hub.get(f"/api/jobs/{job}") | {"status": "running"}})
    with pytest.raises(AssertionError, match="message"):
        check_aftermath(hub, seen={job: hub.get(f"/api/jobs/{job}") | {"message": "otherwise"}})


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("DELETE FROM entries WHERE record LIKE '%first%'", "missing, twice or out of order"),
        ("DELETE FROM entries WHERE n = 2", "missing, twice or out of order|hole"),
        ("DELETE FROM entries WHERE record LIKE '%attempt_succeeded%'", "without an outcome"),
        ("UPDATE jobs SET status = 'running'", "after its attempt's end"),
        ("INSERT INTO entries SELECT job, n + 1, at, record FROM entries ORDER BY n DESC LIMIT 1", "hole|two outcomes"),
        ("INSERT INTO states VALUES ('nobody', '{}')", "rows of jobs that are not there"),
    ],
)
def test_harm_to_the_database_is_noticed(after: After, tmp_path: Path, harm: str, words: str) -> None:
    hub, _, job, texts = after
    with closing(sqlite3.connect(hub.db)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
        copy.execute(harm)
        copy.commit()
    with pytest.raises(AssertionError, match=words):
        check_database(tmp_path / "copy.db", {job: texts})


def test_a_descriptor_that_stays_open_is_noticed(after: After, monkeypatch: Any) -> None:
    hub, before, _, _ = after
    monkeypatch.setattr("tests.faults.aftermath.PATIENCE_S", 0.0)
    fewer = Standing(before.descriptors - 1, before.memory_bytes, before.children)
    with pytest.raises(AssertionError, match=f"hub.db|{os.sep}"):
        check_aftermath(hub, fewer)
