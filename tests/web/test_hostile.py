"""Texts from anywhere, in every field that a job can have: they are read, and that is all that comes of them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Request, expect

from tests.web.conftest import Staging
from tests.web.past import samples
from tests.web.scenes import Scene
from tests.web.staged import ADDRESS
from tests.web.test_access import AUDIT
from tests.web.told import LOG, ME, Entry, Job, cancel, failing, importing
from tests.web.views import HEIGHT

TEXTS = {
    "markup": "<img src=x onerror=\"document.title='taken'\"><b>b</b>&amp;",
    "script": "</script><script>document.title='taken'</script>${document.title='taken'}{{7*7}}",
    "another direction": "invoice \u202egpj.exe\u202c \u2067שלום\u2069 \u0639\u0631\u0628\u064a",
    "one long word": "W" * 300,
    "controls": "a\u0000b\u0007c\u001b[31md\u0085e\ufeff\tf\r\ng",
    "marks and signs": "z\u0335\u0321\u0322 👩‍👩‍👧‍👦 🏳️‍🌈 \u200b\u200d\u2060 ﷽ 𒐫",
}
# Words of the protocol, and what must stay a number or a time, are not the sender's to choose.
OURS = {"id", "status", "level", "event", "outcome", "how", "n", "at", "job", "attempt"}


def spoilt(value: Any, text: str, name: str = "") -> Any:
    """The same with this text wherever somebody may write what they like, keys of open records too."""
    if name in OURS:
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [spoilt(one, text) for one in value]
    if isinstance(value, dict) and name in ("params", "tags", "counters", "result", "data"):
        return {f"{key} {text}": spoilt(one, text) for key, one in value.items()}
    if isinstance(value, dict):
        return {key: spoilt(one, text, key) for key, one in value.items()}
    return value


def everything(text: str) -> Job:
    """A job that failed, with all that a job can have."""
    link = {"name": "report", "url": "javascript:document.title='taken'", "bytes": 3, "media_type": "text/html"}
    attempts = [
        {"attempt": 1, "outcome": "failed", "fraction": 0.4, "started_at": 1, "finished_at": 2, "error": failing()}
    ]
    facts = {"error": failing(), "result": {"rows": "many"}, "attempts": attempts, "attempt": 2, "cancel": cancel(1)}
    job: Job = spoilt(importing(**facts), text)
    return {**job, "artifacts": [spoilt(link, text) | {"url": url} for url in (link["url"], text, "data:text/html,x")]}


def story(text: str) -> list[Entry]:
    return [spoilt(entry, text) | {"data": {"from": "output", "logger": text}} for entry in LOG]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_a_text_is_read_and_nothing_comes_of_it(staged: Staging, text: str) -> None:
    scene = Scene(jobs=[everything(text)], log=story(text), samples=samples(), kinds=[])
    stage = await staged(scene, f"/jobs/{ME}")
    page = stage.page
    happened: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith(ADDRESS):
            happened.append(request.url)

    page.on("dialog", lambda dialog: happened.append(dialog.message))
    page.on("request", asked)
    await page.evaluate(
        "addEventListener('securitypolicyviolation', (event) => { window.violated = event.blockedURI; })"
    )
    for state in ("running", "failed"):
        stage.change(scene.jobs[0], status=state, finished_at=stage.now_ms if state == "failed" else None)
        await stage.run(1_000)
        for width in (320, 1280):
            await page.set_viewport_size({"width": width, "height": HEIGHT})
            await stage.run(500)
            report = await page.evaluate(AUDIT)
            assert (report["overflow"], report["sideways"], report["bad"]) == ([], [], [])
        hrefs = await page.locator("main a[href]").evaluate_all("(links) => links.map((link) => link.protocol)")
        assert set(hrefs) <= {"http:", "https:"}
    assert await page.locator("main img, main script, main h1 b").count() == 0
    words = "".join((await page.locator("h1").inner_text()).split())
    assert words.startswith("".join(text.replace("\u0000", "").split())[:40].strip("\ufeff")[:1])
    await page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Jobs").click()
    await stage.settle()
    for width in (1280, 320):
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        await stage.run(500)
        report = await page.evaluate(AUDIT)
        assert (width, report["overflow"], report["sideways"]) == (width, [], [])
    await expect(page.locator(".row")).to_have_count(1)
    assert await page.title() in ("Barcast", "4 running · Barcast")
    assert await page.evaluate("window.violated ?? null") is None
    assert happened == []
