"""A job's log: numbered lines, in order. Pure."""

from __future__ import annotations

from typing import Any

from hub.state import Change, JobState
from hub.view import Event, Level, LogEntry


class Story:
    """Writes the next lines of a job's log.

    Args:
        state: counts the lines.
    """

    def __init__(self, state: JobState) -> None:
        self._state = state

    def tell(self, change: Change, now: int, event: Event, text: str, level: Level = "info", data: Any = None) -> None:
        """Add a line to a change, which is durable by that."""
        self._state.entries += 1
        n, attempt = self._state.entries, self._state.attempt
        change.entries.append(LogEntry(n=n, at=now, attempt=attempt, level=level, event=event, text=text, data=data))
        change.durable = True
