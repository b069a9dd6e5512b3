"""How a job function's end becomes the attempt's end."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from hub.protocol import CancelOrder, Open
from workers.attempt import Attempt
from workers.ending import TRACEBACK_LENGTH, run, run_async
from workers.stopping import Cancelled


@dataclasses.dataclass
class Totals:
    rows: int
    path: Path


class Tally(msgspec.Struct):
    ok: int


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(Open(id=1, job="j1", attempt=1))


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work


ORDER = CancelOrder(reason=None, by=None, grace_s=1.0)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (None, None),
        ({"rows": 1}, {"rows": 1}),
        (Totals(3, Path("/x")), {"rows": 3, "path": "/x"}),
        (Tally(4), {"ok": 4}),
        ([1, {2}], [1, [2]]),
    ],
)
def test_what_is_returned_is_the_result_in_json(attempt: Attempt, value: Any, result: Any) -> None:
    finish = run(attempt, lambda: value)
    assert finish is not None
    assert (finish.outcome, finish.result) == ("succeeded", result)


@pytest.mark.parametrize("value", [object(), float("nan"), 2**70, "x" * 70_000])
def test_a_result_that_cannot_be_kept_fails_and_is_not_tried_again(attempt: Attempt, value: object) -> None:
    finish = run(attempt, lambda: value)
    assert finish is not None
    assert (finish.outcome, finish.retry) == ("failed", False)
    assert finish.error is not None
    assert "result" in finish.error.message


def test_a_cancel_that_passes_through_has_no_words_of_its_own(attempt: Attempt) -> None:
    attempt.cancel(ORDER)
    finish = run(attempt, lambda: pytest.fail("called"))
    assert finish is not None
    assert (finish.outcome, finish.message) == ("cancelled", None)


def test_a_job_may_end_itself_as_cancelled(attempt: Attempt) -> None:
    finish = run(attempt, raising(Cancelled("nothing to do on Sundays")))
    assert finish is not None
    assert (finish.outcome, finish.message) == ("cancelled", "nothing to do on Sundays")


def test_an_error_while_cleaning_up_ends_as_cancelled_with_the_error_kept(attempt: Attempt) -> None:
    def work() -> None:
        attempt.cancel(ORDER)
        try:
            attempt.stop.attend()
        finally:
            raise OSError("the rollback failed")

    finish = run(attempt, work)
    assert finish is not None
    assert finish.outcome == "cancelled"
    assert finish.error is not None
    assert finish.error.message == "the rollback failed"


@pytest.mark.parametrize(("code", "outcome"), [(None, "succeeded"), (0, "succeeded"), (3, "failed"), ("no", "failed")])
def test_sys_exit_means_what_it_means_in_a_script(attempt: Attempt, code: Any, outcome: str) -> None:
    finish = run(attempt, raising(SystemExit(code)))
    assert finish is not None
    assert finish.outcome == outcome


@pytest.mark.parametrize(("code", "message"), [(3, "exit status 3"), ("no room left", "no room left")])
def test_sys_exit_says_why_in_its_own_words(attempt: Attempt, code: Any, message: str) -> None:
    finish = run(attempt, raising(SystemExit(code)))
    assert finish is not None
    assert finish.error is not None
    assert finish.error.message == message


def test_an_interrupted_function_reports_no_end(attempt: Attempt) -> None:
    attempt.stop.interrupt("the hub stops")
    assert run(attempt, lambda: None) is None


def test_a_revoked_attempt_reports_no_end_even_if_it_succeeds(attempt: Attempt) -> None:
    def work() -> None:
        attempt.revoke("deleted")

    assert run(attempt, work) is None


def test_a_long_traceback_keeps_its_end(attempt: Attempt) -> None:
    finish = run(attempt, raising(ValueError("x" * 20_000)))
    assert finish is not None
    assert finish.error is not None
    assert finish.error.traceback is not None
    assert len(finish.error.traceback) == TRACEBACK_LENGTH
    assert len(finish.error.message) == 4_096


async def test_a_task_cancelled_by_force_ends_as_cancelled_where_that_was_asked_for(attempt: Attempt) -> None:
    async def work() -> None:
        attempt.stop.cancel_order = ORDER
        raise asyncio.CancelledError

    finish = await run_async(attempt, work)
    assert finish is not None
    assert finish.outcome == "cancelled"
