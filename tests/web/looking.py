"""What tests read off the page: a bar as it is drawn, said and spoken of; where things stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page

# Percent of the whole that is drawn: each phase's share, as far as it is filled.
DRAWN = """(bar) => [...bar.querySelectorAll('i')].map((part) =>
  [part.style.getPropertyValue('--w'), part.style.getPropertyValue('--p')].map(Number))
  .reduce(([sum, all], [share, filled]) => [sum + share * filled / 100, all + share], [0, 0])"""


@dataclass(frozen=True)
class Bar:
    """A bar at one moment, in percent.

    Attributes:
        said: the text beside it; `None` where there is none.
        spoken: what a screen reader is told.
        drawn: how far it is filled.
        look: how it is drawn.
    """

    said: str | None
    spoken: int | None
    drawn: float
    look: str


def row(page: Page, job: str) -> Locator:
    """A job's row in a list."""
    return page.locator(f'.row[data-job="{job}"]')


async def bar_in(place: Locator) -> Bar:
    """The bar of a row, or of a job's page."""
    bar = place.get_by_role("progressbar").first
    spoken = await bar.get_attribute("aria-valuenow")
    filled, whole = await bar.evaluate(DRAWN)
    said = (await place.locator(".pct").first.inner_text()).strip().replace("\n", "")
    look = await bar.get_attribute("data-b") or ""
    return Bar(said or None, None if spoken is None else int(spoken), filled / whole * 100, look)


async def box(place: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height in the page."""
    rectangle: dict[str, Any] = await place.evaluate(
        "(e) => { const r = e.getBoundingClientRect(); return { x: r.x, y: r.y + scrollY, w: r.width, h: r.height }; }"
    )
    return rectangle["x"], rectangle["y"], rectangle["w"], rectangle["h"]
