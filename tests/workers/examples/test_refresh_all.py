"""`refresh-all`: many snapshots, each a job of its own."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.protocol import Entry, PhaseStart
from workers.examples import refresh_all, refresh_snapshot
from workers.examples.refresh_all import MOST, SAMPLES, folders
from workers.rehearsal import Rehearsal

ORDERS = {
    "planned_orders.csv": "id,product,quantity,due\n1,Pump,5,2026-02-01\n",
    "manufacturing_orders.csv": "id,planned_order,machine,quantity,starts\n10,1,Mill,5,2026-01-20\n",
    "order_lines.csv": "id,manufacturing_order,article,quantity,unit_cost\n100,10,Seal,2,0.5\n101,10,Bolt,8,0.05\n",
}


@pytest.fixture
def plants(tmp_path: Path) -> Path:
    """Two folders of orders, and something else."""
    folder = tmp_path / "plants"
    for name in ("Bonn", "Köln"):
        (folder / name).mkdir(parents=True)
        for file, text in ORDERS.items():
            (folder / name / file).write_text(text)
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(autouse=True)
def scratch_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def lines(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        (count,) = db.execute("SELECT count(*) FROM order_lines").fetchone()
    return int(count)


def run(**params: Any) -> Any:
    rehearsal = Rehearsal(refresh_all, children=[refresh_snapshot])
    return rehearsal.run(**params), rehearsal


def test_each_folder_becomes_a_database_of_its_name(plants: Path, tmp_path: Path) -> None:
    finish, rehearsal = run(folder=plants, databases=tmp_path, batch=1)
    assert finish.result == {"databases": str(tmp_path), "snapshots": ["Bonn", "Köln"], "records": 8}
    assert [lines(tmp_path / f"{name}.db") for name in ("Bonn", "Köln")] == [2, 2]
    assert [len([one for one in child.messages if isinstance(one, PhaseStart)]) for child in rehearsal.started] == [
        5,
        5,
    ]


def test_one_that_fails_keeps_nothing_from_the_others_and_is_named(plants: Path, tmp_path: Path) -> None:
    (plants / "Bonn" / "order_lines.csv").unlink()
    finish, _ = run(folder=plants, databases=tmp_path)
    assert finish.outcome == "failed"
    assert finish.error.message.startswith("1 of 2 jobs failed: Refresh Bonn failed: FileNotFoundError: folder: ")
    assert lines(tmp_path / "Köln.db") == 2


def test_without_a_folder_samples_are_refreshed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAMPLES, "North", 10)
    monkeypatch.setitem(SAMPLES, "South", 20)
    monkeypatch.setitem(SAMPLES, "West", 30)
    finish, rehearsal = run()
    assert (finish.outcome, finish.result["records"]) == ("succeeded", 60)
    assert not [message for message in rehearsal.messages if isinstance(message, Entry)]


def test_a_folder_without_any_orders_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder: .* has no folder with planned_orders\.csv"):
        folders(tmp_path)


def test_too_many_folders_are_refused(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "order_lines.csv").touch()
    with pytest.raises(ValueError, match="more than 1,000"):
        folders(tmp_path)
