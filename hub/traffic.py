"""What came in, what went out and what became of it, since the hub started. Pure: numbers that only grow."""

from __future__ import annotations

from collections import Counter

from hub.histogram import Histogram
from hub.view import TERMINAL

ETA_BOUNDS = (0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0)  # shares of what was left: a twentieth to five times as much


class Traffic:
    """Counters of one hub; whoever does the thing adds one.

    Attributes:
        taken: workers' messages that were applied, by the way they came: `socket`, `http`, `local`.
        opened: connections, by kind: `socket`, `stream`, `worker`.
        returned: those of them that said that they had been here before, by the same kinds.
        polled: questions that a page asks which can neither open a socket nor a stream, by topic: `jobs`, `job`.
        withheld: frames that viewers were not sent because their write buffer was full, or what came before is still
            owed, by what they told: `update`, `log`.
        dropped: viewers that were dropped because they took nothing.
        events: lines of jobs' logs, by event.
        ended: jobs that came to an end, by status.
        eta_error: see :func:`hub.history.eta_error`.
    """

    __slots__ = ("dropped", "ended", "eta_error", "events", "opened", "polled", "returned", "taken", "withheld")

    def __init__(self) -> None:
        self.taken = {"socket": 0, "http": 0, "local": 0}
        self.opened = {"socket": 0, "stream": 0, "worker": 0}
        self.returned = {"socket": 0, "stream": 0, "worker": 0}
        self.polled = {"jobs": 0, "job": 0}
        self.withheld = {"update": 0, "log": 0}
        self.dropped = 0
        self.events: Counter[str] = Counter()
        self.ended = {str(status): 0 for status in sorted(TERMINAL)}
        self.eta_error = Histogram(ETA_BOUNDS)
