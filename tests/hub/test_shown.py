"""A job as viewers are shown it: one version, encoded at most once a way."""

from __future__ import annotations

import msgspec

from hub.shown import NOTHING_AROUND, Shown, Surroundings, view_of
from tests.hub.made import T0, finish, phase, plain, report, running


def test_a_version_of_a_job_is_encoded_once_a_way() -> None:
    one = Shown(view_of(running(), Surroundings(viewers=3), T0))
    for _ in range(2):
        assert plain(one.whole("json", feed=True))["viewers"] == 3
        assert plain(one.update("json", 1, phases=False))["from"] == 1
        one.update("json", 2, phases=False)
        one.whole("msgpack", feed=False)
    assert len(one._bytes) == 4
    assert (one.id, one.seq) == ("j1", 2)


def test_a_view_is_not_changed_by_what_the_job_does_next() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a")
    report(job, done=1, counters={"ok": 1})
    view = view_of(job, NOTHING_AROUND, T0)
    before = msgspec.json.encode(view)
    report(job, done=2, counters={"ok": 2})
    phase(job, "b")
    finish(job, "failed")
    job.retry(None, T0)
    assert msgspec.json.encode(view) == before


def test_the_phases_of_a_view_hold_the_current_numbers() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a", total=4)
    report(job, done=3)
    view = view_of(job, NOTHING_AROUND, T0 + 2_000)
    assert (view.phases[0].done, view.phases[0].total, view.elapsed_s) == (3, 4, 2.0)


def test_a_view_tells_what_others_know() -> None:
    around = Surroundings(viewers=2, queue_position=3, starts_in_s=1.5)
    view = view_of(running(), around, T0)
    assert (view.viewers, view.queue_position, view.starts_in_s, view.typical) == (2, 3, 1.5, None)


def test_a_version_counts_as_it_was_shown() -> None:
    job = running()
    one = Shown(view_of(job, NOTHING_AROUND, T0), queued_at=7)
    finish(job)
    assert (one.status, one.stalled, one.worker, one.queued_at) == ("running", False, "host/1", 7)
