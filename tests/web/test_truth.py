"""What the page claims of a job: never more than is known, the same everywhere, and never back without a reason."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from playwright.async_api import expect

from tests.web.conftest import Staging
from tests.web.looking import bar_in, box, row
from tests.web.scenes import Scene, morning, one_job
from tests.web.told import IMPORTS, ME, NO_ETA, NOW, STATES, Job, entry, every_state, importing, job, usual

PAGE = f"/jobs/{ME}"


def simple(**told: object) -> Job:
    """A job without phases, a while after its start."""
    facts = {"done": 100, "total": 1_000, "unit": "rows", "fraction": 0.1, "rate": 10.0}
    return job(0, "mail.batch", "Send reminders", **(facts | told))


def alone(view: Job) -> Scene:
    return Scene(jobs=[view])


@pytest.mark.parametrize(
    ("fraction", "said"), [(0.004, "<1%"), (0.0, "<1%"), (0.0149, "1%"), (0.5999, "59%"), (0.9999, "99%"), (1.0, "99%")]
)
async def test_percent_bar_and_what_is_spoken_are_one(staged: Staging, fraction: float, said: str) -> None:
    stage = await staged(alone(simple(fraction=fraction)))
    seen = await bar_in(row(stage.page, ME))
    assert (seen.said, seen.spoken) == (said, int(said.strip("<%")) if "<" not in said else 0)
    assert seen.drawn == pytest.approx(fraction * 100, abs=0.51)


async def test_they_agree_in_every_frame_and_it_is_100_only_when_it_is_done(staged: Staging) -> None:
    view = simple()
    stage = await staged(alone(view))
    place = row(stage.page, ME)
    for done in (150, 400, 650, 900, 990, 1_000):
        stage.change(view, done=done, fraction=done / 1_000)
        for _ in range(6):
            await stage.run(90)
            seen = await bar_in(place)
            assert seen.spoken is not None
            assert seen.said == f"{seen.spoken}%"
            assert seen.spoken <= seen.drawn < seen.spoken + 1.1 or seen.spoken == 99
            assert seen.spoken < 100
    stage.change(view, status="succeeded", finished_at=stage.now_ms)
    await stage.run(350)
    seen = await bar_in(place)
    assert (seen.said, seen.spoken, seen.drawn, seen.look) == ("100%", 100, 100, "ok")


async def test_nothing_is_estimated_in_the_first_seconds_without_history(staged: Staging) -> None:
    view = simple(started_at=NOW - 3_000, elapsed_s=3.0, eta_s=60.0, eta_low_s=55.0, eta_high_s=65.0)
    stage = await staged(alone(view))
    when = row(stage.page, ME).locator(".when")
    await expect(when).to_have_text("3 s elapsed")
    for second in range(4, 10):
        stage.change(view, elapsed_s=float(second))
        await stage.run(1_000)
        assert "left" not in await when.inner_text()
    stage.change(view, elapsed_s=11.0)
    await stage.run(1_000)
    await expect(when).to_contain_text("about 1 min left")


async def test_with_history_the_first_seconds_tell_what_is_usual(staged: Staging) -> None:
    stage = await staged(alone(simple(elapsed_s=3.0, typical=usual(360, 396, 474))))
    await expect(row(stage.page, ME).locator(".when")).to_contain_text("usually 6–8 min")


async def test_what_is_left_is_told_in_steps_and_a_noisy_job_has_a_range(staged: Staging) -> None:
    stage = await staged(alone(simple(eta_s=117.0, eta_low_s=60.0, eta_high_s=170.0)))
    await expect(row(stage.page, ME).locator(".when strong")).to_have_text("1–3 min left")


async def test_a_job_that_slows_down_is_later_once_and_does_not_flicker(staged: Staging) -> None:
    view = simple(eta_s=58.0, eta_low_s=55.0, eta_high_s=62.0)
    stage = await staged(alone(view))
    told = []
    noise = random.Random(7)
    for second in range(40):
        left_s = (62.0 if second < 6 else 185.0) + noise.uniform(-6, 6) + (9 if second % 2 else -9)
        stage.change(view, eta_s=left_s, eta_low_s=left_s - 5, eta_high_s=left_s + 8, elapsed_s=60.0 + second)
        await stage.run(1_000)
        told.append((await row(stage.page, ME).locator(".when strong").inner_text()).replace("\u00a0", " "))
    assert [first for first, after in pairwise([*told, ""]) if first != after] == [
        "about 1 min left",
        "about 3 min left",
    ]


async def test_a_bar_never_goes_back_whatever_is_sent_twice_late_or_in_another_order(staged: Staging) -> None:
    view = simple()
    stage = await staged(alone(view))
    place = row(stage.page, ME)
    changes = []
    for done in range(120, 640, 40):
        view.update(done=done, fraction=done / 1_000, seq=view["seq"] + 1)
        changes.append({**view, "from": view["seq"]})
    order = random.Random(3).sample(changes * 2, len(changes) * 2)
    drawn = []
    for change in order:
        stage.say(type="update", at=stage.now_ms, jobs=[change])
        await stage.run(150)
        drawn.append((await bar_in(place)).drawn)
    assert all(after >= before for before, after in pairwise(drawn))
    assert drawn[-1] == pytest.approx(60, abs=3)


async def test_another_attempt_goes_back_to_its_checkpoint_and_the_log_says_so(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, PAGE)
    view = scene.jobs[0]
    again = {"attempt": 2, "fraction": 0.35, "done": 12_000, "attempts": [{"attempt": 1, "outcome": "failed",
             "fraction": 0.59, "started_at": NOW - 200_000, "finished_at": NOW, "error": None}]}  # fmt: skip
    stage.log(view, entry(10, "14:31:08", "started", "Started on worker-03") | {"attempt": 2})
    view.update(again, seq=view["seq"] + 1)
    stage.say(type="snapshot", jobs=[view])
    await stage.run(1_000)
    assert (await bar_in(stage.page.locator(".hero"))).drawn == pytest.approx(35, abs=1.5)
    await expect(stage.page.get_by_role("log").get_by_text("Started on worker-03").last).to_be_visible()


async def test_a_total_that_grew_is_the_other_reason(staged: Staging) -> None:
    scene = one_job()
    stage = await staged(scene, PAGE)
    grown = {"from": 50_000, "to": 90_000, "unit": "rows"}
    stage.log(scene.jobs[0], entry(10, "14:31:08", "total_grew", "Total grew from 50,000 to 90,000 rows", data=grown))
    stage.change(scene.jobs[0], total=90_000, fraction=0.42)
    await stage.run(1_000)
    assert (await bar_in(stage.page.locator(".hero"))).drawn == pytest.approx(42, abs=1.5)
    await expect(stage.page.get_by_role("log").get_by_text("Total grew from 50,000 to 90,000 rows")).to_be_visible()


async def test_a_small_fall_is_waited_out(staged: Staging) -> None:
    view = simple(fraction=0.5, done=500)
    stage = await staged(alone(view))
    stage.change(view, fraction=0.45, total=1_110)
    await stage.run(2_000)
    assert (await bar_in(row(stage.page, ME))).drawn >= 50


async def test_a_worker_that_beats_but_does_not_advance_is_amber_and_has_no_estimate(staged: Staging) -> None:
    view = IMPORTS["stalled"]()
    stage = await staged(alone(view))
    place = row(stage.page, ME)
    await expect(place.locator(".now")).to_contain_text("No update for 45 s")
    await expect(place.locator(".now")).to_contain_text("worker still answers")
    await expect(place.locator(".when")).to_contain_text("no estimate")
    assert (await bar_in(place)).look == "warn"
    stage.change(view, heard_at=NOW - 40_000)
    await stage.run(1_000)
    await expect(place.locator(".now")).to_contain_text("worker-03 does not answer")


async def test_a_lost_worker_shows_what_will_be_done_again(staged: Staging) -> None:
    stage = await staged(alone(IMPORTS["lost"]()))
    place = row(stage.page, ME)
    await expect(place.locator(".now")).to_contain_text("Worker lost")
    await expect(place.get_by_role("progressbar").locator("s").first).to_be_attached()
    await expect(place.get_by_role("progressbar").locator("> b")).to_be_visible()


async def test_a_retry_is_counted_down_and_goes_on_from_the_tick(staged: Staging) -> None:
    view = IMPORTS["waiting"]()
    stage = await staged(alone(view))
    place = row(stage.page, ME)
    await expect(place.locator(".now")).to_contain_text("Attempt 2 of 3")
    before = await place.locator(".now").inner_text()
    await stage.run(2_000)
    assert await place.locator(".now").inner_text() != before
    tick = place.get_by_role("progressbar").locator("> b")
    await expect(tick).to_be_visible()
    assert await tick.evaluate("(tick) => Number(tick.style.getPropertyValue('--at'))") == pytest.approx(57.98)
    await expect(place.locator(".num")).to_contain_text("resumes from checkpoint 57%")
    stage.change(view, status="running", retry_at=None, fraction=0.5798, started_at=stage.now_ms)
    await stage.run(1_000)
    seen = await bar_in(place)
    assert (seen.look, seen.spoken) == ("", 57)


async def test_rows_keep_their_height_and_their_neighbours_while_numbers_change(staged: Staging) -> None:
    scene = morning()
    stage = await staged(scene)
    first = scene.jobs[0]
    place = row(stage.page, first["id"])
    still = [place.locator(css) for css in (".title", ".now b", ".bar", ".num > :first-child", ".when", ".act")]
    rows = stage.page.locator(".row")
    before = [await box(one) for one in [*still, *await rows.all()]]
    for done, rate in ((31_311, 7.4), (38_888, 1_117.0), (41_111, 88.0)):
        stage.change(first, done=done, fraction=done / 52_500, rate=rate)
        await stage.run(1_000)
        seen = [await box(one) for one in [*still, *await rows.all()]]
        assert [one[:2] for one in seen] == [one[:2] for one in before]
        assert [one[3] for one in seen] == [one[3] for one in before]


async def test_every_digit_is_as_wide_as_any_other(staged: Staging) -> None:
    scene = morning()
    stage = await staged(scene)
    place = row(stage.page, scene.jobs[0]["id"])
    widths = set()
    for done in (11_111, 24_680, 39_999):
        stage.change(scene.jobs[0], done=done)
        await stage.run(1_000)
        widths.add(await place.locator(".num > :first-child").evaluate("(span) => span.getBoundingClientRect().width"))
    assert len(widths) == 1


async def test_each_state_has_an_icon_and_a_first_word_of_its_own(staged: Staging) -> None:
    stage = await staged(Scene(jobs=every_state()), "/?tab=all")
    icons, words = [], []
    for view in stage.scene.jobs:
        place = row(stage.page, view["id"])
        icons.append(await place.locator("> svg").evaluate("(icon) => icon.innerHTML"))
        words.append((await place.locator(".now b").inner_text()).split("\u00a0")[0])
    named = dict(zip(STATES, words, strict=True))
    # A cancel that is asked for and one that goes on are the same square; a worker stays lost while its retry is due.
    assert len(set(words)) == len(STATES) - 1, named
    assert len(set(icons)) == len(STATES) - 2, named


async def test_a_bar_of_what_nobody_can_know_claims_nothing(staged: Staging) -> None:
    stage = await staged(morning())
    for title in ("Crawl docs.example.org", "Export orders, third quarter"):
        bar = stage.page.get_by_role("progressbar", name=title)
        assert await bar.get_attribute("aria-valuenow") is None
        described = await bar.get_attribute("aria-describedby")
        await expect(stage.page.locator(f"#{described}")).to_be_visible()


async def test_done_leaves_no_bar_behind(staged: Staging) -> None:
    view = importing(**NO_ETA)
    stage = await staged(alone(view))
    stage.change(view, status="succeeded", finished_at=stage.now_ms, fraction=1.0)
    await stage.run(4_000)
    await expect(row(stage.page, ME).locator(".now")).to_contain_text("Done")
    await expect(row(stage.page, ME).get_by_role("progressbar")).to_be_hidden()
