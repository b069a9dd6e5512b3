"""The same job functions in all three places: a process, a thread of the hub, and the hub's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.app import create_app
from hub.server import listen, server
from hub.settings import Settings
from tests.hub.serving import QUICK, Client, Served, client, running
from tests.workers.placed_jobs import PLACES

JOBS = Path(__file__).with_name("placed_jobs.py")
pytestmark = pytest.mark.asyncio(loop_scope="module")
ENDS = frozenset({"succeeded", "failed", "cancelled"})


class Places:
    """A hub that serves the jobs, and a viewer of it."""

    def __init__(self, served: Served, viewer: Client, folder: Path) -> None:
        self._served = served
        self._viewer = viewer
        self.folder = folder

    async def start(self, kind: str, **params: Any) -> str:
        answer = await self._served.http.post("/api/jobs", json={"kind": kind, "params": params})
        assert answer.is_success, answer.text
        job: str = answer.json()["id"]
        await self.watch(job)
        return job

    async def watch(self, job: str) -> None:
        await self._viewer.ask("subscribe", topic=f"job:{job}")

    async def until(self, job: str, wanted: Callable[[Any], object] = lambda job: True, **fields: Any) -> Any:
        return await self._viewer.job(job, wanted, **fields)

    async def entry(self, job: str, text: str) -> Any:
        return await self._viewer.entry(job, text)

    async def ended(self, job: str) -> Any:
        await self.until(job, lambda one: one["status"] in ENDS)
        return await self._served.job(job)

    async def ask(self, job: str, what: str, **fields: Any) -> None:
        answer = await self._served.http.post(f"/api/jobs/{job}/{what}", json=fields)
        assert answer.is_success, answer.text

    async def stack(self, job: str) -> str:
        answer = await self._served.http.get(f"/api/jobs/{job}/stack")
        assert answer.is_success, answer.text
        text: str = answer.json()["text"]
        return text

    async def traceback(self, job: str) -> str:
        answer = await self._served.http.get(f"/api/jobs/{job}/traceback")
        text: str = answer.json()["traceback"]
        return text

    async def entries(self, job: str) -> list[Any]:
        answer = await self._served.http.get(f"/api/jobs/{job}/log?limit=1000")
        entries: list[Any] = answer.json()["entries"]
        return entries

    async def children(self, job: str) -> list[Any]:
        answer = await self._served.http.get("/api/jobs", params={"parent": job})
        jobs: list[Any] = answer.json()["jobs"]
        return jobs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Places]:
    folder = tmp_path_factory.mktemp("places")
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    settings = Settings(jobs_at_once=8, **QUICK)  # type: ignore[arg-type]  # seconds, all of them
    app = create_app(folder / "jobs.db", [str(JOBS)], settings=settings, url=f"http://127.0.0.1:{port}")
    its_server = server(app, settings, host="127.0.0.1", port=port)
    served = Served(app.service, its_server, port, set())
    with closing(listener):
        async with running(its_server, listener), AsyncExitStack() as served.opened, client(served.base) as served.http:
            yield Places(served, await served.viewer(), folder)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_all_that_a_job_may_say_reaches_its_page(places: Places, place: str) -> None:
    path = places.folder / "orders.csv"
    path.write_text("a,b\n")
    job = await places.start(f"tell-all.{place}", path=str(path))
    end = await places.ended(job)
    assert (end["status"], end["result"]) == ("succeeded", {"rows": 3, "attempt": 1, "id": job})
    assert end["title"] == "Tell all of orders.csv"
    assert [(phase["name"], phase["done"], phase["unit"]) for phase in end["phases"]] == [
        ("Load", 4, "rows"), ("Check", end["phases"][1]["done"], None),
    ]  # fmt: skip
    assert end["counters"] == {"rows": 3}
    assert end["checkpoint"]["done"] == 4
    assert [artifact["name"] for artifact in end["artifacts"]] == ["the input"]
    assert end["message"] == "checking"
    assert ("warning", "loaded", {"rows": 4}) in [
        (entry["level"], entry["text"], entry["data"]) for entry in await places.entries(job)
    ]


async def test_a_cancel_is_raised_at_a_report_and_the_work_cleans_up(places: Places, place: str) -> None:
    job = await places.start(f"report-for-ever.{place}")
    await places.entry(job, "under way")
    await places.ask(job, "cancel", reason="enough")
    assert (await places.ended(job))["status"] == "cancelled"
    assert "cleaned up" in [entry["text"] for entry in await places.entries(job)]


async def test_a_cancel_halts_a_tracked_loop(places: Places, place: str) -> None:
    job = await places.start(f"track-for-ever.{place}")
    await places.entry(job, "under way")
    await places.ask(job, "cancel")
    end = await places.ended(job)
    assert end["status"] == "cancelled"
    assert end["cancel"]["acknowledged_at"] is not None


async def test_a_cancelled_job_tells_in_its_own_words_what_it_did(places: Places, place: str) -> None:
    job = await places.start(f"roll-back.{place}")
    await places.entry(job, "under way")
    await places.ask(job, "cancel")
    end = await places.ended(job)
    assert (end["status"], end["message"]) == ("cancelled", "Rolled back, nothing was changed")


async def test_success_wins_over_a_cancel(places: Places, place: str) -> None:
    job = await places.start(f"finish-anyway.{place}")
    await places.entry(job, "under way")
    await places.ask(job, "cancel")
    end = await places.ended(job)
    assert (end["status"], end["result"]) == ("succeeded", "done all the same"), end


async def test_a_pause_holds_a_tracked_loop_and_nothing_of_it_is_lost(places: Places, place: str) -> None:
    gate = places.folder / f"gate of {place}"
    job = await places.start(f"sum-up.{place}", gate=str(gate))
    await places.entry(job, "under way")
    await places.ask(job, "pause")
    await places.until(job, status="paused")
    async with asyncio.timeout(20.0):
        while "stopping.py" not in await places.stack(job):
            pass
    gate.touch()
    await places.ask(job, "resume")
    end = await places.ended(job)
    count = end["result"]["count"]
    assert end["result"]["total"] == count * (count - 1) // 2
    assert end["done"] == count


async def test_a_paused_job_can_be_cancelled(places: Places, place: str) -> None:
    job = await places.start(f"report-for-ever.{place}")
    await places.entry(job, "under way")
    await places.ask(job, "pause")
    await places.until(job, status="paused")
    await places.ask(job, "cancel")
    assert (await places.ended(job))["status"] == "cancelled"


async def test_a_failed_job_goes_on_from_its_checkpoint_by_itself(places: Places, place: str) -> None:
    job = await places.start(f"go-on.{place}")
    end = await places.ended(job)
    assert (end["status"], end["result"]) == ("succeeded", {"attempt": 2, "done": 6})
    assert [attempt["outcome"] for attempt in end["attempts"]] == ["failed", "succeeded"]


async def test_an_error_that_cannot_be_mended_is_not_tried_again_and_keeps_its_traceback(
    places: Places, place: str
) -> None:
    job = await places.start(f"give-up.{place}")
    end = await places.ended(job)
    assert (end["status"], end["attempt"]) == ("failed", 1)
    assert end["error"] == {"type": "Unfixable", "message": "row 4 has no price"}
    assert "in give_up" in await places.traceback(job)


async def test_where_a_job_is_can_be_asked(places: Places, place: str) -> None:
    job = await places.start(f"wait-for-nothing.{place}")
    await places.entry(job, "under way")
    async with asyncio.timeout(20.0):
        while "placed_jobs.py" not in (text := await places.stack(job)):
            pass
    assert text.startswith("The job's ")
    assert "barcast-" not in text
    await places.ask(job, "cancel")
    await places.ended(job)


async def test_a_job_starts_others_and_has_their_results(places: Places, place: str) -> None:
    job = await places.start(f"start-some.{place}", place=place, numbers=[1, 2, 3])
    end = await places.ended(job)
    assert end["status"] == "succeeded", end["error"]
    assert (end["result"]["first"], end["result"]["results"]) == (2, [2, 4, 6])
    children = {child["id"]: child for child in await places.children(job)}
    assert set(end["result"]["ids"]) == set(children)
    assert {child["parent"] for child in children.values()} == {job}


async def test_a_job_whose_children_failed_unseen_fails_and_a_further_attempt_starts_no_second_ones(
    places: Places, place: str
) -> None:
    job = await places.start(f"start-and-leave.{place}", place=place)
    end = await places.ended(job)
    assert end["attempt"] == 2
    assert end["error"]["type"] == "ChildrenFailed"
    assert end["error"]["message"].startswith("1 of 2 jobs failed: ")
    assert "-1 is negative" in end["error"]["message"]
    titles = sorted(child["title"] for child in await places.children(job))
    assert titles == ["One", f"double.{place}", f"double.{place}"]


async def test_the_failure_of_a_child_can_be_caught(places: Places, place: str) -> None:
    end = await places.ended(await places.start(f"start-and-catch.{place}", place=place))
    assert (end["status"], end["result"]) == ("succeeded", f"double.{place} failed: ValueError: -3 is negative")


async def test_a_child_of_no_known_kind_is_refused(places: Places, place: str) -> None:
    end = await places.ended(await places.start(f"start-what-is-not-there.{place}"))
    assert end["status"] == "failed"
    assert end["error"]["type"] == "NotFound"


async def test_a_cancel_takes_the_children_along(places: Places, place: str) -> None:
    job = await places.start(f"start-for-ever.{place}", place=place)
    await places.until(job, lambda one: (one["children"] or {}).get("running") == 1)
    [child] = await places.children(job)
    await places.watch(child["id"])
    await places.ask(job, "cancel")
    assert (await places.ended(job))["status"] == "cancelled"
    assert (await places.ended(child["id"]))["status"] == "cancelled"
