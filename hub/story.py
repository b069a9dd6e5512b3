"""A job's log: numbered lines, in order. Pure."""

from __future__ import annotations

from typing import Any

from hub.state import Change, JobState
from hub.view import TEXT_LENGTH, Event, Level, LogEntry


class Story:
    """Writes the next lines of a job's log.

    Args:
        state: counts the lines.
    """

    def __init__(self, state: JobState) -> None:
        self._state = state

    def tell(self, change: Change, now: int, event: Event, text: str, level: Level = "info", data: Any = None) -> None:
        """Add a line to a change, which is durable by that. A text over the limit is cut."""
        self._state.entries += 1
        n, attempt = self._state.entries, self._state.attempt
        line = LogEntry(n=n, at=now, attempt=attempt, level=level, event=event, text=text[:TEXT_LENGTH], data=data)
        change.entries.append(line)
        change.durable = True
