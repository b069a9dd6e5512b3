"""What the page shows while the hub cannot be heard, and when it can be again. The clock is the test's."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import Staging
from tests.web.looking import bar_in, row
from tests.web.scenes import morning, one_job
from tests.web.staged import Stage
from tests.web.told import ME, NOW, entry

PAGE = f"/jobs/{ME}"
WATCH = """() => {
  window.changes = [];
  const told = (list) => {
    changes.push(...list.filter(({ target }) => !target.parentElement?.closest('#status') && target.id !== 'status')
      .map(({ type, target, attributeName }) => `${type} ${attributeName ?? ''} ${target.localName ?? target.data}`));
  };
  new MutationObserver(told).observe(document.body,
    { subtree: true, childList: true, attributes: true, characterData: true });
}"""


async def said(page: Page) -> str:
    """What the pill says."""
    text = await page.locator("connection-pill button").first.inner_text()
    return text.replace("\u00a0", " ").strip()


async def retry_now(stage: Stage) -> None:
    """As a person does who does not want to wait."""
    await stage.page.get_by_role("button", name=re.compile("^Offline")).click()
    await stage.run(50)


@pytest.fixture
def reconnecting() -> re.Pattern[str]:
    return re.compile(r"^Reconnecting( in \d+ s)?$")


async def test_a_short_cut_shows_nothing(staged: Staging) -> None:
    stage = await staged(morning())
    await stage.cut()
    for _ in range(3):
        await stage.run(450)
        assert await said(stage.page) == "Live"
    await expect(stage.page.locator("page-banner")).to_be_hidden()
    stage.mend()
    await stage.run(2_000)
    await stage.heard()
    await stage.run(500)
    assert await said(stage.page) == "Live"


async def test_a_cut_of_five_seconds_is_told_by_the_pill_alone(staged: Staging, reconnecting: re.Pattern[str]) -> None:
    stage = await staged(morning())
    await stage.cut()
    await stage.run(5_000)
    assert reconnecting.match(await said(stage.page))
    await expect(stage.page.locator("page-banner")).to_be_hidden()
    place = row(stage.page, ME)
    assert (await bar_in(place)).look == ""
    await expect(place.locator(".when")).to_contain_text("about 3 min left")


async def test_a_long_cut_is_told_with_the_time_of_what_is_shown(staged: Staging) -> None:
    stage = await staged(morning())
    place = row(stage.page, ME)
    before = await bar_in(place)
    await stage.cut()
    await stage.run(15_000)
    assert re.match(r"^Offline\s+Retry now$", await said(stage.page))
    banner = stage.page.locator("page-banner")
    await expect(banner).to_contain_text("You are seeing the last known state from 14:31:07. Jobs keep running.")
    await expect(place.locator(".when")).to_contain_text("done ≈ 14:34")
    await expect(place.locator(".when")).to_contain_text("as of 14:31:07")
    await expect(place.locator(".when")).to_contain_text(re.compile("4.min.1[45].s elapsed"))
    for title in ("Import product catalogue", "Upload nightly backup"):
        bar = stage.page.get_by_role("progressbar", name=title)
        colour = await bar.locator("i").first.evaluate("(part) => getComputedStyle(part, '::before').backgroundColor")
        assert colour == "rgb(124, 130, 136)", "grey"
    after = await bar_in(place)
    await stage.run(30_000)
    assert (await bar_in(place)).drawn == after.drawn
    assert after.drawn == pytest.approx(before.drawn, abs=2)
    await expect(stage.page.locator('.row[data-s="stalled"]')).to_have_count(1)


async def test_it_comes_back_with_one_change_and_one_toast(staged: Staging) -> None:
    scene = morning()
    stage = await staged(scene)
    await stage.page.evaluate(
        "(ids) => localStorage.setItem('barcast.own', JSON.stringify(ids))", [job["id"] for job in scene.jobs[:3]]
    )
    await stage.page.reload()
    await stage.heard()
    await stage.settle()
    await stage.cut()
    await stage.run(15_000)
    for job in scene.jobs[:3]:
        job.update(status="succeeded", finished_at=stage.now_ms, fraction=1.0, seq=job["seq"] + 9)
    stage.mend()
    await retry_now(stage)
    await stage.heard()
    await stage.run(100)
    await expect(stage.page.locator("page-banner")).to_be_hidden()
    await expect(stage.page.locator(".toast")).to_have_count(1)
    await expect(stage.page.locator(".toast")).to_contain_text("3 jobs finished meanwhile")
    await stage.run(1_000)
    assert await said(stage.page) == "Live"


async def test_until_everything_is_there_it_says_that_it_is_catching_up(staged: Staging) -> None:
    stage = await staged(morning())
    await stage.cut()
    await stage.run(12_000)
    stage.mend()
    stage.holds_back = True
    await retry_now(stage)
    await stage.asked_for()
    await stage.run(100)
    assert await said(stage.page) == "Catching up"
    stage.answer_held()
    await stage.heard()
    await stage.run(100)
    assert await said(stage.page) == "Live"


async def test_a_cable_that_is_pulled_is_noticed_without_an_end(staged: Staging) -> None:
    stage = await staged(morning())
    stage.deaf, stage.reachable, stage.socket_works = True, False, False
    await stage.run(24_000)
    assert await said(stage.page) == "Live"
    await stage.run(15_000)
    assert re.match(r"^(Reconnecting|Offline)", await said(stage.page))


async def test_a_log_says_that_nothing_is_missing(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, PAGE)
    await stage.cut()
    await stage.run(11_000)
    scene.log.append(entry(10, "14:31:12", "entry", "said while nobody listened"))
    stage.mend()
    await retry_now(stage)
    await stage.heard()
    await stage.run(100)
    log = stage.page.get_by_role("log")
    await expect(log.get_by_text(re.compile("You were offline from 14:31:07 to 14:31:1"))).to_be_visible()
    await expect(log.get_by_text("said while nobody listened")).to_have_count(1)
    await expect(log.get_by_text("Queued by Ada")).to_have_count(1)


async def test_what_is_no_longer_stored_is_a_gap_in_the_log_and_a_dashed_piece_of_the_chart(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, PAGE)
    await stage.cut()
    await stage.leap(180_000)
    await stage.run(1_000)
    stage.epoch, stage.recovers = "another run", False
    stage.log_gap = {"from": 10, "to": 30, "from_at": NOW + 10_000, "to_at": NOW + 150_000}
    scene.log.append(entry(31, "14:34:00", "entry", "after the restart"))
    scene.samples.append(
        {"at": stage.now_ms, "phase": 2, "done": 40_000, "total": 50_000, "fraction": 0.7, "rate": 99.0}
    )
    scene.jobs[0].update(fraction=0.7, done=40_000, seq=3)
    stage.mend()
    await retry_now(stage)
    await stage.heard()
    await stage.settle()
    await stage.run(2_000)
    log = stage.page.get_by_role("log")
    await expect(log.get_by_text("Events from 14:31 to 14:33 are no longer stored.")).to_be_visible()
    await expect(log.get_by_text("after the restart")).to_be_visible()
    assert await stage.page.locator(".tl .guess").first.get_attribute("d")


async def test_without_a_stream_it_polls_and_can_still_be_used_and_goes_back_up(staged: Staging) -> None:
    scene = morning()
    stage = await staged(scene)
    await stage.cut(requests=True)
    for _ in range(40):
        await stage.run(1_000)
        await stage.answered()
        if (await said(stage.page)).startswith("Polling"):
            break
    assert await said(stage.page) == "Polling every 5 s"
    await expect(stage.page.locator("page-banner")).to_be_hidden()
    scene.jobs[0].update(message="Seen by polling", seq=scene.jobs[0]["seq"] + 1)
    await stage.run(5_500)
    await stage.answered()
    await stage.run(500)
    await expect(stage.page.get_by_text("Seen by polling")).to_be_visible()
    assert (await bar_in(row(stage.page, ME))).look == ""
    stage.mend()
    before = stage.sockets
    await stage.run(61_000)
    await stage.heard()
    await stage.run(1_000)
    assert stage.sockets > before
    assert await said(stage.page) == "Live"


async def test_a_hub_that_refuses_is_not_asked_again(staged: Staging) -> None:
    stage = await staged(morning())
    stage.scene.access = 401
    await stage.cut(requests=True)
    await stage.run(3_000)
    await stage.answered()
    await stage.run(1_000)
    await expect(stage.page.get_by_role("heading", name="Sign in to see jobs")).to_be_visible()
    asked = len(stage.asked)
    await stage.run(60_000)
    assert len(stage.asked) == asked


async def test_a_cancel_that_cannot_be_sent_says_so_and_is_never_sent(staged: Staging) -> None:
    stage = await staged(morning())
    stage.reachable = False
    await stage.page.get_by_role("button", name="Cancel Import product catalogue").click()
    await stage.page.get_by_role("button", name="Cancel job").click()
    question = stage.page.get_by_role("dialog", name="Cancel was not sent")
    await expect(question).to_contain_text("The hub could not be reached, so the job is still running.")
    await question.get_by_role("button", name="Close").click()
    await stage.cut()
    await stage.run(20_000)
    stage.mend()
    sent = [path for method, path in stage.asked if method == "POST"]
    await stage.run(120_000)
    await stage.heard()
    assert [path for method, path in stage.asked if method == "POST"] == sent
    assert len(sent) == 1


async def test_a_wrong_clock_changes_nothing_that_is_shown(staged: Staging) -> None:
    right, wrong = await staged(morning()), await staged(morning(), ahead_ms=3_600_000)
    assert await wrong.page.evaluate("performance.timeOrigin + performance.now()") > NOW + 3_500_000
    texts = [await stage.page.locator("main").inner_text() for stage in (right, wrong)]
    assert "done ≈ 14:34" in texts[0]
    assert texts[0] == texts[1]


async def test_a_hidden_tab_does_nothing_but_its_title_and_is_right_when_it_is_seen_again(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, PAGE)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    await stage.page.evaluate(hide, True)
    # A browser gives a hidden tab no frames.
    await stage.page.evaluate("window.frames_ = []; window.requestAnimationFrame = (call) => frames_.push(call); 0")
    await stage.run(100)
    await stage.page.evaluate(WATCH)
    for minute in range(10):
        done = 31_240 + minute * 1_800
        stage.change(scene.jobs[0], done=done, fraction=0.6 + minute * 0.03)
        await stage.run(60_000)
    await stage.run(6_000)
    assert await stage.page.title() == "87% · Import product catalogue · Barcast"
    assert await stage.page.evaluate("changes") == [], "but for what is announced"
    await stage.page.evaluate("window.requestAnimationFrame = (call) => setTimeout(call, 16); 0")
    await stage.page.evaluate(hide, False)
    await stage.page.evaluate("for (const call of frames_.splice(0)) call()")
    await stage.run(50)
    seen = await bar_in(stage.page.locator(".hero"))
    assert (seen.said, seen.spoken) == ("87%", 87)
    await expect(stage.page.locator(".toast")).to_have_count(0)
