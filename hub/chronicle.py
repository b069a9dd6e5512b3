"""The life of jobs in the hub's own log: who asks it by a job's id is told what became of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from hub.held import Held
from hub.view import LogEntry

LOG = logging.getLogger("barcast.jobs")
THE_WORKS_OWN = frozenset({"entry", "phase", "checkpoint", "total_grew"})  # kept in the job's log, for who wants them
OPERATORS = frozenset({"stalled", "lost", "cancel_forced", "attempt_lost"})  # somebody may have to do something


def about(held: Held, attempt: int | None = None) -> dict[str, object]:
    """What a line that concerns a job carries, to be given as `extra`.

    Args:
        held: the job.
        attempt: where it is not the current one.
    """
    state = held.job.state
    return {"job": held.id, "attempt": state.attempt if attempt is None else attempt, "worker": state.worker}


def chronicle(held: Held, entries: Iterable[LogEntry]) -> None:
    """Say what happened to a job, once that is committed."""
    for entry in entries:
        level = logging.WARNING if entry.event in OPERATORS else logging.INFO
        if entry.event not in THE_WORKS_OWN and LOG.isEnabledFor(level):
            LOG.log(level, "%s", entry.text, extra={**about(held, entry.attempt), "event": entry.event})
