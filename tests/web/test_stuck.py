"""Stuck work on the page: the summary counts it, and leads to what is stalled or lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker, opened
from tests.web.conftest import Staging
from tests.web.looking import row
from tests.web.scenes import SUMMARY, Scene, active


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """`barcast serve`, which takes a worker for lost at once."""
    environ = {"BARCAST_LEASE_S": "0.2"}
    process = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", ("workers.examples",), environ)
    yield process
    await asyncio.to_thread(process.close)


async def test_the_summary_leads_to_what_is_lost(hub: HubProcess, context: BrowserContext) -> None:
    lost, done = await Worker.open(hub, title="Silent"), await Worker.open(hub, title="Done")
    await done.lasting("finish", outcome="succeeded")
    page = await opened(context, hub.url)
    link = page.get_by_role("link", name="Stuck")
    await expect(link).to_contain_text("1 lost")
    await link.click()
    await expect(page).to_have_url(f"{hub.url}/?status=stuck")
    await expect(page.locator(f'.row[data-job="{lost.job}"]')).to_contain_text("Silent")
    await expect(page.locator(f'.row[data-job="{done.job}"]')).to_have_count(0)
    await link.click()
    await expect(page).to_have_url(f"{hub.url}/")


async def test_what_is_stalled_and_what_is_lost_are_counted_together(staged: Staging) -> None:
    jobs = active()
    [stalled] = [job for job in jobs if job["stalled"]]
    [other] = [job for job in jobs if job["status"] == "running" and not job["stalled"]][:1]
    other["status"] = "lost"
    stage = await staged(Scene(jobs=jobs, summary=SUMMARY | {"lost": 1}), "/?status=stuck")
    link = stage.page.get_by_role("link", name="Stuck")
    await expect(link).to_contain_text("2")
    await expect(link).to_contain_text("1 lost, no update for")
    await expect(link).to_have_attribute("aria-current", "true")
    for job in jobs:
        await expect(row(stage.page, job["id"])).to_have_count(1 if job in (stalled, other) else 0)
