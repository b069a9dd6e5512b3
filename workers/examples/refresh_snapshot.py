"""`refresh-snapshot`: empty three tables of a SQLite database and load them anew from CSV files, or change nothing."""

import csv
import datetime as dt
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from workers import Cancelled, Job, Phase, job
from workers.examples.orders import ManufacturingOrder, OrderLine, PlannedOrder, sample_folder
from workers.examples.places import existing_folder, scratch


class Table(Struct, frozen=True):
    """One table: the phase it is loaded in, what its rows must look like, and its SQL."""

    name: str
    phase: str
    row: type[Struct]
    create: str
    insert: str
    count: str
    empty: str

    @property
    def file(self) -> str:
        """Name of its CSV file."""
        return f"{self.name}.csv"


TABLES = [
    Table(
        name="planned_orders",
        phase="Planned orders",
        row=PlannedOrder,
        create="CREATE TABLE IF NOT EXISTS planned_orders "
        "(id INTEGER PRIMARY KEY, product TEXT, quantity INT, due TEXT)",
        insert="INSERT INTO planned_orders (id, product, quantity, due) VALUES (?, ?, ?, ?)",
        count="SELECT count(*) FROM planned_orders",
        empty="DELETE FROM planned_orders",
    ),
    Table(
        name="manufacturing_orders",
        phase="Manufacturing orders",
        row=ManufacturingOrder,
        create="CREATE TABLE IF NOT EXISTS manufacturing_orders (id INTEGER PRIMARY KEY, "
        "planned_order INT REFERENCES planned_orders, machine TEXT, quantity INT, starts TEXT)",
        insert="INSERT INTO manufacturing_orders (id, planned_order, machine, quantity, starts) VALUES (?, ?, ?, ?, ?)",
        count="SELECT count(*) FROM manufacturing_orders",
        empty="DELETE FROM manufacturing_orders",
    ),
    Table(
        name="order_lines",
        phase="Order lines",
        row=OrderLine,
        create="CREATE TABLE IF NOT EXISTS order_lines (id INTEGER PRIMARY KEY, "
        "manufacturing_order INT REFERENCES manufacturing_orders, article TEXT, quantity INT, unit_cost REAL)",
        insert="INSERT INTO order_lines (id, manufacturing_order, article, quantity, unit_cost) VALUES (?, ?, ?, ?, ?)",
        count="SELECT count(*) FROM order_lines",
        empty="DELETE FROM order_lines",
    ),
]


class Plan(Struct):
    """What there is to load: `counts` of records by table, in batches of `batch`."""

    folder: Path
    batch: int
    counts: dict[str, int]

    @property
    def batches(self) -> int:
        """How many batches, over all tables."""
        return sum(-(-count // self.batch) for count in self.counts.values())

    @property
    def phases(self) -> list[Phase]:
        """The phases after the first, with their totals; `Finish` is short."""
        every = max(1, sum(self.counts.values()))
        loads = [
            Phase(name=table.phase, total=count, unit="records", weight=0.9 * count / every)
            for table, count in zip(TABLES, self.counts.values(), strict=True)
        ]
        return [*loads, Phase(name="Finish", weight=0.02)]


@job(
    "refresh-snapshot",
    title="Refresh snapshot",
    phases=[Phase(name="Prepare", weight=0.08), *(table.phase for table in TABLES), Phase(name="Finish", weight=0.02)],
    cancel_note="rolls everything back: the database stays as it was",
)
def refresh_snapshot(
    job: Job,
    folder: Annotated[
        Path | None,
        Meta(description=f"Folder with {', '.join(table.file for table in TABLES)}; empty: they are generated"),
    ] = None,
    database: Annotated[
        Path | None,
        Meta(description="SQLite database whose three tables are replaced; empty: one in a folder of yours"),
    ] = None,
    batch: Annotated[int, Meta(description="Records written at once", ge=1, le=100_000)] = 10_000,
    records: Annotated[int, Meta(description="Records in generated files", ge=10, le=5_000_000)] = 500_000,
) -> dict[str, Any]:
    """Empty three tables of a SQLite database and load them anew from CSV files, in one transaction.

    Readers see the former contents until the last moment; a cancel or an error leaves them in place.
    """
    target = database_path(database)
    with job.phase("Prepare"):
        source = existing_folder(folder, "folder") if folder else sample_folder(job, records)
        plan = Plan(folder=source, batch=batch, counts={table.name: count_records(source, table) for table in TABLES})
        job.plan(plan.phases)
    with closing(connect(target)) as db:  # closing without a commit rolls back
        try:
            load(job, db, plan)
            finish(job, db, plan)
        except Cancelled:
            job.message("Rolling back")
            db.rollback()
            raise Cancelled("Rolled back, nothing was changed") from None
        except sqlite3.Error as error:
            raise ValueError(f"database: {target}: {error}") from error
    return {"database": str(target), "batches": plan.batches, "records": plan.counts}


def database_path(database: Path | None) -> Path:
    """Where the database is, or will be.

    Raises:
        FileNotFoundError: its folder is not there.
    """
    if database is None:
        return scratch("refresh-snapshot") / "snapshot.db"
    target = database.expanduser().absolute()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"database: {target.parent} is not a folder")
    return target


def connect(target: Path) -> sqlite3.Connection:
    """Open the database and begin the one transaction.

    Raises:
        ValueError: it is locked by someone else, or no database.
    """
    db = sqlite3.connect(target, isolation_level=None)  # no implicit transactions: ours begins here
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        db.close()
        raise ValueError(f"database: {target}: {error}") from error
    return db


def load(job: Job, db: sqlite3.Connection, plan: Plan) -> None:
    """Replace the contents of all tables, one phase each."""
    for table in TABLES:
        db.execute(table.create)
    for table in reversed(TABLES):  # lines before the orders that they belong to
        db.execute(table.empty)
    number = itertools.count(1)
    for table in TABLES:
        with job.phase(table.phase) as phase:
            for rows in batched(read_records(plan.folder, table), plan.batch):
                job.message(f"Loading batch {next(number)} of {plan.batches}")
                insert(db, table, rows)
                job.count(table.phase.lower(), len(rows))
                phase.advance(len(rows))


def insert(db: sqlite3.Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Write one batch.

    Raises:
        ValueError: an id occurs twice.
    """
    try:
        db.executemany(table.insert, rows)
    except sqlite3.IntegrityError as error:
        raise ValueError(f"folder: {table.file}: {error}") from error


def finish(job: Job, db: sqlite3.Connection, plan: Plan) -> None:
    """Check what was loaded, and commit. Nothing is reported after the commit: it can no longer be cancelled.

    Raises:
        ValueError: a record refers to one that is not there, or some are missing.
    """
    with job.phase("Finish"):
        job.message("Checking references")
        orphan = db.execute("PRAGMA foreign_key_check").fetchone()
        if orphan:
            raise ValueError(
                f"folder: {orphan[0]}.csv: record {orphan[1]} refers to one that is not in {orphan[2]}.csv"
            )
        for table in TABLES:
            (count,) = db.execute(table.count).fetchone()
            if count != plan.counts[table.name]:
                raise ValueError(f"{table.name}: {plan.counts[table.name]:,} records expected, {count:,} loaded")
        job.message(f"{sum(plan.counts.values()):,} records in {plan.batches} batches")
        db.execute("COMMIT")


def batched(rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Lists of `size` rows, the last one shorter."""
    while batch := list(itertools.islice(rows, size)):
        yield batch


def read_records(folder: Path, table: Table) -> Iterator[tuple[Any, ...]]:
    """The checked records of one file, as its table takes them.

    Raises:
        ValueError: a record is not as it should be; the text names the file, line and column.
    """
    with (folder / table.file).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                record = msgspec.convert(row, table.row, strict=False)
            except msgspec.ValidationError as error:
                wrong = str(error).replace("`$.", "`")
                raise ValueError(f"folder: {table.file}, line {reader.line_num}: {wrong}") from None
            yield tuple(
                str(value) if isinstance(value, dt.date) else value for value in msgspec.structs.astuple(record)
            )


def count_records(folder: Path, table: Table) -> int:
    """How many records a file holds.

    Raises:
        FileNotFoundError: the folder has no such file.
        ValueError: it is no CSV file in UTF-8.
    """
    if not (folder / table.file).is_file():
        raise FileNotFoundError(f"folder: {folder} has no {table.file}")
    try:
        with (folder / table.file).open(newline="", encoding="utf-8") as file:
            return max(0, sum(1 for row in csv.reader(file) if row) - 1)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"folder: {table.file}: {error}") from error
