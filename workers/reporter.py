"""The sampler: one thread that reads what jobs leave behind and sends it, so that the work never waits for a socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from workers.attempt import Attempt
from workers.roster import Roster, Wire
from workers.voice import REPORT_INTERVAL_S

BATCH = 256  # messages of one attempt before the others have their turn


class Reporter:
    """Sends what is due of every attempt: durable messages at once, numbers at most ten times a second.

    Args:
        roster: whose attempts.
        wire: how to send.
        clock: seconds that do not go back.
        besides: called at each turn, first, with the clock's seconds; returns when it wants another, as `turn` does.
    """

    def __init__(
        self,
        roster: Roster,
        wire: Wire,
        clock: Callable[[], float] = time.monotonic,
        besides: Callable[[float], float | None] = lambda _: None,
    ) -> None:
        self._roster = roster
        self._wire = wire
        self._clock = clock
        self._besides = besides
        self._woken = threading.Event()
        roster.wake = self.wake
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="barcast-reporter", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def close(self) -> None:
        """Stop sampling, after what is due now."""
        self._closed = True
        self.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def turn(self, now: float) -> float | None:
        """Send what is due.

        Args:
            now: seconds on the clock.

        Returns:
            seconds until something may be due again; None for not before `wake`.
        """
        waits = [self._besides(now), *(self._serve(attempt, now) for attempt in self._roster.attempts)]
        return min((wait for wait in waits if wait is not None), default=None)

    def _serve(self, attempt: Attempt, now: float) -> float | None:
        for _ in range(BATCH):
            messages = attempt.due(now)
            if not messages:
                break
            if not all(self._wire.send(message) for message in messages):
                return REPORT_INTERVAL_S
        return attempt.wait_s(now)

    def _run(self) -> None:
        while not self._closed:
            wait_s = self.turn(self._clock())
            self._woken.wait(wait_s)
            self._woken.clear()
        self.turn(self._clock())
