"""Pictures of every view: `python -m tests.web.shots --write [VIEW …]` makes those in `tests/web/pictures` anew.

Without `--write` it puts them into `.venv/pictures`, for a look.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.async_api import Browser, Page

from tests.web.compare import keep
from tests.web.staged import Stage
from tests.web.views import HEIGHT, NARROW, THEMES, VIEWS, WIDE, View
from tests.web.windows import PLACE, chromium, site

STORED = Path(__file__).parent / "pictures"
SEEN = Path(__file__).parent.parent.parent / ".venv" / "pictures"
STILL = """() => { for (const one of document.getAnimations()) {
  const endless = one.effect?.getComputedTiming().iterations === Infinity;
  if (endless) { one.pause(); one.currentTime = 600; } else one.finish();
} }"""


async def shots(view: View, browser: Browser, url: str) -> AsyncIterator[tuple[str, Image.Image]]:
    """Each picture of a view, by its name."""
    for width, themes in ((WIDE, THEMES), (NARROW, view.narrow)):
        context = await browser.new_context(viewport={"width": width, "height": HEIGHT}, **PLACE)
        stage = await view.open(context, url)
        if not view.floats:
            await unroll(stage, width)
        for theme in themes:
            yield f"{view.name}-{theme}-{width}", await shot(stage.page, theme)
        await context.close()


async def unroll(stage: Stage, width: int) -> None:
    """A window as high as the page: rows that nobody sees are not drawn, and their heights are guessed."""
    for _ in range(2):
        height = await stage.page.evaluate("document.documentElement.scrollHeight")
        await stage.page.set_viewport_size({"width": width, "height": height})
        await stage.run(100)


async def shot(page: Page, theme: str) -> Image.Image:
    """The page in a theme, with everything that moves standing still."""
    scheme: Literal["light", "dark"] = "dark" if theme == "dark" else "light"
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate(STILL)
    return Image.open(io.BytesIO(await page.screenshot(caret="hide")))


async def make(folder: Path, names: list[str]) -> None:
    """All pictures of these views, or of all."""
    with tempfile.TemporaryDirectory() as scratch:
        async with chromium(Path(scratch)) as browser, site(Path(scratch)) as url:
            for view in VIEWS:
                if not names or view.name in names:
                    async for name, picture in shots(view, browser, url):
                        keep(picture, folder / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", help="only these")
    parser.add_argument("--write", action="store_true", help="replace the stored ones")
    asked = parser.parse_args()
    folder = STORED if asked.write else SEEN
    folder.mkdir(exist_ok=True)
    asyncio.run(make(folder, asked.views))


if __name__ == "__main__":
    main()
