"""What the comparison of pictures notices, and what it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Page

from tests.web.compare import difference, keep
from tests.web.conftest import Staging
from tests.web.scenes import morning, one_job
from tests.web.shots import shot, unroll
from tests.web.told import ME
from tests.web.views import VIEWS, WIDE
from tests.web.windows import PLACE, chromium

JOB = next(view for view in VIEWS if view.name == "job-running")


@pytest_asyncio.fixture(loop_scope="session")
async def page(staged: Staging) -> AsyncIterator[Page]:
    """A job in the middle of its run."""
    stage = await staged(one_job(), f"/jobs/{ME}")
    yield stage.page


async def changed(page: Page, selector: str, name: str, value: str) -> tuple[Image.Image, Image.Image]:
    """Before and after one element got this style."""
    before = await shot(page, "light")
    element = page.locator(selector).first
    await element.evaluate("(element, [name, value]) => element.style.setProperty(name, value)", [name, value])
    return before, await shot(page, "light")


@pytest.mark.parametrize(
    ("what", "name", "value"),
    [
        (".hero .bar", "--run", "#7c8288"),
        (".tiles > div:nth-child(2)", "visibility", "hidden"),
        (".eta", "translate", "4px"),
        (".hero .bar i:nth-child(3)", "--p", "66"),
        (".tiles .c-bad", "color", "#845600"),
        (".tl .cone", "visibility", "hidden"),
        (".segs", "margin-top", "12px"),
    ],
    ids=["a bar's colour", "a missing tile", "a shifted column", "a longer bar", "red that is amber", "a missing cone",
         "a lower line"],
)  # fmt: skip
async def test_what_a_person_would_notice_is_noticed(page: Page, what: str, name: str, value: str) -> None:
    assert difference(*await changed(page, what, name, value)) is not None


async def test_it_says_where(page: Page) -> None:
    box = await page.locator(".tiles > div:nth-child(2) dd").bounding_box()
    assert box is not None
    found = difference(*await changed(page, ".tiles > div:nth-child(2) dd", "visibility", "hidden"))
    assert found is not None
    left, top, right, bottom = found.box
    assert box["x"] - 4 <= left < right <= box["x"] + box["width"] + 4
    assert box["y"] - 4 <= top < bottom <= box["y"] + box["height"] + 4


async def test_a_page_of_another_size_is_another_page() -> None:
    small, large = Image.new("RGB", (40, 40)), Image.new("RGB", (40, 44))
    assert str(difference(small, large)).startswith("(40, 44) instead of (40, 40) pixels")


async def test_a_stored_picture_is_still_the_same(page: Page, tmp_path: Path) -> None:
    seen = await shot(page, "dark")
    keep(seen, tmp_path / "kept.png")
    with Image.open(tmp_path / "kept.png") as kept:
        assert difference(kept, seen) is None


async def test_letters_that_are_smoothed_differently_are_the_same(browser: Browser, site: str, tmp_path: Path) -> None:
    pictures = []
    async with chromium(tmp_path, args=["--font-render-hinting=none", "--disable-lcd-text"]) as other:
        for one in (browser, other):
            context = await one.new_context(viewport={"width": WIDE, "height": 900}, **PLACE)
            stage = await JOB.open(context, site)
            await unroll(stage, WIDE)
            pictures.append(await shot(stage.page, "light"))
            await context.close()
    assert difference(*pictures) is None


async def test_the_fonts_of_the_machine_do_not_matter(staged: Staging) -> None:
    stage = await staged(morning())
    tools = await stage.page.context.new_cdp_session(stage.page)
    for domain in ("DOM", "CSS"):
        await tools.send(f"{domain}.enable")
    root = (await tools.send("DOM.getDocument"))["root"]["nodeId"]
    body = await tools.send("DOM.querySelector", {"nodeId": root, "selector": ".row .title"})
    fonts = (await tools.send("CSS.getPlatformFontsForNode", {"nodeId": body["nodeId"]}))["fonts"]
    assert {font["familyName"].split()[0] for font in fonts} == {"Inter"}
