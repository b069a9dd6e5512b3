"""The report as one HTML file: its style and charts are inside, and no script is. It is well-formed XML, too."""

from collections.abc import Iterable, Sequence
from html import escape

from workers.examples.report.findings import Findings
from workers.examples.report.sales import TRIAL_MONTHS, later

SHOWN = 50  # rows of the longer tables

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1d2733, #e4e9ef); --dim: light-dark(#5b6876, #9aa7b5);
  --line: light-dark(#dfe4ea, #36404c); --blue: light-dark(#1f6feb, #6ea8ff); --back: light-dark(#fff, #151b22); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 70rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; } p.dim, caption { color: var(--dim); text-align: left; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; }
td.number, th.number { text-align: right; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--dim); }
.grid { stroke: var(--line); } .bar { fill: var(--blue); }
.history { fill: none; stroke: var(--blue); stroke-width: 2; }
.ahead { fill: none; stroke: var(--blue); stroke-width: 2; stroke-dasharray: 5 4; }
.band { fill: var(--blue); opacity: .18; }
"""


def page(found: Findings) -> str:
    """The whole report."""
    title = f"Sales report: {found.file}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{summary(found)}"
        f"<h2>Forecast by region</h2>{forecast_table(found, 'region', found.regions)}"
        f"<h2>Forecast by department</h2>{forecast_table(found, 'department', found.departments)}"
        f"<h2>Charts</h2>{figures(found)}<h2>Outliers</h2>{outlier_table(found)}"
        f"<h2>Rows left out</h2>{fault_table(found)}</body></html>\n"
    )


def summary(found: Findings) -> str:
    """What the file holds, and how far the forecast is to be trusted."""
    amount = sum(sale.amount for sale in found.sales)
    holt, naive = found.trial
    return (
        f'<p class="dim">{found.months[0]:%B %Y} to {found.months[-1]:%B %Y}, {len(found.sales):,} sales, '
        f"{amount:,.0f} in all; {len(found.faults):,} rows left out.</p>"
        f"<p>Forecasts are by Holt’s linear method, without seasons; the last month counts as complete. Tried on the "
        f"last {TRIAL_MONTHS} months, it was {holt:.1%} off on average; “as last month” was {naive:.1%} off. "
        f"In brackets and shaded: 8 of 10 simulated continuations lie in here.</p>"
    )


def forecast_table(found: Findings, kind: str, groups: Iterable[str]) -> str:
    """One row for each group, one column for each month to come."""
    rows = []
    months = 0
    for name in groups:
        ahead = found.ahead[kind, name]
        months = len(ahead.expected)
        values = zip(ahead.expected, ahead.low, ahead.high, strict=True)
        rows.append([name, *(f"{middle:,.0f} ({low:,.0f} to {high:,.0f})" for middle, low, high in values)])
    names = [f"{later(found.months[-1], step):%b %Y}" for step in range(1, months + 1)]
    return table([kind.capitalize(), *names], rows)


def outlier_table(found: Findings) -> str:
    """The sales that are far from the others of their department."""
    caption = f"Price per unit, modified z-score beyond 3.5: {len(found.outliers):,} found, {SHOWN} shown at most."
    rows = [
        [
            str(outlier.sale.date),
            outlier.sale.department,
            outlier.sale.region,
            f"{outlier.sale.amount:,.2f}",
            f"{outlier.sale.units:,}",
            f"{outlier.sale.unit_price:,.2f}",
            f"{outlier.score:+.1f}",
        ]
        for outlier in found.outliers[:SHOWN]
    ]
    return table(
        ["Date", "Department", "Region", "Amount", "Units", "Per unit", "Score"], rows, caption, text_columns=3
    )


def fault_table(found: Findings) -> str:
    """The rows that could not be used."""
    caption = f"{len(found.faults):,} rows, {SHOWN} shown at most."
    rows = [[str(fault.line), fault.reason] for fault in found.faults[:SHOWN]]
    return table(["Line", "What is wrong"], rows, caption, text_columns=2)


def figures(found: Findings) -> str:
    """The charts, side by side where there is room."""
    items = "".join(f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>" for name, svg in found.charts)
    return f'<div class="charts">{items}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", text_columns: int = 1) -> str:
    """A table; what follows the first `text_columns` are numbers."""
    kinds = ["" if index < text_columns else ' class="number"' for index in range(len(head))]
    top = "".join(f"<th{kind}>{escape(cell)}</th>" for cell, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
