"""The README's pictures: `python -m tests.screenshots` makes them anew, from a real hub with its examples at work.

A list with running jobs, and one job in the middle of its run, each in light and in dark.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, Page

from tests.serving import PATIENCE_S, HubProcess
from tests.web.compare import keep
from tests.web.windows import chromium

FOLDER = Path(__file__).parent.parent / ".pictures"
SHOWN = "refresh-snapshot"
BEFORE: tuple[tuple[str, dict[str, str]], ...] = (("ingest-samples", {}), ("check-python", {"folder": "/nowhere"}))
BESIDE = ("check-python", "hash-tree", "archive-folder", "csv-report")
WIDTH, HIGHEST = 1280, 1240
MIDDLE = 45  # percent
REACHED = """(percent) => parseInt(document.querySelector('.hero .pct')?.textContent ?? '0') >= percent"""
AT_ONCE = {"BARCAST_JOBS_AT_ONCE": "8"}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def run(hub: HubProcess, kind: str, **params: Any) -> str:
    """Start a job; its id."""
    job: str = hub.post("/api/jobs", {"kind": kind, "params": params})["id"]
    return job


async def reach(page: Page, percent: int) -> None:
    """Wait until the job whose page is open is so far."""
    await page.wait_for_function(REACHED, arg=percent, timeout=10 * PATIENCE_S * 1_000)


async def opened(browser: Browser, url: str) -> Page:
    page = await browser.new_page(viewport={"width": WIDTH, "height": HIGHEST})
    await page.goto(url)
    return page


async def shoot(page: Page, folder: Path, name: str) -> None:
    """Both themes, as high as the page."""
    height = await page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
    await page.set_viewport_size({"width": WIDTH, "height": min(HIGHEST, int(height))})
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        with Image.open(io.BytesIO(await page.screenshot(caret="hide"))) as picture:
            keep(picture, folder / f"{name}-{theme}.png")


async def make(folder: Path, *, beside: Sequence[str] = BESIDE, earlier: int = 5, records: int = 2_500_000) -> None:
    """All four.

    Args:
        beside: kinds of jobs that run at the same time.
        earlier: runs that the shown one is compared with.
        records: that it loads, which decides how long it takes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        hub = await asyncio.to_thread(HubProcess, Path(scratch) / "hub.db", (), AT_ONCE)
        try:
            async with chromium(Path(scratch)) as browser:
                for _ in range(earlier):
                    job = await asyncio.to_thread(run, hub, SHOWN, records=records)
                    page = await opened(browser, f"{hub.url}/jobs/{job}")
                    await reach(page, 100)
                    await page.close()
                for kind, params in BEFORE:
                    await asyncio.to_thread(run, hub, kind, **params)
                await take(hub, browser, folder, beside, records)
        finally:
            await asyncio.to_thread(hub.close)


async def take(hub: HubProcess, browser: Browser, folder: Path, beside: Sequence[str], records: int) -> None:
    """The list, and then the job in its middle."""
    everything = await opened(browser, hub.url)
    shown = await asyncio.to_thread(run, hub, SHOWN, records=records)
    for kind in beside:
        await asyncio.to_thread(run, hub, kind)
    one = await opened(browser, f"{hub.url}/jobs/{shown}")
    await reach(one, MIDDLE)
    await shoot(everything, folder, "jobs")
    await shoot(one, folder, "job")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where they are put")
    asked = parser.parse_args()
    asyncio.run(make(asked.folder))


if __name__ == "__main__":
    main()
