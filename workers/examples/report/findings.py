"""What `csv-report` knows of a file, stage by stage."""

import datetime as dt
from pathlib import Path

from msgspec import Struct

from workers.examples.report.forecast import Forecast
from workers.examples.report.sales import Fault, Row, Sale


class Outlier(Struct, frozen=True):
    """A sale whose price per unit is far from the others of its department."""

    sale: Sale
    score: float


class Findings(Struct, kw_only=True):
    """All that is known so far, and what was asked for; each stage adds to it.

    Attributes:
        file: name of the CSV file.
        report: where the page is written.
        ahead_months: how many months to forecast.
        resamples: histories drawn for each forecast.
        rows: as read.
        sales: the rows that are good.
        faults: the rows that were left out.
        months: first days of the months covered.
        regions: amount by month for each region.
        departments: the same for each department.
        trial: mean error of Holt's method and of "as last month" on those.
        ahead: forecast for each region and department, by `("region", name)` and the like.
        outliers: the farthest first.
        charts: caption and SVG.
    """

    file: str
    report: Path
    ahead_months: int = 0
    resamples: int = 0
    rows: list[Row] = []
    sales: list[Sale] = []
    faults: list[Fault] = []
    months: list[dt.date] = []
    regions: dict[str, list[float]] = {}
    departments: dict[str, list[float]] = {}
    trial: tuple[float, float] = (0.0, 0.0)
    ahead: dict[tuple[str, str], Forecast] = {}
    outliers: list[Outlier] = []
    charts: list[tuple[str, str]] = []
