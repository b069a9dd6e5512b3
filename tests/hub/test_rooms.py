"""All rooms: who is told what, when, also while they are slow, hidden or change their pace."""

from __future__ import annotations

import pytest

from hub.protocol import Filter
from hub.room import FEED
from hub.view import Status
from tests.hub.made import T0, entry, finish, made, phase, report, running
from tests.hub.watching import HIDDEN_MS, UPDATE_MS, Desk, Screen


@pytest.fixture
def desk() -> Desk:
    one = Desk()
    one.take(job := running(phases=("a", "b")), job.created(T0))
    return one


def moved(desk: Desk, done: int) -> None:
    desk.take(desk.jobs["j1"], report(desk.jobs["j1"], done=done, total=100))


def watcher(desk: Desk, *topics: str, slow: bool = False) -> Screen:
    screen = Screen(desk)
    screen.slow = slow
    for topic in topics or (FEED, "job:j1"):
        screen.subscribe(topic)
    screen.frames = 0
    return screen


def test_rooms_know_who_is_in_them(desk: Desk) -> None:
    rooms, screen = desk.rooms, watcher(desk, "job:j1")
    assert (rooms.viewers("job:j1"), rooms.viewers(FEED), rooms.viewers("job:x")) == (1, 0, 0)
    assert rooms.is_in("job:j1", screen)
    assert not rooms.is_in(FEED, screen)
    assert not rooms.is_in("job:x", screen)
    assert list(rooms.members("job:j1")) == [("json", screen)]
    assert list(rooms.members("job:x")) == []
    assert (rooms.watching("j1"), rooms.watching("x")) == (1, 0)
    watcher(desk, FEED)
    assert rooms.watching("x")


def test_rooms_and_those_in_them_are_counted_for_the_feed_and_for_jobs(desk: Desk) -> None:
    assert (desk.rooms.occupied, desk.rooms.subscriptions) == ({"jobs": 0, "job": 0}, {"jobs": 0, "job": 0})
    watcher(desk)
    watcher(desk, "job:j1")
    assert (desk.rooms.occupied, desk.rooms.subscriptions) == ({"jobs": 1, "job": 1}, {"jobs": 1, "job": 2})


def test_a_room_that_is_empty_is_forgotten_but_the_feed_is_not(desk: Desk) -> None:
    screen = watcher(desk)
    screen.leave("job:j1")
    screen.leave(FEED)
    desk.rooms.leave("job:j1", screen)
    assert not desk.rooms.watching("j1")
    assert desk.rooms.viewers(FEED) == 0
    two = [watcher(desk, "job:j1") for _ in range(2)]
    two[0].leave("job:j1")
    assert desk.rooms.is_in("job:j1", two[1])


def test_filters_are_kept(desk: Desk) -> None:
    screen = Screen(desk)
    screen.subscribe(FEED, Filter(kind=["k"]))
    assert desk.rooms.filter_of(FEED, screen) == Filter(kind=["k"])
    screen.hide(True)
    assert desk.rooms.filter_of(FEED, screen) == Filter(kind=["k"])
    assert desk.rooms.filter_of("job:x", screen) is None
    desk.rooms.repace("job:x", screen, "json", slow=True)
    desk.rooms.repace("job:j1", screen, "json", slow=True)


def test_the_first_change_is_told_at_once_the_next_at_the_rooms_pace(desk: Desk) -> None:
    screen = watcher(desk, "job:j1")
    moved(desk, 1)
    assert desk.flush() is None
    assert screen.frames == 1
    moved(desk, 2)
    desk.now += 10
    assert desk.flush() == T0 + UPDATE_MS
    assert screen.frames == 1
    desk.now = T0 + UPDATE_MS
    desk.flush()
    assert screen.frames == 2
    screen.check()


def test_a_change_of_status_does_not_wait(desk: Desk) -> None:
    screen = watcher(desk, "job:j1")
    moved(desk, 1)
    desk.flush()
    desk.take(desk.jobs["j1"], finish(desk.jobs["j1"]))
    desk.flush()
    assert screen.known["job:j1"]["j1"]["status"] == "succeeded"


def test_a_hidden_viewer_is_told_at_its_slow_pace(desk: Desk) -> None:
    screen = watcher(desk, slow=True)
    moved(desk, 1)
    desk.flush()
    screen.frames = 0
    moved(desk, 2)
    desk.now += UPDATE_MS
    assert desk.flush() == T0 + HIDDEN_MS
    assert screen.frames == 0
    desk.settle()
    assert desk.now == T0 + HIDDEN_MS
    screen.check()


def test_entries_go_to_the_jobs_own_room_at_once(desk: Desk) -> None:
    screens = [watcher(desk, FEED), watcher(desk, "job:j1"), watcher(desk, "job:j1", slow=True)]
    desk.take(desk.jobs["j1"], entry(desk.jobs["j1"]))
    assert [screen.frames for screen in screens] == [0, 1, 1]
    desk.rooms.log("j1", [])
    desk.rooms.log("x", desk.logs["j1"])


def test_a_viewer_that_comes_to_see_is_told_what_it_missed_while_hidden(desk: Desk) -> None:
    seen, hidden = watcher(desk), watcher(desk, slow=True)
    moved(desk, 1)
    desk.settle()
    moved(desk, 2)
    desk.now += UPDATE_MS
    desk.flush()
    assert hidden.known[FEED]["j1"]["done"] == 1
    hidden.hide(False)
    desk.settle()
    hidden.check()
    seen.check()
    assert hidden.known[FEED]["j1"]["done"] == 2


def test_a_viewer_that_hides_misses_nothing_that_was_due(desk: Desk) -> None:
    hidden, seen = watcher(desk, slow=True), watcher(desk)
    desk.take(desk.jobs["j1"], phase(desk.jobs["j1"], "a"))
    desk.flush()
    moved(desk, 3)
    seen.hide(True)
    moved(desk, 4)
    desk.settle()
    for screen in (hidden, seen):
        screen.check()


def test_a_job_that_was_announced_in_one_lane_only_is_announced_to_all_of_the_other(desk: Desk) -> None:
    seen, hidden = watcher(desk, FEED), watcher(desk, FEED, slow=True)
    moved(desk, 1)
    desk.settle()
    desk.take(job := made(id="j2"), job.created(desk.now))
    desk.flush()
    assert "j2" in seen.known[FEED]
    assert "j2" not in hidden.known[FEED]
    seen.hide(True)
    desk.settle()
    seen.check()
    hidden.check()


def test_a_new_job_that_waits_for_a_hidden_viewer_is_told_when_it_comes_to_see(desk: Desk) -> None:
    hidden, seen = watcher(desk, FEED, slow=True), watcher(desk, FEED)
    moved(desk, 1)
    desk.settle()
    desk.take(job := made(id="j2"), job.created(desk.now))
    desk.flush()
    hidden.hide(False)
    desk.settle()
    hidden.check()
    seen.check()


def test_a_newcomer_keeps_a_new_job_from_nobody_who_waits_for_it(desk: Desk) -> None:
    hidden = watcher(desk, FEED, slow=True)
    moved(desk, 1)
    desk.settle()
    desk.take(job := made(id="j2"), job.created(desk.now))
    desk.flush()
    newcomer = watcher(desk, FEED, slow=True)
    desk.settle()
    hidden.check()
    newcomer.check()


def test_a_viewer_that_changed_lanes_hears_of_what_is_gone(desk: Desk) -> None:
    screen = Screen(desk)
    screen.subscribe(FEED, Filter(status=[Status.RUNNING]))
    screen.hide(True)
    desk.take(desk.jobs["j1"], finish(desk.jobs["j1"]))
    desk.settle()
    assert screen.known[FEED] == {}
    other = watcher(desk, FEED)
    other.hide(True)
    desk.delete("j1")
    assert other.known[FEED] == {}


def test_a_job_that_never_matched_is_not_told_by_changing_lanes(desk: Desk) -> None:
    screen = Screen(desk)
    screen.subscribe(FEED, Filter(kind=["other"]))
    moved(desk, 1)
    screen.frames = 0
    screen.hide(True)
    desk.settle()
    assert screen.frames == 0


def test_a_deleted_job_is_gone_from_both_its_rooms(desk: Desk) -> None:
    screens = [watcher(desk), watcher(desk, slow=True)]
    stranger = Screen(desk)
    stranger.subscribe(FEED, Filter(kind=["other"]))
    stranger.frames = 0
    moved(desk, 1)
    desk.delete("j1")
    desk.settle()
    assert [screen.known for screen in screens] == [{FEED: {}, "job:j1": {}}] * 2
    assert stranger.frames == 0
    assert desk.rooms.viewers("job:j1") == 0


def test_a_slow_viewer_is_owed_the_newest_and_what_is_gone(desk: Desk) -> None:
    screen = Screen(desk)
    screen.subscribe(FEED, Filter(status=[Status.RUNNING]))
    desk.take(other := running(id="j2"), other.created(T0))
    desk.settle()
    screen.full = True
    for done in range(5):
        moved(desk, done)
        desk.settle()
    desk.take(other, finish(other))
    desk.settle()
    assert screen.known[FEED]["j2"]["status"] == "running"
    screen.drain()
    screen.check()
    assert set(screen.known[FEED]) == {"j1"}
    desk.take(desk.jobs["j1"], entry(desk.jobs["j1"]))
    screen.full = True
    desk.settle()
    desk.delete("j1")
    screen.drain()
    assert screen.known[FEED] == {}


def test_a_lane_whose_viewers_left_is_due_no_more(desk: Desk) -> None:
    screen = watcher(desk)
    moved(desk, 1)
    desk.settle()
    moved(desk, 2)
    screen.leave(FEED)
    screen.leave("job:j1")
    assert desk.flush() is None
