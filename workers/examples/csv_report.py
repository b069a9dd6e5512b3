"""`csv-report`: from a CSV file of sales to a report with forecasts, outliers and charts."""

import random
from collections import defaultdict
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

from msgspec import Meta

from workers import Job, Phase, job
from workers.examples.places import existing_file, run_folder
from workers.examples.report.charts import bar_chart, line_chart
from workers.examples.report.findings import Findings, Outlier
from workers.examples.report.forecast import forecast, mean_error
from workers.examples.report.outliers import LIMIT, scores
from workers.examples.report.page import page
from workers.examples.report.sales import TRIAL_MONTHS, Sale, add_up, check_row, months_of, printable, read_rows

SHIPPED = Path(__file__).with_name("sales.csv")
FAULTS_LOGGED = 50  # the report shows as many


def stages(found: Findings) -> list[Phase]:
    """The stages after reading, named after what is known of the file so far."""
    regions, departments = len(found.regions), len(found.departments)
    series = regions + departments
    charts = series + 2 if series else 0
    share = 0.9 / (series or 2)  # forecasting is nearly all the work
    return [
        Phase(name=f"Check {some(len(found.rows), 'rows')}", total=len(found.rows) or None, unit="rows", weight=0.02),
        Phase(name=f"Add up {some(len(found.months), 'months')}", weight=0.01),
        Phase(name=f"Try the forecast on {some(series, 'series')}", total=series or None, unit="series", weight=0.01),
        forecasting(regions, "regions", found.resamples, share),
        forecasting(departments, "departments", found.resamples, share),
        Phase(name=f"Search {some(len(found.sales), 'sales')} for outliers", weight=0.01),
        Phase(name=f"Draw {some(charts, 'charts')}", total=charts or None, unit="charts", weight=0.01),
        Phase(name="Write the report", weight=0.01),
        Phase(name="Check the report", weight=0.01),
    ]


def forecasting(groups: int, things: str, resamples: int, share: float) -> Phase:
    """The stage that forecasts so many groups; each takes its share of the time."""
    name = f"Forecast {some(groups, things)}"
    return Phase(name=name, total=groups * resamples or None, unit="resamples", weight=share * (groups or 1))


def some(count: int, things: str) -> str:
    """`4 regions`; `the regions` while nobody knows how many."""
    if not count:
        return f"the {things}"
    return f"{count:,} {things if count != 1 else things.removesuffix('s')}"


@job(
    "csv-report",
    title="Report on {file.name}",
    phases=[Phase(name="Read the file", unit="rows", weight=0.01), *stages(Findings(file="", report=Path()))],
    cancel_note="stops at once; no report is written",
)
def csv_report(
    job: Job,
    file: Annotated[Path, Meta(description="CSV file with date, region, department, amount and units")] = SHIPPED,
    months: Annotated[int, Meta(description="Months to forecast", ge=1, le=12)] = 4,
    resamples: Annotated[
        int, Meta(description="Histories drawn for each forecast's interval: more take longer", ge=20, le=100_000)
    ] = 4_000,
) -> dict[str, Any]:
    """Forecast sales by region and department, find outliers, and write it all into one HTML report."""
    source = existing_file(file, "file")
    with job.phase("Read the file", unit="rows") as phase:
        rows = list(phase.track(read_rows(source)))
    report = run_folder("csv-report", job.id) / "report.html"
    found = Findings(file=printable(source.name), report=report, ahead_months=months, resamples=resamples, rows=rows)
    planned: list[Phase] = []
    for number, step in enumerate(STEPS):
        left = stages(found)[number:]
        if left != planned:  # something was found out: the stages to come have other names now
            job.plan(left)
        planned = left[1:]
        with job.phase(left[0].name):
            step(job, found)
    job.attach(found.report)
    return {
        "rows": len(found.rows),
        "sales": len(found.sales),
        "left_out": len(found.faults),
        "months": len(found.months),
        "regions": list(found.regions),
        "departments": list(found.departments),
        "outliers": len(found.outliers),
        "off_by": round(found.trial[0], 4),
    }


def check_rows(job: Job, found: Findings) -> None:
    """Sort the good rows from the others."""
    for row in job.track(found.rows):
        sale = check_row(row)
        if isinstance(sale, Sale):
            found.sales.append(sale)
            job.count("ok")
            continue
        found.faults.append(sale)
        job.count("left out")
        if len(found.faults) <= FAULTS_LOGGED:
            job.log(f"Line {sale.line} left out: {sale.reason}", level="warning", data={"line": sale.line})
    found.months = months_of(found.sales)


def add_up_months(job: Job, found: Findings) -> None:
    """Amounts by month for each region and each department."""
    found.regions = add_up(found.sales, found.months, attrgetter("region"))
    found.departments = add_up(found.sales, found.months, attrgetter("department"))
    job.message(f"{len(found.regions)} regions, {len(found.departments)} departments")


def try_forecast(job: Job, found: Findings) -> None:
    """Forecast months that are known, to see how far off that is."""
    both = [*found.regions.values(), *found.departments.values()]
    tried = [mean_error(series, TRIAL_MONTHS) for series in job.track(both)]
    found.trial = (sum(holt for holt, _ in tried) / len(tried), sum(naive for _, naive in tried) / len(tried))
    job.log(f"On the last {TRIAL_MONTHS} months the forecast was {found.trial[0]:.1%} off on average")


def forecast_regions(job: Job, found: Findings) -> None:
    """A forecast for each region."""
    forecast_groups(job, found, "region", found.regions)


def forecast_departments(job: Job, found: Findings) -> None:
    """A forecast for each department."""
    forecast_groups(job, found, "department", found.departments)


def forecast_groups(job: Job, found: Findings, kind: str, groups: dict[str, list[float]]) -> None:
    """A forecast for each group; the same file gives the same one every time."""
    for name, series in groups.items():
        job.message(f"Forecasting {name}")
        dice = random.Random(f"{kind} {name}")  # noqa: S311  (a sample, not a secret)
        found.ahead[kind, name] = forecast(series, found.ahead_months, found.resamples, dice, job.advance)


def find_outliers(job: Job, found: Findings) -> None:
    """Sales whose price per unit is far from the others of their department."""
    by_department: dict[str, list[Sale]] = defaultdict(list)
    for sale in found.sales:
        by_department[sale.department].append(sale)
    for sales in by_department.values():
        rated = zip(sales, scores([sale.unit_price for sale in sales]), strict=True)
        found.outliers += [Outlier(sale, score) for sale, score in rated if abs(score) > LIMIT]
    found.outliers.sort(key=lambda outlier: -abs(outlier.score))
    job.count("outliers", len(found.outliers))


def draw_charts(job: Job, found: Findings) -> None:
    """One chart for each forecast, and one each of what regions and departments add up to."""
    for kind, groups in (("region", found.regions), ("department", found.departments)):
        caption = f"Amount by {kind}"
        found.charts.append((caption, bar_chart(caption, {name: sum(series) for name, series in groups.items()})))
        job.advance()
        for name, series in groups.items():
            caption = f"{name} ({kind})"
            found.charts.append((caption, line_chart(caption, found.months[0], series, found.ahead[kind, name])))
            job.advance()


def write_report(job: Job, found: Findings) -> None:
    """Write the page."""
    found.report.write_text(page(found), encoding="utf-8")


def check_report(job: Job, found: Findings) -> None:
    """Read the page back: well-formed, and every chart is in it.

    Raises:
        ValueError: it is not so.
    """
    charts = ElementTree.parse(found.report).getroot().iter("{http://www.w3.org/2000/svg}svg")  # noqa: S314  (our own)
    if sum(1 for _ in charts) != len(found.charts):
        raise ValueError(f"{found.report} does not hold all {len(found.charts)} charts")
    job.message(f"{len(found.sales):,} sales, {len(found.outliers)} outliers, {len(found.charts)} charts")


STEPS = [
    check_rows,
    add_up_months,
    try_forecast,
    forecast_regions,
    forecast_departments,
    find_outliers,
    draw_charts,
    write_report,
    check_report,
]
