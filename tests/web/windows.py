"""The browser of the tests, with fonts that are the same everywhere, and a hub that serves it the page."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.serving import HubProcess
from tests.web.fonts import installed

FLAGS = [
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BROWSER = "/usr/bin/chromium"
# The same engine without a browser's own windows: a page costs a tenth. It keeps no page aside to come back to.
SHELL = shutil.which("chromium-headless-shell") or BROWSER
PLACE: dict[str, Any] = {"timezone_id": "UTC", "locale": "en"}  # of staged pages


@asynccontextmanager
async def chromium(folder: Path, *, sans: str = "Inter", program: str = SHELL, **launch: Any) -> AsyncIterator[Browser]:
    """The system's Chromium.

    Args:
        folder: for the configuration of its fonts.
        sans: the font of all that is not code.
        program: `SHELL`, or the whole `BROWSER`.
        launch: more of Playwright's, `args` beside the usual ones.
    """
    environ: dict[str, str | float | bool] = {**os.environ, **installed(folder, sans)}
    args = [*FLAGS, *launch.pop("args", [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=args, env=environ, **launch)
        yield browser
        await browser.close()


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[str]:
    """The address of a hub that serves the page."""
    process = await asyncio.to_thread(HubProcess, folder / "site.db")
    try:
        yield process.url
    finally:
        await asyncio.to_thread(process.close)
