"""How an attempt ends and the next begins."""

from __future__ import annotations

import pytest

from hub.attempts import EVENTS, Attempts
from hub.progress import Progress
from hub.state import Change, JobState, Saved
from hub.story import Story
from hub.view import ErrorView, Outcome
from tests.hub.made import T0


def of(state: JobState) -> Attempts:
    story = Story(state)
    return Attempts(state, story, Progress(state, story, None))


def test_every_outcome_has_an_event_of_its_own() -> None:
    assert {outcome: f"attempt_{outcome}" for outcome in Outcome} == EVENTS


@pytest.mark.parametrize(
    ("outcome", "error", "message", "text"),
    [
        (Outcome.SUCCEEDED, None, None, "Done"),
        (Outcome.SUCCEEDED, None, "all in", "Done: all in"),
        (Outcome.FAILED, "no disk", "half", "Failed: no disk"),
        (Outcome.FAILED, None, "half", "Failed: half"),
        (Outcome.LOST, "killed", None, "Worker lost: killed"),
        (Outcome.CANCELLED, "no disk", "rolled back", "Cancelled: rolled back"),
        (Outcome.INTERRUPTED, None, "half", "Interrupted by the hub's stop"),
    ],
)
def test_the_log_says_how_it_ended(outcome: Outcome, error: str | None, message: str | None, text: str) -> None:
    state = JobState(message=message, error=ErrorView(type="E", message=error) if error else None)
    change = Change()
    of(state).close(outcome, T0, change)
    (line,) = change.entries
    assert (line.text, line.event) == (text, f"attempt_{outcome}")
    assert line.level == ("error" if outcome in (Outcome.FAILED, Outcome.LOST) else "info")
    assert (change.ended, state.attempts[0].error) == (outcome, state.error)


def test_time_is_counted_while_it_works() -> None:
    state = JobState(working_since=T0, busy_ms=500)
    attempts = of(state)
    assert (attempts.elapsed_s(T0 + 1_000), attempts.elapsed_s(T0 - 9)) == (1.5, 0.5)
    attempts.rest(T0 + 2_000)
    attempts.rest(T0 + 9_000)
    assert attempts.elapsed_s(T0 + 10_000) == 2.5


def test_the_next_attempt_may_be_one_more_than_was_planned() -> None:
    state = JobState(attempt=3, max_attempts=3)
    of(state).begin_next(T0)
    assert (state.attempt, state.max_attempts) == (4, 4)
    state = JobState(attempt=1, max_attempts=3)
    of(state).begin_next(T0)
    assert (state.attempt, state.max_attempts) == (2, 3)


@pytest.mark.parametrize(("outcome", "heard_at"), [(Outcome.LOST, T0 - 9), (Outcome.FAILED, None)])
def test_while_the_next_attempt_waits_it_is_told_since_when_a_lost_one_was_silent(
    outcome: Outcome, heard_at: int | None
) -> None:
    state = JobState(heard_at=T0 - 9)
    attempts = of(state)
    attempts.close(outcome, T0, Change())
    attempts.begin_next(T0)
    assert state.heard_at == heard_at


def test_the_next_attempt_does_not_share_its_numbers_with_the_checkpoint() -> None:
    saved = Saved(at=T0, done=1, total=2, unit="x", fraction=0.5, phase=None, phases=[], counters={"ok": 1})
    state = JobState(saved=saved)
    of(state).begin_next(T0)
    assert state.counters == saved.counters
    assert state.counters is not saved.counters
