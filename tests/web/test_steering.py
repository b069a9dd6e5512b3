"""Pausing, retrying, opening a row, looking where the work is: in a real browser, against a real hub."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
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
    """`barcast serve` with jobs that wait for the test."""
    process = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (JOBS,))
    yield process
    await asyncio.to_thread(process.close)


async def started(hub: HubProcess, kind: str, **params: Any) -> str:
    """The id of a job."""
    view = await asyncio.to_thread(hub.post, "/api/jobs", {"kind": kind, "params": params})
    return str(view["id"])


def row(page: Page, job: str) -> Locator:
    """A job's row in a list."""
    return page.locator(f'.row[data-job="{job}"]')


async def test_a_pause_from_one_tab_is_seen_in_both_and_so_is_going_on(
    hub: HubProcess, context: BrowserContext
) -> None:
    worker = await Worker.open(hub)
    await worker.report(done=50)
    tabs = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{worker.job}")]
    await row(tabs[0], worker.job).hover()
    await tabs[0].get_by_role("button", name="Pause Import orders").click()
    await worker.told("pause")
    for tab in tabs:
        await expect(tab.get_by_text("Paused", exact=True).first).to_be_visible()
        await expect(tab.get_by_role("progressbar").first).to_have_attribute("data-b", "idle")
        await expect(tab.get_by_text(re.compile(r"paused for \d+")).first).to_be_visible()
    await expect(tabs[1].get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    await tabs[1].get_by_role("button", name="Resume").click()
    await worker.told("resume")
    for tab in tabs:
        await expect(tab.get_by_role("button", name="Resume")).to_have_count(0)
        await expect(tab.get_by_role("progressbar").first).not_to_have_attribute("data-b", "idle")
    texts = [entry["event"] for entry in await asyncio.to_thread(hub.log_of, worker.job)]
    assert [event for event in texts if event in ("paused", "resumed")] == ["paused", "resumed"]


async def test_a_parents_row_opens_and_shows_its_jobs_live(hub: HubProcess, context: BrowserContext) -> None:
    parent = await Worker.open(hub, title="Nightly snapshots")
    first = await Worker.open(hub, title=f"Snapshot one {HOSTILE}", parent=parent.job)
    page = await opened(context, hub.url)
    opener = page.get_by_role("button", name=re.compile("0 of 1 done.*Nightly snapshots"))
    await expect(opener).to_have_attribute("aria-expanded", "false")
    await expect(row(page, first.job)).to_have_count(0)
    await opener.click()
    await first.report(done=100)
    await expect(row(page, first.job).get_by_text("100 / 200 rows")).to_be_visible()
    second = await Worker.open(hub, title="Snapshot two", parent=parent.job)
    await expect(row(page, second.job)).to_be_visible()
    await first.lasting("finish", outcome="failed", error={"type": "OSError", "message": "disk full"})
    await expect(page.get_by_text("0 of 2 done, 1 failed")).to_be_visible()
    await expect(row(page, first.job).get_by_text("disk full")).to_be_visible()
    await page.get_by_role("link", name="Nightly snapshots").press("ArrowLeft")
    await expect(row(page, second.job)).to_have_count(0)
    assert await page.locator("main img").count() == 0


async def test_a_search_shows_a_job_under_its_parent_and_a_jobs_page_leads_to_both(
    hub: HubProcess, context: BrowserContext
) -> None:
    parent = await Worker.open(hub, title="Nightly snapshots")
    children = [await Worker.open(hub, title=f"Host {name}", parent=parent.job) for name in ("ash", "elm")]
    page = await opened(context, f"{hub.url}/?q=elm")
    await expect(row(page, children[1].job)).to_be_visible()
    await expect(row(page, parent.job)).to_be_visible()
    await expect(row(page, children[0].job)).to_have_count(0)
    await page.get_by_role("link", name="Host elm").click()
    await page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Nightly snapshots").click()
    await page.get_by_role("link", name="Host ash").click()
    await expect(page.get_by_role("heading", name="Host ash")).to_be_visible()


async def test_the_jobs_of_one_that_ended_are_asked_for_when_its_row_is_opened(
    hub: HubProcess, context: BrowserContext
) -> None:
    parent = await Worker.open(hub, title="Nightly snapshots")
    child = await Worker.open(hub, title="Host elm", parent=parent.job)
    await child.lasting("finish", outcome="succeeded", message="3 files")
    await parent.lasting("finish", outcome="succeeded")
    page = await opened(context, hub.url)
    await expect(page.get_by_role("link", name="Host elm")).to_have_count(0)
    await page.get_by_role("button", name=re.compile("1 of 1 done")).click()
    await expect(row(page, child.job).get_by_text("3 files")).to_be_visible()


async def test_a_retry_waits_counting_down_and_is_brought_forward(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    job = await started(hub, "fragile", door=str(tmp_path / "door"))
    tabs = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{job}")]
    for tab in tabs:
        message = tab.get_by_text(re.compile("Attempt 2 of 4 starts in")).first
        await expect(message).to_be_visible()
        await expect(message).not_to_have_text(await message.inner_text())
    await expect(tabs[1].get_by_text("ConnectionError: the door is shut <b>door</b>").first).to_be_visible()
    await expect(tabs[1].get_by_text("10 min 00 s an attempt")).to_be_visible()
    (tmp_path / "door").touch()
    await row(tabs[0], job).get_by_role("button", name="Retry now fragile").click()
    for tab in tabs:
        await expect(tab.get_by_text("Done", exact=True).first).to_be_visible()
    assert (await asyncio.to_thread(hub.get, f"/api/jobs/{job}"))["attempt"] == 2


async def test_the_stack_shows_the_function_that_the_job_is_in(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    job = await started(hub, "patient", gate=str(gate))
    page = await opened(context, f"{hub.url}/jobs/{job}")
    await expect(page.get_by_role("log").get_by_text("waiting")).to_be_visible()
    await page.get_by_role("button", name="Stack").click()
    dialog = page.get_by_role("dialog", name="Where it is now")
    await expect(dialog.locator("pre")).to_contain_text("wait_at_the_gate")
    await expect(dialog.get_by_text("told by the worker")).to_be_visible()
    await dialog.get_by_role("button", name="Refresh").click()
    await expect(dialog.get_by_role("button", name="Refresh")).to_be_enabled()
    await page.keyboard.press("Escape")
    await asyncio.to_thread(gate.write_text, "go on")
    await expect(page.get_by_text("Done", exact=True).first).to_be_visible()
    await expect(page.get_by_role("button", name="Stack")).to_be_hidden()
