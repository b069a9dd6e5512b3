"""A job's log: numbered lines, in order."""

from __future__ import annotations

from hub.state import Change, JobState
from hub.story import Story
from hub.view import TEXT_LENGTH


def test_lines_are_numbered_on_and_make_a_change_durable() -> None:
    state = JobState(entries=6, attempt=2)
    change = Change()
    Story(state).tell(change, 5, "entry", "a")
    Story(state).tell(change, 6, "entry", "b", "error", {"x": 1})
    assert [(line.n, line.at, line.attempt, line.level, line.data) for line in change.entries] == [
        (7, 5, 2, "info", None),
        (8, 6, 2, "error", {"x": 1}),
    ]
    assert (change.durable, state.entries) == (True, 8)


def test_a_line_keeps_the_limit_of_texts() -> None:
    change = Change()
    Story(JobState()).tell(change, 0, "entry", "x" * (TEXT_LENGTH + 1))
    assert len(change.entries[0].text) == TEXT_LENGTH
