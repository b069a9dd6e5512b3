"""Tabs that come, go and come back, and workers that fall silent or die: a real hub, a real browser, real work."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.serving import HubProcess, hub_process
from tests.web.browsing import Worker, opened
from tests.web.looking import bar_in, row
from tests.web.windows import BROWSER, chromium

JOBS = str(Path(__file__).parent / "mortal.py")
KEPT_ASIDE: dict[str, Any] = {"ignore_default_args": ["--disable-back-forward-cache"]}
COMES_BACK = """addEventListener('pageshow', ({ persisted }) => { window.persisted = persisted; });"""


async def test_three_tabs_share_one_connection_and_miss_nothing_when_the_one_that_has_it_is_closed(
    hub: HubProcess, context: BrowserContext
) -> None:
    holders: list[Page] = []

    def connected(page: Page) -> None:
        page.on("websocket", lambda _: holders.append(page))

    context.on("page", connected)
    worker = await Worker.open(hub)
    tabs = [await opened(context, f"{hub.url}/jobs/{worker.job}") for _ in range(3)]
    assert holders == tabs[:1]
    await worker.lasting("entry", text="heard by the first")
    for tab in tabs:
        await expect(tab.get_by_role("log").get_by_text("heard by the first")).to_be_visible()
    await tabs[0].close()
    await worker.lasting("entry", text="said in between")
    await worker.report(done=150)
    for tab in tabs[1:]:
        await expect(tab.get_by_role("log").get_by_text("said in between")).to_have_count(1)
        await expect(tab.get_by_role("log").get_by_text("heard by the first")).to_have_count(1)
        await expect(tab.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "75")
    assert len(holders) == 2
    assert holders[1] in tabs[1:]


async def test_a_page_that_was_kept_aside_is_right_when_it_is_come_back_to(hub: HubProcess, tmp_path: Path) -> None:
    worker = await Worker.open(hub)
    await worker.report(done=20)
    async with chromium(tmp_path, program=BROWSER, **KEPT_ASIDE) as browser:
        page = await opened(await browser.new_context(), f"{hub.url}/jobs/{worker.job}")
        await page.evaluate(COMES_BACK)
        await expect(page.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "10")
        await page.goto(f"{hub.url}/healthz")
        await worker.report(done=120)
        await worker.lasting("entry", text="while it was away")
        await page.go_back(wait_until="commit")
        await expect(page.get_by_role("log").get_by_text("while it was away")).to_be_visible()
        await expect(page.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "60")
        await expect(page.get_by_role("button", name="Live")).to_be_visible()
        assert await page.evaluate("window.persisted") is True


async def test_work_that_stands_while_its_worker_lives_is_stalled_until_it_goes_on(
    context: BrowserContext, tmp_path: Path
) -> None:
    with hub_process(tmp_path / "hub.db", BARCAST_STALL_S="1") as hub:
        worker = await Worker.open(hub)
        await worker.report(done=100, message="Batch 7")
        page = await opened(context, hub.url)
        place = row(page, worker.job)
        await expect(place).to_have_attribute("data-s", "stalled")
        await worker.beat()
        await expect(place.locator(".now")).to_contain_text(re.compile(r"No update for \d+.s"))
        await expect(place.locator(".now")).to_contain_text("worker still answers")
        await expect(place.locator(".when")).to_contain_text("no estimate")
        assert (await bar_in(place)).look == "warn"
        await worker.report(done=120)
        await expect(place).to_have_attribute("data-s", "running")
        assert (await bar_in(place)).look == ""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A named pipe."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


async def test_a_worker_that_was_killed_is_tried_again_from_the_tick(
    context: BrowserContext, tmp_path: Path, gate: Path
) -> None:
    with hub_process(tmp_path / "hub.db", JOBS) as hub:
        started = await asyncio.to_thread(hub.post, "/api/jobs", {"kind": "mortal", "params": {"gate": str(gate)}})
        page = await opened(context, hub.url)
        place = row(page, started["id"])
        await expect(place.locator(".num")).to_contain_text("60 / 100")
        at_work = (await asyncio.to_thread(hub.get, f"/api/jobs/{started['id']}"))["worker"]
        os.kill(int(at_work.rsplit("/", 1)[1]), signal.SIGKILL)
        await expect(place.locator(".now")).to_contain_text(re.compile(r"Attempt 2 of 3 (starts )?in"))
        tick = place.get_by_role("progressbar").locator("> b")
        await expect(tick).to_be_visible()
        assert await tick.evaluate("(tick) => tick.style.getPropertyValue('--at')") == "40"
        await expect(place.get_by_role("progressbar").locator("s")).to_be_visible()  # what is to be done again
        await expect(place.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "60")
        await expect(place.locator(".num")).to_contain_text("resumes from checkpoint 40%")
        await place.get_by_role("button", name=re.compile("Retry now")).click()
        await expect(place.locator(".num")).to_contain_text("41 / 100")
        await expect(place.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^4[12]$"))
        await asyncio.to_thread(gate.write_text, "go on")
        await expect(place.locator(".now")).to_contain_text("Done")
