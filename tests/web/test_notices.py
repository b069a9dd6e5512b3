"""What is told of a job to somebody who looks elsewhere: by the system, by the tab, by a toast."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker, opened

JOBS = str(Path(__file__).parent / "errands.py")
# A browser that asks nobody, and keeps what it was to show; a tab that says it is hidden when the test does.
STUB = """
window.asked = 0;
window.shown = [];
window.Notification = class {
  static permission = 'default';
  static requestPermission = async () => {
    window.asked += 1;
    return (Notification.permission = window.answer ?? 'granted');
  };
  constructor(title, options) { window.shown.push({ title, ...options, notice: this }); }
  close() {}
};
let hidden = false;
Object.defineProperty(Document.prototype, 'hidden', { get: () => hidden });
window.hide = (value) => { hidden = value; document.dispatchEvent(new Event('visibilitychange')); };
"""


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


async def came_from(page: Page, job: str) -> None:
    """A job's page was opened, which makes the job one's own, and left again."""
    await page.goto(page.url.split("/jobs/")[0].rstrip("/") + f"/jobs/{job}")
    await expect(page.locator("job-hero")).to_be_visible()
    await page.get_by_role("link", name="Jobs", exact=True).click()
    await expect(page.locator(f'.row[data-job="{job}"]')).to_be_visible()


async def wanting_notices(page: Page) -> None:
    """Switch them on, where they are off at first."""
    await page.get_by_role("button", name="Keyboard and notices").click()
    await page.get_by_label(re.compile("^Notify me")).click()


async def icon(page: Page) -> str:
    """What the tab's icon is drawn of, or its address."""
    drawn: str = await page.evaluate("decodeURIComponent(document.querySelector('link[rel=icon]').href)")
    return drawn


async def sees_icon(page: Page, part: str) -> None:
    """The tab's icon becomes one that has this in it."""
    await page.wait_for_function(
        "part => decodeURIComponent(document.querySelector('link[rel=icon]').href).includes(part)", arg=part
    )


async def test_an_own_job_that_ends_behind_a_hidden_tab_is_told_by_the_system_once_that_is_wanted(
    hub: HubProcess, context: BrowserContext
) -> None:
    await context.add_init_script(STUB)
    worker = await Worker.open(hub)
    other = await Worker.open(hub, title="Somebody else's")
    page = await opened(context, hub.url)
    await came_from(page, worker.job)
    assert await page.evaluate("window.asked") == 0
    await wanting_notices(page)
    await expect(page.get_by_label(re.compile("^Notify me"))).to_be_checked()
    assert await page.evaluate("window.asked") == 1
    await page.keyboard.press("Escape")
    await page.evaluate("hide(true)")
    await other.lasting("finish", outcome="succeeded")
    await worker.lasting("finish", outcome="succeeded", message="200 orders")
    await page.wait_for_function("window.shown.length > 0")
    shown = await page.evaluate("window.shown.map(({ title, body, tag }) => ({ title, body, tag }))")
    assert len(shown) == 1
    assert (shown[0]["title"], shown[0]["tag"]) == ("Import orders is done", f"barcast {worker.job}")
    assert shown[0]["body"].startswith("200 orders in ")
    await page.evaluate("hide(false)")
    await expect(page.locator(".toast")).to_have_text(re.compile("Import orders is done"))
    await page.evaluate("window.shown[0].notice.onclick()")
    await expect(page.get_by_role("heading", name="Import orders")).to_be_visible()
    await expect(page.locator(".toast")).to_have_count(0)


async def test_a_browser_that_refuses_notices_is_quoted(hub: HubProcess, context: BrowserContext) -> None:
    await context.add_init_script(STUB + "window.answer = 'denied';")
    page = await opened(context, hub.url)
    await wanting_notices(page)
    await expect(page.get_by_text("The browser refuses notices from this page.")).to_be_visible()
    await expect(page.get_by_label(re.compile("^Notify me"))).not_to_be_checked()


async def test_the_tab_shows_how_far_the_open_job_is_and_how_it_ended(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    await worker.report(done=50)
    await sees_icon(page, 'stroke-dasharray="25 100"')
    await expect(page).to_have_title("25% · Import orders · Barcast")
    await worker.lasting("finish", outcome="failed", error={"type": "OSError", "message": "disk full"})
    await sees_icon(page, "<path")
    await expect(page).to_have_title("Failed · Import orders · Barcast")
    await page.get_by_role("link", name="Jobs", exact=True).click()
    await expect(page).to_have_title("Barcast")
    assert (await icon(page)).endswith("/web/icon.svg")


async def test_the_tab_of_the_list_shows_the_mean_of_what_runs(hub: HubProcess, context: BrowserContext) -> None:
    workers = [await Worker.open(hub), await Worker.open(hub)]
    await workers[0].report(done=20)
    await workers[1].report(done=60)
    page = await opened(context, hub.url)
    await sees_icon(page, 'stroke-dasharray="20 100"')
    await expect(page).to_have_title("2 running · Barcast")


async def test_a_queued_job_is_cancelled_at_once_and_the_cancel_undone(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    await started(hub, "errand", name="first", gate=str(gate))
    queued = await started(hub, "errand", name="second", gate=str(gate))
    page = await opened(context, hub.url)
    row = page.locator(f'.row[data-job="{queued}"]')
    await row.get_by_role("button", name="Cancel Errand second").click()
    toast = page.locator(".toast")
    await expect(toast).to_have_text(re.compile("Errand second was cancelled.*It had not started."))
    await expect(row.get_by_text("Cancelled", exact=True)).to_be_visible()
    await toast.get_by_role("button", name="Undo").click()
    await expect(row.get_by_text("Queued", exact=True)).to_be_visible()
    await expect(toast).to_have_count(0)
    assert (await asyncio.to_thread(hub.get, f"/api/jobs/{queued}"))["attempt"] == 2
    await asyncio.to_thread(gate.write_text, "go on")
    await expect(row.get_by_text("Position")).to_have_count(0)
    await asyncio.to_thread(gate.write_text, "go on")
    await expect(row.get_by_text("Done", exact=True)).to_be_visible()


async def test_an_own_job_that_fails_is_tried_again_from_its_toast(
    hub: HubProcess, context: BrowserContext, tmp_path: Path
) -> None:
    gate, door = tmp_path / "gate", tmp_path / "door"
    os.mkfifo(gate)
    job = await started(hub, "mishap", door=str(door), gate=str(gate))
    page = await opened(context, hub.url)
    await came_from(page, job)
    await asyncio.to_thread(gate.write_text, "go on")
    toast = page.locator(".toast")
    await expect(toast).to_have_text(re.compile("Mishap at door failed at 61%.*Peer closed the stream."))
    door.touch()
    await toast.get_by_role("button", name=re.compile(r"^Retry from 61\s?%$")).click()
    await expect(page.locator(".row").get_by_text("Done", exact=True)).to_be_visible()


async def test_the_toast_of_a_job_leads_to_its_result(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await opened(context, hub.url)
    await came_from(page, worker.job)
    await worker.lasting("artifact", name="orders.html", url="https://example.org/orders.html")
    await worker.lasting("finish", outcome="succeeded")
    link = page.locator(".toast").get_by_role("link", name="Open result")
    await expect(link).to_have_attribute("href", "https://example.org/orders.html")


async def test_toasts_that_stay_wait_for_a_place_and_none_leads_where_it_may_not(
    hub: HubProcess, context: BrowserContext
) -> None:
    page = await opened(context, hub.url)
    add = "toasts => toasts.forEach(toast => document.querySelector('toast-stack').add({ icon: 'dot', ...toast }))"
    stays = [{"title": f"stays {number}", "text": "", "stays": True} for number in range(3)]
    await page.evaluate(add, [*stays, {"title": "passes 1", "text": ""}, {"title": "passes 2", "text": ""}])
    seen = page.locator(".toast:visible b")
    await expect(seen).to_have_text(["stays 1", "stays 2", "passes 2"])
    await page.locator(".toast:visible").last.get_by_role("button", name="Dismiss").click()
    await expect(seen).to_have_text(["stays 0", "stays 1", "stays 2"])
    link = {"text": "Open result", "href": "javascript:alert(1)"}
    await page.evaluate(add, [{"title": "leads", "text": "nowhere", "link": link}])
    await expect(page.locator(".toast").last).to_contain_text("nowhere")
    await expect(page.locator(".toast").get_by_role("link")).to_have_count(0)


async def test_the_code_to_embed_a_job_is_shown_for_each_size_and_copied(
    hub: HubProcess, context: BrowserContext
) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    worker = await Worker.open(hub)
    page = await opened(context, f"{hub.url}/jobs/{worker.job}")
    await page.get_by_role("button", name="Embed").click()
    dialog = page.get_by_role("dialog", name="Embed this job")
    script = f'<script type="module" src="{hub.url}/job-progress.js"></script>'
    await expect(dialog.locator("pre")).to_have_text(
        f'{script}\n<job-progress job="{worker.job}" size="compact"></job-progress>'
    )
    await dialog.get_by_role("button", name="Full").click()
    await dialog.get_by_role("button", name="Copy code").click()
    await expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == f'{script}\n<job-progress job="{worker.job}" size="full"></job-progress>'
    await expect(dialog.get_by_role("button", name="Copy code")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Embed")).to_be_focused()
