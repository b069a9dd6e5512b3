"""What is shown when: durable things after their commit, moving numbers at once, to slow viewers the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from hub.protocol import StartOrder
from tests.hub.serving import BOUND_S, Client, Gate, Served, Worker, serving, soon
from tests.hub.stored import locked
from tests.hub.test_stream import reading


def narrow(db: Path, **limits: Any) -> AbstractAsyncContextManager[Served]:
    """A hub whose buffers are small, so that a reader that stops is felt after a few frames."""
    return serving(db, write_buffer_bytes=4096, send_buffer_bytes=4096, **limits)


@pytest.fixture
async def gate(hub: Served) -> AsyncIterator[Gate]:
    """Stands before the database; opened again in any case, so that the hub can stop."""
    its_gate = Gate(hub.service.hub.store)
    yield its_gate
    its_gate.open()


async def heard(worker: Worker) -> None:
    """Everything that this worker said before has been taken by the hub."""
    before = len(worker.messages)
    await worker.say("dance", id="heard")
    await worker.first(lambda message: message.get("id") == "heard", before)


# ── Durable: committed, then shown, then acknowledged ─────────────────────────


async def test_an_entry_is_neither_shown_nor_acknowledged_before_it_is_committed(hub: Served, gate: Gate) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    await viewer.entry(work.id, "started")
    async with reading(hub, f"/api/jobs/{work.id}/stream") as stream:
        await stream.next("log")
        gate.shut()
        await work.tell("entry", level="info", text="durable")
        await soon(gate.reached.wait())
        await heard(work)
        await viewer.caught_up()
        assert viewer.numbers(work.id) == [1, 2]
        assert await hub.events(work.id) == ["created", "started"]
        assert work.told("ack") == []
        gate.open()
        await viewer.entry(work.id, "durable")
        assert (await stream.next("log"))["entries"][0]["text"] == "durable"
        await work.next("ack", n=1)
        assert {event for event, _, data in stream.events if "durable" in str(data)} == {"log"}


async def test_a_status_is_seen_nowhere_before_it_is_committed(hub: Served, gate: Gate) -> None:
    work = await hub.outside()
    feed, room = await hub.watching("jobs"), await hub.watching(f"job:{work.id}")
    await feed.next("summary")
    async with reading(hub, "/api/stream") as stream:
        await stream.next("snapshot", end=True)
        gate.shut()
        await work.tell("finish", outcome="failed", error={"type": "E", "message": "no"})
        await soon(gate.reached.wait())
        await heard(work)
        assert (await hub.job(work.id))["status"] == "running"
        [listed] = (await hub.http.get("/api/jobs")).json()["jobs"]
        assert listed["status"] == "running"
        assert (await hub.http.get("/api/jobs", params={"status": "failed"})).json()["jobs"] == []
        assert (await hub.http.get("/api/summary")).json()["running"] == 1
        assert 'barcast_jobs{status="running"} 1.0' in (await hub.http.get("/metrics")).text
        late = await hub.watching("jobs")
        await late.next("snapshot", end=True)
        assert late.jobs[work.id]["status"] == "running"
        for viewer in (feed, room):
            await viewer.caught_up()
            assert viewer.jobs[work.id]["status"] == "running"
        assert work.told("ack") == []
        gate.open()
        for viewer in (feed, room, late):
            await viewer.job(work.id, status="failed")
        await stream.job(status="failed")
        await work.next("ack", n=1)


async def test_a_new_job_is_seen_nowhere_before_it_is_committed(hub: Served, gate: Gate) -> None:
    feed, asker = await hub.watching("jobs"), await hub.viewer()
    await feed.next("summary")
    gate.shut()
    await asker.say("start", id=1, kind="import-orders")
    await soon(gate.reached.wait())
    [job] = hub.service.hub.jobs
    assert (await hub.http.get(f"/api/jobs/{job}")).status_code == 404
    assert (await feed.ask("subscribe", topic=f"job:{job}"))["code"] == "not_found"
    assert (await feed.ask("cancel", job=job))["code"] == "not_found"
    assert (await hub.http.get("/api/summary")).json()["queued"] == 0
    await feed.caught_up()
    assert feed.jobs == {}
    assert asker.messages == []
    assert hub.launcher.handouts.empty()
    gate.open()
    await feed.job(job)
    assert (await asker.next("ok"))["job"]["id"] == job
    await hub.handed_out()


async def test_a_start_that_was_given_up_half_way_is_found_again_by_its_key(hub: Served, gate: Gate) -> None:
    order, runner = StartOrder(kind="import-orders", key="once"), hub.service.runner
    gate.shut()
    given_up = asyncio.create_task(runner.start(order, by=None))
    await soon(gate.reached.wait())
    given_up.cancel()
    again = asyncio.create_task(runner.start(order, by=None))
    await asyncio.wait((given_up,))
    gate.open()
    held, made = await soon(again)
    assert not made
    assert [job["id"] for job in (await hub.http.get("/api/jobs")).json()["jobs"]] == [held.id]


async def test_a_cancel_is_neither_answered_nor_passed_on_before_it_is_committed(hub: Served, gate: Gate) -> None:
    work = await hub.outside()
    viewer, asker = await hub.watching(f"job:{work.id}"), await hub.viewer()
    gate.shut()
    await asker.say("cancel", id=1, job=work.id)
    await soon(gate.reached.wait())
    await heard(work)
    await viewer.caught_up()
    assert asker.messages == []
    assert work.told("cancel") == []
    assert viewer.jobs[work.id]["cancel"] is None
    back = await hub.worker()
    await back.say("open", id="back", job=work.id, attempt=1)
    await viewer.caught_up()
    assert back.messages == []
    gate.open()
    assert (await asker.next("ok"))["job"]["status"] == "cancelling"
    await viewer.job(work.id, status="cancelling")
    assert (await back.next("opened"))["cancel"] is not None


async def test_a_report_over_http_is_answered_after_the_commit(hub: Served, gate: Gate) -> None:
    opened = (await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True})).json()
    url = f"/api/jobs/{opened['id']}"
    await hub.http.post(f"{url}/report", json={"done": 1})
    gate.shut()
    asked = asyncio.create_task(hub.http.post(f"{url}/entry", json={"text": "durable"}))
    await soon(gate.reached.wait())
    assert await hub.events(opened["id"]) == ["created", "started"]
    assert not asked.done()
    gate.open()
    assert (await asked).json()["acked"] == 1
    assert await hub.events(opened["id"]) == ["created", "started", "entry"]


async def test_a_lock_on_the_database_holds_everything_durable_back(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside()
        viewer = await hub.watching(f"job:{work.id}")
        await viewer.entry(work.id, "started")
        with locked(db):
            await work.tell("checkpoint", data={"row": 3}, done=3)
            await heard(work)
            await viewer.caught_up()
            assert viewer.jobs[work.id]["checkpoint"] is None
            assert work.told("ack") == []
        await work.next("ack", n=1)
        await viewer.job(work.id, lambda job: job["checkpoint"])


async def test_a_commit_shows_what_it_stored_and_not_what_came_meanwhile(hub: Served, gate: Gate) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    gate.shut()
    await work.tell("phase", name="Load")
    await soon(gate.reached.wait())
    await work.tell("finish", outcome="succeeded")
    await heard(work)
    gate.shut()
    held = await hub.service.hub.find(work.id)
    assert held.job.state.status == "succeeded"
    assert hub.service.hub.shown_of(held).view.phase is None
    gate.open()
    await viewer.job(work.id, status="succeeded")
    assert viewer.numbers(work.id) == [1, 2, 3, 4]


# ── Moving numbers ────────────────────────────────────────────────────────────


async def test_moving_numbers_are_shown_before_they_are_saved(hub: Served, gate: Gate) -> None:
    work = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{work.id}")
    gate.shut()
    await work.report(done=7)
    await viewer.job(work.id, done=7)


async def test_moving_numbers_go_on_while_a_log_entry_waits_for_its_commit(hub: Served, gate: Gate) -> None:
    work = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{work.id}")
    await viewer.entry(work.id, "started")
    gate.shut()
    await work.tell("entry", level="info", text="waits")
    await soon(gate.reached.wait())
    await work.report(done=5, message="goes on")
    await viewer.job(work.id, done=5)
    assert viewer.numbers(work.id) == [1, 2]
    gate.open()
    await viewer.entry(work.id, "waits")
    assert viewer.holes == []


async def test_the_newest_numbers_of_each_job_are_saved_within_the_second(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside(total=10)
        viewer = await hub.watching(f"job:{work.id}")
        for done in range(1, 8):
            await work.report(done=done)
        await viewer.job(work.id, done=7)
        gate = Gate(hub.service.hub.store)
        await soon(gate.reached.wait())
        await hub.service.hub.store.flush()
        row = await hub.service.hub.store.job(work.id)
        assert row is not None
        assert b'"done":7' in row.state


# ── A database that takes nothing ─────────────────────────────────────────────


async def test_while_storage_fails_requests_are_unavailable_and_moving_numbers_go_on(hub: Served, gate: Gate) -> None:
    work, other = await hub.outside(total=10), await hub.outside()
    feed = await hub.watching("jobs")
    await feed.next("summary", storage="ok")
    gate.fail()
    await other.tell("entry", level="info", text="lost?")
    await feed.next("summary", storage="failing")
    for request in ({"type_": "start", "kind": "inside"}, {"type_": "cancel", "job": work.id}):
        assert (await feed.ask(**request))["code"] == "unavailable"
    answer = await hub.http.post("/api/jobs", json={"kind": "inside"})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (503, "unavailable")
    assert (await hub.http.post(f"/api/jobs/{work.id}/cancel")).status_code == 503
    assert (await hub.http.get("/readyz")).status_code == 503
    assert (await hub.http.get("/healthz")).status_code == 200
    assert "barcast_store_failing 1.0" in (await hub.http.get("/metrics")).text
    await work.report(done=5)
    await feed.job(work.id, done=5)
    assert (await hub.job(work.id))["done"] == 5
    assert other.told("ack") == []
    gate.open()
    await feed.next("summary", storage="ok")
    await other.next("ack", n=1)
    assert (await hub.events(other.id)).count("entry") == 1
    assert (await hub.http.get("/readyz")).status_code == 200


async def test_numbers_over_http_go_on_too_while_storage_fails(hub: Served, gate: Gate) -> None:
    opened = (await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True, "total": 9})).json()
    url = f"/api/jobs/{opened['id']}"
    await hub.http.post(f"{url}/report", json={"done": 1})
    feed = await hub.watching("jobs")
    other = await hub.outside()
    gate.fail()
    await other.tell("entry", level="info", text="x")
    await feed.next("summary", storage="failing")
    assert (await hub.http.post(f"{url}/report", json={"done": 2})).status_code == 200
    await feed.job(opened["id"], done=2)
    assert (await hub.http.post(f"{url}/entry", json={"text": "x"})).status_code == 503


async def test_a_hub_whose_storage_fails_for_good_still_stops_and_says_so(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(db) as hub:
        feed = await hub.watching("jobs")
        gate = Gate(hub.service.hub.store)
        gate.shut()
        await feed.say("start", id=1, kind="import-orders")
        await soon(gate.reached.wait())
        gate.fail()
        await feed.next("summary", storage="failing")
    assert "changes are not stored" in caplog.text


# ── Slow viewers ──────────────────────────────────────────────────────────────


async def written(work: Worker, first: int, last: int) -> None:
    """Numbers and log entries, far more than any buffer here holds."""
    for number in range(first, last):
        await work.report(done=number)
        await work.tell("entry", level="info", text=f"{number} " + "x" * 2000)
    await work.store("entry", level="info", text=f"until {last}")


async def test_a_slow_viewer_costs_the_others_nothing_and_ends_up_right(db: Path) -> None:
    async with narrow(db) as hub:
        work = await hub.outside(total=1000)
        quick, slow = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await slow.ask("subscribe", topic="jobs")
        await quick.job(work.id, viewers=2)
        session = await hub.fill(slow, work)
        await written(work, 0, 300)
        await quick.entry(work.id, "until 300")
        assert session.outlet.waiting < 400_000
        await work.finish(result={"rows": 300})
        await quick.job(work.id, status="succeeded")
        slow.read_again()
        await slow.entry(work.id, "attempt_succeeded")
        await slow.job(work.id, status="succeeded", result={"rows": 300})
        for viewer in (quick, slow):
            assert viewer.numbers(work.id) == list(range(1, len(viewer.numbers(work.id)) + 1))
            assert viewer.holes == []
        assert slow.numbers(work.id) == quick.numbers(work.id)
        summary = await slow.first(lambda m: m["type"] == "summary" and m["finished"] == 1, 0)
        assert summary["running"] == 0


async def test_a_slow_viewer_of_the_feed_learns_of_new_changed_and_deleted_jobs(db: Path) -> None:
    async with narrow(db) as hub:
        work, doomed = await hub.outside(), await hub.outside(title="Doomed")
        await doomed.finish()
        slow = await hub.watching("jobs")
        await slow.ask("subscribe", topic=f"job:{work.id}")
        await slow.job(doomed.id)
        await hub.fill(slow, work)
        new = await hub.outside(title="New")
        await hub.http.delete(f"/api/jobs/{doomed.id}")
        await work.finish("failed")
        slow.read_again()
        await slow.job(new.id, title="New", status="running")
        await slow.job(work.id, status="failed")
        await slow.next("gone", job=doomed.id, reason="deleted")


async def test_the_end_of_a_job_reaches_a_slow_viewer_even_when_the_hub_has_let_go_of_it(db: Path) -> None:
    async with narrow(db, feed_terminal_jobs=1) as hub:
        work, chatty = await hub.outside(), await hub.outside()
        slow = await hub.watching("jobs")
        await slow.ask("subscribe", topic=f"job:{chatty.id}")
        await slow.job(work.id, status="running")
        await hub.fill(slow, chatty)
        await work.finish()
        later = await hub.outside()
        await later.finish()
        for worker in (work, later):
            await worker.socket.close()
        await hub.until(lambda: hub.service.hub.jobs[work.id].worker is None)
        hub.service.hub.evict()
        assert work.id not in hub.service.hub.jobs
        slow.read_again()
        await slow.job(work.id, status="succeeded")


async def test_a_viewer_that_takes_nothing_is_dropped_and_one_that_still_reads_stays(db: Path) -> None:
    async with narrow(db, stuck_s=0.3) as hub:
        work = await hub.outside()
        reader, stuck = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await reader.job(work.id, viewers=2)
        await hub.fill(stuck, work)
        async with asyncio.timeout(BOUND_S):
            while len(hub.service.hub.viewers) == 2:  # its kernel may still take a little
                await work.store("entry", level="info", text="x" * 4000)
        await reader.job(work.id, viewers=1)
        stuck.socket.transport.abort()
        await work.finish()
        await reader.job(work.id, status="succeeded")
        assert len(hub.service.hub.viewers) == 1


async def test_a_slow_viewer_is_asked_nothing_it_cannot_take_in(db: Path) -> None:
    """Requests of a viewer that reads nothing wait outside; they are answered once it reads."""
    async with narrow(db) as hub:
        work = await hub.outside()
        slow = await hub.watching(f"job:{work.id}")
        session = await hub.fill(slow, work)
        for number in range(50):
            await slow.say("ping", id=number)
        await work.store("entry", level="info", text="behind them")
        assert session.outlet.waiting < 100_000
        slow.read_again()
        await slow.first(lambda message: message.get("id") == 49, 0)


async def test_entries_come_exactly_once_and_in_order_while_subscriptions_catch_up(hub: Served) -> None:
    work = await hub.outside()
    writing = asyncio.create_task(written(work, 0, 250))
    viewers: list[Client] = []
    for _ in range(5):
        viewers.append(await hub.watching(f"job:{work.id}"))
        await viewers[-1].entry(work.id, "started")
    await writing
    for viewer in viewers:
        await viewer.entry(work.id, "until 250")
        assert viewer.numbers(work.id) == list(range(1, 254))


async def test_a_viewer_that_subscribes_again_and_again_ends_up_right(hub: Served) -> None:
    work = await hub.outside()
    writing = asyncio.create_task(written(work, 0, 150))
    viewer = await hub.watching(f"job:{work.id}")
    for _ in range(10):
        known = viewer.jobs.get(work.id, {"seq": 0})
        since = {"epoch": hub.service.hub.epoch, "seq": known["seq"], "log": max(viewer.numbers(work.id), default=0)}
        viewer.entries[work.id] = [entry for entry in viewer.entries.get(work.id, []) if entry["n"] <= since["log"]]
        await viewer.ask("unsubscribe", topic=f"job:{work.id}")
        await viewer.ask("subscribe", topic=f"job:{work.id}", since=since)
    await writing
    await viewer.entry(work.id, "until 150")
    await viewer.job(work.id, done=149)
    assert sorted(set(viewer.numbers(work.id))) == list(range(1, 154))
    assert viewer.holes == []


async def test_numbers_that_moved_just_before_a_deletion_bring_no_job_back(hub: Served) -> None:
    work = await hub.outside()
    feed = await hub.watching("jobs")
    await work.finish()
    await feed.job(work.id, status="succeeded")
    inner = hub.service.hub
    inner.delivery.move(inner.jobs[work.id])
    inner.drop(work.id)
    await feed.next("gone")
    await hub.outside()
    await feed.until(lambda message: message["type"] == "snapshot")
    assert work.id not in feed.jobs
