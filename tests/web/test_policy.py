"""The page keeps to its own policy, and pages of other sites get as far as they may, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.serving import HubProcess, hub_process
from tests.web.browsing import Worker, opened

WATCH = """
globalThis.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


async def violations(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("violations")
    return found


async def test_nothing_that_the_page_does_is_against_its_policy(hub: HubProcess, context: BrowserContext) -> None:
    await context.add_init_script(WATCH)
    worker = await Worker.open(hub)
    pages = [await opened(context, hub.url), await opened(context, f"{hub.url}/jobs/{worker.job}")]
    await worker.report(done=50, message="Batch 1")
    for page in pages:
        await expect(page.get_by_text("Batch 1").first).to_be_visible()
    await pages[0].get_by_role("button", name="Start job").first.click()
    await expect(pages[0].get_by_role("dialog")).to_be_visible()
    await pages[1].get_by_role("button", name="Cancel").first.click()
    await worker.lasting("finish", outcome="failed", error={"type": "E", "message": "no", "traceback": "line 1"})
    await expect(pages[1].get_by_text("Failed").first).to_be_visible()
    assert [await violations(page) for page in pages] == [[], []]


async def test_what_is_against_the_policy_is_stopped_and_noted(hub: HubProcess, context: BrowserContext) -> None:
    await context.add_init_script(WATCH)
    page = await opened(context, hub.url)
    stopped: bool = await page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false; } catch { return true; } }"
    )
    assert stopped
    assert [one.partition(" ")[0] for one in await violations(page)] == ["require-trusted-types-for"]


# ── Other sites ───────────────────────────────────────────────────────────────


class Blank(BaseHTTPRequestHandler):
    """An empty page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def other_site() -> Iterator[str]:
    """The origin of another site: for a browser that is the host's name, whatever the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.fixture
def shop() -> Iterator[str]:
    """A site that the hub lets watch it, and frame its page."""
    with other_site() as origin:
        yield origin


@pytest.fixture
def stranger() -> Iterator[str]:
    """A site that the hub knows nothing of."""
    with other_site() as origin:
        yield origin


@pytest.fixture
def open_hub(tmp_path: Path, shop: str) -> Iterator[HubProcess]:
    with hub_process(tmp_path / "hub.db", BARCAST_EMBED_ORIGINS=shop, BARCAST_FRAME_ORIGINS=shop) as hub:
        yield hub


async def visited(context: BrowserContext, origin: str) -> Page:
    page = await context.new_page()
    await page.goto(origin)
    return page


ASK = """async (hub) => {
  const answers = { script: false, summary: 0, cancel: 0 };
  await import(`${hub}/barcast.js`).then(() => (answers.script = true), () => {});
  const ask = (path, how) => fetch(hub + path, how).then(({ status }) => status, () => 0);
  answers.summary = await ask('/api/summary', { headers: { authorization: 'Bearer x' } });
  answers.none = await ask('/api/jobs/none');
  answers.cancel = await ask('/api/jobs/none/cancel', { method: 'POST' });
  const socket = new WebSocket(hub.replace('http', 'ws') + '/ws');
  answers.may = await new Promise((tell) => {
    socket.onopen = () => socket.send('{"type":"hello"}');
    socket.onmessage = ({ data }) => tell(JSON.parse(data).may);
    socket.onerror = () => tell(null);
  });
  return answers;
}"""


async def test_a_page_that_was_named_watches_and_no_more(
    open_hub: HubProcess, context: BrowserContext, shop: str
) -> None:
    page = await visited(context, shop)
    assert await page.evaluate(ASK, open_hub.url) == {
        "script": True, "summary": 200, "none": 404, "cancel": 403,
        "may": {"view": True, "control": False, "report": False, "tracebacks": False},
    }  # fmt: skip


async def test_a_page_that_was_not_named_cannot_even_see_why(
    open_hub: HubProcess, context: BrowserContext, stranger: str
) -> None:
    page = await visited(context, stranger)
    assert await page.evaluate(ASK, open_hub.url) == {
        "script": False, "summary": 0, "none": 0, "cancel": 0, "may": None
    }  # fmt: skip


FRAME = """(hub) => new Promise((loaded) => {
  const frame = document.body.appendChild(document.createElement('iframe'));
  Object.assign(frame, { src: hub, width: 900, height: 600, onload: loaded });
})"""


async def test_the_page_is_framed_by_those_who_were_named_alone(
    open_hub: HubProcess, context: BrowserContext, shop: str, stranger: str
) -> None:
    pages = [await visited(context, shop), await visited(context, stranger)]
    for page in pages:
        await page.evaluate(FRAME, open_hub.url)
    named, refused = pages
    await expect(named.frame_locator("iframe").get_by_role("button", name="Live")).to_be_visible()
    assert [frame.url for frame in refused.frames[1:]] == ["chrome-error://chromewebdata/"]
