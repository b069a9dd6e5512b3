"""Sales from a CSV file: what a row must look like, and what months, regions and departments add up to."""

import csv
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

YEARS = range(1900, 2200)
ROWS_LIMIT = 200_000  # held in memory, about 160 MB
MONTHS_LIMIT = 600  # one wrong year would otherwise add thousands of empty months
MONTHS_NEEDED = 8  # fewer tell nothing about a trend
TRIAL_MONTHS = 3  # the last of the file, to try the forecast on
GROUPS_LIMIT = 12  # more charts nobody reads: the smallest are added up
OTHERS = "All others"

Label = Annotated[str, Meta(min_length=1, max_length=80)]


class Sale(Struct, frozen=True):
    """One row."""

    date: dt.date
    region: Label
    department: Label
    amount: Annotated[float, Meta(gt=0, le=1e9)]
    units: Annotated[int, Meta(ge=1, le=1_000_000)]

    @property
    def unit_price(self) -> float:
        """What one unit cost."""
        return self.amount / self.units


class Fault(Struct, frozen=True):
    """A row that was left out, and why."""

    line: int
    reason: str


Row = tuple[int, dict[str, Any]]
"""Line number and cells by column."""


def read_rows(file: Path) -> Iterator[Row]:
    """Every row of a file with a header line; columns beside ours are ignored.

    Raises:
        ValueError: a column is missing, it is no UTF-8 text or no CSV, or it has more than `ROWS_LIMIT` rows.
    """
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.DictReader(text)
        try:
            missing = [name for name in Sale.__struct_fields__ if name not in (reader.fieldnames or [])]
            if missing:
                raise ValueError(f"file: {file.name} has no column {' or '.join(missing)}")
            for count, row in enumerate(reader):
                if count == ROWS_LIMIT:
                    raise ValueError(f"file: {file.name} has more than {ROWS_LIMIT:,} rows")
                yield reader.line_num, row
        except UnicodeDecodeError as error:
            raise ValueError(f"file: {file.name} is not UTF-8 text: {error}") from error
        except csv.Error as error:
            raise ValueError(f"file: {file.name}, line {reader.line_num}: {error}") from error


def check_row(row: Row) -> Sale | Fault:
    """The row as a sale, or what is wrong with it."""
    line, cells = row
    ours = {name: printable((cells[name] or "").strip()) for name in Sale.__struct_fields__}
    try:
        sale = msgspec.convert(ours, Sale, strict=False)
    except msgspec.ValidationError as error:
        return Fault(line, str(error).replace("`$.", "`"))
    return (
        sale if sale.date.year in YEARS else Fault(line, f"Expected a year from {YEARS[0]} to {YEARS[-1]} - at `date`")
    )


def printable(text: str) -> str:
    """The text, with a mark in place of every character that does not show (control, direction, half a pair)."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def months_of(sales: Iterable[Sale]) -> list[dt.date]:
    """The first day of every month from the first sale to the last, both included.

    Raises:
        ValueError: too few or too many of them.
    """
    days = [sale.date for sale in sales]
    first, last = (min(days), max(days)) if days else (dt.date.max, dt.date.min)
    count = max(0, (last.year - first.year) * 12 + last.month - first.month + 1)
    if not MONTHS_NEEDED <= count <= MONTHS_LIMIT:
        raise ValueError(f"file: good rows of {count:,} months, expected {MONTHS_NEEDED} to {MONTHS_LIMIT}")
    return [later(first, months) for months in range(count)]


def later(month: dt.date, months: int) -> dt.date:
    """The first day of the month that many months later."""
    number = month.year * 12 + month.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


def add_up(sales: list[Sale], months: list[dt.date], group_of: Callable[[Sale], str]) -> dict[str, list[float]]:
    """Amount by month for each group, the largest group first; beyond `GROUPS_LIMIT` the smallest are one."""
    place = {month: index for index, month in enumerate(months)}
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(months))
    for sale in sales:
        sums[group_of(sale)][place[sale.date.replace(day=1)]] += sale.amount
    ranked = sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0]))
    if len(ranked) <= GROUPS_LIMIT:
        return dict(ranked)
    kept, rest = ranked[: GROUPS_LIMIT - 1], ranked[GROUPS_LIMIT - 1 :]
    others = [sum(values) for values in zip(*(series for _, series in rest), strict=True)]
    return {**dict(kept), OTHERS: others}
