"""Orders as `refresh-snapshot` loads them: what each record must look like, and sample files that fit together."""

import csv
import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from workers import Job
from workers.examples.places import IN_USE_S, half_written, keep_newest, scratch

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]  # what SQLite holds
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000_000)]

GENERATED_KEPT = 3  # folders of sample files, one for each number of records asked for
FIRST_DAY = dt.date(2026, 1, 5)
PRODUCTS = ["Pump P40", "Pump P60", "Valve V12", "Valve V20", "Filter F3", "Gauge G7"]
MACHINES = ["Lathe 1", "Lathe 2", "Mill 1", "Mill 2", "Press 1"]
ARTICLES = ["Housing", "Shaft", "Seal", "Bearing", "Bolt M8", "Bolt M12", "Spring", "Cover"]


class PlannedOrder(Struct):
    """What is to be made, and until when."""

    id: Id
    product: Name
    quantity: Quantity
    due: dt.date


class ManufacturingOrder(Struct):
    """A planned order, or a part of one, given to a machine."""

    id: Id
    planned_order: Id
    machine: Name
    quantity: Quantity
    starts: dt.date


class OrderLine(Struct):
    """Material that a manufacturing order uses."""

    id: Id
    manufacturing_order: Id
    article: Name
    quantity: Quantity
    unit_cost: Annotated[float, Meta(ge=0)]


def sample_folder(job: Job, records: int) -> Path:
    """A folder with three CSV files of together `records` records; made once, then used again."""
    folder = scratch("orders") / str(records)
    if not folder.is_dir():
        keep_newest(folder.parent, GENERATED_KEPT - 1, IN_USE_S)
    folder.mkdir(exist_ok=True)
    planned, manufacturing = records // 5, records * 3 // 10
    dice = random.Random(records)  # noqa: S311  (sample files, not secrets)
    rows: dict[str, Iterator[Struct]] = {
        "planned_orders.csv": planned_orders(dice, planned),
        "manufacturing_orders.csv": manufacturing_orders(dice, manufacturing, planned),
        "order_lines.csv": order_lines(dice, records - planned - manufacturing, manufacturing),
    }
    if not all((folder / name).is_file() for name in rows):
        job.message(f"Generating {records:,} records")
        job.total = records
        for name, file_rows in rows.items():
            write(job, folder / name, file_rows)
    return folder


def write(job: Job, target: Path, rows: Iterator[Struct]) -> None:
    """Write one CSV file, whole or not at all."""
    with half_written(target) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for number, row in enumerate(rows):
            if number == 0:
                writer.writerow(row.__struct_fields__)
            writer.writerow(msgspec.structs.astuple(row))
            job.advance()


def planned_orders(dice: random.Random, count: int) -> Iterator[PlannedOrder]:
    """Planned orders 1 to `count`."""
    for number in range(1, count + 1):
        due = FIRST_DAY + dt.timedelta(days=dice.randrange(365))
        yield PlannedOrder(id=number, product=dice.choice(PRODUCTS), quantity=dice.randint(1, 500), due=due)


def manufacturing_orders(dice: random.Random, count: int, planned: int) -> Iterator[ManufacturingOrder]:
    """Manufacturing orders 1 to `count`, each for one of `planned` planned orders."""
    for number in range(1, count + 1):
        yield ManufacturingOrder(
            id=number,
            planned_order=dice.randint(1, planned),
            machine=dice.choice(MACHINES),
            quantity=dice.randint(1, 100),
            starts=FIRST_DAY + dt.timedelta(days=dice.randrange(365)),
        )


def order_lines(dice: random.Random, count: int, manufacturing: int) -> Iterator[OrderLine]:
    """Order lines 1 to `count`, each of one of `manufacturing` manufacturing orders."""
    for number in range(1, count + 1):
        yield OrderLine(
            id=number,
            manufacturing_order=dice.randint(1, manufacturing),
            article=dice.choice(ARTICLES),
            quantity=dice.randint(1, 20),
            unit_cost=round(dice.lognormvariate(1, 1), 2),
        )
