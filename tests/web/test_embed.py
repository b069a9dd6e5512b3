"""`<job-progress>` on a page of somebody else, as its visitors see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, WebSocket, expect

from tests.serving import HubProcess
from tests.web.browsing import Worker
from tests.web.hosting import Host, hosting

HOSTILE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Meridian Press</title>
<link rel="icon" href="data:,">
<style>
  * { box-sizing: content-box; letter-spacing: 2px; text-transform: uppercase; text-indent: 9px }
  button { all: unset }
  a { color: lime; font-size: 40px }
  svg { display: none }
  span, b, i, div, li, ol, bdi { padding: 9px; margin: 9px; color: red; float: left }
  html { font-size: 62.5% }
  body { font: 18px/1.6 "DejaVu Serif", serif; color: #322 }
  section { clear: both; float: none; width: 420px }
  .dark { color-scheme: dark; background: #111; color: #eee }
</style>
<script>
  window.told = [];
  for (const name of ['change', 'end'])
    document.addEventListener(name, (event) => told.push([name, event.detail.status]));
</script>
"""
STATE = "element => element.state && element.state.status"
SIZE = "element => element.shadowRoot.querySelector('.jp').dataset.size"
PLACE_ONE = """async (attributes) => {
  await import('/job-progress.js');
  const bar = document.createElement('job-progress');
  for (const [name, value] of Object.entries(attributes)) bar.setAttribute(name, value);
  document.body.dataset.ends = '';
  document.addEventListener('end', (event) => (document.body.dataset.ends += ` ${event.detail.status}`));
  document.body.append(bar);
}"""
BASELINE = """(element) => {
  const probe = document.createElement('u');
  probe.style.cssText = 'all: initial; display: inline-block; width: 1px; height: 0';
  element.append(probe);
  const { bottom } = probe.getBoundingClientRect();
  probe.remove();
  return bottom;
}"""


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting({}) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="session")
async def open_hub(tmp_path: Path, host: Host) -> AsyncIterator[HubProcess]:
    """A hub whose jobs the host's page may show."""
    hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (), {"BARCAST_EMBED_ORIGINS": host.url})
    yield hub
    await asyncio.to_thread(hub.close)


def script(url: str) -> str:
    return f'<script type="module" src="{url}/job-progress.js"></script>'


async def shown(context: BrowserContext, host: Host, hub: HubProcess, body: str, name: str = "/") -> Page:
    """The host's page with this in it, and the widget's script from the hub."""
    host.files[name] = HOSTILE + script(hub.url) + body
    page = await context.new_page()
    await page.goto(host.url + name)
    return page


async def own(context: BrowserContext, hub: HubProcess, job: str, **attributes: str) -> Page:
    """A page of the hub's own origin, which may do more than watch, under the hub's own policy."""
    page = await context.new_page()
    await page.goto(f"{hub.url}/healthz")
    await page.evaluate(PLACE_ONE, {"job": job, **attributes})
    return page


def widget(job: str, **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<job-progress job="{job}"{given}></job-progress>'


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


# ── What is shown ─────────────────────────────────────────────────────────────


async def test_a_card_keeps_its_height_from_its_first_frame_to_its_end(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="Library export", phases=["Collect", "Convert", "Pack"])
    cards = [widget(worker.job, size=size, id=size) for size in ("compact", "full")]
    watching = """<script>
      window.heights = { compact: [], full: [] };
      const note = ({ target, borderBoxSize: [size] }) => heights[target.id].push(size.blockSize);
      const observer = new ResizeObserver((sizes) => sizes.forEach(note));
      const observe = () => document.querySelectorAll('job-progress').forEach((card) => observer.observe(card));
      customElements.whenDefined('job-progress').then(observe);
    </script>"""
    page = await shown(context, host, open_hub, watching + "".join(f"<section>{card}</section>" for card in cards))
    for phase in ("Collect", "Convert", "Pack", "Tidy up", "Send"):
        await worker.lasting("phase", name=phase, total=10, unit="books")
        await worker.report(done=3, message=f"{phase} at its third")
        await expect(page.locator("#compact")).to_contain_text(f"{phase}: {phase} at its third")
    await expect(page.locator("#full")).to_contain_text("3 / 10")
    await expect(page.locator("#full")).to_contain_text("and 1 more")
    await worker.lasting("finish", outcome="succeeded", message="312 books")
    await expect(page.locator("#compact")).to_contain_text("Library export is done")
    await expect(page.locator("#full")).to_contain_text("took ")
    heights: dict[str, list[float]] = await page.evaluate("heights")
    assert {name: sorted(set(seen)) for name, seen in heights.items()} == {"compact": [86], "full": [276]}


async def test_an_inline_bar_stands_on_the_line_of_its_text(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="Library export")
    await worker.report(done=124)
    line = f"We pack them: {widget(worker.job, size='inline')} so wait."
    wide = 'style="width: 900px; line-height: 30px"'
    lines = "".join(f'<section dir="{way}" {wide}>{line}</section>' for way in ("ltr", "rtl"))
    page = await shown(context, host, open_hub, lines)
    for row in await page.locator("section").all():
        figure = row.locator("job-progress .pct")
        await expect(figure).to_have_text("62%")
        assert await figure.evaluate(BASELINE) == pytest.approx(await row.evaluate(BASELINE), abs=0.5)
        box = await row.bounding_box()
        bar = await row.get_by_role("progressbar", name="Library export").bounding_box()
        assert box is not None
        assert bar is not None
        assert (box["height"], bar["width"], bar["height"]) == (30, 72, 4)


async def test_a_bar_takes_the_form_that_there_is_room_for(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub)
    page = await shown(context, host, open_hub, f"<section>{widget(worker.job)}</section>")
    bar = page.locator("job-progress")
    await expect(bar).to_contain_text("Import orders")
    for width, form in [(240, "inline"), (241, "compact"), (440, "compact"), (441, "full"), (120, "inline")]:
        await page.locator("section").evaluate(f"section => section.style.width = '{width}px'")
        await expect(bar.locator(f".jp[data-size={form}]")).to_be_visible()
        assert await bar.evaluate("bar => bar.scrollWidth <= bar.parentElement.clientWidth")
    await bar.evaluate("bar => bar.setAttribute('size', 'full')")
    assert await bar.evaluate(SIZE) == "full"


async def test_a_card_has_its_own_look_in_a_page_that_would_spoil_it(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="Library export")
    await worker.report(done=124)
    dark = f'<section class="dark">{widget(worker.job, size="full", id="dark")}</section>'
    light = f'<section class="dark">{widget(worker.job, size="full", id="light", theme="light")}</section>'
    page = await shown(context, host, open_hub, dark + light)
    looks = []
    for name in ("dark", "light"):
        card = page.locator(f"#{name} .jp")
        await expect(card.locator(".pct")).to_have_text("62%")
        assert await card.evaluate("card => card.scrollWidth <= card.clientWidth")
        style = "card => { const s = getComputedStyle(card); return [s.backgroundColor, s.color] }"
        looks.append(await card.evaluate(style))
        details = card.get_by_role("link", name="Details of Library export")
        shape = "link => { const s = getComputedStyle(link); return [s.fontSize, s.textTransform, s.letterSpacing] }"
        assert await details.evaluate(shape) == ["13.0004px", "none", "normal"]
        box = await details.bounding_box()
        assert box is not None
        assert box["height"] >= 24
        assert await card.evaluate("card => getComputedStyle(card).fontFamily") == '"DejaVu Serif", serif'
    assert looks == [["rgb(22, 25, 27)", "rgb(236, 238, 239)"], ["rgb(255, 255, 255)", "rgb(23, 25, 28)"]]


async def test_whatever_stands_in_a_text_is_text(open_hub: HubProcess, host: Host, context: BrowserContext) -> None:
    evil = '<img src=x onerror="window.evil = true">\u202e\u0000\n"\'</script>'
    worker = await Worker.open(open_hub, title=evil + "W" * 3_000, phases=[evil + "P" * 150])
    await worker.lasting("phase", name=evil + "P" * 150, total=10)
    await worker.report(done=1, message=evil + "M" * 3_000)
    sizes = ("inline", "compact", "full")
    body = "".join(f"<section>{widget(worker.job, size=size, id=size)}</section>" for size in sizes)
    page = await shown(context, host, open_hub, body)
    await expect(page.locator("#compact")).to_contain_text("<img src=x onerror=")
    width = "bar => bar.shadowRoot.querySelector('.jp').getBoundingClientRect().width"
    assert [await page.locator(f"#{size}").evaluate(width) <= 420 for size in sizes] == [True] * 3
    await worker.lasting("finish", outcome="failed", error={"type": "OSError", "message": evil + "E" * 3_000})
    await expect(page.locator("#compact")).to_contain_text("failed")
    await expect(page.locator("#full")).to_contain_text("<img src=x onerror=")
    assert [await page.locator(f"#{size}").evaluate(width) <= 420 for size in sizes] == [True] * 3
    assert await page.evaluate("window.evil") is None
    assert await page.locator("img").count() == 0


async def test_a_file_can_be_downloaded_if_its_address_may_be_followed(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="Library export")
    await worker.lasting("artifact", name="library.zip", url="https://files.example/library.zip")
    await worker.lasting("finish", outcome="succeeded")
    body = "".join(f"<p>{widget(worker.job, size=size)}</p>" for size in ("inline", "compact", "full"))
    page = await shown(context, host, open_hub, body)
    files = page.get_by_role("link", name="Download library.zip")
    await expect(files).to_have_text(["library.zip", "Download", "Download"])
    assert {await file.get_attribute("href") for file in await files.all()} == {"https://files.example/library.zip"}
    await expect(page.get_by_text("is ready")).to_have_count(2)
    assert await page.get_by_role("progressbar").count() == 0


# ── What it is connected to ───────────────────────────────────────────────────


async def test_ten_bars_in_each_of_three_tabs_share_one_connection(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    workers = [await Worker.open(open_hub, title=f"Export {number}") for number in range(10)]
    sockets: list[WebSocket] = []
    context.on("page", lambda page: page.on("websocket", lambda socket: sockets.append(socket)))
    body = "".join(widget(worker.job, size="compact") for worker in workers)
    tabs = [await shown(context, host, open_hub, body) for _ in range(3)]
    for worker in workers:
        await worker.report(done=100)
    for tab in tabs:
        await expect(tab.locator(".pct")).to_have_text(["50%"] * 10)
        many = (
            f"Promise.all(Array.from({{ length: 12 }}, () => fetch('{open_hub.url}/api/summary').then((it) => it.ok)))"
        )
        assert await tab.evaluate(many) == [True] * 12
    assert [socket.url for socket in sockets] == [f"{open_hub.socket_url}/ws"]
    await tabs[0].close()
    await workers[0].report(done=150)
    for tab in tabs[1:]:
        await expect(tab.locator(".pct").first).to_have_text("75%")
    assert len(sockets) == 2


async def test_another_job_and_another_place_are_taken_up_at_any_time(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    first, second = [await Worker.open(open_hub, title=title) for title in ("First", "Second")]
    page = await shown(context, host, open_hub, '<section><job-progress size="compact"></job-progress></section>')
    bar = page.locator("job-progress")
    assert await bar.evaluate(STATE) is None
    await bar.evaluate(f"bar => bar.setAttribute('job', '{first.job}')")
    await expect(bar).to_contain_text("First")
    await bar.evaluate("bar => { window.kept = bar; bar.remove() }")
    await first.lasting("finish", outcome="succeeded")
    await page.evaluate("document.body.append(window.kept)")
    await expect(bar).to_contain_text("First is done")
    await bar.evaluate(f"bar => bar.setAttribute('job', '{second.job}')")
    await expect(bar).to_contain_text("Second")
    assert await bar.evaluate(STATE) == "running"


async def test_a_page_without_bars_leaves_the_hub_alone(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="First")
    page = await context.new_page()
    host.files["/"] = HOSTILE + script(open_hub.url) + widget(worker.job)
    async with page.expect_websocket() as opening:
        await page.goto(host.url)
    bar = page.locator("job-progress")
    await expect(bar).to_contain_text("First")
    socket = await opening.value
    async with socket.expect_event("close"):
        await bar.evaluate("bar => { window.kept = bar; bar.remove() }")
    async with page.expect_websocket():
        await page.evaluate("document.body.append(window.kept)")
    await worker.lasting("finish", outcome="succeeded")
    await expect(bar).to_contain_text("First is done")


async def test_a_page_hears_of_changes_and_once_of_the_end(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub)
    page = await shown(context, host, open_hub, widget(worker.job))
    await page.wait_for_function("told.length > 0")
    assert (await page.evaluate("told"))[0] == ["change", "running"]
    await worker.lasting("finish", outcome="succeeded")
    await page.wait_for_function("told.some(([name]) => name === 'end')")
    late = await shown(context, host, open_hub, widget(worker.job))
    await late.wait_for_function("told.some(([name]) => name === 'end')")
    for tab in (page, late):
        assert [name for name in await tab.evaluate("told") if name[0] == "end"] == [["end", "succeeded"]]


async def test_a_lost_connection_shows_the_last_known_state(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub, title="Library export")
    await worker.report(done=124)
    body = "".join(f"<section>{widget(worker.job, size=size)}</section>" for size in ("inline", "compact", "full"))
    page = await shown(context, host, open_hub, body)
    await expect(page.locator(".pct")).to_have_text(["62%"] * 3)
    await asyncio.to_thread(open_hub.kill)
    await context.set_offline(True)
    await expect(page.get_by_text("Last known state from ")).to_have_count(2)
    await expect(page.get_by_text("reconnecting", exact=True)).to_have_count(2)
    await expect(page.locator("[data-b=idle]")).to_have_count(3)
    assert await page.locator(".pct").all_inner_texts() == ["62%"] * 3


async def test_a_hub_that_was_never_reached_is_tried_again(
    open_hub: HubProcess, host: Host, context: BrowserContext, tmp_path: Path
) -> None:
    worker = await Worker.open(open_hub, title="Library export")
    packed = await context.request.get(f"{open_hub.url}/job-progress.js")
    host.files["/job-progress.js"] = await packed.text()
    await asyncio.to_thread(open_hub.kill)
    body = widget(worker.job, size="compact", hub=open_hub.url) + "<button onclick='window.ordered = 5'>Order</button>"
    host.files["/"] = HOSTILE + script(host.url) + body
    page = await context.new_page()
    await page.goto(host.url)
    await expect(page.get_by_text("Progress can’t be shown right now")).to_be_visible()
    await expect(page.get_by_text("The job itself is not affected.")).to_be_visible()
    await button(page, "Order").click()
    assert await page.evaluate("ordered") == 5
    await button(page, "Try again").click()
    environ = {"BARCAST_EMBED_ORIGINS": host.url}
    again = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (), environ, open_hub.port)
    try:
        await expect(page.locator("job-progress")).to_contain_text("Library export")
    finally:
        await asyncio.to_thread(again.close)


async def test_a_hub_that_refuses_says_to_sign_in(open_hub: HubProcess, host: Host, context: BrowserContext) -> None:
    packed = await context.request.get(f"{open_hub.url}/job-progress.js")
    body = "".join(widget("01JD", size=size, token="old") for size in ("inline", "compact"))
    host.files |= {"/job-progress.js": await packed.text(), "/": HOSTILE + script(host.url) + body}
    page = await context.new_page()
    await page.route(f"{host.url}/api/summary", lambda route: route.fulfill(status=401, body="{}"))
    await page.goto(host.url)
    await expect(page.get_by_text("Sign in to see this job")).to_have_count(2)
    await expect(page.get_by_text("The link has expired or is not for you.")).to_be_visible()


async def test_a_job_that_is_gone_says_so(open_hub: HubProcess, host: Host, context: BrowserContext) -> None:
    worker = await Worker.open(open_hub)
    body = "".join(f"<section>{widget(job, size='compact')}</section>" for job in (worker.job, "01JD9V7M3K"))
    page = await shown(context, host, open_hub, body)
    gone = page.get_by_text("This job no longer exists")
    await expect(gone).to_have_count(1)
    await worker.lasting("finish", outcome="succeeded")
    await asyncio.to_thread(open_hub.call, "DELETE", f"/api/jobs/{worker.job}")
    await expect(gone).to_have_count(2)
    await expect(page.get_by_text("Finished jobs are kept for 7 days.")).to_have_count(2)


# ── What can be done ──────────────────────────────────────────────────────────


async def test_who_may_only_watch_is_offered_nothing_else(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub)
    sizes = ("inline", "compact", "full")
    body = "".join(f"<section>{widget(worker.job, size=size, controls='')}</section>" for size in sizes)
    page = await shown(context, host, open_hub, body)
    await expect(page.get_by_role("link", name="Details of Import orders")).to_be_visible()
    assert await page.get_by_role("button").count() == 0
    await worker.lasting("finish", outcome="failed", error={"type": "OSError", "message": "no price"})
    await expect(page.get_by_text("No price")).to_have_count(2)
    assert await page.get_by_role("button").count() == 0


async def test_a_cancel_asks_first_and_is_offered_only_where_wanted(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await own(context, hub, worker.job, size="full")
    bar = page.locator("job-progress")
    await expect(bar).to_contain_text("Import orders")
    assert await button(page, "Cancel Import orders").count() == 0
    await bar.evaluate("bar => bar.setAttribute('controls', '')")
    await expect(button(page, "Cancel Import orders")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Details of Import orders")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Cancel this job?")).to_be_visible()
    await expect(button(page, "Keep running")).to_be_focused()
    assert await button(page, "Keep running").evaluate("it => getComputedStyle(it).outlineStyle") == "solid"
    await page.keyboard.press("Escape")
    await expect(button(page, "Cancel Import orders")).to_be_focused()
    await page.keyboard.press("Enter")
    await button(page, "Cancel job").click()
    await worker.told("cancel")
    await expect(bar).to_contain_text("Cancel requested")
    await expect(button(page, "Requested Import orders")).to_be_focused()
    await worker.lasting("cancel_ack", message="Rolling back")
    await expect(bar).to_contain_text("Stopping: Rolling back")
    await worker.lasting("finish", outcome="cancelled", message="Rolled back")
    await expect(bar).to_contain_text("Cancelled")
    await expect(page.get_by_role("link", name="Details of Import orders")).to_be_focused()


async def test_a_question_leaves_with_the_job_that_it_was_about(hub: HubProcess, context: BrowserContext) -> None:
    first, second = await Worker.open(hub, title="First"), await Worker.open(hub, title="Second")
    page = await own(context, hub, first.job, size="full", controls="")
    await button(page, "Cancel First").click()
    dialog = page.get_by_role("dialog", name="Cancel this job?")
    await expect(dialog).to_be_visible()
    await page.locator("job-progress").evaluate("(bar, job) => bar.setAttribute('job', job)", second.job)
    await expect(button(page, "Cancel Second")).to_be_visible()
    await expect(dialog).to_be_hidden()


async def test_a_cancel_that_was_not_sent_says_so_and_is_not_queued(hub: HubProcess, context: BrowserContext) -> None:
    worker = await Worker.open(hub)
    page = await own(context, hub, worker.job, size="compact", controls="")
    asked: list[str] = []

    async def cut(route: Any) -> None:
        asked.append(route.request.url)
        await route.abort()

    await page.route("**/cancel", cut)
    await button(page, "Cancel Import orders").click()
    await button(page, "Cancel job").click()
    await expect(page.get_by_role("dialog", name="Cancel was not sent")).to_be_visible()
    await expect(page.get_by_text("Nothing has been queued on your side.")).to_be_visible()
    await page.unroute("**/cancel", cut)
    await button(page, "Close").click()
    await worker.report(done=100)
    await expect(page.locator(".pct")).to_have_text("50%")
    assert len(asked) == 1
    assert (await asyncio.to_thread(hub.get, f"/api/jobs/{worker.job}"))["cancel"] is None


async def test_a_job_of_the_hub_that_failed_can_be_run_again(hub: HubProcess, context: BrowserContext) -> None:
    order = {"kind": "hash-tree", "params": {"folder": "/nonexistent"}}
    job = (await asyncio.to_thread(hub.post, "/api/jobs", order))["id"]
    page = await own(context, hub, job, size="compact", controls="")
    await expect(page.locator("job-progress")).to_contain_text("failed")
    await button(page, "Retry").click()
    await expect(page.locator("body")).to_have_attribute("data-ends", " failed failed")


async def test_who_wants_no_motion_gets_none_and_forced_colours_show_the_bar(
    open_hub: HubProcess, host: Host, context: BrowserContext
) -> None:
    worker = await Worker.open(open_hub)
    await worker.report(done=100)
    page = await shown(context, host, open_hub, widget(worker.job, size="compact"))
    await page.emulate_media(reduced_motion="reduce", forced_colors="active")
    fill = page.locator("job-progress .bar i > span")
    await expect(page.locator(".pct")).to_have_text("50%")
    assert await fill.evaluate("it => getComputedStyle(it).transitionDuration") == "0s"
    track = "it => getComputedStyle(it.parentElement).borderTopStyle"
    assert await fill.evaluate(track) == "solid"
