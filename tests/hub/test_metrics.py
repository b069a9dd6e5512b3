"""`/metrics` of a real hub after known traffic, read as Prometheus reads it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from hub import __version__
from hub.held import Held
from hub.transport import SocketOutlet
from tests.hub.serving import Gate, Served, Worker, serving

PROTOCOL = Path(__file__).parents[2] / "hub" / "PROTOCOL.md"
STILL: dict[str, Any] = {
    "derived_interval_s": 3600.0,
    "update_interval_s": 3600.0,
    "pulse_s": 0.001,
}  # nothing changes by itself

Numbers = Mapping[str, float]


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "hub.db", **STILL) as hub:
        yield hub


async def numbers(hub: Served) -> Numbers:
    """Each sample as `name` or `name{value}`, where there is one label."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families((await hub.http.get("/metrics")).text):
        for sample in family.samples:
            label = "".join(f"{{{value}}}" for value in sample.labels.values())
            found[f"{sample.name}{label}"] = sample.value
    return found


async def since(hub: Served, before: Numbers) -> Numbers:
    """What was added since then, where anything was."""
    now = await numbers(hub)
    return {name: value - before.get(name, 0) for name, value in now.items() if value != before.get(name, 0)}


def held(hub: Served, worker: Worker) -> Held:
    return hub.service.hub.jobs[worker.id]


async def reported(hub: Served, worker: Worker, *done: int) -> None:
    for value in done:
        await worker.report(done=value)
    await hub.until(lambda: held(hub, worker).job.state.done == done[-1])


# ── Connections ───────────────────────────────────────────────────────────────


async def test_connections_and_rooms_are_counted_by_kind(hub: Served) -> None:
    worker = await hub.outside()
    feed, one = await hub.watching("jobs"), await hub.watching(f"job:{worker.id}")
    await one.ask("subscribe", topic="jobs")
    async with hub.http.stream("GET", f"/api/jobs/{worker.id}/stream") as stream:
        await anext(stream.aiter_lines())
        told = await numbers(hub)
        assert [told[f"barcast_connections{{{kind}}}"] for kind in ("socket", "stream", "worker")] == [2, 1, 1]
        assert (told["barcast_rooms{jobs}"], told["barcast_rooms{job}"]) == (1, 1)
        assert (told["barcast_subscriptions{jobs}"], told["barcast_subscriptions{job}"]) == (2, 2)
    await feed.socket.close()
    await one.socket.close()
    await hub.until(lambda: not hub.service.hub.viewers)
    told = await numbers(hub)
    assert [told[f"barcast_connections{{{kind}}}"] for kind in ("socket", "stream", "worker")] == [0, 0, 1]
    assert [told[f"barcast_connections_opened_total{{{kind}}}"] for kind in ("socket", "stream", "worker")] == [2, 1, 1]
    assert told["barcast_rooms{jobs}"] == told["barcast_rooms{job}"] == 0


async def test_who_was_here_before_is_counted_as_coming_back_once(hub: Served) -> None:
    worker = await hub.outside()
    known = {"epoch": "another", "seq": 1, "log": 1}
    fresh = await hub.watching(f"job:{worker.id}", since={"epoch": None, "seq": 0, "log": 0})  # as the page does
    await fresh.ask("unsubscribe", topic=f"job:{worker.id}")
    await fresh.ask("subscribe", topic=f"job:{worker.id}", since=known)  # the same page looks at it again
    again = await hub.watching(f"job:{worker.id}", since=known)
    await again.ask("subscribe", topic=f"job:{worker.id}", since=known)
    stream = hub.http.stream("GET", f"/api/jobs/{worker.id}/stream", headers={"last-event-id": "another:1:1"})
    async with stream as answer:
        await anext(answer.aiter_lines())
    await (await hub.worker()).open(job=worker.id, attempt=1)
    told = await numbers(hub)
    assert [told[f"barcast_reconnects_total{{{kind}}}"] for kind in ("socket", "stream", "worker")] == [1, 1, 1]


async def test_questions_that_polling_is_made_of_are_counted(hub: Served) -> None:
    worker = await hub.outside()
    before = await numbers(hub)
    await hub.http.get("/api/summary")
    await hub.http.get(f"/api/jobs/{worker.id}")
    await hub.http.get(f"/api/jobs/{worker.id}")
    added = await since(hub, before)
    assert (added["barcast_polls_total{jobs}"], added["barcast_polls_total{job}"]) == (1, 2)


# ── Updates ───────────────────────────────────────────────────────────────────


async def test_changes_offered_and_frames_sent_tell_how_much_is_coalesced(hub: Served) -> None:
    worker = await hub.outside()
    viewers = [await hub.watching(f"job:{worker.id}") for _ in range(3)]
    await reported(hub, worker, 1)
    for viewer in viewers:
        await viewer.job(worker.id, done=1)
    before = await numbers(hub)
    await reported(hub, worker, *range(2, 12))  # wait for the pace
    added = await since(hub, before)
    assert added["barcast_messages_in_total{socket}"] == 10
    assert added["barcast_changes_offered_total"] == 30
    assert "barcast_frames_sent_total" not in added
    await worker.finish()
    for viewer in viewers:
        await viewer.job(worker.id, status="succeeded", done=11)
    added = await since(hub, before)
    assert added["barcast_changes_offered_total"] == 33
    assert added["barcast_frames_sent_total"] == 3
    assert "barcast_frames_withheld_total{update}" not in added


async def test_a_deleted_job_is_a_frame_to_everybody(hub: Served) -> None:
    worker = await hub.outside()
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.finish()
    await viewer.job(worker.id, status="succeeded")
    before = await numbers(hub)
    await hub.http.delete(f"/api/jobs/{worker.id}")
    await viewer.next("gone")
    assert (await since(hub, before))["barcast_frames_sent_total"] == 1


async def test_frames_that_a_full_buffer_does_not_take_are_withheld(hub: Served) -> None:
    worker = await hub.outside()
    viewer = await hub.watching(f"job:{worker.id}")
    [session] = hub.sessions()
    assert isinstance(session.outlet, SocketOutlet)
    before = await numbers(hub)
    session.outlet.full = True  # as its connection says
    await worker.store("entry", level="info", text="later")
    await worker.finish()
    added = await since(hub, before)
    assert added["barcast_frames_withheld_total{update}"] >= 1
    assert added["barcast_frames_withheld_total{log}"] >= 1
    assert "barcast_frames_sent_total" not in added
    session.outlet.drained()
    await viewer.job(worker.id, status="succeeded")


async def test_messages_are_counted_by_the_way_they_came(hub: Served) -> None:
    before = await numbers(hub)
    job = (await hub.http.post("/api/jobs", json={"kind": "sync", "external": True})).json()["id"]
    for done in (1, 2, 3):
        (await hub.http.post(f"/api/jobs/{job}/report", json={"done": done})).raise_for_status()
    assert (await hub.http.post(f"/api/jobs/{job}/report", json={"done": -1})).status_code == 422
    added = await since(hub, before)
    assert added["barcast_messages_in_total{http}"] == 3
    assert "barcast_messages_in_total{socket}" not in added


# ── Jobs ──────────────────────────────────────────────────────────────────────


async def test_jobs_are_counted_by_status_and_by_how_they_ended(hub: Served) -> None:
    before = await numbers(hub)
    await hub.outside()
    for outcome in ("succeeded", "succeeded", "failed"):
        await (await hub.outside()).finish(outcome)
    told, added = await numbers(hub), await since(hub, before)
    assert told["barcast_jobs{running}"] == 1
    assert (told["barcast_jobs{lost}"], told["barcast_jobs_stalled"]) == (0, 0)
    assert added["barcast_jobs_ended_total{succeeded}"] == 2
    assert added["barcast_jobs_ended_total{failed}"] == 1
    assert added["barcast_job_events_total{attempt_failed}"] == 1
    assert added["barcast_job_events_total{started}"] == 4


async def test_a_stalled_job_is_seen(tmp_path: Path) -> None:
    async with serving(tmp_path / "hub.db", stall_s=0.05, stall_gaps=1) as hub:
        worker = await hub.outside()
        await reported(hub, worker, 1)
        viewer = await hub.watching(f"job:{worker.id}")
        await viewer.job(worker.id, stalled=True)
        told = await numbers(hub)
    assert (told["barcast_jobs_stalled"], told["barcast_job_events_total{stalled}"]) == (1, 1)


async def test_a_lost_job_is_seen(tmp_path: Path) -> None:
    async with serving(tmp_path / "hub.db", lease_s=0.05) as hub:
        worker = await hub.outside()
        viewer = await hub.watching(f"job:{worker.id}")
        await viewer.job(worker.id, status="lost")
        told = await numbers(hub)
    assert (told["barcast_jobs{lost}"], told["barcast_job_events_total{lost}"]) == (1, 1)


async def test_the_error_of_what_was_predicted_half_way_is_measured_at_the_end(hub: Served) -> None:
    worker = await hub.outside()
    await worker.report(done=1, eta_s=1.0)
    await hub.until(lambda: held(hub, worker).predicted)
    [(at, eta)] = held(hub, worker).predicted
    await hub.until(lambda: held(hub, worker).job.elapsed_s(hub.service.hub.clock()) > 2 * at)
    await worker.finish()
    elapsed_s = (await hub.job(worker.id))["elapsed_s"]
    told = await numbers(hub)
    assert told["barcast_eta_error_ratio_count"] == told["barcast_eta_error_ratio_bucket{+Inf}"] == 1
    assert told["barcast_eta_error_ratio_sum"] == pytest.approx(abs(at + eta - elapsed_s) / (elapsed_s / 2))


async def test_a_job_that_fails_says_nothing_of_its_prediction(hub: Served) -> None:
    worker = await hub.outside()
    await worker.report(done=1, eta_s=1.0)
    await hub.until(lambda: held(hub, worker).predicted)
    await worker.finish("failed")
    assert (await numbers(hub))["barcast_eta_error_ratio_count"] == 0


# ── The hub itself ────────────────────────────────────────────────────────────


async def test_commits_are_timed_and_those_that_fail_are_counted(hub: Served) -> None:
    worker, gate = await hub.outside(), Gate(hub.service.hub.store)
    before = await numbers(hub)
    gate.fail()
    await worker.tell("entry", level="info", text="waits")
    await hub.until(lambda: hub.service.hub.store.failures > 2)
    failing = await numbers(hub)
    assert (failing["barcast_store_failing"], failing["barcast_store_waiting"]) == (1, 1)
    gate.open()
    await worker.store("entry", level="info", text="is stored")
    added = await since(hub, before)
    assert added["barcast_commit_failures_total"] >= 3
    assert added["barcast_changes_committed_total"] == 2
    assert added["barcast_commit_seconds_count"] >= 1
    assert added["barcast_commit_wait_seconds_sum"] > added["barcast_commit_seconds_sum"]


async def test_the_hub_tells_what_it_is_and_how_it_feels(hub: Served, tmp_path: Path) -> None:
    await hub.until(lambda: hub.service.hub.pulse.lag.count > 3)
    told = await numbers(hub)
    assert told[f"barcast_build_info{{{__version__}}}"] == 1
    assert told["barcast_ready"] == 1
    assert told["barcast_loop_lag_seconds_count"] > 3
    assert told["barcast_loop_lag_worst_seconds"] >= 0
    assert told["barcast_store_bytes{database}"] == (tmp_path / "hub.db").stat().st_size
    assert told["barcast_disk_free_bytes"] > 0
    assert told["barcast_time_seconds"] == pytest.approx(hub.service.hub.clock() / 1000, abs=60)
    assert told["process_open_fds"] < told["process_max_fds"]


async def test_every_number_is_named_by_the_rules_and_explained_on_the_protocols_page(hub: Served) -> None:
    """Prometheus' own: base units, `_total` for what only grows; the page's table has a row for each."""
    text = (await hub.http.get("/metrics")).text
    families = [one for one in text_string_to_metric_families(text) if one.name.startswith("barcast_")]
    rows = set(re.findall(r"`(barcast_\w+)", PROTOCOL.read_text()))
    named = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    assert named == rows
    for one in families:
        assert one.documentation
        assert one.documentation.endswith(".")
        assert (one.type == "histogram") <= one.name.endswith(("_seconds", "_ratio"))
