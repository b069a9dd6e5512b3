"""The examples that are for other pages, in a page of another shop."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests import pages
from tests.pages import ROOT
from tests.serving import HubProcess
from tests.web.browsing import Worker
from tests.web.hosting import Host, hosting
from tests.web.test_client_package import RESOLVED, checked, project

README = pages.Page("README.md")
REFERENCE = pages.Page("web/README.md")
NODE = ROOT / ".venv" / "node" / "node_modules"
MAIN = """
import { createRoot } from 'react-dom/client';
import { Export } from './export.jsx';

createRoot(document.getElementById('root')).render(<Export job="JOB" />);
"""

__all__ = ["project"]  # a fixture


class Shop:
    """A page of another site beside a hub, and the work that it shows.

    Args:
        host: serves the page.
        hub: lets it watch.
        worker: does the work.
    """

    def __init__(self, host: Host, hub: HubProcess, worker: Worker) -> None:
        self.host = host
        self.hub = hub
        self.worker = worker
        self.sockets: list[str] = []  # that its pages opened

    def filled(self, example: str) -> str:
        """An example with this hub and this job in it."""
        return example.replace("http://127.0.0.1:8600", self.hub.url).replace("JOB", self.worker.job)

    async def show(self, context: BrowserContext, *parts: str) -> Page:
        self.host.files["/"] = '<!doctype html><html lang="en"><link rel="icon" href="data:,">' + "".join(parts)
        page = await context.new_page()
        page.on("websocket", lambda socket: self.sockets.append(socket.url))
        await page.goto(self.host.url)
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    with hosting({}) as host:
        hub = await asyncio.to_thread(HubProcess, tmp_path / "hub.db", (), {"BARCAST_EMBED_ORIGINS": host.url})
        yield Shop(host, hub, await Worker.open(hub, title="Library export"))
        await asyncio.to_thread(hub.close)


async def test_two_lines_put_a_bar_on_a_page_and_a_style_sheet_changes_its_look(
    shop: Shop, context: BrowserContext
) -> None:
    style = f"<style>{README.example('bar.css')}{REFERENCE.example('place.css')}</style>"
    page = await shop.show(context, style, shop.filled(README.example("bar.html")))
    bar = page.locator("job-progress")
    await shop.worker.report(done=124)
    await expect(bar.locator(".pct")).to_have_text("62%")
    title, card, fill = [bar.locator(f"[part={name}]") for name in ("title", "card", "fill")]
    assert await title.evaluate("it => getComputedStyle(it).textTransform") == "uppercase"
    assert await card.evaluate("it => getComputedStyle(it).borderRadius") == "0px"
    assert await fill.evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(102, 51, 153)"


async def test_a_component_of_react_shows_a_bar_and_hears_of_the_end(
    shop: Shop, context: BrowserContext, tmp_path: Path
) -> None:
    (tmp_path / "export.jsx").write_text(README.example("export.jsx"))
    (tmp_path / "main.jsx").write_text(shop.filled(MAIN))
    shop.host.files["/main.js"] = await asyncio.to_thread(bundled, tmp_path / "main.jsx")
    include = shop.filled(README.example("bar.html")).partition("<job-progress")[0]
    page = await shop.show(context, include, '<div id="root"></div><script type="module" src="/main.js"></script>')
    await expect(page.locator("job-progress")).to_contain_text("Library export")
    await shop.worker.lasting("finish", outcome="succeeded")
    await expect(page.get_by_text("We have sent you the link.")).to_be_visible()
    await expect(page.locator("job-progress")).to_contain_text("Library export is done")


def bundled(entry: Path) -> str:
    """A component and React as one script."""
    return subprocess.run(
        [NODE / ".bin" / "esbuild", entry, "--bundle", "--format=esm", "--jsx=automatic", "--log-level=error"],
        env={**os.environ, "NODE_PATH": str(NODE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


async def test_the_client_makes_a_look_of_your_own(shop: Shop, context: BrowserContext) -> None:
    page = await shop.show(context, shop.filled(README.example("own.html")))
    await shop.worker.report(done=100, message="Batch 3")
    await expect(page.locator("output")).to_have_text("Batch 3")
    await expect(page.locator("progress")).to_have_js_property("value", 0.5)


async def test_the_reference_hears_of_the_end_and_counts_jobs(shop: Shop, context: BrowserContext) -> None:
    parts = [shop.filled(REFERENCE.example(name)) for name in ("events.html", "client.html")]
    page = await shop.show(context, *parts)
    await expect(page.locator("output")).to_have_text("1 running, 0 finished")
    await shop.worker.lasting("artifact", name="library.zip", url="https://files.example/library.zip")
    await shop.worker.lasting("finish", outcome="succeeded")
    await expect(page.locator("output")).to_have_text("0 running, 1 finished")
    await expect(page).to_have_url(re.compile("#library.zip$"))
    assert shop.sockets == [f"{shop.hub.socket_url}/ws"]


def test_the_package_is_used_as_told(project: Path) -> None:
    done = checked(project, REFERENCE.example("main.ts"), *RESOLVED["bundler"])
    assert (done.returncode, done.stdout) == (0, "")


def test_every_example_of_the_reference_is_executed_above_and_every_link_leads_somewhere() -> None:
    source = Path(__file__).read_text()
    assert {name for name in REFERENCE.names if f'"{name}"' not in source and f"'{name}'" not in source} == set()
    assert not REFERENCE.missing()
