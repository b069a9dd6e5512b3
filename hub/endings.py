"""How an attempt ends, and what follows: the job's end, or another attempt. Pure; `now` in milliseconds."""

from __future__ import annotations

from hub.attempts import Attempts
from hub.backoff import backoff_ms
from hub.cancel import CancelSteps
from hub.errors import Conflict
from hub.progress import Progress
from hub.protocol import Finish
from hub.state import Change, JobFacts, JobState
from hub.story import Story
from hub.transitions import become
from hub.view import TEXT_LENGTH, ErrorView, Failure, How, Outcome, Status

AFTER = {
    Outcome.SUCCEEDED: Status.SUCCEEDED,
    Outcome.FAILED: Status.FAILED,
    Outcome.CANCELLED: Status.CANCELLED,
    Outcome.LOST: Status.FAILED,
}


class Endings:
    """The ends of one job's attempts.

    Args:
        facts, state, story, progress, attempts, cancel: of the job.
    """

    def __init__(
        self,
        facts: JobFacts,
        state: JobState,
        story: Story,
        progress: Progress,
        attempts: Attempts,
        cancel: CancelSteps,
    ) -> None:
        self._facts = facts
        self._state = state
        self._story = story
        self._progress = progress
        self._attempts = attempts
        self._cancel = cancel

    # ── How it ends ───────────────────────────────────────────────────────────

    def finish(self, message: Finish, now: int, change: Change) -> None:
        """By its own word. Success wins over a cancel and over a time-out; a cancel over another attempt."""
        state, outcome = self._state, Outcome(message.outcome)
        if message.message is not None or outcome is Outcome.CANCELLED:
            state.message = message.message  # what was being done when a cancel came is not what the cancel did
        self._keep(message.error, change)
        if outcome is Outcome.SUCCEEDED:
            state.result = message.result
            self._progress.complete(now)
            self.end(outcome, now, change)
        elif state.status is Status.CANCELLING and message.forced:
            self._cancel.was_forced(now, change)
            self.cancelled("forced", now, change)
        elif state.status is Status.CANCELLING:
            self.cancelled("acknowledged", now, change)
        elif state.timed_out_at is not None:
            self._fail(outcome, state.error, now, change)
        else:
            self.end(outcome, now, change, self._wait_ms(message))

    def _keep(self, error: Failure | None, change: Change) -> None:
        if error is not None:
            self._state.error = ErrorView(type=error.type, message=error.message)
            change.traceback = error.traceback

    def _wait_ms(self, message: Finish) -> int | None:
        """After which time the next attempt follows an end that was told; None when none does."""
        if message.retry_in_s is not None:
            return round(message.retry_in_s * 1000)
        failed = message.outcome == "failed"
        return backoff_ms(self._facts, self._state) if failed and message.retry else None

    def cancelled(self, how: How, now: int, change: Change) -> None:
        """As somebody wanted it."""
        self._cancel.settle(now, how)
        self.end(Outcome.CANCELLED, now, change)

    def worker_gone(self, how: str, now: int, change: Change) -> None:
        """Its process is gone without a word."""
        state = self._state
        if state.status.terminal or state.retry_at is not None:
            return
        if state.status is Status.CANCELLING:
            self.cancelled(self._cancel.how_lost(), now, change)
        else:
            outcome = Outcome.FAILED if state.status is Status.QUEUED else Outcome.LOST
            self._fail(outcome, ErrorView(type="WorkerLost", message=how[:TEXT_LENGTH]), now, change)

    def not_started(self, error: str, now: int, change: Change) -> None:
        """It never began; where it was cancelled meanwhile, that was its end."""
        if self._state.status is Status.QUEUED and self._state.retry_at is None:
            view = ErrorView(type="LaunchError", message=error[:TEXT_LENGTH])
            self._fail(Outcome.FAILED, view, now, change)

    def give_up(self, now: int, change: Change) -> None:
        """It was silent for too long; what may be left of it is ended."""
        force = self._state.attempt if self._facts.place == "process" else None
        error = ErrorView(type="WorkerLost", message=f"not heard for {self._facts.give_up_s:g} s")
        self._fail(Outcome.LOST, error, now, change)
        change.force = force

    def reset(self, why: str, now: int, change: Change) -> None:
        """Given up by hand; where another attempt may follow it is queued at once: somebody looks at it."""
        follows = backoff_ms(self._facts, self._state) is not None
        outcome = Outcome.FAILED if self._state.status is Status.QUEUED else Outcome.LOST
        outcome = self._blame(outcome, ErrorView(type="WorkerLost", message=why[:TEXT_LENGTH]))
        if not follows:
            become(self._state, Status.FAILED)
        self._attempts.close(outcome, now, change)
        if follows:
            self._begin_next(now, change, "")

    def interrupted(self, now: int, change: Change) -> None:
        """The hub's own process stopped it: no failure of the work, which goes on; a cancel wins over that."""
        state = self._state
        if state.status is Status.CANCELLING:
            self.cancelled(self._cancel.how_lost(), now, change)
        elif state.status is Status.QUEUED:
            state.launched_at = state.process = None
            change.visible = change.durable = change.whole = True
            change.ready = state.retry_at is None
        elif state.timed_out_at is not None:
            self._fail(Outcome.FAILED, None, now, change)
        elif not state.status.terminal:
            self._attempts.close(Outcome.INTERRUPTED, now, change)
            state.max_attempts += 1
            self._begin_next(now, change, "")

    def _fail(self, outcome: Outcome, error: ErrorView | None, now: int, change: Change) -> None:
        """Not as it should."""
        self.end(self._blame(outcome, error), now, change, backoff_ms(self._facts, self._state))

    def _blame(self, outcome: Outcome, error: ErrorView | None) -> Outcome:
        """Keep why it failed; after a time-out that is what it failed of, whatever came last."""
        if self._state.timed_out_at is not None:
            outcome = Outcome.FAILED
            error = ErrorView(type="TimedOut", message=f"took longer than {self._facts.timeout_s:g} s")
        self._state.error = error
        return outcome

    def end(self, outcome: Outcome, now: int, change: Change, wait_ms: int | None = None) -> None:
        """With this outcome; `wait_ms` milliseconds later another attempt follows, or none at all."""
        if wait_ms is None:
            become(self._state, AFTER[outcome])
        self._attempts.close(outcome, now, change)
        if wait_ms is not None:
            self._schedule(wait_ms, now, change)

    # ── What follows ──────────────────────────────────────────────────────────

    def _schedule(self, wait_ms: int, now: int, change: Change) -> None:
        state = self._state
        of = f" of {state.max_attempts}" if state.attempt < state.max_attempts else ""
        why = state.error.message if state.error else None
        become(state, Status.QUEUED)
        self._attempts.begin_next(now)
        state.retry_at, state.message = now + wait_ms, why
        text = f"Attempt {state.attempt}{of} in {seconds(wait_ms)}"
        self._story.tell(change, now, "retry_scheduled", text, data={"retry_at": state.retry_at})

    def _begin_next(self, now: int, change: Change, by: str) -> None:
        become(self._state, Status.QUEUED)
        self._attempts.begin_next(now)
        self._story.tell(change, now, "retry_scheduled", f"Attempt {self._state.attempt} queued{by}")
        change.visible = change.whole = change.ready = True

    def retry(self, by: str | None, now: int, change: Change) -> None:
        """Another attempt is wanted by hand: now, instead of later or not at all."""
        state, words = self._state, f" by {by}" if by else ""
        if not self._facts.startable:
            raise Conflict("only work that the hub starts itself can be retried")
        if state.status in (Status.FAILED, Status.CANCELLED):
            state.max_attempts = state.attempt + 1 + self._facts.retries
            self._begin_next(now, change, words)
        elif state.status is Status.QUEUED and state.retry_at is not None:
            self.ready(now, change)
            self._story.tell(change, now, "retry_scheduled", f"Attempt {state.attempt} queued at once{words}")
        else:
            raise Conflict(f"a job that is {state.status} cannot be retried")

    def ready(self, now: int, change: Change) -> None:
        """The next attempt has waited long enough."""
        self._state.retry_at = None
        change.visible = change.durable = change.ready = True


def seconds(wait_ms: int) -> str:
    """A wait, for people."""
    return f"{wait_ms / 1000:.0f} s" if wait_ms >= 10_000 else f"{wait_ms / 1000:.1f} s"
