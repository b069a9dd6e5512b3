"""Attempts: how one ends, how the next begins, and how long it has worked. Pure; `now` in milliseconds."""

from __future__ import annotations

from hub import phases as steps
from hub.progress import Progress
from hub.state import Change, JobState
from hub.story import Story
from hub.view import AttemptView, Event, Level, Outcome

EVENTS: dict[Outcome, Event] = {
    Outcome.SUCCEEDED: "attempt_succeeded",
    Outcome.FAILED: "attempt_failed",
    Outcome.CANCELLED: "attempt_cancelled",
    Outcome.LOST: "attempt_lost",
    Outcome.INTERRUPTED: "attempt_interrupted",
}
WORDS: dict[Outcome, str] = {
    Outcome.SUCCEEDED: "Done",
    Outcome.FAILED: "Failed",
    Outcome.CANCELLED: "Cancelled",
    Outcome.LOST: "Worker lost",
    Outcome.INTERRUPTED: "Interrupted by the hub's stop",
}
BAD = (Outcome.FAILED, Outcome.LOST)


class Attempts:
    """The attempts of one job; which status follows is the job's to say.

    Args:
        state, story, progress: of the job.
    """

    def __init__(self, state: JobState, story: Story, progress: Progress) -> None:
        self._state = state
        self._story = story
        self._progress = progress

    def elapsed_s(self, now: int) -> float:
        """Seconds that the current one has worked, without the time queued, paused or lost."""
        return self._state.worked_ms(now) / 1000

    def rest(self, now: int) -> None:
        """Stop the clock of the time worked."""
        self._state.busy_ms = self._state.worked_ms(now)
        self._state.working_since = None

    def close(self, outcome: Outcome, now: int, change: Change) -> None:
        """The current one has its outcome."""
        state = self._state
        self.rest(now)
        state.finished_at, state.stalled, state.lost_at, state.pause, state.retry_at = now, False, None, None, None
        state.rate = state.eta_s = state.eta_low_s = state.eta_high_s = None
        view = AttemptView(
            attempt=state.attempt, outcome=outcome, fraction=state.fraction, started_at=state.started_at,
            finished_at=now, error=state.error,
        )  # fmt: skip
        state.attempts = [*state.attempts, view]
        level: Level = "error" if outcome in BAD else "info"
        self._story.tell(change, now, EVENTS[outcome], self._text(outcome), level)
        change.ended, change.worked_ms = outcome, state.busy_ms
        change.visible = change.durable = change.whole = change.phases = True

    def begin_next(self, now: int) -> None:
        """Another one is queued; it goes on from the checkpoint where there is one."""
        state, saved = self._state, self._state.saved
        state.attempt += 1
        state.max_attempts = max(state.max_attempts, state.attempt)
        state.acked = 0
        state.result = state.error = state.cancel = state.pause = state.message = state.worker = None
        state.rate = state.eta_s = state.eta_low_s = state.eta_high_s = state.gap_ms = None
        state.started_at = state.finished_at = state.advanced_at = state.lost_at = None
        if not (state.attempts and state.attempts[-1].outcome is Outcome.LOST):
            state.heard_at = None  # of one that was lost it tells since when, while the next one waits
        state.launched_at = state.process = state.working_since = state.timed_out_at = None
        state.busy_ms, state.stalled, state.timed_out_forced, state.queued_at = 0, False, False, now
        state.done, state.total, state.unit = (saved.done, saved.total, saved.unit) if saved else (None, None, None)
        state.fraction = saved.fraction if saved else None
        state.counters = dict(saved.counters) if saved else {}
        state.phase = saved.phase if saved else None
        state.phases = steps.again(saved.phases) if saved else [steps.fresh(phase) for phase in state.phases]
        self._progress.begin_again()

    def _text(self, outcome: Outcome) -> str:
        state, word = self._state, WORDS[outcome]
        if outcome in BAD and state.error:
            return f"{word}: {state.error.message}"
        return f"{word}: {state.message}" if state.message and outcome is not Outcome.INTERRUPTED else word
