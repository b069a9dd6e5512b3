"""Every view of the page, staged: what is looked at, compared with its picture, and audited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import BrowserContext

from tests.web.scenes import Scene, active, morning, nothing, one_job, recent
from tests.web.staged import Stage
from tests.web.told import ME

WIDE, NARROW = 1280, 390
HEIGHT = 900
THEMES = ("light", "dark")
DAY_MS = 86_400_000
AWAY_MS = 12_000  # long enough for the page to call itself offline


async def as_it_opens(_: Stage) -> None:
    """Nothing more is done."""


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        scene: what the hub knows, made anew for each look.
        path: where the page is opened.
        then: what is done there.
        floats: something lies over the page, at a place that the window's size decides.
        narrow: the themes of its narrow pictures.
    """

    name: str
    scene: Callable[[], Scene]
    path: str = "/"
    then: Callable[[Stage], Awaitable[None]] = as_it_opens
    floats: bool = False
    narrow: tuple[str, ...] = ("light",)

    async def open(self, context: BrowserContext, site: str) -> Stage:
        stage = await Stage.build(context, site, self.scene())
        await stage.open(self.path)
        await self.then(stage)
        await stage.run(200)
        return stage


async def asks_to_cancel(stage: Stage) -> None:
    await stage.page.get_by_role("button", name="Cancel Import product catalogue").click()


async def loses_the_hub(stage: Stage) -> None:
    await stage.cut()
    await stage.run(AWAY_MS)


async def fills_in_a_start(stage: Stage) -> None:
    await stage.page.get_by_role("button", name="Start job").click()
    await stage.page.get_by_label("Batch size").fill("50000")
    await stage.page.get_by_label("Tags").focus()


async def asks_for_the_keys(stage: Stage) -> None:
    await stage.page.keyboard.press("?")


def long_after() -> Scene:
    """Of the finished jobs none is recent."""
    return Scene(jobs=[*active(), *(job | {"finished_at": job["finished_at"] - 2 * DAY_MS} for job in recent())])


def signed_out() -> Scene:
    return Scene(access=401)


def job_view(state: str) -> View:
    narrow = THEMES if state == "running" else ("light",)
    return View(f"job-{state}", lambda: one_job(state), f"/jobs/{ME}", narrow=narrow)


VIEWS = [
    View("jobs", morning, narrow=THEMES),
    View("jobs-cancel", morning, then=asks_to_cancel, floats=True),
    View("jobs-offline", morning, then=loses_the_hub),
    *map(job_view, ("running", "stopping", "failed", "cancelled", "done", "paused", "lost", "queued", "plain")),
    View("start", morning, then=fills_in_a_start, floats=True, narrow=THEMES),
    View("empty", nothing),
    View("none-found", long_after, "/?q=pdf"),
    View("not-found", morning, "/jobs/01JDGONE"),
    View("access", signed_out),
    View("keys", morning, then=asks_for_the_keys, floats=True),
]
