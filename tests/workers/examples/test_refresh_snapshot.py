"""`refresh-snapshot`: all three tables anew, or the database as it was."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from workers.examples import refresh_snapshot
from workers.examples.refresh_snapshot import Plan

FILES = {
    "planned_orders.csv": "id,product,quantity,due\n1,Pump,5,2026-02-01\n2,Valve,7,2026-03-01\n",
    "manufacturing_orders.csv": "id,planned_order,machine,quantity,starts\n10,1,Mill,5,2026-01-20\n",
    "order_lines.csv": "id,manufacturing_order,article,quantity,unit_cost\n"
    "100,10,Seal,2,0.5\n\n101,10,Bolt,8,0.05\n102,10,Shaft,1,12\n",
}
TABLES = ["planned_orders", "manufacturing_orders", "order_lines"]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def database(play: Any, tmp_path: Path) -> Path:
    """One that holds a former snapshot."""
    path = tmp_path / "snapshot.db"
    play(refresh_snapshot, database=path, records=50)
    return path


def contents(database: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(database)) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in TABLES}


def test_the_tables_hold_what_the_files_say_and_nothing_of_before(play: Any, orders: Path, database: Path) -> None:
    story = play(refresh_snapshot, folder=orders, database=database)
    assert contents(database) == {
        "planned_orders": [(1, "Pump", 5, "2026-02-01"), (2, "Valve", 7, "2026-03-01")],
        "manufacturing_orders": [(10, 1, "Mill", 5, "2026-01-20")],
        "order_lines": [(100, 10, "Seal", 2, 0.5), (101, 10, "Bolt", 8, 0.05), (102, 10, "Shaft", 1, 12.0)],
    }
    assert story.result == {
        "database": str(database),
        "batches": 3,
        "records": {"planned_orders": 2, "manufacturing_orders": 1, "order_lines": 3},
    }


def test_five_phases_have_their_totals_before_they_start(play: Any, orders: Path, database: Path) -> None:
    story = play(refresh_snapshot, folder=orders, database=database)
    assert [(phase.name, phase.total, phase.unit) for phase in story.phases] == [
        ("Prepare", None, None),
        ("Planned orders", 2, "records"),
        ("Manufacturing orders", 1, "records"),
        ("Order lines", 3, "records"),
        ("Finish", None, None),
    ]
    assert story.planned == [["Planned orders", "Manufacturing orders", "Order lines", "Finish"]]
    assert story.counters == {"planned orders": 2, "manufacturing orders": 1, "order lines": 3}


def test_batches_are_counted_over_all_tables(play: Any, at_phase: Any, database: Path) -> None:
    story = play(refresh_snapshot, cancel_at=at_phase("Order lines"), database=database, records=100, batch=2)
    loading = [said for said in story.said if said.startswith("Loading")]
    assert loading[:2] == ["Loading batch 1 of 50", "Loading batch 2 of 50"]
    assert loading[-1] == "Loading batch 26 of 50"  # where the cancel showed


@pytest.mark.parametrize("phase", ["Planned orders", "Manufacturing orders", "Order lines", "Finish"])
def test_a_cancel_rolls_back_and_says_so(play: Any, at_phase: Any, orders: Path, database: Path, phase: str) -> None:
    before = contents(database)
    story = play(refresh_snapshot, cancel_at=at_phase(phase), folder=orders, database=database)
    assert story.cancelled == "Rolled back, nothing was changed"
    assert story.said[-1] == "Rolling back"
    assert contents(database) == before


def test_readers_see_the_former_contents_until_the_end(play: Any, orders: Path, database: Path) -> None:
    before = contents(database)
    seen: list[Any] = []
    play(
        refresh_snapshot, meanwhile={"Order lines": lambda: seen.append(contents(database))}, folder=orders,
        database=database,
    )  # fmt: skip
    assert seen == [before]
    assert contents(database) != before


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("planned_orders.csv", "3,Gauge,many,2026-01-01", r"planned_orders.csv, line 4: .*`quantity`"),
        ("manufacturing_orders.csv", "11,1,Mill,5,tomorrow", r"manufacturing_orders.csv, line 3: .*`starts`"),
        ("order_lines.csv", "103,10,,1,1", r"order_lines.csv, line 6: .*`article`"),
        ("order_lines.csv", "103,99,Seal,1,1", r"order_lines.csv: record 103 refers to one that is not in manuf"),
        ("order_lines.csv", "102,10,Seal,1,1", r"order_lines.csv: .*UNIQUE"),
    ],
)
def test_a_bad_record_is_named_and_changes_nothing(
    play: Any, orders: Path, database: Path, name: str, line: str, said: str
) -> None:
    before = contents(database)
    (orders / name).write_text(FILES[name] + line + "\n")
    with pytest.raises(ValueError, match=rf"^folder: {said}"):
        play(refresh_snapshot, folder=orders, database=database)
    assert contents(database) == before


@pytest.mark.parametrize("content", [b"id,product\n1,\xff\n", b'id,product\n1,"' + b"x" * 200_000 + b'"\n'])
def test_a_file_that_is_no_csv_is_named(play: Any, orders: Path, database: Path, content: bytes) -> None:
    (orders / "planned_orders.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"^folder: planned_orders\.csv: "):
        play(refresh_snapshot, folder=orders, database=database)


def test_a_database_with_other_columns_is_left_as_it_is(play: Any, orders: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE planned_orders (id INTEGER, colour TEXT)")
        db.execute("INSERT INTO planned_orders VALUES (1, 'red')")
        db.commit()
    with pytest.raises(ValueError, match=r"^database: .*other\.db: table planned_orders has no column named product"):
        play(refresh_snapshot, folder=orders, database=path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM planned_orders").fetchall() == [(1, "red")]


def test_a_missing_file_is_named(play: Any, orders: Path, database: Path) -> None:
    (orders / "order_lines.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"^folder: .*orders has no order_lines\.csv"):
        play(refresh_snapshot, folder=orders, database=database)


def test_a_file_that_is_no_database_is_left_alone(play: Any, orders: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all, " * 200)
    with pytest.raises(ValueError, match=r"^database: .*letter\.txt: file is not a database"):
        play(refresh_snapshot, folder=orders, database=letter)
    assert letter.read_text() == "Dear all, " * 200


def test_a_database_in_no_folder_is_said_by_the_parameters_name(play: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^database: .*nowhere is not a folder"):
        play(refresh_snapshot, database=tmp_path / "nowhere" / "x.db")


def test_generated_files_fit_together_and_are_the_same_every_time(play: Any, tmp_path: Path) -> None:
    first = play(refresh_snapshot, records=1_000)
    before = contents(Path(first.result["database"]))
    for made in (tmp_path / "tmp").rglob("*.csv"):
        made.unlink()
    second = play(refresh_snapshot, records=1_000)
    assert contents(Path(second.result["database"])) == before
    assert sum(first.result["records"].values()) == 1_000


def test_with_defaults_there_are_fifty_batches() -> None:
    plan = Plan(folder=Path(), batch=10_000, counts={"a": 100_000, "b": 150_000, "c": 250_000})
    assert plan.batches == 50
