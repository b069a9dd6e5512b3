"""The page without a pointer: everything by keys, and the focus is always somewhere, and seen."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker, opened
from tests.web.told import ended, job

JOBS = str(Path(__file__).parent / "errands.py")
# What has the focus, and around it what is outlined: a focused title outlines its whole row.
SEEN = """() => {
  const has = document.activeElement;
  if (!has || has === document.body) return 'nothing has the focus';
  const outlined = [has, has.closest('.row')].some((one) => one && getComputedStyle(one).outlineStyle !== 'none');
  return outlined && has.checkVisibility() ? '' : `${has.outerHTML} is not seen to have the focus`;
}"""


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """`barcast serve` with jobs that wait for the test."""
    process = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (JOBS,))
    yield process
    await asyncio.to_thread(process.close)


async def press(page: Page, *keys: str) -> None:
    """One after the other; the focus is seen after each."""
    for key in keys:
        await page.keyboard.press(key)
        assert await page.evaluate(SEEN) == ""


def title(page: Page, job: str) -> Locator:
    """The link of a job's row."""
    return page.locator(f'.row[data-job="{job}"] .title')


async def started(hub: HubProcess, kind: str, **params: Any) -> str:
    """The id of a job."""
    view = await asyncio.to_thread(hub.post, "/api/jobs", {"kind": kind, "params": params})
    return str(view["id"])


async def test_a_job_is_started_and_retried_by_keys(hub: HubProcess, context: BrowserContext, tmp_path: Path) -> None:
    page = await opened(context, hub.url)
    await expect(page.get_by_role("button", name="Start job")).to_be_visible()
    await page.keyboard.press("n")  # the dialog may still be on its way
    await expect(page.get_by_label("Kind")).to_be_focused()
    await press(page, "m")
    await expect(page.get_by_text("Fail while the door is shut.")).to_be_visible()
    await press(page, "Tab")
    await page.keyboard.type(str(tmp_path / "door"))
    await press(page, "Enter")
    row = page.locator(".row").filter(has_text="Mishap at door")
    await expect(row.locator(".title")).to_be_focused()
    await expect(page.locator("#status")).to_have_text("Started: Mishap at door")
    await expect(row.get_by_text("Failed", exact=True)).to_be_visible()
    await expect(row.locator(".title")).to_be_focused()
    (tmp_path / "door").touch()
    await press(page, "r")
    await expect(row.get_by_text("Done", exact=True)).to_be_visible()
    await expect(row.locator(".title")).to_be_focused()


async def test_a_job_is_found_opened_and_cancelled_by_keys(hub: HubProcess, context: BrowserContext) -> None:
    await Worker.open(hub, title="Import customers")
    worker = await Worker.open(hub)
    page = await opened(context, hub.url)
    await press(page, "/")
    await page.keyboard.type("Import orders")
    await expect(page.get_by_role("link", name="Import customers")).to_have_count(0)
    await press(page, "Tab", "j", "Enter")
    await expect(page.get_by_role("heading", name="Import orders")).to_be_focused()
    await press(page, "x")
    await expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    await press(page, "Escape")
    await expect(page.get_by_role("heading", name="Import orders")).to_be_focused()
    await press(page, "x", "Tab")
    await page.keyboard.press("Enter")
    await worker.told("cancel")
    await expect(page.get_by_role("button", name="Cancel requested")).to_be_disabled()
    await expect(page.get_by_role("heading", name="Import orders")).to_be_focused()
    await worker.lasting("cancel_ack")
    await worker.lasting("finish", outcome="cancelled")
    await expect(page.locator("#status")).to_have_text(re.compile("Import orders: cancelled$"))
    await press(page, "1")
    await expect(page.get_by_role("link", name="Import orders")).to_be_focused()


async def test_rows_are_gone_through_and_a_cancel_of_one_asks_first(hub: HubProcess, context: BrowserContext) -> None:
    first = await Worker.open(hub, title="First")
    second = await Worker.open(hub, title="Second")
    page = await opened(context, hub.url)
    await expect(title(page, second.job)).to_be_visible()
    await press(page, "k")
    await expect(title(page, second.job)).to_be_focused()
    await press(page, "j", "j")
    await expect(title(page, first.job)).to_be_focused()
    await press(page, "x")
    dialog = page.get_by_role("dialog", name="Cancel this job?")
    await expect(dialog).to_be_visible()
    await press(page, "n", "j", "x")
    await expect(dialog.get_by_role("button", name="Keep running")).to_be_focused()
    await press(page, "Enter")
    await expect(dialog).to_be_hidden()
    await expect(title(page, first.job)).to_be_focused()
    assert (await asyncio.to_thread(hub.get, f"/api/jobs/{first.job}"))["cancel"] is None


async def test_the_focus_moves_along_with_its_row(hub: HubProcess, context: BrowserContext, tmp_path: Path) -> None:
    gates = [tmp_path / name for name in ("a", "b")]
    for gate in gates:
        os.mkfifo(gate)
    first, second = [await started(hub, "errand", name=gate.name, gate=str(gate)) for gate in gates]
    await Worker.open(hub, title="Later")
    page = await opened(context, hub.url)
    rows = page.locator(".row")
    await expect(rows).to_have_count(3)
    await expect(rows.last).to_have_attribute("data-job", second)
    await press(page, *["j"] * 3)
    await expect(title(page, second)).to_be_focused()
    await asyncio.to_thread(gates[0].write_text, "go on")
    await expect(rows.first).to_have_attribute("data-job", second)
    await expect(title(page, second)).to_be_focused()
    await expect(page.get_by_role("heading", name="Recent")).to_be_visible()
    await asyncio.to_thread(gates[1].write_text, "go on")
    await expect(rows.first.get_by_text("Done", exact=True)).to_be_visible()
    await expect(title(page, second)).to_be_focused()
    await press(page, "j")
    await expect(rows.nth(1)).to_have_attribute("data-job", second)
    await expect(page.get_by_role("link", name="Later")).to_be_focused()
    assert await page.evaluate(SEEN) == ""
    await expect(title(page, first)).to_be_visible()


async def test_the_focus_of_a_button_that_goes_stays_in_its_row(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, hub.url)
    await page.get_by_role("button", name="Cancel Import orders").focus()
    await worker.lasting("finish", outcome="succeeded", message="200 orders")
    await expect(page.get_by_text("200 orders")).to_be_visible()
    await expect(title(page, worker.job)).to_be_focused()


async def test_a_job_that_ends_while_its_cancel_is_asked_about_leaves_the_focus_on_its_row(
    hub: HubProcess, context: BrowserContext
) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, hub.url)
    await page.get_by_role("button", name="Cancel Import orders").press("Enter")
    await expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    await worker.lasting("finish", outcome="succeeded")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(title(page, worker.job)).to_be_focused()


async def test_the_focus_stays_on_the_button_that_shows_older_jobs(hub: HubProcess, context: BrowserContext) -> None:
    async def tell(route: Route) -> None:
        page = int(re.sub(r"\D", "", urlsplit(route.request.url).query.partition("after=")[2]) or 0)
        older = job(page, "media.thumbs", f"Thumbnails {page}", **ended("13:00:00", 60, "succeeded"))
        if page:  # until it says that it waits
            await route.request.frame.wait_for_selector(".older [disabled], .older [aria-disabled=true]")
        await route.fulfill(json={"jobs": [older], "next": str(page + 1)})

    await context.route("**/api/jobs?*", tell)
    page = await opened(context, f"{hub.url}/?tab=finished")
    older = page.get_by_role("button", name="Show older")
    await older.focus()
    for number in (1, 2):
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(f"Thumbnails {number}")).to_be_visible()
        await expect(older).to_be_focused()


async def test_single_keys_are_switched_off_and_stay_off(hub: HubProcess, context: BrowserContext) -> None:
    page = await opened(context, hub.url)
    await expect(page.get_by_role("button", name="Start job")).to_be_visible()
    await page.get_by_role("button", name="Keyboard and notices").focus()
    await press(page, "?")
    await expect(page.get_by_role("dialog", name="Keyboard and notices")).to_be_visible()
    await press(page, "Tab")
    await expect(page.get_by_label(re.compile("^Single keys"))).to_be_focused()
    await press(page, "Space", "Escape")
    await expect(page.get_by_role("button", name="Keyboard and notices")).to_be_focused()
    await press(page, "n", "?", "/")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("button", name="Start job")).to_be_visible()
    await page.keyboard.press("n")
    await page.get_by_role("button", name="Keyboard and notices").press("Enter")
    await expect(page.get_by_role("dialog", name="Keyboard and notices")).to_be_visible()
    await expect(page.get_by_label(re.compile("^Single keys"))).not_to_be_checked()
    await expect(page.get_by_role("dialog")).to_have_count(1)


async def test_keys_do_nothing_while_someone_types_or_holds_a_modifier(
    hub: HubProcess, context: BrowserContext
) -> None:
    page = await opened(context, hub.url)
    await expect(page.get_by_role("button", name="Start job")).to_be_visible()
    await press(page, "/")
    await page.keyboard.type("nx?r/1")
    await expect(page.get_by_role("searchbox")).to_have_value("nx?r/1")
    await press(page, "Tab", "Alt+n", "Control+x")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_three_keys_turn_to_the_three_lists(hub: HubProcess, context: BrowserContext) -> None:
    page = await opened(context, f"{hub.url}/?q=order")
    for key, name in (("2", "Finished"), ("3", "All"), ("1", "Active")):
        await page.keyboard.press(key)
        link = page.get_by_role("navigation", name="Filter jobs").get_by_role("link", name=re.compile(name))
        await expect(link).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("searchbox")).to_have_value("order")


async def test_a_click_holds_no_row_where_it_was(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, hub.url)
    await page.get_by_role("button", name="Cancel Import orders").click()
    await page.get_by_role("button", name="Keep running").click()
    await page.mouse.move(5, 5)
    await worker.lasting("finish", outcome="succeeded")
    await expect(page.get_by_role("heading", name="Recent")).to_be_visible()
    await expect(title(page, worker.job)).to_be_focused()
