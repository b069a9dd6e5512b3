"""What the page shows while the hub cannot be heard."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.web.conftest import Staging
from tests.web.scenes import morning


async def when(page: Page, title: str) -> list[str]:
    """What the row of a job says about its end."""
    row = page.locator(".row").filter(has_text=title)
    texts = await row.locator(".when").inner_text()
    return re.sub("\u00a0", " ", texts).splitlines()


async def test_what_is_left_becomes_a_time_and_what_is_known_is_dated(staged: Staging) -> None:
    stage = await staged(morning())
    page = stage.page
    assert (await when(page, "Upload nightly backup"))[:2] == ["about 1 min left", "done ≈ 14:32"]
    await stage.cut()
    await stage.run(12_000)
    await expect(page.locator("page-banner")).to_contain_text("the last known state from 14:31:07.")
    assert await when(page, "Upload nightly backup") == ["done ≈ 14:32", "as of 14:31:07", "36 s elapsed"]
    assert (await when(page, "Send renewal reminders"))[0] == "done 14:32–14:33"
    assert (await when(page, "Crawl docs.example.org"))[0] == "usually 12–20 min"
    await expect(page.locator(".row").filter(has_text="Upload").get_by_text("38 MB/s")).to_be_visible()
    await expect(page.locator('.row[data-s="stalled"]')).to_have_count(1)  # as it was: silence is nobody's stall
    await stage.run(20_000)
    assert (await when(page, "Upload nightly backup"))[2] == "36 s elapsed"
