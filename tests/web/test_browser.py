"""What a person sees, in a real browser, while things are reloaded, killed and cut off."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker, opened


async def sees_percent(page: Page, percent: int) -> None:
    """The bar, its text and what a screen reader is told agree."""
    bar = page.get_by_role("progressbar", name="Import orders").first
    await expect(bar).to_have_attribute("aria-valuenow", str(percent))
    await expect(page.get_by_text(re.compile(rf"^{percent}\s*%$")).first).to_be_visible()


async def test_two_tabs_show_the_same_moving_bar_and_a_reloaded_one_goes_on(
    hub: HubProcess, context: BrowserContext
) -> None:
    worker = await Worker.open(hub)
    tabs = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{worker.job}")]
    await worker.report(done=50, message="Batch 1")
    for tab in tabs:
        await sees_percent(tab, 25)
        await expect(tab.get_by_text("Batch 1")).to_be_visible()
    await tabs[1].reload()
    await sees_percent(tabs[1], 25)
    await worker.report(done=150)
    for tab in tabs:
        await sees_percent(tab, 75)
    await expect(tabs[0].get_by_text("150 / 200 rows")).to_be_visible()
    await expect(tabs[1].get_by_role("definition").get_by_text("150")).to_be_visible()
    await worker.lasting("finish", outcome="succeeded", message="200 orders")
    await expect(tabs[0].get_by_text("200 orders")).to_be_visible()
    await expect(tabs[1].get_by_text("200 orders").first).to_be_visible()


async def test_both_tabs_come_back_after_kill_nine_with_the_right_state_and_a_complete_log(
    hub: HubProcess, context: BrowserContext
) -> None:
    worker = await Worker.open(hub)
    await worker.lasting("entry", text="line one")
    tabs = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{worker.job}")]
    await expect(tabs[1].get_by_text("line one")).to_be_visible()
    await asyncio.to_thread(hub.kill)
    for tab in tabs:
        await expect(tab.get_by_role("button", name="Live")).to_be_hidden()
    again = await asyncio.to_thread(HubProcess, hub.db, (), None, hub.port)
    try:
        worker = await Worker.open(again, worker.job)
        await worker.lasting("entry", text="line two")
        await worker.report(done=100)
        for tab in tabs:
            await expect(tab.get_by_role("button", name="Live")).to_be_visible()
            await sees_percent(tab, 50)
        await worker.lasting("finish", outcome="succeeded")
        log = tabs[1].get_by_role("log")
        await expect(log.get_by_text("Done")).to_be_visible()
        texts = await log.locator("li").all_inner_texts()
        told = [text for text in texts if re.search(r"line (one|two)|Started|Done", text)]
        assert [re.sub(r".*(line one|line two|Started|Done).*", r"\1", text, flags=re.DOTALL) for text in told] == [
            "Started",
            "line one",
            "line two",
            "Done",
        ]
    finally:
        await asyncio.to_thread(again.close)


async def test_a_cancel_from_one_tab_is_seen_in_both_step_by_step(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    await worker.report(done=20)
    tabs = [await opened(context, hub.url), await opened(context, hub.url)]
    await tabs[0].get_by_role("button", name="Cancel Import orders").click()
    await tabs[0].get_by_role("button", name="Cancel job").click()
    await worker.told("cancel")
    for tab in tabs:
        await expect(tab.locator(".row").get_by_text("Cancel requested").first).to_be_visible()
    await worker.received()
    await worker.lasting("cancel_ack", message="Rolling back batch 41")
    for tab in tabs:
        await expect(tab.locator(".row").get_by_text("Stopping").first).to_be_visible()
        await expect(tab.get_by_text("Rolling back batch 41")).to_be_visible()
    await worker.lasting("finish", outcome="cancelled", message="Rolled back")
    for tab in tabs:
        await expect(tab.locator(".row").get_by_text("Cancelled").first).to_be_visible()
    assert (await asyncio.to_thread(hub.get, f"/api/jobs/{worker.job}"))["cancel"]["how"] == "acknowledged"


async def test_a_tab_that_was_offline_comes_back_with_what_it_missed(
    hub: HubProcess, context: BrowserContext, browser: Browser
) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    await worker.report(done=20)
    await sees_percent(page, 10)
    await context.set_offline(True)
    await expect(page.get_by_role("button", name=re.compile("Offline"))).to_be_visible()
    await worker.lasting("entry", text="said while nobody listened")
    await worker.report(done=180)
    await context.set_offline(False)
    await sees_percent(page, 90)
    await expect(page.get_by_text("said while nobody listened")).to_have_count(1)
    await expect(page.get_by_role("button", name="Live")).to_be_visible()


async def test_a_job_started_from_the_form_runs_to_its_result(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "bad.py").write_text("x = = 1\n")
    page = await opened(context, hub.url)
    await page.get_by_role("button", name="Start job").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Kind").select_option("check-python")
    await dialog.get_by_label(re.compile("^Folder")).fill(str(tmp_path / "missing"))
    await dialog.get_by_role("button", name="Start job").click()
    row = page.locator(".row").filter(has_text="check-python")
    await expect(row.get_by_text("Failed", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Start job").click()
    await dialog.get_by_label("Kind").select_option("check-python")
    await dialog.get_by_label(re.compile("^Folder")).fill(str(tmp_path))
    await dialog.get_by_text("Advanced").click()
    await dialog.get_by_label(re.compile("^Priority")).fill("101")
    await dialog.get_by_role("button", name="Start job").click()
    await expect(dialog.get_by_text("Must be -100 to 100.")).to_be_visible()
    await dialog.get_by_label(re.compile("^Priority")).fill("7")
    await dialog.get_by_role("button", name="Start job").click()
    await expect(row.get_by_text("Done", exact=True)).to_be_visible()
    await expect(row.get_by_text("priority 7")).to_be_visible()
    await row.filter(has_text="Done").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", name="Result")).to_be_visible()
    await expect(page.get_by_text("Errors").first).to_be_visible()


async def test_the_two_lines_of_the_first_run_end_in_a_bar(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    page = await opened(context, hub.url)
    lines = await page.locator("pre").inner_text()
    script = "\n".join(line.removeprefix("$").strip() for line in lines.splitlines())
    assert f"BARCAST_URL={hub.url}" in script
    command = script.replace("barcast ", f"{sys.executable} -m hub ")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    shell = await asyncio.create_subprocess_exec("sh", "-e", "-c", command, env=environ, cwd=tmp_path)
    assert await shell.wait() == 0
    await expect(page.locator(".row").filter(has_text="hash-tree")).to_be_visible()


async def test_text_from_outside_is_text_and_nothing_else(hub: HubProcess, context: BrowserContext) -> None:
    hostile = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    worker = await Worker.open(hub, title=f"Import orders {hostile}")
    await worker.report(message=hostile, counters={hostile: 1}, done=1)
    await worker.lasting("entry", text=hostile)
    await worker.lasting("entry", text=hostile, data={"from": "output", "logger": hostile})
    pages = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{worker.job}")]
    for page in pages:
        await expect(page.get_by_text("onerror").first).to_be_visible()
        assert await page.locator("main img, main script").count() == 0
        assert "taken" not in await page.title() or "<img" in await page.title()
    printed = pages[1].get_by_role("log").locator(".out")
    await expect(printed).to_have_count(1)
    await pages[1].get_by_role("button", name="Hide output").click()
    await expect(printed).to_have_count(0)


async def test_an_address_that_is_no_text_leads_to_no_job(hub: HubProcess, context: BrowserContext) -> None:
    page = await opened(context, f"{hub.url}/jobs/%E0%A4%A")
    await expect(page.get_by_text("This job no longer exists")).to_be_visible()
    await page.get_by_role("link", name="Barcast").click()
    await expect(page.get_by_role("searchbox")).to_be_visible()
