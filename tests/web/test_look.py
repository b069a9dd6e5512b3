"""The page for people who set things differently: another font, larger text, forced colours, no motion."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, Locator, expect

from tests.web.conftest import Staging
from tests.web.looking import bar_in, row
from tests.web.scenes import morning, one_job
from tests.web.test_access import AUDIT, CLEAN, WIDTHS
from tests.web.told import ME
from tests.web.views import HEIGHT, VIEWS
from tests.web.windows import PLACE, chromium

CLIPPED = """() => [...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() &&
  !e.closest('.vh') && getComputedStyle(e).overflowY === 'hidden' && e.textContent.trim() &&
  e.scrollHeight > e.clientHeight + 2)
  .map((e) => `${e.className} ${e.textContent.slice(0, 40)}`)"""


async def test_with_a_wider_font_nothing_breaks(site: str, tmp_path: Path) -> None:
    async with chromium(tmp_path, sans="DejaVu Sans") as browser:
        for view in VIEWS:
            if view.name not in ("jobs", "job-running", "start"):
                continue
            context = await browser.new_context(viewport={"width": 1280, "height": HEIGHT}, **PLACE)
            stage = await view.open(context, site)
            for width in WIDTHS:
                await stage.page.set_viewport_size({"width": width, "height": HEIGHT})
                await stage.run(1_000)
                assert (view.name, width, await stage.page.evaluate(AUDIT)) == (view.name, width, CLEAN)
                assert await stage.page.evaluate(CLIPPED) == []
            await context.close()


@pytest.mark.parametrize("path", ["/", f"/jobs/{ME}"])
async def test_text_of_twice_the_size_can_be_read(staged: Staging, path: str) -> None:
    stage = await staged(morning() if path == "/" else one_job(), path)
    await stage.page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    for width in (1280, 768):
        await stage.page.set_viewport_size({"width": width, "height": HEIGHT})
        await stage.run(500)
        report = await stage.page.evaluate(AUDIT)
        assert (width, report["overflow"], report["sideways"]) == (width, [], [])
        assert await stage.page.evaluate(CLIPPED) == []


async def colours(bar: Locator, *places: float) -> list[tuple[int, ...]]:
    """Of a bar, in the middle of its height, at these parts of its width."""
    picture = Image.open(io.BytesIO(await bar.screenshot())).convert("RGB")
    pixels = [picture.getpixel((int(picture.width * place), picture.height // 2)) for place in places]
    return [tuple(pixel) for pixel in pixels if isinstance(pixel, tuple)]


async def test_bars_are_seen_in_forced_colours(staged: Staging) -> None:
    stage = await staged(morning(), forced_colors="active")
    for title in ("Upload nightly backup", "Backfill invoices 2024", "Transcode lecture 07"):
        bar = stage.page.get_by_role("progressbar", name=title)
        full, empty = await colours(bar, 0.1, 0.9)
        assert sum(abs(a - b) for a, b in zip(full, empty, strict=True)) > 150, title
        track = await bar.locator("i").first.evaluate("(part) => getComputedStyle(part).borderTopWidth")
        assert track != "0px"


async def test_who_wants_no_motion_sees_none(staged: Staging) -> None:
    scene = morning()
    stage = await staged(scene, reduced_motion="reduce")
    place = row(stage.page, ME)
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert await stage.page.evaluate(moving) == 0
    stage.change(scene.jobs[0], fraction=0.8, done=44_000)
    await stage.run(1_100)
    assert (await bar_in(place)).drawn == pytest.approx(80, abs=1)
    await stage.page.get_by_role("button", name="Cancel Import product catalogue").click()
    assert await stage.page.evaluate(moving) == 0
    stage.change(scene.jobs[0], status="succeeded", finished_at=stage.now_ms, fraction=1.0)
    await stage.run(3_000)
    await expect(place.locator(".now")).to_contain_text("Done")
    assert await stage.page.evaluate(moving) == 0


async def test_each_view_says_which_language_it_is_in(browser: Browser, site: str) -> None:
    context = await browser.new_context(**PLACE)
    stage = await VIEWS[0].open(context, site)
    assert await stage.page.evaluate("document.documentElement.lang") == "en"
    await context.close()
