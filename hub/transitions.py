"""Which status may follow which, as PROTOCOL.md has it. Pure."""

from __future__ import annotations

from hub.errors import Conflict
from hub.state import JobState
from hub.view import Status

S = Status
TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.FAILED, S.QUEUED}),
    S.RUNNING: frozenset({S.PAUSED, S.CANCELLING, S.LOST, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.PAUSED: frozenset({S.RUNNING, S.CANCELLING, S.LOST, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.QUEUED}),
    S.CANCELLING: frozenset({S.CANCELLED, S.SUCCEEDED}),
    S.LOST: frozenset({S.RUNNING, S.PAUSED, S.CANCELLING, S.SUCCEEDED, S.CANCELLED, S.FAILED, S.QUEUED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}


def become(state: JobState, status: Status) -> None:
    """Give a job its next status.

    Raises:
        Conflict: the table has no such row; nothing was changed.
    """
    if status not in TRANSITIONS[state.status]:
        raise Conflict(f"a job that is {state.status} cannot become {status}")
    state.status = status
