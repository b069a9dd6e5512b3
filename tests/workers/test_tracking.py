"""Loops: what is counted, and how they are halted."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import count

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


class Backwards(list[int]):
    """A list that is not gone through like one."""

    def __iter__(self) -> Iterator[int]:
        return reversed(self)


def every_way(length: int) -> list[Iterable[int]]:
    """The same items as a list, a tuple, ranges short and beyond a machine word, and as a generator."""
    items = list(range(length))
    far = range(2**70, 2**70 + length)
    return [items, tuple(items), range(length), far, (item for item in items)]


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


def halt(attempt: Attempt) -> None:
    """Have every loop come to a halt, with nothing to wait for or to raise."""
    attempt.stop.pause()
    attempt.stop.resume()


@pytest.mark.parametrize("at", [0, 1, 5, BLOCK - 1, BLOCK, 4 * BLOCK - 1])
@pytest.mark.parametrize("way", range(5))
def test_a_loop_that_was_halted_goes_on_where_it_was(job: Job, attempt: Attempt, way: int, at: int) -> None:
    items, expected = every_way(4 * BLOCK)[way], list(every_way(4 * BLOCK)[way])
    seen = []
    for place, item in enumerate(job.track(items)):
        seen.append(item)
        if place == at:
            halt(attempt)
        assert job.done == place + 1
    assert seen == expected


@pytest.mark.parametrize("way", range(5))
def test_halts_from_another_thread_lose_and_repeat_nothing(job: Job, attempt: Attempt, way: int) -> None:
    over = threading.Event()
    seen_from_there = [0]

    def hammer() -> None:
        while not over.is_set():
            halt(attempt)
            seen_from_there.append(int(job.done))

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        seen = list(job.track(every_way(100_000)[way]))
    finally:
        over.set()
        thread.join()
    assert seen == list(every_way(100_000)[way])
    assert seen_from_there == sorted(seen_from_there)
    assert job.done == 100_000


def test_a_list_that_grows_after_it_was_halted_is_gone_through_in_order(job: Job, attempt: Attempt) -> None:
    items = list(range(10))
    for item in job.track(items):
        if item < 100:
            halt(attempt)
            items.append(len(items))
    assert items == list(range(110))
    assert job.done == 110


def test_a_subclass_of_a_list_is_gone_through_its_own_way(job: Job) -> None:
    assert list(job.track(Backwards([1, 2, 3]))) == [3, 2, 1]
    assert (job.done, job.total) == (3, 3)


def spun(microseconds: float) -> None:
    """Keep busy."""
    end_s = time.perf_counter() + microseconds / 1e6
    while time.perf_counter() < end_s:
        pass


@pytest.mark.parametrize("cancel_at", [10, 40 * BLOCK, 50 * BLOCK - 1])
def test_nothing_is_taken_from_a_fast_source_and_lost(job: Job, attempt: Attempt, cancel_at: int) -> None:
    source, seen = count(), []

    def loop() -> None:
        for item in job.track(source):
            seen.append(item)
            if item == cancel_at:
                attempt.stop.cancel(ORDER)

    with pytest.raises(Cancelled):
        loop()
    assert job.done == len(seen) == next(source)
    assert cancel_at < len(seen) <= cancel_at + BLOCK


def test_a_fast_loop_that_turned_slow_is_halted_at_every_step_again(job: Job, attempt: Attempt) -> None:
    slow_from = 20 * BLOCK
    seen = []

    def loop() -> None:
        for item in job.track(count()):
            seen.append(item)
            if item >= slow_from:
                spun(5)
            if item == slow_from + BLOCK:
                attempt.stop.cancel(ORDER)

    with pytest.raises(Cancelled):
        loop()
    assert seen[-1] == slow_from + BLOCK


def test_except_exception_does_not_swallow_a_cancel(job: Job, attempt: Attempt) -> None:
    attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled), contextlib.suppress(Exception):
        job.message("hello")


def test_a_list_that_grows_within_the_loop_is_gone_through_to_its_end(job: Job) -> None:
    items = [1, 2]
    items.extend(item + 1 for item in job.track(items) if item == 2)
    assert items == [1, 2, 3]
    assert job.done == 3
