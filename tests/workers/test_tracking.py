"""Loops: what is counted, and how they are halted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from hub.protocol import CancelOrder, Open
from workers.attempt import Attempt
from workers.job import Job
from workers.stopping import Cancelled
from workers.tracking import BLOCK


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(Open(id=1, job="j1", attempt=1))


@pytest.fixture
def job(attempt: Attempt) -> Job:
    return Job(attempt, "A job")


ORDER = CancelOrder(reason=None, by=None, grace_s=1.0)


@pytest.mark.parametrize("length", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_every_item_of_a_list_is_handed_out_and_counted(job: Job, length: int) -> None:
    items = list(range(length))
    assert list(job.track(items)) == items
    assert (job.done, job.total) == (length, length)


@pytest.mark.parametrize("length", [0, 1, BLOCK, BLOCK + 1])
def test_a_generator_of_unknown_length_is_counted_and_has_no_total(job: Job, length: int) -> None:
    assert list(job.track(item for item in range(length))) == list(range(length))
    assert (job.done, job.total) == (length, None)


def test_done_can_be_read_within_the_loop_and_counts_the_item_in_hand(job: Job) -> None:
    assert [job.done for _ in job.track("abc")] == [1, 2, 3]


def test_a_break_keeps_what_was_handed_out(job: Job) -> None:
    for item in job.track(range(10)):
        if item == 4:
            break
    assert job.done == 5


def test_an_exception_in_the_loop_keeps_what_was_handed_out(job: Job) -> None:
    def fail_at_4() -> None:
        for item in job.track(range(10)):
            if item == 4:
                raise ValueError("at 4")

    with pytest.raises(ValueError, match="at 4"):
        fail_at_4()
    assert job.done == 5
    assert sum(1 for _ in job.track(range(3))) == 3
    assert job.done == 8


def test_an_exception_of_the_source_passes_through(job: Job) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(job.track(broken()))
    assert job.done == 1


def test_only_the_outer_of_two_nested_loops_counts(job: Job) -> None:
    for _ in job.track(range(3)):
        for _ in job.track(range(100)):
            pass
    assert (job.done, job.total) == (3, 3)


def test_a_loop_within_a_phase_within_a_loop_counts_for_itself(job: Job) -> None:
    outer = []
    for _ in job.track(range(2)):
        with job.phase("Step") as phase:
            list(phase.track(range(7)))
            outer.append((phase.done, phase.total))
    assert outer == [(7, 7), (7, 7)]


def test_loops_one_after_the_other_add_up(job: Job) -> None:
    list(job.track(range(3)))
    list(job.track(range(4)))
    assert (job.done, job.total) == (7, 7)


def test_a_total_that_was_given_stands(job: Job) -> None:
    with job.phase("Load", total=50, unit="rows") as phase:
        list(phase.track(range(3), total=4))
        assert (phase.done, phase.total, phase.unit) == (3, 50, "rows")


def test_a_loop_that_goes_on_from_a_checkpoint_knows_the_whole(job: Job) -> None:
    job.done = 40
    list(job.track(range(10)))
    assert (job.done, job.total) == (50, 50)


def test_advance_and_track_add_up(job: Job) -> None:
    for _ in job.track(range(3)):
        job.advance(2)
    assert job.done == 9


def test_a_cancel_takes_effect_at_the_very_next_step_of_a_generator(job: Job, attempt: Attempt) -> None:
    taken = []

    def source() -> Iterator[int]:
        for item in range(10 * BLOCK):
            taken.append(item)
            yield item

    seen = []

    def cancel_at_5() -> None:
        for item in job.track(source()):
            seen.append(item)
            if item == 5:
                attempt.stop.cancel(ORDER)

    with pytest.raises(Cancelled):
        cancel_at_5()
    assert seen == taken == [0, 1, 2, 3, 4, 5]
    assert job.done == 6


def test_a_cancel_before_the_loop_is_raised_before_its_first_item(job: Job, attempt: Attempt) -> None:
    attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        list(job.track([1]))
    assert job.done == 0


def test_cancelled_is_raised_once_and_loops_pass_again(job: Job, attempt: Attempt) -> None:
    attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        job.advance()
    assert list(job.track(range(2 * BLOCK))) == list(range(2 * BLOCK))
    job.raise_if_cancelled()
    assert job.cancelled


def test_except_exception_does_not_swallow_a_cancel(job: Job, attempt: Attempt) -> None:
    attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled), contextlib.suppress(Exception):
        job.message("hello")


def test_a_list_that_grows_within_the_loop_is_gone_through_to_its_end(job: Job) -> None:
    items = [1, 2]
    items.extend(item + 1 for item in job.track(items) if item == 2)
    assert items == [1, 2, 3]
    assert job.done == 3
