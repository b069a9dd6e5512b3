"""Every view can be read, reached and heard: by axe, by our own audit, in both themes and at every width."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Page

from tests.web.fonts import NODE
from tests.web.views import HEIGHT, VIEWS, WIDE, View
from tests.web.windows import PLACE

SOURCE = (NODE / "axe-core" / "axe.min.js").read_text()
AUDIT = (Path(__file__).parent / "audit.js").read_text()
WIDTHS = (320, 390, 768, 1280, 1920)
CLEAN: dict[str, list[str]] = {"bad": [], "overflow": [], "small": [], "nameless": [], "sideways": []}


async def in_theme(page: Page, theme: str) -> None:
    """A theme, once nothing fades any more."""
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    await page.evaluate("document.getAnimations().forEach((one) => one.finish())")


def rules_for(view: View) -> dict[str, Any]:
    """Which of axe's rules are not as they come.

    Targets half under an open question are not reached before it is answered; their sizes are in our own audit.
    """
    return {"target-size": {"enabled": not view.floats}, "focus-order-semantics": {"enabled": True}}


class Axe:
    """Axe, in a world of its own beside the page: there time goes on."""

    def __init__(self, tools: CDPSession, world: int) -> None:
        self._tools = tools
        self._world = world

    @classmethod
    async def beside(cls, page: Page) -> Axe:
        tools = await page.context.new_cdp_session(page)
        frame = (await tools.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = (await tools.send("Page.createIsolatedWorld", {"frameId": frame}))["executionContextId"]
        axe = cls(tools, world)
        await axe._say(f"{SOURCE}; 0")
        return axe

    async def violations(self, rules: dict[str, Any]) -> list[dict[str, list[str]]]:
        """What it objects to: the rule, and where."""
        found = await self._say(f"axe.run(document, {{ rules: {json.dumps(rules)} }})")
        return [{rule["id"]: [node["html"][:160] for node in rule["nodes"]]} for rule in found["violations"]]

    async def _say(self, expression: str) -> Any:
        how = {"contextId": self._world, "awaitPromise": True, "returnByValue": True}
        answer = await self._tools.send("Runtime.evaluate", {"expression": expression, **how})
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
async def test_a_view_can_be_read_and_reached_by_everybody(view: View, browser: Browser, site: str) -> None:
    context = await browser.new_context(viewport={"width": WIDE, "height": HEIGHT}, **PLACE)
    stage = await view.open(context, site)
    page = stage.page
    axe = await Axe.beside(page)
    for theme in ("light", "dark"):
        await in_theme(page, theme)
        assert await axe.violations(rules_for(view)) == []
        for width in WIDTHS if theme == "light" else (WIDE,):  # a theme has colours, and no sizes
            await page.set_viewport_size({"width": width, "height": HEIGHT})
            await stage.run(1_000)
            assert {"width": width} | await page.evaluate(AUDIT) == {"width": width} | CLEAN
        await page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    await context.close()
