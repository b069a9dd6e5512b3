"""A hub from start to stop, and the next one on the same database; what it starts, queues and ends itself."""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from hub.app import Barcast
from hub.errors import HubError
from hub.protocol import CancelAck, Checkpoint, Entry, Finish, Open, Report, WorkerBeat
from hub.service import midnight
from tests.hub.serving import INSIDE, KINDS, Inside, Served, Worker, serving, soon
from tests.hub.test_stream import reading

# ── Restart ───────────────────────────────────────────────────────────────────


async def test_work_from_outside_goes_on_over_a_restart_with_the_same_log(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside(total=10, phases=[{"name": "Load", "total": 10}])
        await work.store("phase", name="Load")
        await work.store("entry", level="info", text="before")
        await work.report(done=4, counters={"ok": 4})
        viewer = await hub.watching(f"job:{work.id}")
        before = await viewer.job(work.id, done=4)
        await hub.service.restart()
        assert await work.close_code() == 1012
        first_epoch = hub.service.hub.epoch
    async with serving(db) as hub:
        after = await hub.job(work.id)
        assert hub.service.hub.epoch != first_epoch
        for name in ("status", "done", "counters", "phase", "attempt", "started_at", "title", "total"):
            assert after[name] == before[name], name
        assert after["seq"] >= before["seq"]
        again = await hub.worker()
        opened = await again.open(job=work.id, attempt=1)
        assert (opened["acked"], opened["status"]) == (2, "running")
        await again.store("entry", level="info", text="after")
        viewer = await hub.watching(f"job:{work.id}", since={"epoch": first_epoch, "seq": after["seq"], "log": 3})
        await viewer.entry(work.id, "after")
        assert viewer.numbers(work.id) == [4, 5]
        assert viewer.told("snapshot")
        assert await hub.events(work.id) == ["created", "started", "phase", "entry", "entry"]
        await again.finish()
        assert (await hub.job(work.id))["status"] == "succeeded"


async def test_a_job_that_is_reported_on_over_http_keeps_its_token_over_a_restart(db: Path) -> None:
    async with serving(db) as hub:
        opened = (await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True})).json()
        headers = {"Authorization": f"Bearer {opened['report_token']}"}
        url = f"/api/jobs/{opened['id']}"
        await hub.http.post(f"{url}/entry", json={"text": "one"}, headers=headers)
        await hub.service.restart()
    async with serving(db) as hub:
        answer = await hub.http.post(f"{url}/entry", json={"text": "two"}, headers=headers)
        assert (answer.status_code, answer.json()["acked"]) == (200, 2)


async def test_a_key_holds_over_a_restart(db: Path) -> None:
    order = {"kind": "import-orders", "key": "once"}
    async with serving(db) as hub:
        first = (await hub.http.post("/api/jobs", json=order)).json()
    async with serving(db) as hub:
        again = await hub.http.post("/api/jobs", json=order)
        assert (again.status_code, again.json()["id"]) == (200, first["id"])


async def test_a_process_that_outlived_the_hub_is_taken_over_and_comes_back(db: Path) -> None:
    alive: set[int] = set()
    async with serving(db, alive=alive) as hub:
        await hub.http.post("/api/jobs", json={"kind": "import-orders"})
        handout = await hub.handed_out()
        work = await hub.worker(handout.token)
        await work.open(job=handout.job, attempt=1)
        await work.store("entry", level="info", text="before")
        await hub.service.restart()
        assert hub.launcher.stopped == []
    async with serving(db, alive=alive) as hub:
        assert hub.launcher.adopted == [(handout.job, 1)]
        back = await hub.worker(handout.token)
        opened = await back.open(job=handout.job, attempt=1)
        assert (opened["acked"], opened["status"], opened["attempt"]) == (1, "running", 1)
        await back.finish()
        assert hub.launcher.handouts.empty()


async def test_a_finish_that_was_not_acknowledged_before_the_restart_is_delivered_after_it(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside()
        await hub.service.restart()
    async with serving(db) as hub:
        back = await hub.worker()
        await back.open(job=work.id, attempt=1)
        await back.finish(result=3)
        assert (await hub.job(work.id))["result"] == 3


async def test_a_process_that_ended_with_the_hub_is_interrupted_and_goes_on_from_its_checkpoint(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.started()
        await work.report(total=10, done=5)
        await work.store("checkpoint", data={"row": 5}, done=5)
        await hub.service.restart()
    async with serving(db) as hub:
        job = await hub.job(work.id)
        assert (job["attempt"], job["attempts"][0]["outcome"]) == (2, "interrupted")
        again = await hub.taken_up()
        assert (again.attempt, again.opened["checkpoint"]["data"]) == (2, {"row": 5})
        assert await hub.events(work.id) == [
            "created", "started", "checkpoint", "attempt_interrupted", "retry_scheduled", "started",
        ]  # fmt: skip


async def test_work_in_the_hubs_own_process_is_interrupted_and_queued_again_as_a_new_attempt(db: Path) -> None:
    async with serving(db) as hub:
        await hub.http.post("/api/jobs", json={"kind": "inside"})
        work = Inside(hub.launcher, await hub.handed_out())
        work.say(Open(id=1, job=work.job, attempt=1))
        assert (await work.hear()).status == "running"
        work.say(Checkpoint(job=work.job, attempt=1, n=1, data=[1, 2]))
        assert (await work.hear()).n == 1
        viewer = await hub.watching(f"job:{work.job}")
        await viewer.job(work.job, status="running")
        await hub.service.restart()
        assert hub.launcher.closed == 1
        job = await viewer.job(work.job, attempt=2, status="queued")
        assert job["attempts"][0]["outcome"] == "interrupted"
    async with serving(db) as hub:
        again = Inside(hub.launcher, await hub.handed_out())
        assert (again.job, again.attempt) == (work.job, 2)
        again.say(Open(id=1, job=again.job, attempt=2))
        opened = await again.hear()
        assert (opened.checkpoint.data, opened.acked) == ([1, 2], 0)


async def test_a_cancel_wins_over_the_interruption(db: Path) -> None:
    async with serving(db) as hub:
        await hub.http.post("/api/jobs", json={"kind": "inside"})
        work = Inside(hub.launcher, await hub.handed_out())
        work.say(Open(id=1, job=work.job, attempt=1))
        await work.hear()
        await hub.http.post(f"/api/jobs/{work.job}/cancel")
        await hub.service.restart()
    async with serving(db) as hub:
        assert (await hub.job(work.job))["status"] == "cancelled"
        assert hub.launcher.handouts.empty()


async def test_what_was_queued_is_started_by_the_next_hub_in_the_same_order(db: Path) -> None:
    async with serving(db, jobs_at_once=1) as hub:
        first = await hub.started()
        waiting = [(await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"] for _ in range(3)]
        await hub.http.post(f"/api/jobs/{first.id}/cancel", json={"force": True})
        await hub.service.restart()
    async with serving(db, jobs_at_once=3) as hub:
        assert [(await hub.handed_out()).job for _ in range(3)] == waiting


async def test_a_hub_that_ends_without_a_word_restarts(db: Path) -> None:
    """Such as one that is mounted in an application whose server stops."""
    async with serving(db) as hub:
        await hub.http.post("/api/jobs", json={"kind": "inside"})
        work = Inside(hub.launcher, await hub.handed_out())
        work.say(Open(id=1, job=work.job, attempt=1))
        await work.hear()
    async with serving(db) as hub:
        assert (await hub.handed_out()).attempt == 2


async def test_every_socket_and_stream_is_told_of_a_restart(hub: Served) -> None:
    work, viewers = await hub.outside(), [await hub.watching("jobs") for _ in range(3)]
    async with reading(hub, "/api/stream") as stream:
        await stream.next("snapshot")
        await hub.service.restart()
        assert "closing" in await stream.rest()
    for client in (work, *viewers):
        assert await client.close_code() == 1012
        assert client.messages[-1]["retry_after_s"] == 0.25


async def test_samples_history_and_deletions_hold_over_a_restart(db: Path) -> None:
    async with serving(db) as hub:
        kept, doomed = await hub.outside(), await hub.outside()
        for work in (kept, doomed):
            await work.finish()
        await hub.http.delete(f"/api/jobs/{doomed.id}")
    async with serving(db) as hub:
        jobs = (await hub.http.get("/api/jobs")).json()["jobs"]
        assert [job["id"] for job in jobs] == [kept.id]
        assert (await hub.http.get("/api/summary")).json()["finished"] == 1
        history = (await hub.http.get("/api/kinds/sync/history")).json()
        assert {run["job"] for run in history["runs"]} == {kept.id, doomed.id}


async def test_what_is_stored_last_starts_nothing_any_more(hub: Served) -> None:
    work = await hub.started()
    held = hub.service.hub.jobs[work.id]
    hub.service.runner.abandon()
    hub.service.hub.on_force(held, 1)
    await hub.job(work.id)
    assert hub.launcher.stopped == []


async def test_the_hubs_absence_is_no_stall(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside()
        held = hub.service.hub.jobs[work.id]
        assert held.job.state.advanced_at is not None
        held.job.state.advanced_at -= 3_600_000
        held.unsaved = True
    async with serving(db) as hub:
        again = await hub.worker()
        await again.open(job=work.id, attempt=1)
        assert (await hub.job(work.id))["stalled"] is False
        assert "stalled" not in await hub.events(work.id)


async def test_the_hubs_absence_gives_no_lost_worker_up(db: Path) -> None:
    async with serving(db, lease_s=0.5) as hub:
        work = await hub.outside()
        await (await hub.watching(f"job:{work.id}")).job(work.id, status="lost")
        state = hub.service.hub.jobs[work.id].job.state
        assert state.lost_at is not None
        state.lost_at -= 2 * 3_600_000
        hub.service.hub.jobs[work.id].unsaved = True
    async with serving(db) as hub:
        assert (await hub.job(work.id))["status"] == "lost"
        again = await hub.worker()
        assert (await again.open(job=work.id, attempt=1))["status"] == "running"


# ── Stop ──────────────────────────────────────────────────────────────────────


async def test_a_stop_leaves_nothing_of_what_is_just_coming_up(hub: Served) -> None:
    hub.launcher.comes_up.clear()
    job = (await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"]
    await soon(hub.launcher.asked.wait())
    stopping = asyncio.create_task(hub.service.stop())
    hub.launcher.comes_up.set()
    await soon(stopping)
    assert hub.launcher.stopped == [(job, 1)]
    assert hub.service.hub.jobs[job].job.state.status == "cancelled"


async def test_a_stop_cancels_what_runs_and_waits_until_it_has_ended(hub: Served) -> None:
    work = await hub.started()
    outside = await hub.outside()
    stopping = asyncio.create_task(hub.service.stop())
    order = await work.next("cancel")
    assert order["reason"] == "the hub is stopping"
    assert not stopping.done()
    await work.finish("cancelled")
    await soon(stopping)
    assert await work.close_code() == 1001
    assert await outside.close_code() == 1001
    assert work.told("ack")
    assert (await hub.job(work.id))["status"] == "cancelled"
    assert (await hub.job(outside.id))["status"] == "running"


async def test_a_stop_leaves_what_is_queued_for_the_next_hub(db: Path) -> None:
    async with serving(db, jobs_at_once=1) as hub:
        work = await hub.started()
        queued = (await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"]
        stopping = asyncio.create_task(hub.service.stop())
        await work.next("cancel")
        await work.finish("cancelled")
        await soon(stopping)
        assert hub.launcher.handouts.empty()
        assert (await hub.job(queued))["status"] == "queued"


async def test_a_second_stop_does_not_wait(hub: Served) -> None:
    work = await hub.started()
    stopping = asyncio.create_task(hub.service.stop())
    await work.next("cancel")
    await soon(hub.service.stop_now())
    await soon(stopping)
    assert hub.launcher.stopped == [(work.id, 1)]
    assert (await hub.job(work.id))["status"] == "cancelled"


# ── The queue ─────────────────────────────────────────────────────────────────


async def test_so_many_jobs_run_at_once_and_the_rest_waits_in_order_with_its_position_shown(db: Path) -> None:
    async with serving(db, jobs_at_once=2) as hub:
        feed = await hub.watching("jobs")
        ids = [(await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"] for _ in range(5)]
        running = {work.id: work for work in (await hub.taken_up(), await hub.taken_up())}
        assert list(running) == ids[:2]
        assert hub.launcher.handouts.empty()
        for place, job in enumerate(ids[2:], 1):
            await feed.job(job, status="queued", queue_position=place)
        await feed.next("summary", running=2, queued=3, slots_free=0)
        await running[ids[1]].finish()
        assert (await hub.handed_out()).job == ids[2]
        await feed.job(ids[3], queue_position=1)
        await feed.job(ids[4], queue_position=2)
        await hub.http.post(f"/api/jobs/{ids[3]}/cancel")
        await feed.job(ids[4], queue_position=1)
        await running[ids[0]].finish("failed")
        assert (await hub.handed_out()).job == ids[4]
        assert (await feed.job(ids[4], queue_position=None))["status"] == "queued"
        assert feed.holes == []


async def test_a_job_that_is_cancelled_while_it_waits_is_never_launched(db: Path) -> None:
    async with serving(db, jobs_at_once=1) as hub:
        running = await hub.started()
        waiting = (await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"]
        answer = await hub.http.post(f"/api/jobs/{waiting}/cancel")
        assert answer.json()["status"] == "cancelled"
        last = (await hub.http.post("/api/jobs", json={"kind": "import-orders"})).json()["id"]
        await running.finish()
        assert (await hub.handed_out()).job == last
        assert await hub.events(waiting) == ["created", "cancel_requested", "attempt_cancelled"]


async def test_a_job_that_is_cancelled_while_its_process_comes_up_is_ended_by_force(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    handout = await hub.handed_out()
    await hub.until(lambda: hub.service.hub.jobs[handout.job].job.state.process)
    await hub.http.post(f"/api/jobs/{handout.job}/cancel")
    await hub.until(lambda: hub.launcher.stopped)
    assert set(hub.launcher.stopped) == {(handout.job, 1)}
    late = await hub.worker(handout.token)
    assert (await late.ask("open", job=handout.job, attempt=1))["type"] == "revoked"
    assert (await hub.job(handout.job))["status"] == "cancelled"


async def test_a_process_that_ends_before_it_opens_has_failed_and_says_how(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    handout = await hub.handed_out()
    feed = await hub.watching("jobs")
    await hub.until(lambda: hub.service.hub.jobs[handout.job].job.state.process)
    hub.launcher.exited(handout.job, 1, "exit status 3")
    job = await feed.job(handout.job, status="failed")
    assert "exit status 3" in job["error"]["message"]


async def test_a_process_that_is_killed_while_it_works_is_lost_at_once_and_says_how(hub: Served) -> None:
    work = await hub.started()
    viewer = await hub.watching(f"job:{work.id}")
    hub.launcher.exited(work.id, 1, "killed by SIGKILL")
    job = await viewer.job(work.id, status="failed")
    assert (job["error"], job["attempts"][0]["outcome"]) == (
        {"type": "WorkerLost", "message": "killed by SIGKILL"}, "lost",
    )  # fmt: skip
    assert "killed by SIGKILL" in (await viewer.entry(work.id, "attempt_lost"))["text"]


async def test_a_process_that_ends_after_its_finish_changes_nothing(hub: Served) -> None:
    work = await hub.started()
    await work.finish()
    hub.launcher.exited(work.id, 1, "exit status 1")
    assert (await hub.job(work.id))["status"] == "succeeded"


async def test_the_end_of_a_former_attempts_process_changes_nothing(hub: Served) -> None:
    work = await hub.started()
    await work.finish("failed")
    await hub.http.post(f"/api/jobs/{work.id}/retry")
    again = await hub.taken_up()
    hub.launcher.exited(work.id, 1, "exit status 1")
    assert (await hub.job(again.id))["status"] == "running"


async def test_work_that_cannot_be_started_has_failed_and_says_why(hub: Served) -> None:
    hub.launcher.refuses = "no such file: python"
    feed = await hub.watching("jobs")
    answer = await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    job = await feed.job(answer.json()["id"], status="failed")
    assert job["error"] == {"type": "LaunchError", "message": "no such file: python"}
    hub.launcher.refuses = None
    await hub.http.post(f"/api/jobs/{job['id']}/retry")
    assert (await hub.handed_out()).attempt == 2


async def test_a_hub_without_an_address_starts_nothing_in_another_process(db: Path) -> None:
    async with serving(db) as hub:
        hub.service.runner.starter.reachable = False
        feed = await hub.watching("jobs")
        answer = await hub.http.post("/api/jobs", json={"kind": "import-orders"})
        job = await feed.job(answer.json()["id"], status="failed")
        assert "address" in job["error"]["message"]


async def test_work_in_the_hubs_own_process_speaks_the_same_messages(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "inside"})
    work = Inside(hub.launcher, await hub.handed_out())
    viewer = await hub.watching(f"job:{work.job}")
    work.say(Report(job=work.job, attempt=1, done=1))
    assert (await work.hear()).code == "not_found"
    work.say(Open(id=1, job="nobody", attempt=1))
    assert (await work.hear()).code == "not_found"
    work.say(Open(id=2, job=work.job, attempt=1))
    assert (await work.hear()).attempt == 1
    work.say(Report(job=work.job, attempt=1, total=4, done=1))
    await viewer.job(work.job, done=1, total=4)
    work.say(Entry(job=work.job, attempt=1, n=1, text="one"))
    assert (await work.hear()).n == 1
    work.say(Entry(job=work.job, attempt=1, n=3, text="three"))
    assert (await work.hear()).code == "out_of_order"
    work.say(WorkerBeat(job=work.job, attempt=1))
    await viewer.ask("cancel", job=work.job)
    assert (await work.hear()).reason is None
    work.say(CancelAck(job=work.job, attempt=1, n=2))
    assert (await work.hear()).n == 2
    work.say(Finish(job=work.job, attempt=1, n=3, outcome="cancelled"))
    assert (await work.hear()).n == 3
    work.say(Report(job=work.job, attempt=1, done=2))
    assert (await work.hear()).job == work.job
    assert (await viewer.job(work.job, status="cancelled"))["cancel"]["how"] == "acknowledged"
    work.link.close()
    assert hub.service.hub.jobs[work.job].worker is None


# ── The database and what stands beside it ────────────────────────────────────


async def test_the_hubs_address_stands_beside_the_database_while_it_runs(db: Path) -> None:
    file = db.with_name("barcast.db.address")
    async with serving(db) as hub:
        assert json.loads(file.read_text())["url"] == hub.base
        assert hub.service.address_file == file
    assert not file.exists()


async def test_a_second_hub_on_the_same_database_is_refused_and_the_first_goes_on(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside()
        with pytest.raises(HubError):
            async with serving(db):
                pass
        await work.finish()
        assert (await hub.job(work.id))["status"] == "succeeded"
        assert json.loads(hub.service.address_file.read_text())["url"] == hub.base


async def test_terminal_jobs_are_deleted_after_their_time_and_their_viewers_are_told(db: Path) -> None:
    async with serving(db, keep_s=0.05, retention_interval_s=0.05) as hub:
        work, running = await hub.outside(), await hub.outside()
        feed = await hub.watching("jobs")
        await feed.job(running.id)
        await work.finish()
        assert await feed.next("gone") == {"type": "gone", "job": work.id, "reason": "deleted"}
        assert (await hub.http.get(f"/api/jobs/{work.id}")).status_code == 404
        assert (await hub.job(running.id))["status"] == "running"


async def test_jobs_that_ended_and_nobody_watches_are_forgotten_and_found_again(db: Path) -> None:
    async with serving(db, feed_terminal_jobs=1, retention_interval_s=0.05) as hub:
        works = [await hub.outside(title=f"{number}") for number in range(3)]
        for work in works:
            await work.finish()
            await work.socket.close()
        await hub.until(lambda: len(hub.service.hub.jobs) == 1)
        assert (await hub.job(works[0].id))["title"] == "0"
        viewer = await hub.watching(f"job:{works[1].id}")
        await viewer.entry(works[1].id, "attempt_succeeded")
        back = await hub.worker()
        assert (await back.open(job=works[2].id, attempt=1))["status"] == "succeeded"


async def test_a_database_that_cannot_be_opened_is_a_clear_refusal(tmp_path: Path) -> None:
    file = tmp_path / "not-a-database"
    file.write_text("important notes, not a database at all" * 100)
    with pytest.raises(HubError):
        async with serving(file):
            pass
    assert file.read_text().startswith("important notes")


def test_a_day_begins_at_local_midnight() -> None:
    noon = datetime.datetime(2026, 3, 4, 12, 30, tzinfo=datetime.UTC).astimezone()
    start = datetime.datetime.fromtimestamp(midnight(round(noon.timestamp() * 1000)) / 1000).astimezone()
    assert (start.hour, start.minute, start.second) == (0, 0, 0)
    assert datetime.timedelta(0) <= noon - start < datetime.timedelta(days=1, hours=1)


# ── Mounted in another application ────────────────────────────────────────────


def mounted(path: str) -> Callable[[Barcast], ASGIApp]:
    def around(app: Barcast) -> ASGIApp:
        @asynccontextmanager
        async def lifespan(outer: Starlette) -> AsyncIterator[None]:
            async with app.running():
                yield

        return Starlette(routes=[Mount(path, app)], lifespan=lifespan)

    return around


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_mounted_under_a_server_without_our_protocols_it_says_the_same(db: Path, encoding: str) -> None:
    async with serving(db, KINDS, plainly=True, around=mounted("")) as hub:
        worker = await hub.worker(encoding=encoding)
        await worker.open(kind="sync", title="Nightly", total=10)
        feed, room = await hub.watching("jobs", encoding), await hub.watching(f"job:{worker.id}", encoding)
        await worker.report(done=3)
        await room.job(worker.id, done=3)
        await worker.store("entry", level="info", text="Third")
        await room.entry(worker.id, "Third")
        assert (await room.ask("cancel", job=worker.id))["type"] == "ok"
        await worker.next("cancel")
        assert (await feed.ask("dance"))["code"] == "unknown_type"
        await worker.finish("cancelled")
        for viewer in (feed, room):
            await viewer.job(worker.id, status="cancelled")
            assert viewer.holes == []
        assert room.numbers(worker.id) == [1, 2, 3, 4, 5]
        async with reading(hub, f"/api/jobs/{worker.id}/stream") as stream:
            await stream.job(status="cancelled")
        await hub.service.restart()
        for client in (feed, room, worker):
            assert await client.close_code() == 1012
            assert client.messages[-1]["type"] == "closing"


async def test_mounted_it_closes_after_five_malformed_messages_and_says_so(db: Path) -> None:
    async with serving(db, plainly=True, around=mounted("")) as hub:
        viewer = await hub.viewer()
        for _ in range(5):
            await viewer.socket.send("}{")
        assert await viewer.close_code() == 4400
        assert [message["type"] for message in viewer.messages] == ["error"] * 5 + ["closing"]


async def test_mounted_a_viewer_that_leaves_is_forgotten_and_foreign_pages_stay_out(db: Path) -> None:
    async with serving(db, plainly=True, around=mounted("")) as hub:
        work = await hub.outside()
        stays, leaves = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await stays.job(work.id, viewers=2)
        await leaves.socket.close()
        await stays.job(work.id, viewers=1)
        answer = await hub.http.get("/api/jobs", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403


async def test_mounted_a_slow_viewer_ends_up_right_and_a_stuck_one_is_dropped(db: Path) -> None:
    async with serving(db, (INSIDE,), plainly=True, around=mounted(""), stuck_s=0.3) as hub:
        work = await hub.outside()
        watcher, stuck = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await watcher.job(work.id, viewers=2)
        stuck.stop_reading()
        stuck.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writing = asyncio.create_task(keep_writing(work))
        await watcher.job(work.id, viewers=1)
        writing.cancel()
        stuck.socket.transport.abort()
        assert len(hub.service.hub.viewers) == 1


async def keep_writing(work: Worker) -> None:
    while True:
        await work.store("entry", level="info", text="x" * 4000)


async def test_mounted_below_a_path_it_answers_there(db: Path) -> None:
    async with serving(db, plainly=True, around=mounted("/barcast")) as hub:
        assert (await hub.http.get("/barcast/api/summary")).json()["running"] == 0
        viewer = await hub.socket("/barcast/ws")
        await viewer.send('{"type": "ping", "id": 1}')
        assert json.loads(await soon(viewer.recv()))["type"] == "pong"
        answer = await hub.http.put("/barcast/api/jobs")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
