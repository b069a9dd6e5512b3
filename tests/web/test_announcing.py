"""What a screen reader is told, heard through one whole run, an absence, and more ends than one."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.web.conftest import Staging
from tests.web.scenes import Scene, one_job
from tests.web.told import ME, NOW, job

# Everything that the page's polite status ever said.
LISTEN = """() => {
  window.said = [];
  const status = document.querySelector('#status');
  new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true, subtree: true });
}"""


async def said(page: Page) -> list[str]:
    texts: list[str] = await page.evaluate("window.said")
    return texts


def phases(names: list[str]) -> list[dict[str, Any]]:
    facts = {"done": 0, "total": 100, "unit": "rows", "started_at": NOW, "finished_at": None, "typical": None}
    return [{"name": name, **facts, "weight": 1 / len(names)} for name in names]


async def test_one_whole_run_is_told_in_about_eight_announcements(staged: Staging) -> None:
    names = ["Download", "Parse", "Validate", "Write"]
    run = job(0, "catalog.import", "Import product catalogue", phase=0, phases=phases(names), fraction=0.0, total=100)
    run["id"] = ME
    stage = await staged(Scene(jobs=[run]), f"/jobs/{ME}")
    await stage.page.evaluate(LISTEN)
    for tick in range(1, 201):
        fraction = tick / 201
        stage.change(run, fraction=fraction, phase=int(fraction * 4), done=tick, eta_s=201.0 - tick, rate=float(tick))
        await stage.run(1_000)
    stage.change(run, status="succeeded", fraction=1.0, finished_at=stage.now_ms)
    await stage.run(1_000)
    texts = await said(stage.page)
    assert 4 <= len(texts) <= 8
    assert all(re.fullmatch(r"Phase \w+|\d\d percent|Import product catalogue: done", text) for text in texts)
    assert texts[-1] == "Import product catalogue: done"


async def test_only_a_long_absence_of_the_hub_is_told_and_its_end(staged: Staging) -> None:
    stage = await staged(one_job(), f"/jobs/{ME}")
    await stage.page.evaluate(LISTEN)
    await stage.cut()
    await stage.run(8_000)
    assert await said(stage.page) == []
    await stage.run(4_000)
    assert [text[:16] for text in await said(stage.page)] == ["Connection lost."]
    stage.mend()
    await stage.run(40_000)
    assert (await said(stage.page))[1:] == ["Connected again."]


async def test_jobs_that_ended_during_an_absence_are_one_toast(staged: Staging) -> None:
    jobs = [job(number, "mail.batch", f"Send {number}", fraction=0.5) for number in (1, 2, 3)]
    stage = await staged(Scene(jobs=jobs))
    page = stage.page
    await page.evaluate("ids => localStorage.setItem('barcast.own', JSON.stringify(ids))", [one["id"] for one in jobs])
    await stage.open("/")
    await stage.cut()
    for one in jobs:
        one.update(status="succeeded", fraction=1.0, finished_at=stage.now_ms, seq=one["seq"] + 1)
    await stage.run(12_000)
    stage.mend()
    toasts = page.locator(".toast")
    for _ in range(60):
        if await toasts.count():
            break
        await stage.run(500)
    await expect(toasts).to_have_text(["Back online3 jobs finished meanwhile. Show"])
    await toasts.get_by_role("link", name="Show").click()
    await expect(page).to_have_url(re.compile(r"\?tab=finished$"))


async def test_the_bar_is_spoken_of_in_whole_words_and_not_at_every_frame(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, f"/jobs/{ME}")
    bar = stage.page.locator("job-hero").get_by_role("progressbar")
    await expect(bar).to_have_attribute(
        "aria-valuetext",
        re.compile(r"^59 percent\. Validate, phase 3 of 4\. 31,240 of 50,000\srows\. About 3 minutes left\.$"),
    )
    await stage.page.evaluate("""() => {
      window.spoken = [];
      const bar = document.querySelector('job-hero [role=progressbar]');
      const watch = new MutationObserver(() => window.spoken.push(bar.getAttribute('aria-valuetext')));
      watch.observe(bar, { attributeFilter: ['aria-valuetext'] });
    }""")
    for done in range(31_400, 33_400, 100):
        stage.change(scene.jobs[0], done=done)
        await stage.run(500)
    spoken = await stage.page.evaluate("window.spoken")
    assert 1 <= len(spoken) <= 3
