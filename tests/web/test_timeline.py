"""A job's timeline, in a real browser, told by a real worker."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker, opened

JOBS = str(Path(__file__).parent / "fragile.py")
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """`barcast serve` with a job that fails until it is let in."""
    process = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (JOBS,))
    yield process
    await asyncio.to_thread(process.close)


async def phased(hub: HubProcess) -> Worker:
    """Work in its second phase of two."""
    worker = await Worker.open(hub, phases=("Download", f"Check {HOSTILE}"))
    await worker.lasting("phase", name="Download", total=10, unit="MB")
    await worker.report(done=10)
    await worker.lasting("phase", name=f"Check {HOSTILE}", total=100, unit="rows")
    await worker.report(done=20)
    return worker


def timeline(page: Page) -> Locator:
    """Its card."""
    return page.get_by_role("region", name="Timeline")


async def kept(hub: HubProcess, job: str, worker: Worker) -> list[dict[str, Any]]:
    """The hub's points, once it has three; each second it takes one of work that reports."""
    while True:
        samples: list[dict[str, Any]] = (await asyncio.to_thread(hub.get, f"/api/jobs/{job}/samples"))["samples"]
        if len(samples) >= 3:
            return samples
        await worker.report(done=20 + len(samples))


async def test_phases_and_progress_share_an_axis_until_the_job_ends(hub: HubProcess, context: BrowserContext) -> None:
    worker = await phased(hub)
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    card = timeline(page)
    rows = card.get_by_role("listitem")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0).get_by_role("img", name="Done")).to_be_visible()
    await expect(rows.nth(1).get_by_role("img", name="Running")).to_be_visible()
    await expect(rows.nth(1)).to_contain_text(HOSTILE)
    await expect(card.get_by_text("now", exact=True)).to_be_visible()
    await worker.report(done=60)
    await expect(card.get_by_role("img", name=re.compile("Progress over time: 80 percent"))).to_be_attached()
    await worker.lasting("finish", outcome="failed", error={"type": "OSError", "message": "disk full"})
    await expect(rows.nth(1).get_by_role("img", name="Failed")).to_be_visible()
    await expect(card.get_by_text("now", exact=True)).to_be_hidden()
    await expect(card.locator("header")).to_have_text(re.compile(r"\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$"))
    assert await page.locator("main img").count() == 0


async def test_a_page_opened_later_shows_what_was_before(hub: HubProcess, context: BrowserContext) -> None:
    worker = await phased(hub)
    samples = await kept(hub, worker.job, worker)
    await worker.lasting("finish", outcome="succeeded")
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    line = timeline(page).locator("path.line")
    await expect(line).to_have_attribute("d", re.compile(r"^M0 100(L[\d. ]+)+L100 0$"))
    drawn = await line.get_attribute("d")
    assert drawn is not None
    assert drawn.count("L") >= len(samples)


async def test_a_tab_that_did_not_look_for_a_while_asks_for_what_it_missed(
    hub: HubProcess, context: BrowserContext
) -> None:
    worker = await phased(hub)
    page = await context.new_page()
    await page.clock.install()
    async with page.expect_response("**/samples"):
        await page.goto(f"{hub.url}/jobs/{worker.job}")
    await expect(timeline(page)).to_be_visible()
    async with page.expect_response("**/samples"):
        await page.clock.fast_forward(15_000)


async def test_another_attempt_is_a_labelled_break(hub: HubProcess, context: BrowserContext, tmp_path: Path) -> None:
    started = await asyncio.to_thread(
        hub.post, "/api/jobs", {"kind": "fragile", "params": {"door": str(tmp_path / "door")}}
    )
    page = await opened(context, f"{hub.url}/jobs/{started['id']}")
    retry = page.get_by_role("button", name="Retry now")
    await expect(retry).to_be_visible()
    (tmp_path / "door").touch()
    await retry.click()
    await expect(timeline(page).get_by_text("attempt 2", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
async def test_nothing_of_it_sticks_out_or_overlaps(hub: HubProcess, context: BrowserContext, width: int) -> None:
    worker = await phased(hub)
    await kept(hub, worker.job, worker)
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    await page.set_viewport_size({"width": width, "height": 900})
    await expect(timeline(page).get_by_role("listitem")).to_have_count(2)
    await expect(timeline(page).get_by_text("now", exact=True)).to_be_visible()
    inside = "card => [...card.querySelectorAll('*')].every(e => e.getBoundingClientRect().right <= innerWidth)"
    assert await timeline(page).evaluate(inside)
    boxes = (
        await timeline(page)
        .locator(".axis span:visible")
        .evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).sort((a, b) => a.left - b.left).map(r => [r.left, r.right])"
        )
    )
    assert all(right <= left for (_, right), (left, _) in pairwise(boxes))
