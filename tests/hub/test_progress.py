"""How far a job is: absolute numbers, phases, a fraction that does not fall."""

from __future__ import annotations

import pytest

from hub.protocol import Report
from hub.view import Curve, Phase
from tests.hub.made import T0, checkpoint, encoded, entry, events, finish, opened, phase, report, running, said, usual


def test_what_a_report_leaves_out_stays() -> None:
    job = running()
    report(job, done=1, total=4, unit="rows", counters={"ok": 1}, message="m", worker="w")
    report(job, done=2)
    state = job.state
    assert (state.done, state.total, state.unit, state.counters) == (2, 4, "rows", {"ok": 1})
    assert (state.message, state.worker) == ("m", "w")


def test_null_in_a_report_means_unknown() -> None:
    job = running()
    report(job, done=1, total=4, unit="rows", message="m")
    report(job, done=None, total=None, unit=None, message=None)
    state = job.state
    assert (state.done, state.total, state.unit, state.message) == (None, None, None, None)
    assert state.fraction == 0.25


def test_a_report_that_says_nothing_new_is_no_change() -> None:
    job = running()
    report(job, done=1, total=4)
    before = encoded(job)
    change = report(job, done=1, total=4)
    assert (change.visible, change.durable) == (False, False)
    assert encoded(job) == before


def test_moving_numbers_are_not_durable() -> None:
    change = report(running(), done=1, total=4)
    assert (change.visible, change.durable, change.entries) == (True, False, [])


def test_every_visible_change_raises_seq_by_one() -> None:
    job = running()
    assert job.state.seq == 2
    report(job, done=1)
    report(job, done=1)
    report(job, done=2)
    assert job.state.seq == 4


def test_more_done_than_there_is_is_kept_and_shown_as_all() -> None:
    job = running()
    report(job, done=12, total=10)
    assert (job.state.done, job.state.total, job.state.fraction) == (12, 10, 1.0)
    finish(job)
    assert job.state.done == 12


def test_the_fraction_is_held_when_done_falls() -> None:
    job = running()
    report(job, done=5, total=10)
    report(job, done=2)
    assert (job.state.done, job.state.fraction) == (2, 0.5)


def test_a_total_that_grew_may_lower_the_fraction_and_is_told() -> None:
    job = running()
    report(job, done=5, total=10, unit="rows")
    change = report(job, total=2_000, done=6)
    assert job.state.fraction == 0.003
    assert [line.text for line in change.entries] == ["Total grew from 10 to 2,000 rows"]
    assert change.durable
    assert report(running(), total=5).entries == []


def test_a_total_that_shrinks_raises_the_fraction_and_is_not_told() -> None:
    job = running()
    report(job, done=5, total=10)
    assert events(report(job, total=8)) == []
    assert job.state.fraction == 0.625


def test_a_total_that_was_unknown_in_between_does_not_lower_the_fraction() -> None:
    job = running()
    report(job, done=5, total=10)
    report(job, total=None)
    assert events(report(job, total=100)) == []
    assert job.state.fraction == 0.5


def test_a_total_that_grew_without_a_unit_is_told_without_one() -> None:
    job = running()
    report(job, total=1.5)
    assert report(job, total=2.5).entries[0].text == "Total grew from 1.5 to 2.5"


# ── Rate and time left ────────────────────────────────────────────────────────


def test_rate_and_eta_come_from_what_was_seen() -> None:
    job = running()
    for second in range(5):
        report(job, done=second * 10, total=100, now=T0 + second * 1000)
    state = job.state
    assert (state.rate, state.eta_s) == (10.0, 6.0)
    assert (state.eta_low_s, state.eta_high_s) == (6.0, 6.0)


def test_the_workers_own_rate_and_eta_win_and_stay() -> None:
    job = running()
    for second in range(5):
        report(job, done=second * 10, total=100, now=T0 + second * 1000)
    report(job, rate=7.0, eta_s=9.0, now=T0 + 5_000)
    assert (job.state.rate, job.state.eta_s, job.state.eta_low_s) == (7.0, 9.0, None)
    report(job, done=60, now=T0 + 6_000)
    assert (job.state.rate, job.state.eta_s, job.state.eta_low_s) == (7.0, 9.0, None)
    report(job, rate=None, eta_s=None, now=T0 + 7_000)
    assert (job.state.rate, job.state.eta_s) == (None, None)


def test_a_worker_that_tells_its_rate_alone_is_given_an_eta() -> None:
    job = running()
    for second in range(5):
        report(job, done=second * 10, total=100, rate=7.0, now=T0 + second * 1000)
    assert (job.state.rate, job.state.eta_s) == (7.0, 6.0)


def test_the_workers_own_rate_holds_for_its_phase() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a")
    report(job, done=1, rate=7.0)
    phase(job, "b")
    assert job.state.rate is None
    report(job, done=1)
    assert job.state.rate is None


def test_a_change_of_the_interval_alone_is_visible() -> None:
    job = running()
    for second in range(5):
        report(job, done=second * 10, total=100, now=T0 + second * 1000)
    assert job.state.eta_low_s is not None
    assert report(job, rate=10.0, eta_s=6.0, now=T0 + 4_000).visible
    assert job.state.eta_low_s is None


# ── Phases ────────────────────────────────────────────────────────────────────


def test_a_phase_starts_at_zero_and_ends_the_one_before() -> None:
    job = running(phases=("Prepare", Phase(name="Load", total=50, unit="rows")))
    phase(job, "Prepare", now=T0 + 1)
    report(job, done=3, total=3)
    change = phase(job, "Load", now=T0 + 2)
    state = job.state
    assert (state.phase, state.done, state.total, state.unit) == (1, 0, 50, "rows")
    assert (state.phases[0].done, state.phases[0].finished_at, state.phases[1].started_at) == (3, T0 + 2, T0 + 2)
    assert (change.phases, change.durable, change.entries[-1].text) == (True, True, "Phase Load")
    assert change.entries[-1].data == {"phase": 1, "name": "Load"}
    assert state.fraction == 0.5


def test_a_phase_that_was_not_declared_is_added() -> None:
    job = running(phases=("a", "c"))
    phase(job, "a")
    phase(job, "b", total=9, unit="x")
    assert [p.name for p in job.state.phases] == ["a", "b", "c"]
    assert (job.state.phase, job.state.total, job.state.unit) == (1, 9, "x")


def test_a_report_may_name_the_phase_it_is_about() -> None:
    job = running(phases=("a", "b"))
    change = report(job, phase=0, done=1, total=2, now=T0 + 5)
    assert (job.state.phase, job.state.done, job.state.phases[0].started_at) == (0, 1, T0 + 5)
    assert change.phases
    assert report(job, phase=1, done=1, total=4, now=T0 + 6).phases
    assert (job.state.phase, job.state.phases[0].finished_at, job.state.fraction) == (1, T0 + 6, 0.625)
    assert not report(job, phase=1, done=2).phases


def test_a_report_of_the_second_of_two_phases_of_one_name_means_the_second() -> None:
    job = running(phases=("Load", "Load"))
    report(job, phase=1, done=1)
    assert job.state.phase == 1
    assert [p.started_at for p in job.state.phases] == [None, T0]


def test_a_report_that_goes_back_to_an_earlier_phase_holds_the_fraction() -> None:
    job = running(phases=("a", "b"))
    report(job, phase=0, done=4, total=4)
    report(job, phase=1, done=1, total=2)
    report(job, phase=0, done=2)
    state = job.state
    assert (state.phase, state.done, state.total, state.fraction) == (0, 2, 4, 0.75)
    report(job, phase=1, done=2)
    assert (state.phase, state.done, state.fraction) == (1, 2, 1.0)


def test_success_ends_every_phase_that_began() -> None:
    job = running(phases=("a", "b", "c"))
    report(job, phase=0, done=1)
    report(job, phase=1, done=1)
    report(job, phase=0, done=2)
    finish(job, now=T0 + 9)
    assert [p.finished_at for p in job.state.phases] == [T0, T0 + 9, None]


def test_a_failure_leaves_its_phase_unfinished() -> None:
    job = running(phases=("a",))
    phase(job, "a")
    finish(job, "failed")
    assert job.state.phases[0].finished_at is None


def test_a_phase_that_did_more_than_its_total_is_not_cut() -> None:
    job = running(phases=("a",))
    phase(job, "a", total=10)
    report(job, done=11)
    finish(job)
    assert (job.state.phases[0].done, job.state.done) == (11, 11)


def test_numbers_without_phases_are_the_jobs() -> None:
    job = running()
    report(job, done=1, total=4)
    assert job.progress.phases_now() == []
    assert job.state.fraction == 0.25


# ── Another plan ──────────────────────────────────────────────────────────────


def test_declaring_the_same_phases_again_changes_nothing() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a")
    report(job, done=1, total=2)
    before = encoded(job)
    assert not opened(job, "a", "b").visible
    assert encoded(job) == before


def test_a_new_plan_replaces_what_has_not_started() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a")
    change = opened(job, "a", "x", "y")
    assert [p.name for p in job.state.phases] == ["a", "x", "y"]
    assert (change.phases, change.durable, change.visible) == (True, True, True)


def test_the_current_phase_stays_the_current_one_in_a_new_plan() -> None:
    job = running(phases=("a", "b"))
    phase(job, "b")
    report(job, done=3, total=9)
    opened(job, "a", "b")
    assert [p.name for p in job.state.phases] == ["b", "a"]
    assert (job.state.phase, job.state.done, job.state.total) == (0, 3, 9)
    phase(job, "a")
    assert (job.state.phase, job.state.phases[0].done) == (1, 3)


def test_a_plan_without_the_phase_to_go_on_from_forgets_its_numbers() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a", total=9)
    report(job, done=3)
    checkpoint(job)
    finish(job, "failed")
    job.retry(None, T0)
    opened(job, "x", "y")
    state = job.state
    assert ([p.name for p in state.phases], state.phase, state.done, state.total) == (["x", "y"], None, None, None)
    assert state.fraction == pytest.approx(1 / 6)


def test_a_plan_with_the_phase_to_go_on_from_keeps_its_numbers() -> None:
    job = running(phases=("a", "b"))
    phase(job, "a")
    phase(job, "b", total=9)
    report(job, done=3)
    checkpoint(job)
    finish(job, "failed")
    job.retry(None, T0)
    opened(job, "a", "b", "c")
    assert (job.state.phase, job.state.done, job.state.phases[0].finished_at) == (1, 3, T0)


def test_weights_come_from_history() -> None:
    history = Curve(typical=usual(10), phases={"a": usual(1), "b": usual(9)})
    job = running(phases=("a", "b"), history=history)
    phase(job, "a")
    phase(job, "b")
    assert job.state.fraction == pytest.approx(0.1)


# ── Checkpoints ───────────────────────────────────────────────────────────────


def test_a_checkpoint_keeps_the_numbers_as_they_were_at_it() -> None:
    job = running()
    report(job, done=50, total=100, unit="rows", counters={"ok": 50})
    change = checkpoint(job, {"row": 40}, done=40, now=T0 + 1)
    assert change.checkpoint == ({"row": 40},)
    assert change.entries[0].text == "Checkpoint at 40 rows"
    assert change.entries[0].data == {"done": 40, "fraction": 0.4}
    assert job.state.checkpoint is not None
    assert (job.state.checkpoint.at, job.state.checkpoint.done, job.state.checkpoint.fraction) == (T0 + 1, 40, 0.4)
    assert (job.state.done, job.state.fraction) == (50, 0.5)


def test_a_checkpoint_says_no_more_than_was_shown() -> None:
    job = running()
    report(job, done=50, total=100)
    checkpoint(job, done=90)
    assert job.state.saved is not None
    assert job.state.saved.fraction == 0.5


def test_a_checkpoint_of_nothing_counted_is_one_too() -> None:
    job = running()
    change = checkpoint(job, None)
    assert (change.checkpoint, change.entries[0].text) == ((None,), "Checkpoint")


def test_a_checkpoint_is_not_moved_by_what_comes_later() -> None:
    job = running()
    report(job, done=5, total=10, counters={"ok": 5})
    checkpoint(job)
    report(job, done=9, counters={"ok": 9})
    assert job.state.saved is not None
    assert (job.state.saved.done, job.state.saved.counters) == (5, {"ok": 5})


def test_a_report_of_a_phase_that_does_not_exist_changes_nothing() -> None:
    job = running()
    report(job, done=5, total=10)
    with pytest.raises(Exception, match="one of 0 phases, got 3"):
        job.apply(said(job, Report, phase=3, done=9), T0)
    assert job.state.done == 5


def test_an_entry_moves_no_number() -> None:
    job = running()
    report(job, done=5, total=10)
    entry(job)
    assert (job.state.done, job.state.fraction) == (5, 0.5)
