"""Lanes: viewers that are sent the same bytes, and what those say."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.codec import Frame
from hub.job import Job
from hub.protocol import Filter
from hub.room import FEED, PIECE_BYTES, Lane, LaneKey, Room, matches, snapshots
from hub.shown import NOTHING_AROUND, Shown, view_of
from hub.view import LogEntry, Status
from tests.hub.made import T0, finish, made, opened, phase, report, running
from tests.hub.watching import Desk, Screen


def shown(job: Job) -> Shown:
    return Shown(view_of(job, NOTHING_AROUND, T0))


def lane(topic: str = FEED, filter_: Filter | None = None) -> Lane:
    return Lane(topic, LaneKey("json", False, b""), filter_)


def said(frame: Frame) -> Any:
    return msgspec.json.decode(frame.payload)


def flushed(one: Lane) -> list[Any]:
    return [said(frame) for frame, _ in one.flush(T0)]


# ── One lane ──────────────────────────────────────────────────────────────────


def test_a_job_that_is_new_is_announced_whole() -> None:
    feed, job = lane(), running()
    feed.change(shown(job), phases=False, whole=False)
    assert [message["type"] for message in flushed(feed)] == ["snapshot"]
    assert not feed.due


def test_what_changes_then_is_an_update_that_proves_nothing_was_skipped() -> None:
    feed, job = lane(), running()
    feed.knows(shown(job))
    for done in range(1, 4):
        report(job, done=done)
        feed.change(shown(job), phases=False, whole=False)
    (update,) = flushed(feed)
    assert (update["type"], update["at"]) == ("update", T0)
    (one,) = update["jobs"]
    assert (one["from"], one["seq"], one["done"]) == (3, 5, 3)
    assert "phases" not in one


def test_phases_come_with_an_update_only_when_one_changed() -> None:
    feed, job = lane(), running(phases=("a", "b"))
    feed.knows(shown(job))
    phase(job, "a")
    feed.change(shown(job), phases=True, whole=False)
    report(job, done=1)
    feed.change(shown(job), phases=False, whole=False)
    assert [p["name"] for p in flushed(feed)[0]["jobs"][0]["phases"]] == ["a", "b"]


def test_a_job_that_is_another_now_is_sent_whole() -> None:
    feed, job = lane("job:j1"), running()
    feed.knows(shown(job))
    finish(job, result={"rows": 1})
    feed.change(shown(job), phases=True, whole=True)
    report_ = flushed(feed)[0]
    assert (report_["type"], report_["jobs"][0]["result"]) == ("snapshot", {"rows": 1})


def test_a_lane_that_knows_the_newest_is_sent_nothing() -> None:
    feed, job = lane(), running()
    feed.change(shown(job), phases=False, whole=False)
    list(feed.flush(T0))
    feed.change(shown(job), phases=False, whole=False)
    assert flushed(feed) == []


def test_the_changes_of_one_turn_are_one_update() -> None:
    feed = lane()
    jobs = [running(id=f"j{number}") for number in range(3)]
    for job in jobs:
        feed.knows(shown(job))
        report(job, done=1)
        feed.change(shown(job), phases=False, whole=False)
    ((frame, told),) = feed.flush(T0)
    assert [one["id"] for one in said(frame)["jobs"]] == told == ["j0", "j1", "j2"]


def test_the_feed_never_carries_results() -> None:
    job = running()
    finish(job, result="x" * 1_000)
    for topic, there in ((FEED, False), ("job:j1", True)):
        one = lane(topic)
        one.knows(shown(job))
        job.state.seq += 1
        one.change(shown(job), phases=False, whole=False)
        assert ("result" in flushed(one)[0]["jobs"][0]) is there


def test_a_job_that_no_longer_matches_is_gone_and_may_come_back() -> None:
    feed, job = lane(filter_=Filter(status=[Status.RUNNING])), running()
    feed.knows(shown(job))
    finish(job, "failed")
    feed.change(shown(job), phases=True, whole=True)
    ((frame, told),) = feed.flush(T0)
    assert (said(frame), told) == ({"type": "gone", "job": "j1", "reason": "filtered"}, ["j1"])
    feed.change(shown(job), phases=True, whole=True)
    assert flushed(feed) == []
    job.retry(None, T0)
    opened(job)
    feed.change(shown(job), phases=False, whole=False)
    assert flushed(feed)[0]["type"] == "snapshot"


def test_a_deleted_job_is_gone_for_those_who_knew_it() -> None:
    feed, job = lane(), running()
    assert feed.remove("j1") is None
    feed.knows(shown(job))
    feed.change(shown(job), phases=False, whole=False)
    gone = feed.remove("j1")
    assert gone is not None
    assert said(gone) == {"type": "gone", "job": "j1", "reason": "deleted"}
    assert flushed(feed) == []


# ── Filters ───────────────────────────────────────────────────────────────────


def test_a_filter_asks_for_any_of_each() -> None:
    view = view_of(made(kind="sync", tags={"team": "a"}), NOTHING_AROUND, T0)
    for yes in (
        None, Filter(), Filter(status=[Status.RUNNING, Status.QUEUED]), Filter(kind=["x", "sync"]),
        Filter(tag=["team"]), Filter(tag=["team:b", "team:a"]),
        Filter(status=[Status.QUEUED], kind=["sync"], tag=["team"]),
    ):  # fmt: skip
        assert matches(yes, view)
    for no in (
        Filter(status=[Status.RUNNING]), Filter(kind=["x"]), Filter(tag=["team:b"]), Filter(tag=["a"]),
        Filter(status=[Status.QUEUED], kind=["x"]),
    ):  # fmt: skip
        assert not matches(no, view)


# ── Snapshots ─────────────────────────────────────────────────────────────────


def test_a_snapshot_of_many_jobs_comes_in_pieces_the_last_of_which_says_so() -> None:
    jobs = [shown(made(id=f"j{number}", title="x" * 4_000)) for number in range(30)]
    frames = list(snapshots(jobs, "json", feed=True, end=True))
    assert len(frames) > 1
    assert all(len(frame.payload) <= PIECE_BYTES + 100 for frame in frames)
    assert [job["id"] for frame in frames for job in said(frame)["jobs"]] == [f"j{number}" for number in range(30)]
    assert ["end" in said(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]


def test_a_snapshot_of_one_large_job_is_one_piece() -> None:
    job = running()
    finish(job, result="x" * 60_000)
    assert len(list(snapshots([shown(job)], "json", feed=False, end=False))) == 1


def test_an_empty_feed_has_an_end_too() -> None:
    assert [said(frame) for frame in snapshots([], "json", feed=True, end=True)] == [
        {"type": "snapshot", "jobs": [], "end": True}
    ]
    assert list(snapshots([], "json", feed=True, end=False)) == []


def test_the_feed_leaves_out_what_is_large() -> None:
    job = made(params={"a": 1})
    whole = said(next(snapshots([shown(job)], "json", feed=False, end=False)))["jobs"][0]
    brief = said(next(snapshots([shown(job)], "json", feed=True, end=False)))["jobs"][0]
    assert set(whole) - set(brief) == {"params", "result", "attempts"}


# ── Rooms ─────────────────────────────────────────────────────────────────────


def test_a_room_has_a_lane_for_each_way_to_be_told() -> None:
    room, desk = Room(FEED), Desk()
    screens = [Screen(desk) for _ in range(5)]
    room.join(screens[0], "json", None, slow=False)
    room.join(screens[1], "json", None, slow=False)
    room.join(screens[2], "msgpack", None, slow=False)
    room.join(screens[3], "json", None, slow=True)
    room.join(screens[4], "json", Filter(kind=["a"]), slow=False)
    assert (len(room), len(room.lanes)) == (5, 4)
    assert screens[4] in room
    assert room.filter_of(screens[4]) == Filter(kind=["a"])
    assert (room.filter_of(Screen(desk)), Screen(desk) in room) == (None, False)


def test_a_lane_that_nobody_is_in_is_forgotten() -> None:
    room, screen = Room(FEED), Screen(Desk())
    room.join(screen, "json", None, slow=False)
    room.join(screen, "msgpack", None, slow=False)
    assert [key.encoding for key in room.lanes] == ["msgpack"]
    room.leave(screen)
    room.leave(screen)
    assert (len(room), room.lanes) == (0, {})


def test_a_log_is_encoded_once_an_encoding() -> None:
    frames: list[Frame] = []

    class Listener(Screen):
        def take_log(self, job: str, frame: Frame, first: int) -> None:
            assert (job, first) == ("j1", 4)
            frames.append(frame)

    room, desk = Room("job:j1"), Desk()
    for encoding, slow in (("json", False), ("json", True), ("msgpack", False)):
        room.join(Listener(desk), encoding, None, slow=slow)  # type: ignore[arg-type]
    room.log("j1", [LogEntry(n=4, at=0, attempt=1, level="info", event="entry", text="x")])
    assert (len(frames), len({id(frame) for frame in frames})) == (3, 2)
