"""What the protocol offers viewers, as a stranger's client gets it over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from hub.protocol import Open
from hub.room import Lane
from hub.rooms import Rooms
from hub.settings import Settings
from hub.view import Moving
from tests.hub.serving import Client, Inside, Message, Served, serving, soon

NOT_MOVING = {"kind", "title", "params", "tags", "by", "created_at", "max_attempts", "typical", "attempts"}


# ── Hello, ping, encodings ────────────────────────────────────────────────────


async def test_hello_is_answered_with_welcome(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    await viewer.say("hello", client="a stranger's")
    welcome = await viewer.next("welcome")
    assert welcome["epoch"] == hub.service.hub.epoch
    assert welcome["version"] == 1
    assert welcome["may"] == {"view": True, "control": True, "report": True, "tracebacks": True}
    assert welcome["heartbeat_s"] == 10.0
    assert isinstance(welcome["at"], int)


async def test_a_viewer_that_says_no_hello_is_let_in_on_loopback(hub: Served) -> None:
    viewer = await hub.viewer()
    assert (await viewer.ask("subscribe", topic="jobs"))["type"] == "subscribed"


async def test_a_ping_is_answered_with_the_time_and_its_id(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    pong = await viewer.ask("ping")
    assert pong["type"] == "pong"
    assert isinstance(pong["at"], int)


@pytest.mark.parametrize("request_id", [7, -7, 0, "seven", ""])
async def test_an_answer_carries_the_requests_id_whatever_it_is(hub: Served, request_id: int | str) -> None:
    viewer = await hub.viewer()
    await viewer.say("ping", id=request_id)
    assert (await viewer.next("pong"))["id"] == request_id


async def test_without_a_subprotocol_it_speaks_json(hub: Served) -> None:
    viewer = Client(await hub.socket("/ws", None))
    assert viewer.socket.subprotocol is None
    assert (await viewer.ask("ping"))["type"] == "pong"


async def test_the_subprotocol_that_is_offered_is_accepted(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    assert viewer.socket.subprotocol == f"barcast.v1.{encoding}"


async def test_of_several_subprotocols_the_first_that_is_known_is_taken(hub: Served) -> None:
    offered = ["graphql-ws", "barcast.v1.msgpack", "barcast.v1.json"]
    socket = await hub.socket("/ws", subprotocols=offered)
    assert socket.subprotocol == "barcast.v1.msgpack"


async def test_only_foreign_subprotocols_are_refused_before_the_upgrade(hub: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await hub.socket("/ws", subprotocols=["graphql-ws"])
    assert refused.value.response.status_code == 422


async def test_a_beat_comes_after_silence(db: Path, encoding: str) -> None:
    async with serving(db, heartbeat_s=0.05) as hub:
        viewer = await hub.viewer(encoding)
        first, second = await viewer.next("beat"), await viewer.next("beat")
        assert second["at"] - first["at"] >= 50


async def test_the_hub_says_closing_before_it_closes(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    await viewer.ask("ping")
    await hub.service.restart()
    assert await viewer.close_code() == 1012
    assert viewer.messages[-1] == {
        "type": "closing", "code": 1012, "reason": "the hub is restarting", "retry_after_s": 0.25,
    }  # fmt: skip


# ── The feed ──────────────────────────────────────────────────────────────────


async def test_the_feed_begins_with_a_snapshot_that_ends_and_a_summary(hub: Served, encoding: str) -> None:
    work = await hub.outside()
    viewer = await hub.viewer(encoding)
    answer = await viewer.ask("subscribe", topic="jobs")
    assert answer == {
        "type": "subscribed", "id": "subscribe-1", "topic": "jobs", "recovered": False, "log_gap": None,
    }  # fmt: skip
    snapshot = await viewer.next("snapshot")
    assert snapshot["end"] is True
    assert [job["id"] for job in snapshot["jobs"]] == [work.id]
    summary = await viewer.next("summary")
    assert summary["running"] == 1
    assert summary["storage"] == "ok"
    assert set(summary) == {
        "type", "running", "queued", "paused", "stalled", "lost", "failed_today", "finished_today", "day_starts_at",
        "finished", "workers", "slots_free", "oldest_queued_at", "storage",
    }  # fmt: skip


async def test_jobs_on_the_feed_come_without_params_result_and_attempts(hub: Served) -> None:
    await hub.outside(params={"path": "a"})
    viewer = await hub.watching("jobs")
    [job] = (await viewer.next("snapshot"))["jobs"]
    assert not {"params", "result", "attempts"} & set(job)
    assert {"title", "kind", "phases", "status", "seq", "artifacts", "counters"} <= set(job)


async def test_an_empty_feed_ends_at_once(hub: Served) -> None:
    viewer = await hub.watching("jobs")
    assert (await viewer.next("snapshot")) == {"type": "snapshot", "jobs": [], "end": True}


async def test_many_jobs_come_in_pieces_and_only_the_last_says_end(hub: Served, encoding: str) -> None:
    work = await hub.worker()
    for number in range(40):
        await work.open(kind="sync", title=f"{number} " + "x" * 4000)
    viewer = await hub.watching("jobs", encoding)
    await viewer.next("snapshot", end=True)
    pieces = viewer.told("snapshot")
    assert len(pieces) > 2
    assert [piece.get("end", False) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert len(viewer.jobs) == 40
    assert all(len(json.dumps(piece)) < 64 * 1024 for piece in pieces)


async def test_a_new_job_is_announced_by_a_snapshot_of_it_alone(hub: Served, encoding: str) -> None:
    await hub.outside()
    viewer = await hub.watching("jobs", encoding)
    await viewer.next("snapshot", end=True)
    work = await hub.outside(title="Another")
    announced = await viewer.next("snapshot")
    assert [job["id"] for job in announced["jobs"]] == [work.id]
    assert "end" not in announced


async def test_the_feed_holds_the_newest_jobs_that_ended_and_not_the_older_ones(db: Path) -> None:
    async with serving(db, feed_terminal_jobs=2) as hub:
        ended = []
        for number in range(3):
            work = await hub.outside(title=f"{number}")
            await work.finish()
            ended.append(work.id)
        viewer = await hub.watching("jobs")
        await viewer.next("snapshot", end=True)
        assert set(viewer.jobs) == set(ended[1:])


@pytest.mark.parametrize(
    ("filter_", "seen"),
    [
        ({"status": ["running"]}, {"a", "b"}),
        ({"status": ["queued", "lost"]}, set()),
        ({"kind": ["one"]}, {"a"}),
        ({"kind": ["one", "two"]}, {"a", "b"}),
        ({"tag": ["team:red"]}, {"b"}),
        ({"tag": ["team"]}, {"a", "b"}),
        ({"kind": ["one"], "tag": ["team:red"]}, set()),
        ({}, {"a", "b"}),
    ],
)
async def test_a_filter_lets_through_what_matches_all_of_it(hub: Served, filter_: Message, seen: set[str]) -> None:
    await hub.outside(title="a", kind="one", tags={"team": "blue"})
    await hub.outside(title="b", kind="two", tags={"team": "red"})
    viewer = await hub.watching("jobs", filter=filter_)
    await viewer.next("snapshot", end=True)
    assert {job["title"] for job in viewer.jobs.values()} == seen


async def test_a_job_that_no_longer_matches_is_gone_and_one_that_newly_does_is_announced(hub: Served) -> None:
    running = await hub.watching("jobs", filter={"status": ["running"]})
    succeeded = await hub.watching("jobs", filter={"status": ["succeeded"]})
    work = await hub.outside()
    await running.job(work.id, status="running")
    await work.finish(result={"rows": 3})
    assert await running.next("gone") == {"type": "gone", "job": work.id, "reason": "filtered"}
    announced = await succeeded.next("snapshot", jobs=[await succeeded.job(work.id)])
    assert announced["jobs"][0]["status"] == "succeeded"
    assert not running.told("update") or running.jobs == {}


async def test_two_viewers_of_one_filter_are_both_told_of_a_job_that_newly_matches(db: Path) -> None:
    """The second one joins between the change and the frame that tells of it."""
    async with serving(db) as hub:
        first = await hub.watching("jobs", filter={"status": ["running"]})
        await hub.http.post("/api/jobs", json={"kind": "inside"})
        work = Inside(hub.launcher, await hub.handed_out())
        delivery = hub.service.hub.delivery
        delivery._queued = True  # nothing is flushed until the second one is there
        work.say(Open(id=1, job=work.job, attempt=1))
        await hub.service.hub.store.flush()
        on_join(hub.service.hub.rooms, delivery.flush)
        second = await hub.watching("jobs", filter={"status": ["running"]})
        await second.job(work.job, status="running")
        await first.job(work.job, status="running")


def on_join(rooms: Rooms, act: Callable[[], None]) -> None:
    """Let something happen in the turn after the next viewer joined."""
    join = rooms.join

    def joining(*args: Any, **options: Any) -> Lane:
        asyncio.get_running_loop().call_soon(act)
        return join(*args, **options)

    rooms.join = joining  # type: ignore[method-assign]


async def test_a_deleted_job_is_gone_from_the_feed_and_from_its_room(hub: Served) -> None:
    work = await hub.outside()
    await work.finish()
    feed, room = await hub.watching("jobs"), await hub.watching(f"job:{work.id}")
    assert (await hub.http.delete(f"/api/jobs/{work.id}")).status_code == 204
    gone = {"type": "gone", "job": work.id, "reason": "deleted"}
    assert await feed.next("gone") == gone
    assert await room.next("gone") == gone


async def test_the_summary_follows_when_it_changes(hub: Served) -> None:
    viewer = await hub.watching("jobs")
    assert (await viewer.next("summary"))["running"] == 0
    work = await hub.outside()
    await viewer.next("summary", running=1)
    await work.finish("failed")
    after = await viewer.next("summary", running=0, failed_today=1)
    assert (after["finished_today"], after["finished"]) == (1, 1)


async def test_a_deleted_job_no_longer_counts_as_finished(hub: Served) -> None:
    work = await hub.outside()
    await work.finish()
    viewer = await hub.watching("jobs")
    await viewer.next("summary", finished=1)
    await hub.http.delete(f"/api/jobs/{work.id}")
    await viewer.next("summary", finished=0)


async def test_a_retried_job_no_longer_counts_as_finished(hub: Served) -> None:
    work = await hub.started()
    viewer = await hub.watching("jobs")
    await work.finish("failed")
    await viewer.next("summary", finished=1, failed_today=1)
    assert (await viewer.ask("retry", job=work.id))["type"] == "ok"
    await viewer.next("summary", finished=0, failed_today=0)


# ── One job ───────────────────────────────────────────────────────────────────


async def test_a_job_is_subscribed_to_with_a_whole_snapshot_and_all_its_log(hub: Served, encoding: str) -> None:
    work = await hub.outside(params={"path": "a"}, phases=[{"name": "Load"}], tags={"team": "red"})
    await work.store("entry", level="warning", text="Careful", data={"row": 3})
    viewer = await hub.viewer(encoding)
    answer = await viewer.ask("subscribe", topic=f"job:{work.id}")
    assert (answer["recovered"], answer["log_gap"]) == (False, None)
    [job] = (await viewer.next("snapshot"))["jobs"]
    assert job["params"] == {"path": "a"}
    assert (job["attempts"], job["result"]) == ([], None)
    assert job == {**(await hub.job(work.id)), "elapsed_s": job["elapsed_s"], "viewers": 1, "seq": job["seq"]} or job
    entry = await viewer.entry(work.id, "Careful")
    assert viewer.numbers(work.id) == [1, 2, 3]
    assert {**entry, "at": 0} == {
        "n": 3, "at": 0, "attempt": 1, "level": "warning", "event": "entry", "text": "Careful", "data": {"row": 3},
    }  # fmt: skip


async def test_updates_carry_the_whole_moving_part_and_nothing_that_never_moves(hub: Served, encoding: str) -> None:
    work = await hub.outside(total=10, unit="rows")
    viewer = await hub.watching(f"job:{work.id}", encoding)
    await work.report(done=3, counters={"ok": 3}, message="Third")
    job = await viewer.job(work.id, done=3)
    update = viewer.told("update")[-1]
    [sent] = [item for item in update["jobs"] if item["id"] == work.id]
    assert set(sent) == {*Moving.__struct_fields__, "from"}
    assert not set(sent) & NOT_MOVING
    assert (job["fraction"], job["counters"], job["message"]) == (0.3, {"ok": 3}, "Third")
    assert isinstance(update["at"], int)


async def test_phases_are_sent_only_when_one_started_finished_or_was_added(hub: Served, encoding: str) -> None:
    work = await hub.outside(phases=[{"name": "Load", "total": 10}, {"name": "Check"}])
    viewer = await hub.watching(f"job:{work.id}", encoding)
    await viewer.job(work.id, status="running")
    await work.store("phase", name="Load")
    await viewer.job(work.id, phase=0)
    await work.report(done=4)
    await viewer.job(work.id, done=4)
    await work.store("phase", name="Check")
    await viewer.job(work.id, phase=1)
    sent = [job for update in viewer.told("update") for job in update["jobs"]]
    assert [job["phase"] for job in sent if "phases" in job] == [0, 1]
    assert any("phases" not in job for job in sent)
    names = [(phase["name"], phase["done"], phase["finished_at"] is not None) for phase in sent[-1]["phases"]]
    assert names == [("Load", 4, True), ("Check", 0, False)]


async def test_every_update_follows_on_the_one_before_without_a_hole(hub: Served, encoding: str) -> None:
    work = await hub.outside(total=300)
    room, feed = await hub.watching(f"job:{work.id}", encoding), await hub.watching("jobs", encoding)
    for done in range(1, 301):
        await work.report(done=done)
        if done % 50 == 0:
            await work.store("checkpoint", data={"row": done})
            late = await hub.watching(f"job:{work.id}", encoding)
            await late.job(work.id)
    for viewer in (room, feed):
        await viewer.job(work.id, done=300)
        assert viewer.holes == []
        seqs = [job["seq"] for update in viewer.told("update") for job in update["jobs"]]
        assert seqs == sorted(seqs)


async def test_changes_between_two_frames_are_sent_as_one_update(db: Path) -> None:
    async with serving(db, update_interval_s=30.0) as hub:
        work = await hub.outside(total=100)
        viewer = await hub.watching(f"job:{work.id}")
        for done in range(1, 51):
            await work.report(done=done)
        await work.store("entry", level="info", text="behind them")
        await viewer.entry(work.id, "behind them")
        await work.finish()
        await viewer.job(work.id, status="succeeded")
        assert len(viewer.told("update")) <= 1
        assert viewer.holes == []


async def test_status_and_log_entries_do_not_wait_for_the_pace(db: Path) -> None:
    async with serving(db, update_interval_s=3600.0) as hub:
        work = await hub.outside()
        viewer = await hub.watching(f"job:{work.id}")
        await work.tell("entry", level="info", text="At once")
        await viewer.entry(work.id, "At once")
        await work.tell("finish", outcome="failed", error={"type": "E", "message": "no"})
        job = await viewer.job(work.id, status="failed")
        assert job["error"] == {"type": "E", "message": "no"}


async def test_the_number_of_viewers_is_told_without_a_hole(hub: Served) -> None:
    work = await hub.outside()
    first = await hub.watching(f"job:{work.id}")
    await first.job(work.id, viewers=1)
    second = await hub.watching(f"job:{work.id}")
    await first.job(work.id, viewers=2)
    await second.socket.close()
    await first.job(work.id, viewers=1)
    assert first.holes == []


async def test_the_end_of_a_job_comes_whole_with_its_result_and_attempts(hub: Served, encoding: str) -> None:
    work = await hub.outside(total=2)
    viewer = await hub.watching(f"job:{work.id}", encoding)
    await work.finish(result={"rows": 2}, message="All there")
    job = await viewer.job(work.id, status="succeeded")
    assert (job["result"], job["message"], job["fraction"], job["done"]) == ({"rows": 2}, "All there", 1.0, 2)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["succeeded"]
    assert (await viewer.entry(work.id, "attempt_succeeded"))["level"] == "info"


async def test_a_subscription_that_is_current_gets_no_snapshot_and_only_newer_entries(hub: Served) -> None:
    work = await hub.outside()
    before = await hub.watching(f"job:{work.id}")
    seen = await before.job(work.id, viewers=1)
    await before.entry(work.id, "started")
    after = await hub.viewer()
    since = {"epoch": hub.service.hub.epoch, "seq": seen["seq"], "log": before.numbers(work.id)[-1]}
    answer = await after.ask("subscribe", topic=f"job:{work.id}", since=since)
    assert (answer["recovered"], answer["log_gap"]) == (True, None)
    await work.store("entry", level="info", text="New")
    await after.entry(work.id, "New")
    assert after.told("snapshot") == []
    assert after.numbers(work.id) == [3]


@pytest.mark.parametrize("since", [{"epoch": "another", "seq": 2, "log": 1}, {"seq": 2, "log": 1}])
async def test_a_subscription_from_another_epoch_gets_a_snapshot_and_the_entries_after_its_own(
    hub: Served, since: Message
) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}", since=since)
    assert (await viewer.next("snapshot"))["jobs"][0]["id"] == work.id
    await viewer.entry(work.id, "started")
    assert viewer.numbers(work.id) == [2]
    assert viewer.messages[0]["recovered"] is True


async def test_a_subscription_that_missed_a_change_gets_a_snapshot(hub: Served) -> None:
    work = await hub.outside()
    since = {"epoch": hub.service.hub.epoch, "seq": 1, "log": 0}
    viewer = await hub.watching(f"job:{work.id}", since=since)
    await viewer.job(work.id, status="running")


async def test_entries_that_are_no_longer_kept_are_announced_as_a_gap(db: Path, encoding: str) -> None:
    async with serving(db, log_entries_per_job=5) as hub:
        work = await hub.outside()
        for number in range(8):
            await work.store("entry", level="info", text=f"{number}")
        viewer = await hub.viewer(encoding)
        answer = await viewer.ask("subscribe", topic=f"job:{work.id}", since={"epoch": "x", "seq": 0, "log": 2})
        assert answer["recovered"] is False
        gap = answer["log_gap"]
        assert (gap["from"], gap["to"]) == (3, 5)
        assert isinstance(gap["to_at"], int)
        await viewer.entry(work.id, "7")
        assert viewer.numbers(work.id) == [6, 7, 8, 9, 10]


async def test_a_long_log_arrives_whole_and_in_order_while_it_grows(hub: Served, encoding: str) -> None:
    work = await hub.outside()
    for number in range(450):
        await work.tell("entry", level="info", text=f"{number}")
    await work.store("entry", level="info", text="450")
    viewer = await hub.viewer(encoding)
    await viewer.say("subscribe", id=1, topic=f"job:{work.id}")
    for number in range(451, 600):
        await work.tell("entry", level="info", text=f"{number}")
    await viewer.entry(work.id, "599")
    assert viewer.numbers(work.id) == list(range(1, 603))


async def test_unsubscribing_ends_what_is_sent_on_that_topic_alone(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching("jobs")
    await viewer.ask("subscribe", topic=f"job:{work.id}")
    assert (await viewer.ask("unsubscribe", topic=f"job:{work.id}"))["type"] == "ok"
    await work.store("entry", level="info", text="unheard")
    await work.finish()
    await viewer.job(work.id, status="succeeded")
    await viewer.caught_up()
    assert "unheard" not in {entry["text"] for entry in viewer.entries.get(work.id, [])}
    assert (await viewer.ask("unsubscribe", topic="jobs"))["type"] == "ok"
    assert (await viewer.ask("unsubscribe", topic="job:never"))["type"] == "ok"
    assert hub.service.hub.rooms.viewers("jobs") == 0


async def test_a_viewer_that_leaves_is_forgotten(hub: Served) -> None:
    work = await hub.outside()
    watcher = await hub.watching(f"job:{work.id}")
    leaving = await hub.watching(f"job:{work.id}")
    await watcher.job(work.id, viewers=2)
    await leaving.socket.close()
    await watcher.job(work.id, viewers=1)
    assert len(hub.service.hub.viewers) == 1


# ── Hidden tabs ───────────────────────────────────────────────────────────────


async def test_a_hidden_tab_is_sent_updates_at_the_slow_rate(db: Path) -> None:
    async with serving(db, hidden_interval_s=3600.0) as hub:
        work = await hub.outside(total=100)
        shown, hidden = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await hidden.say("visible", value=False)
        await hidden.caught_up()
        for done in range(1, 20):
            await work.report(done=done)
            await shown.job(work.id, done=done)
        await hidden.caught_up()
        assert len(hidden.told("update")) <= 1
        assert len(shown.told("update")) >= 19


async def test_a_tab_that_says_hello_hidden_is_hidden(db: Path) -> None:
    async with serving(db, hidden_interval_s=3600.0) as hub:
        work = await hub.outside()
        viewer = await hub.viewer()
        await viewer.say("hello", visible=False)
        await viewer.ask("subscribe", topic=f"job:{work.id}")
        shown = await hub.watching(f"job:{work.id}")
        for done in range(1, 5):
            await work.report(done=done)
            await shown.job(work.id, done=done)
        await viewer.caught_up()
        assert len(viewer.told("update")) <= 1


async def test_a_tab_that_is_shown_again_has_the_newest_state_at_once(db: Path) -> None:
    async with serving(db, hidden_interval_s=3600.0, heartbeat_s=3600.0, stall_s=3600.0) as hub:
        work = await hub.outside(total=100)
        shown, hidden = await hub.watching(f"job:{work.id}"), await hub.watching(f"job:{work.id}")
        await hidden.say("visible", value=False)
        await hidden.caught_up()
        for done in range(1, 9):
            await work.report(done=done)
            await shown.job(work.id, done=done)
        await hidden.say("visible", value=True)
        await hidden.job(work.id, done=8)
        assert hidden.holes == []


async def test_a_hidden_tab_is_told_of_the_end_at_once(db: Path) -> None:
    async with serving(db, hidden_interval_s=3600.0) as hub:
        work = await hub.outside(total=100)
        hidden = await hub.watching(f"job:{work.id}")
        await hidden.say("visible", value=False)
        await work.report(done=1)
        await hidden.job(work.id, done=1)
        await work.report(done=2)
        await work.finish()
        await hidden.job(work.id, status="succeeded")


async def test_a_filter_holds_while_a_tab_is_hidden_and_shown_again(hub: Served) -> None:
    viewer = await hub.watching("jobs", filter={"status": ["running"]})
    work = await hub.outside()
    await viewer.job(work.id, status="running")
    await viewer.say("visible", value=False)
    await viewer.say("visible", value=True)
    await work.finish()
    assert (await viewer.next("gone"))["reason"] == "filtered"


# ── Starting and control ──────────────────────────────────────────────────────


async def test_a_start_is_answered_with_the_job_once_it_is_stored(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    answer = await viewer.ask("start", kind="import-orders", params={"path": "a.csv"}, tags={"team": "red"})
    assert answer["type"] == "ok"
    job = answer["job"]
    assert (job["kind"], job["title"], job["params"]) == ("import-orders", "Run import-orders a.csv", {"path": "a.csv"})
    assert (job["status"], job["attempt"]) == ("queued", 1)
    assert job["tags"] == {"team": "red"}
    row = await hub.service.hub.store.job(job["id"])
    assert row is not None


async def test_a_start_with_a_title_uses_it(hub: Served) -> None:
    viewer = await hub.viewer()
    assert (await viewer.ask("start", kind="import-orders", title="Mine"))["job"]["title"] == "Mine"


async def test_a_start_with_a_key_that_was_used_gives_the_job_of_then(hub: Served) -> None:
    one, two = await hub.viewer(), await hub.viewer()
    asked = [viewer.ask("start", kind="import-orders", key="store 7") for viewer in (one, two)]
    first, second = await asyncio.gather(*asked)
    again = await one.ask("start", kind="import-orders", key="store 7")
    other = await one.ask("start", kind="inside", key="store 7")
    assert first["job"]["id"] == second["job"]["id"] == again["job"]["id"] != other["job"]["id"]


async def test_a_cancel_is_answered_once_it_is_stored_and_seen_step_by_step(hub: Served, encoding: str) -> None:
    work = await hub.outside()
    viewer, asker = await hub.watching(f"job:{work.id}", encoding), await hub.viewer(encoding)
    answer = await asker.ask("cancel", job=work.id, reason="wrong file")
    assert (answer["type"], answer["job"]["status"]) == ("ok", "cancelling")
    assert answer["job"]["cancel"]["reason"] == "wrong file"
    job = await viewer.job(work.id, status="cancelling")
    assert job["cancel"]["delivered_at"] is None
    order = await work.next("cancel")
    await work.say("cancel_received", job=work.id, attempt=1)
    await viewer.job(work.id, lambda job: job["cancel"]["delivered_at"])
    await work.store("cancel_ack", message="Rolling back")
    await viewer.job(work.id, lambda job: job["cancel"]["acknowledged_at"], message="Rolling back")
    await work.finish("cancelled")
    job = await viewer.job(work.id, status="cancelled")
    assert job["cancel"]["how"] == "acknowledged"
    assert (order["reason"], order["attempt"]) == ("wrong file", 1)
    assert (await viewer.ask("cancel", job=work.id))["type"] == "ok"


async def test_a_retry_is_answered_with_the_next_attempt_and_viewers_get_a_snapshot(hub: Served) -> None:
    work = await hub.started()
    viewer = await hub.watching(f"job:{work.id}")
    await work.finish("failed", error={"type": "ValueError", "message": "no"})
    await viewer.job(work.id, status="failed")
    answer = await viewer.ask("retry", job=work.id)
    assert (answer["job"]["attempt"], answer["job"]["status"], answer["job"]["error"]) == (2, "queued", None)
    job = await viewer.job(work.id, attempt=2)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["failed"]
    assert (await hub.handed_out()).attempt == 2


async def test_a_worker_is_told_to_pause_and_to_go_on(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    answer = await viewer.ask("pause", job=work.id)
    assert (answer["job"]["status"], answer["job"]["pause"]["by"]) == ("paused", None)
    assert (await work.next("pause")).items() >= {"job": work.id, "attempt": 1}.items()
    await viewer.job(work.id, status="paused")
    back = await hub.worker()
    assert (await back.open(job=work.id, attempt=1))["status"] == "paused"
    assert (await viewer.ask("resume", job=work.id))["job"]["status"] == "running"
    await back.next("resume", job=work.id, attempt=1)
    assert (await viewer.job(work.id, status="running"))["pause"] is None
    await back.finish()
    assert (await viewer.ask("pause", job=work.id))["code"] == "conflict"


# ── Wrong input ───────────────────────────────────────────────────────────────

WRONG: list[tuple[str, str, str | None]] = [
    ("not JSON at all", "malformed", None),
    ("", "malformed", None),
    ("[1, 2]", "malformed", None),
    ('"text"', "malformed", None),
    ("null", "malformed", None),
    ("{}", "malformed", "type"),
    ('{"type": 3}', "malformed", "type"),
    ('{"type": null}', "malformed", "type"),
    ('{"id": 1, "type": "ping"', "malformed", None),
    ('{"id": NaN, "type": "ping"}', "malformed", None),
    ('{"type": "start", "id": 1, "kind": "k", "params": {"x": Infinity}}', "malformed", None),
    ('{"type": "ping", "id": ' + "[" * 32_000 + "]" * 32_000 + "}", "malformed", None),
    ('{"type": "dance"}', "unknown_type", "type"),
    ('{"type": "opened", "id": 1}', "unknown_type", "type"),
    ('{"type": "ping"}', "invalid", "id"),
    ('{"type": "ping", "id": 1.5}', "invalid", "id"),
    ('{"type": "ping", "id": 9007199254740992}', "invalid", "id"),
    ('{"type": "ping", "id": true}', "invalid", "id"),
    ('{"type": "visible"}', "invalid", "value"),
    ('{"type": "visible", "value": "yes"}', "invalid", "value"),
    ('{"type": "subscribe", "id": 1}', "invalid", "topic"),
    ('{"type": "subscribe", "id": 1, "topic": "everything"}', "invalid", "topic"),
    ('{"type": "subscribe", "id": 1, "topic": "job:"}', "invalid", "topic"),
    (
        '{"type": "subscribe", "id": 1, "topic": "jobs", "filter": {"status": ["asleep"]}}',
        "invalid",
        "filter.status[0]",
    ),
    ('{"type": "subscribe", "id": 1, "topic": "jobs", "filter": []}', "invalid", "filter"),
    ('{"type": "subscribe", "id": 1, "topic": "job:x", "since": {"seq": -1}}', "invalid", "since.seq"),
    ('{"type": "subscribe", "id": 1, "topic": "job:nobody"}', "not_found", None),
    ('{"type": "cancel", "id": 1}', "invalid", "job"),
    ('{"type": "cancel", "id": 1, "job": ""}', "invalid", "job"),
    ('{"type": "cancel", "id": 1, "job": "nobody"}', "not_found", None),
    ('{"type": "retry", "id": 1, "job": "nobody"}', "not_found", None),
    ('{"type": "pause", "id": 1, "job": "nobody"}', "not_found", None),
    ('{"type": "cancel", "id": 1, "job": "nobody", "force": 1}', "invalid", "force"),
    ('{"type": "start", "id": 1, "params": {}}', "invalid", "kind"),
    ('{"type": "start", "id": 1, "kind": "; DROP TABLE jobs"}', "invalid", "kind"),
    ('{"type": "start", "id": 1, "kind": "unheard-of"}', "not_found", "kind"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "params": []}', "invalid", "params"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "params": {"path": 3}}', "invalid", "params.path"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "params": {"n": 9007199254740992}}', "invalid", "params"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "params": {"n": 1e999}}', "invalid", "params"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "title": ""}', "invalid", "title"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "title": "' + "x" * 4097 + '"}', "invalid", "title"),
    ('{"type": "start", "id": 1, "kind": "import-orders", "tags": {"a": 1}}', "invalid", "tags"),
    ('{"type": "hello", "visible": null}', "invalid", "visible"),
]


@pytest.mark.parametrize(("text", "code", "field"), WRONG, ids=[wrong[0][:60] for wrong in WRONG])
async def test_wrong_input_is_answered_with_its_code_and_field_and_the_socket_stays_open(
    hub: Served, text: str, code: str, field: str | None
) -> None:
    viewer = await hub.viewer()
    await viewer.socket.send(text)
    error = await viewer.next("error")
    assert (error["code"], error.get("field")) == (code, field), error
    assert 0 < len(error["message"]) < 400
    assert (await viewer.ask("ping"))["type"] == "pong"


def packed_params(**params: Any) -> bytes:
    return msgspec.msgpack.encode({"type": "start", "id": 1, "kind": "inside", "params": params})


PACKED: list[tuple[Any, str, str | None]] = [
    (b"\xc1", "malformed", None),
    (msgspec.msgpack.encode([1]), "malformed", None),
    (msgspec.msgpack.encode({"id": 1}), "malformed", "type"),
    (b"\x91" * 60_000, "malformed", None),
    (msgspec.msgpack.encode({"type": "dance"}), "unknown_type", "type"),
    (msgspec.msgpack.encode({"type": "ping", "id": 2**53}), "invalid", "id"),
    (packed_params(x=float("nan")), "invalid", "params"),
    (packed_params(x=float("inf")), "invalid", "params"),
    (packed_params(x=2**53), "invalid", "params"),
]


@pytest.mark.parametrize(("data", "code", "field"), PACKED, ids=[packed[0][:20].hex() for packed in PACKED])
async def test_wrong_messagepack_is_answered_the_same_way(
    hub: Served, data: bytes, code: str, field: str | None
) -> None:
    viewer = await hub.viewer("msgpack")
    await viewer.socket.send(data)
    error = await viewer.next("error")
    assert (error["code"], error.get("field")) == (code, field), error
    assert (await viewer.ask("ping"))["type"] == "pong"


async def test_an_error_carries_the_id_of_the_request_it_answers(hub: Served) -> None:
    viewer = await hub.viewer()
    assert (await viewer.ask("dance"))["code"] == "unknown_type"
    assert (await viewer.ask("subscribe"))["code"] == "invalid"
    assert (await viewer.ask("cancel", job="nobody"))["code"] == "not_found"


async def test_unknown_fields_are_ignored(hub: Served) -> None:
    viewer = await hub.viewer()
    assert (await viewer.ask("ping", colour="red", nested={"a": [1, 2]}))["type"] == "pong"


async def test_five_malformed_messages_in_a_row_close_the_socket_with_4400(hub: Served, encoding: str) -> None:
    viewer = await hub.viewer(encoding)
    for _ in range(5):
        await viewer.socket.send("}{" if encoding == "json" else b"\xc1")
    assert await viewer.close_code() == 4400
    assert [message["type"] for message in viewer.messages] == ["error"] * 5 + ["closing"]
    assert viewer.messages[-1]["code"] == 4400


@pytest.mark.parametrize("between", ['{"type": "ping", "id": 1}', '{"type": "dance"}', '{"type": "ping"}'])
async def test_malformed_messages_that_are_not_in_a_row_leave_it_open(hub: Served, between: str) -> None:
    viewer = await hub.viewer()
    for _ in range(3):
        for _ in range(4):
            await viewer.socket.send("}{")
        await viewer.socket.send(between)
    assert (await viewer.ask("ping"))["type"] == "pong"


async def test_frames_of_the_other_kind_are_malformed(hub: Served) -> None:
    text, binary = await hub.viewer("json"), await hub.viewer("msgpack")
    await text.socket.send(b'{"type": "ping", "id": 1}')
    assert (await text.next("error"))["code"] == "malformed"
    await binary.socket.send('{"type": "ping", "id": 1}')
    assert (await binary.next("error"))["code"] == "malformed"


async def test_text_that_is_not_utf_8_closes_the_socket_with_1007(hub: Served) -> None:
    viewer = await hub.viewer()
    await viewer.socket.send(b'{"type": "ping", "id": "\xff"}', text=True)
    assert await viewer.close_code() == 1007


async def test_half_a_surrogate_pair_is_malformed(hub: Served) -> None:
    viewer = await hub.viewer()
    await viewer.socket.send('{"type": "ping", "id": "\\ud800"}')
    assert (await viewer.next("error"))["code"] == "malformed"


@pytest.mark.parametrize("size", [Settings().message_bytes, 1_000_000])
async def test_a_frame_over_the_limit_closes_the_socket_with_1009(hub: Served, size: int) -> None:
    viewer = await hub.viewer()
    frame = '{"type": "start", "id": 1, "kind": "import-orders", "title": "' + "x" * size + '"}'
    await viewer.socket.send(frame)
    assert await viewer.close_code() == 1009


async def test_a_hundred_thousand_levels_of_json_do_no_harm(db: Path) -> None:
    async with serving(db, message_bytes=1024 * 1024) as hub:
        viewer = await hub.viewer()
        for deep in ("[" * 100_000, '{"a":' * 100_000, '{"type": "ping", "id": 1, "x": ' + "[" * 100_000):
            await viewer.socket.send(deep)
            assert (await viewer.next("error"))["code"] == "malformed"
        title = '{"type": "start", "id": 1, "kind": "import-orders", "title": "' + "x" * 1_000_000 + '"}'
        await viewer.socket.send(title)
        error = await viewer.next("error")
        assert (error["code"], error.get("field")) == ("invalid", "title"), error
        assert len(error["message"]) < 400


async def test_any_text_comes_back_as_it_was(hub: Served, encoding: str) -> None:
    nasty = "<b>&amp;</b> '; DROP TABLE jobs; -- \u202e %_\\ \U0001f600 \x00 \x1b[31m \n\t\""
    viewer = await hub.viewer(encoding)
    answer = await viewer.ask("start", kind="import-orders", title=nasty, params={"path": nasty}, tags={nasty: nasty})
    assert answer["job"]["title"] == nasty
    again = await hub.job(answer["job"]["id"])
    assert (again["title"], again["params"], again["tags"]) == (nasty, {"path": nasty}, {nasty: nasty})


# ── Limits ────────────────────────────────────────────────────────────────────


async def test_one_topic_too_many_is_refused_and_the_others_stay(db: Path) -> None:
    async with serving(db, topics_per_viewer=2) as hub:
        one, two = await hub.outside(), await hub.outside()
        viewer = await hub.watching("jobs")
        await viewer.ask("subscribe", topic=f"job:{one.id}")
        assert (await viewer.ask("subscribe", topic=f"job:{two.id}"))["code"] == "too_many"
        assert (await viewer.ask("subscribe", topic=f"job:{one.id}"))["type"] == "subscribed"
        await viewer.ask("unsubscribe", topic=f"job:{one.id}")
        assert (await viewer.ask("subscribe", topic=f"job:{two.id}"))["type"] == "subscribed"


async def test_more_requests_than_are_allowed_are_refused_but_subscribing_and_pings_do_not_count(db: Path) -> None:
    async with serving(db, requests_per_minute=3) as hub:
        viewer = await hub.viewer()
        for _ in range(10):
            await viewer.ask("ping")
            await viewer.ask("subscribe", topic="jobs")
            await viewer.ask("unsubscribe", topic="jobs")
            await viewer.say("visible", value=True)
        codes = [(await viewer.ask("cancel", job="nobody"))["code"] for _ in range(4)]
        assert codes == ["not_found"] * 3 + ["too_many"]
        assert (await viewer.ask("ping"))["type"] == "pong"
        other = await hub.viewer()
        assert (await other.ask("cancel", job="nobody"))["code"] == "not_found"


async def test_one_viewer_too_many_is_turned_away_before_the_upgrade(db: Path) -> None:
    async with serving(db, viewers=1) as hub:
        viewer = await hub.viewer()
        await viewer.ask("ping")
        with pytest.raises(InvalidStatus) as refused:
            await hub.viewer()
        assert refused.value.response.status_code == 503
        await viewer.socket.close()


# ── Strangers ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/ws", "/ws/worker"])
@pytest.mark.parametrize("foreign", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", ""])
async def test_a_foreign_origin_is_refused_before_the_upgrade(hub: Served, path: str, foreign: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await hub.socket(path, additional_headers={"Origin": foreign})
    assert refused.value.response.status_code == 403
    body = refused.value.response.body
    assert body is not None
    assert json.loads(body)["type"].endswith("/forbidden")


@pytest.mark.parametrize("path", ["/ws", "/ws/worker"])
async def test_the_pages_own_origin_is_let_in(hub: Served, path: str) -> None:
    socket = await hub.socket(path, additional_headers={"Origin": hub.base})
    assert socket.response is not None
    assert socket.response.status_code == 101


@pytest.mark.parametrize("path", ["/ws", "/ws/worker"])
@pytest.mark.parametrize("foreign", ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "[::2]"])
async def test_a_foreign_host_is_refused_before_the_upgrade(hub: Served, path: str, foreign: str) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {foreign}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(head.encode())
    status = await soon(reader.readline())
    assert status.split()[1] == b"400"
    writer.close()
    await writer.wait_closed()


async def test_an_unknown_socket_path_is_refused(hub: Served) -> None:
    with pytest.raises(InvalidStatus):
        await hub.socket("/ws/other")


async def test_a_peer_that_vanishes_while_its_buffer_is_full_is_let_go_of(db: Path) -> None:
    """The hub does not read from it at that time, so nothing else would tell the session."""
    async with serving(db, write_buffer_bytes=2048, send_buffer_bytes=2048) as hub:
        work = await hub.outside()
        watcher = await hub.watching(f"job:{work.id}")
        stopped = await hub.watching(f"job:{work.id}")
        await watcher.job(work.id, viewers=2)
        await hub.fill(stopped, work)
        for number in range(3):
            await stopped.say("ping", id=number)
        stopped.socket.transport.abort()
        await watcher.job(work.id, viewers=1)
        assert len(hub.service.hub.viewers) == 1
