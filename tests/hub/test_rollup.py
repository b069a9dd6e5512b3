"""A job's children as its progress."""

from __future__ import annotations

from typing import Any

from hub.job import Job
from hub.state import Change
from hub.view import Children, Status
from tests.hub.made import T0, cancel, checkpoint, entry, events, finish, made, opened, phase, report, running

S = 1000


def roll(job: Job, total: int, done: int = 0, fraction: float | None = None, *, now: int = T0 + S) -> Change:
    """So many children, of which some succeeded and the others run."""
    children = Children(total=total, running=total - done, succeeded=done)
    return job.roll_up(children, done / total if fraction is None else fraction, now)


def numbers(job: Job) -> tuple[Any, ...]:
    state = job.state
    return state.done, state.total, state.unit, state.fraction


def test_where_the_work_counts_nothing_its_children_are_counted() -> None:
    job = running()
    change = roll(job, 4, 1, 0.4)
    assert numbers(job) == (1, 4, "jobs", 0.4)
    assert (change.visible, change.durable, change.entries) == (True, False, [])


def test_what_did_not_change_is_not_told() -> None:
    job = running()
    roll(job, 4, 1)
    seq = job.state.seq
    assert not roll(job, 4, 1).visible
    assert job.state.seq == seq


def test_one_child_more_lets_the_fraction_fall_and_nothing_else_does() -> None:
    job = running()
    roll(job, 1, 1)
    roll(job, 2, 1)
    assert job.state.fraction == 0.5
    roll(job, 2, 0, 0.1)
    assert numbers(job) == (0, 2, "jobs", 0.5)


def test_rate_and_time_left_are_those_of_ended_children() -> None:
    job = running()
    for second in range(5):
        roll(job, 10, second, now=T0 + second * S)
    assert (job.state.rate, job.state.eta_s) == (1.0, 6.0)


def test_a_parent_with_numbers_of_its_own_keeps_them() -> None:
    counting, planned, phased = running(), running(phases=("Load",)), running()
    report(counting, total=10, done=0)
    phase(phased, "Load")
    for job in (counting, planned, phased):
        before = numbers(job)
        roll(job, 4, 1)
        assert numbers(job) == before
        assert job.state.children == Children(total=4, running=3, succeeded=1)


def test_a_parent_that_begins_to_count_takes_its_bar_back() -> None:
    reporting, phased = running(), running()
    for job in (reporting, phased):
        roll(job, 2, 1)
    report(reporting, done=1, total=10)
    phase(phased, "Load", total=10)
    for job in (reporting, phased):
        assert (job.state.total, job.state.unit, job.state.rolled) == (10, None, False)
        roll(job, 2, 2, now=T0 + 2 * S)
        assert job.state.total == 10


def test_a_message_alone_takes_nothing_back() -> None:
    job = running()
    roll(job, 2, 1)
    report(job, message="waiting for the second")
    assert numbers(job) == (1, 2, "jobs", 0.5)


def test_a_parent_does_not_stall_while_it_has_unfinished_children() -> None:
    job = running(lease_s=1e6)
    roll(job, 2, 1)
    assert not events(job.tick(T0 + 3600 * S))
    roll(job, 2, 2, now=T0 + 3600 * S)
    assert not events(job.tick(T0 + 3601 * S))
    assert events(job.tick(T0 + 2 * 3600 * S)) == ["stalled"]
    assert "recovered" in events(entry(job, now=T0 + 2 * 3600 * S))


def test_children_of_a_parent_that_does_not_run_are_only_counted() -> None:
    queued, ended = made(), running()
    finish(ended, "succeeded")
    for job in (queued, ended):
        before = numbers(job)
        assert roll(job, 2, 1).visible
        assert numbers(job) == before
        assert job.state.children == Children(total=2, running=1, succeeded=1)


def test_a_parent_that_is_being_cancelled_still_tells_of_its_children() -> None:
    job = running()
    roll(job, 2)
    cancel(job)
    roll(job, 2, 1)
    assert (job.state.status, job.state.done) == (Status.CANCELLING, 1)


def test_a_parent_without_children_any_more_says_so() -> None:
    job = running()
    roll(job, 1)
    assert job.roll_up(None, None, T0 + S).visible
    assert job.state.children is None


def test_the_next_attempt_goes_on_counting_its_children() -> None:
    job = running(retries=1)
    roll(job, 4, 2)
    checkpoint(job, {"at": 2})
    finish(job, "failed")
    job.retry(None, T0 + S)
    opened(job, now=T0 + S)
    roll(job, 4, 3, now=T0 + 2 * S)
    assert numbers(job) == (3, 4, "jobs", 0.75)
