"""A cancel, step by step: every step is told when it is there, by whom it was asked for, and how it ended."""

from __future__ import annotations

from playwright.async_api import Route, expect

from tests.web.conftest import Staging
from tests.web.looking import bar_in, row
from tests.web.scenes import Scene
from tests.web.told import ME, NO_ETA, NOW, Job, cancel, importing, job

ASKED = NOW + 1_000


def unknown(**told: object) -> Job:
    """Work of a kind whose way to stop nobody has seen yet."""
    facts = {"done": 40, "total": 100, "unit": "rows", "fraction": 0.4, "worker": "worker-02"}
    return job(0, "mail.batch", "Send reminders", **(facts | told))


async def test_each_step_is_shown_when_it_is_there_with_who_and_when(staged: Staging) -> None:
    view = importing()
    stage = await staged(Scene(jobs=[view]))
    place = row(stage.page, ME)
    stage.change(view, status="cancelling", cancel=cancel(ASKED))
    await stage.run(2_000)
    await expect(place.locator(".now")).to_contain_text("Cancel requested")
    await expect(place.locator(".now")).to_contain_text("Waiting for worker-03 to confirm")
    assert (await bar_in(place)).look == "", "it still runs"
    stage.change(view, **NO_ETA, cancel=cancel(ASKED, ASKED + 400), message="Rolling back batch 63")
    await stage.run(1_000)
    await expect(place.locator(".now")).to_contain_text("Stopping")
    await expect(place.locator(".num")).to_contain_text("Cancel asked by Ada at 14:31:08")
    await expect(place.locator(".num")).to_contain_text("worker-03 confirmed in 0.4")
    await expect(place.get_by_role("button", name="Stopping Import product catalogue")).to_be_disabled()
    assert (await bar_in(place)).look == "undo"
    await stage.run(60_000)
    await expect(place.locator(".now")).to_contain_text("Still stopping")
    stage.change(view, status="cancelled", finished_at=stage.now_ms, message="rolled back")
    await stage.run(2_000)
    await expect(place.locator(".now")).to_contain_text("by Ada at 59%, rolled back")


async def test_a_job_that_ends_first_was_done_before_it_could_stop(staged: Staging) -> None:
    view = unknown(status="cancelling", cancel=cancel(NOW))
    stage = await staged(Scene(jobs=[view]))
    stage.change(view, status="succeeded", finished_at=stage.now_ms, fraction=1.0)
    await stage.run(2_000)
    await expect(row(stage.page, ME).locator(".now")).to_contain_text("Done before it could stop")


async def test_a_worker_that_does_not_stop_can_be_forced_to_which_is_asked_again(staged: Staging) -> None:
    view = unknown(status="cancelling", cancel=cancel(NOW))
    stage = await staged(Scene(jobs=[view]))
    bodies = []

    async def take(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        await route.fulfill(status=202, json=view)

    stage.answers[f"/api/jobs/{ME}/cancel"] = take
    force = row(stage.page, ME).get_by_role("button", name="Force stop")
    await stage.run(28_000)
    await expect(force).to_be_hidden()
    await stage.run(3_000)
    await force.click()
    question = stage.page.get_by_role("dialog", name="Force stop?")
    await expect(question).to_contain_text("The worker is stopped at once and cannot clean up.")
    assert bodies == []
    await question.get_by_role("button", name="Force stop").click()
    await stage.answered()
    assert bodies == [{"force": True}]


async def test_the_question_says_what_happens_and_who_else_watches_and_esc_keeps_it_running(staged: Staging) -> None:
    stage = await staged(Scene(jobs=[importing()]))
    opener = stage.page.get_by_role("button", name="Cancel Import product catalogue")
    await opener.click()
    question = stage.page.get_by_role("dialog", name="Cancel this job?")
    await expect(question).to_contain_text("finishes the current batch, then rolls it back.")
    await expect(question).to_contain_text("usually takes 20")
    await expect(question).to_contain_text("2 other people are watching.")
    await expect(question.get_by_role("button", name="Keep running")).to_be_focused()
    await stage.page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(opener).to_be_focused()
    assert not [path for method, path in stage.asked if method == "POST"]
