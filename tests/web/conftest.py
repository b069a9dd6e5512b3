"""A real hub and a real browser. The browser is one for all tests; each has windows of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.serving import HubProcess
from tests.web import windows
from tests.web.scenes import Scene
from tests.web.staged import Stage
from tests.web.windows import PLACE

HERE = Path(__file__).parent
Staging = Callable[..., Awaitable[Stage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder run in one loop, because the browser they share lives in it."""
    one_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("asyncio"):
            item.add_marker(one_loop, append=False)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """`barcast serve` with the examples."""
    process = await asyncio.to_thread(HubProcess, tmp_path / "hub.db")
    yield process
    await asyncio.to_thread(process.close)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """The system's Chromium."""
    async with windows.chromium(tmp_path_factory.mktemp("fonts")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One person's windows; whatever a page complains of fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    complaints = heard(context)
    yield context
    await context.close()
    assert complaints == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a hub that serves the page, and nothing else, to all staged tests."""
    async with windows.site(tmp_path_factory.mktemp("site")) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def staged(browser: Browser, site: str) -> AsyncIterator[Staging]:
    """Opens a page in front of a hub that the test plays: `await staged(scene, "/")`.

    Keywords are those of a browser's context.
    """
    contexts: list[BrowserContext] = []
    complaints: list[list[str]] = []

    async def build(scene: Scene, path: str = "/", ahead_ms: int = 0, **context: Any) -> Stage:
        one = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **PLACE, **context})
        contexts.append(one)
        complaints.append(heard(one))
        stage = await Stage.build(one, site, scene, ahead_ms)
        await stage.open(path)
        return stage

    yield build
    for one in contexts:
        await one.close()
    assert [said for saying in complaints for said in saying] == []


def heard(context: BrowserContext) -> list[str]:
    """What its pages complain of, as it comes."""
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return complaints
