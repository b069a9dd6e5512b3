"""Every view looks as its stored picture does: see `python -m tests.web.shots --help`."""

from __future__ import annotations

import pytest
from PIL import Image
from playwright.async_api import Browser

from tests.web.compare import difference
from tests.web.shots import SEEN, STORED, shots
from tests.web.views import NARROW, THEMES, VIEWS, WIDE, View


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
async def test_a_view_looks_as_its_picture(view: View, browser: Browser, site: str) -> None:
    found = []
    async for name, seen in shots(view, browser, site):
        with Image.open(STORED / f"{name}.png") as stored:
            wrong = difference(stored, seen)
        if wrong:
            SEEN.mkdir(exist_ok=True)
            seen.save(SEEN / f"{name}.png")
            found.append(f"{name}.png: {wrong}; it is in {SEEN} now")
    assert not found, "\n".join(found)


def test_each_stored_picture_is_one_of_a_view() -> None:
    wide = {f"{view.name}-{theme}-{WIDE}.png" for view in VIEWS for theme in THEMES}
    narrow = {f"{view.name}-{theme}-{NARROW}.png" for view in VIEWS for theme in view.narrow}
    assert {path.name for path in STORED.glob("*.png")} == wide | narrow
