"""What a row must look like, and what months add up to."""

import datetime as dt
from typing import Any

import pytest

from workers.examples.report.sales import Fault, Sale, add_up, check_row, later, months_of, printable

GOOD = {"date": "2026-02-28", "region": " North ", "department": "Parts", "amount": "12.50", "units": "5"}


def sale(day: str, amount: float = 1.0, region: str = "North") -> Sale:
    return Sale(date=dt.date.fromisoformat(day), region=region, department="Parts", amount=amount, units=1)


def test_a_good_row_is_a_sale() -> None:
    row = check_row((2, {**GOOD, "note": "ignored"}))
    assert row == Sale(date=dt.date(2026, 2, 28), region="North", department="Parts", amount=12.5, units=5)
    assert isinstance(row, Sale)
    assert row.unit_price == 2.5


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("date", "28.2.2026"),
        ("date", "2026-02-30"),
        ("date", "0026-02-28"),
        ("region", "  "),
        ("region", "x" * 81),
        ("department", None),
        ("amount", "-1"),
        ("amount", "nan"),
        ("amount", "inf"),
        ("amount", "1e300"),
        ("amount", "12,50"),
        ("units", "0"),
        ("units", "2.5"),
        ("units", ""),
    ],
)
def test_a_bad_cell_is_a_fault_that_names_line_and_column(column: str, cell: Any) -> None:
    fault = check_row((7, {**GOOD, column: cell}))
    assert isinstance(fault, Fault)
    assert fault.line == 7
    assert fault.reason.endswith(f"at `{column}`")


def test_characters_that_do_not_show_are_marked() -> None:
    assert printable("a\x00b\u202ec\udcff") == "a\ufffdb\ufffdc\ufffd"


def test_months_without_sales_count() -> None:
    months = months_of([sale("2025-11-30"), sale("2026-07-01")])
    assert months[0] == dt.date(2025, 11, 1)
    assert months[-1] == dt.date(2026, 7, 1)
    assert len(months) == 9


@pytest.mark.parametrize("days", [[], ["2026-01-01", "2026-07-01"], ["1900-01-01", "2026-07-01"]])
def test_too_few_or_too_many_months_are_refused(days: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^file: good rows of [\d,]+ months, expected 8 to 600"):
        months_of([sale(day) for day in days])


def test_a_year_later_is_the_same_month() -> None:
    assert later(dt.date(2025, 12, 1), 1) == dt.date(2026, 1, 1)
    assert later(dt.date(2025, 12, 1), 12) == dt.date(2026, 12, 1)


def test_amounts_add_up_by_month_the_largest_group_first() -> None:
    sales = [sale("2026-01-05", 5), sale("2026-01-31", 7), sale("2026-03-01", 30, "East")]
    months = [dt.date(2026, month, 1) for month in (1, 2, 3)]
    sums = add_up(sales, months, lambda one: one.region)
    assert list(sums.items()) == [("East", [0, 0, 30]), ("North", [12, 0, 0])]


def test_beyond_twelve_groups_the_smallest_are_one() -> None:
    sales = [sale("2026-01-05", number, f"R{number}") for number in range(1, 21)]
    sums = add_up(sales, [dt.date(2026, 1, 1)], lambda one: one.region)
    assert len(sums) == 12
    assert sums["All others"] == [sum(range(1, 10))]
