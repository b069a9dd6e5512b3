"""Charts as inline SVG: no script, no font or picture from elsewhere. All text in them is escaped."""

import datetime as dt
from collections.abc import Sequence
from html import escape

from workers.examples.report.forecast import Forecast
from workers.examples.report.sales import later

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 28  # margins, for the axes' labels

Point = tuple[float, float]


class Scale:
    """From months and amounts to places in the picture."""

    def __init__(self, months: int, highest: float) -> None:
        self.months = max(1, months - 1)
        self.highest = highest or 1.0

    def at(self, month: int, amount: float) -> Point:
        """Where a value is drawn."""
        x = LEFT + month / self.months * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - amount / self.highest * (HEIGHT - TOP - BOTTOM)
        return x, y

    def line(self, first_month: int, amounts: Sequence[float]) -> list[Point]:
        """Where a series is drawn."""
        return [self.at(first_month + index, amount) for index, amount in enumerate(amounts)]


def line_chart(title: str, first_month: dt.date, history: Sequence[float], ahead: Forecast | None = None) -> str:
    """What was, and what is expected with its interval."""
    high = ahead.high if ahead else []
    expected = ahead.expected if ahead else []
    months = len(history) + len(expected)
    scale = Scale(months, max([*history, *high, *expected]))
    parts = [axes(scale, first_month, months)]
    if ahead:
        now = len(history) - 1
        band = scale.line(now, [history[-1], *high]) + scale.line(now, [history[-1], *ahead.low])[::-1]
        parts.append(f'<polygon class="band" points="{places(band)}"/>')
        parts.append(f'<polyline class="ahead" points="{places(scale.line(now, [history[-1], *expected]))}"/>')
    parts.append(f'<polyline class="history" points="{places(scale.line(0, history))}"/>')
    return picture(title, HEIGHT, parts)


def bar_chart(title: str, amounts: dict[str, float]) -> str:
    """One bar for each name, in the order given."""
    highest = max(amounts.values(), default=0.0) or 1.0
    parts = []
    for index, (name, amount) in enumerate(amounts.items()):
        y = 8 + index * 26
        width = amount / highest * (WIDTH - 280)
        parts.append(f'<text x="150" y="{y + 14}" text-anchor="end">{escape(name[:22])}</text>')
        parts.append(f'<rect class="bar" x="160" y="{y}" width="{width:.1f}" height="18" rx="3"/>')
        parts.append(f'<text x="{168 + width:.1f}" y="{y + 14}">{short(amount)}</text>')
    return picture(title, 16 + 26 * len(amounts), parts)


def axes(scale: Scale, first_month: dt.date, months: int) -> str:
    """Three lines for amounts, and the name of every January."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        _, y = scale.at(0, share * scale.highest)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(share * scale.highest)}</text>')
    every = 1 + months // 120  # years; so that labels do not run into each other
    for index in range(months):
        month = later(first_month, index)
        if month.month == 1 and month.year % every == 0:
            x, _ = scale.at(index, 0)
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{month.year}</text>')
    return "".join(parts)


def picture(title: str, height: int, parts: list[str]) -> str:
    """The whole chart; the title is what a screen reader says."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def places(points: list[Point]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def short(amount: float) -> str:
    """An amount in few characters: 950, 12.4k, 3.1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.1f}{letter}"
    return f"{amount:.0f}"
