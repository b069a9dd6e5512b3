"""How far one attempt is: its numbers, phases, rate, time left and fraction. Pure; `now` in milliseconds."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from hub import phases as steps
from hub.estimate import Estimator
from hub.protocol import Checkpoint, PhaseStart, Report
from hub.state import Change, JobState, Saved
from hub.story import Story
from hub.view import Curve, Number, Phase

GAP_SHARE = 0.2  # how much one gap between advances moves the usual one


class Progress:
    """The moving numbers of a job.

    Args:
        state: where they are kept.
        story: told of what should last.
        history: what earlier runs of the kind say, or None.
    """

    def __init__(self, state: JobState, story: Story, history: Curve | None) -> None:
        self.state = state
        self.history = history
        self._story = story
        self._estimator = Estimator(state.total, state.phases, history)

    def begin_again(self) -> None:
        """The numbers were set anew (another attempt, another plan): what was seen of their pace is void."""
        self._estimator = Estimator(self.state.total, self.state.phases, self.history)

    def report(self, message: Report, now: int, change: Change) -> None:
        """Take the absolute values of a report."""
        state = self.state
        advanced = False
        if message.phase is not UNSET and message.phase != state.phase:
            self._go_to_phase(message.phase, now, change)
            advanced = True
        if message.total is not UNSET and message.total != state.total:
            self._set_total(message.total, now, change)
        for name in ("done", "unit", "counters", "message", "worker"):
            value = getattr(message, name)
            if value is not UNSET and value != getattr(state, name):
                setattr(state, name, value)
                change.visible = True
                advanced = advanced or name in ("done", "counters", "message")
        if advanced:
            self.advanced(now, change)
        self._estimate(message, now, change)
        self._hold_fraction(change)

    def _go_to_phase(self, index: int, now: int, change: Change) -> None:
        state = self.state
        started = state.phases[index].started_at
        self._keep_phase()
        state.phases, state.phase = (
            steps.begin(
                state.phases, state.phase, msgspec.structs.replace(state.phases[index], started_at=now), self.history
            )
            if started is None
            else (state.phases, index)
        )
        self._enter_phase(now, change)

    def _set_total(self, total: Number | None, now: int, change: Change) -> None:
        state = self.state
        if total is not None and state.total is not None and total > state.total:
            unit = f" {state.unit}" if state.unit else ""
            self._story.tell(change, now, "total_grew", f"Total grew from {state.total:,} to {total:,}{unit}")
            state.fraction = None  # the one case in which it may fall
        state.total = total
        change.visible = True

    def advanced(self, now: int, change: Change) -> None:
        """Something moved: a stall is over, and the usual gap is known a little better."""
        state = self.state
        if state.advanced_at is not None:
            gap = max(now - state.advanced_at, 0)
            state.gap_ms = gap if state.gap_ms is None else state.gap_ms + GAP_SHARE * (gap - state.gap_ms)
        state.advanced_at = now
        change.visible = True
        if state.stalled:
            state.stalled = False
            self._story.tell(change, now, "recovered", "Advancing again")

    def _estimate(self, message: Report, now: int, change: Change) -> None:
        """The worker's own rate and ETA win; otherwise they come from the samples seen here."""
        state, seconds = self.state, now / 1000
        if state.done is not None:
            self._estimator.update(seconds, state.done, state.phase, state.total)
        before = (state.rate, state.eta_s)
        told = message.rate is not UNSET or message.eta_s is not UNSET
        if told:
            state.rate = message.rate if message.rate is not UNSET else state.rate
            state.eta_s = message.eta_s if message.eta_s is not UNSET else state.eta_s
        else:
            state.rate = self._estimator.rate(seconds)
            state.eta_s = self._estimator.eta(seconds)
        low_high = None if told else self._estimator.interval(seconds)
        state.eta_low_s, state.eta_high_s = low_high or (None, None)
        change.visible = change.visible or before != (state.rate, state.eta_s)

    def _hold_fraction(self, change: Change) -> None:
        """Within an attempt the fraction never falls, unless a total grew."""
        state = self.state
        now_at = steps.fraction(state.phases, state.phase, state.done, state.total)
        held = now_at if state.fraction is None else max(state.fraction, now_at or 0.0)
        if held != state.fraction:
            state.fraction = held
            change.visible = True

    def begin_phase(self, message: PhaseStart, now: int, change: Change) -> None:
        """Start a phase; the one before is done."""
        state = self.state
        self._keep_phase()
        begun = Phase(name=message.name, total=message.total, unit=message.unit, started_at=now)
        state.phases, state.phase = steps.begin(state.phases, state.phase, begun, self.history)
        self._enter_phase(now, change)
        self._story.tell(
            change, now, "phase", f"Phase {message.name}", data={"phase": state.phase, "name": message.name}
        )
        self._hold_fraction(change)

    def _keep_phase(self) -> None:
        """Write the current numbers into the list before another phase takes their place."""
        self.state.phases = self.phases_now()

    def _enter_phase(self, now: int, change: Change) -> None:
        state = self.state
        assert state.phase is not None
        phase = state.phases[state.phase]
        state.done, state.total, state.unit = phase.done, phase.total, phase.unit
        state.rate = state.eta_s = state.eta_low_s = state.eta_high_s = state.gap_ms = None
        self.begin_again()
        self._estimator.update(now / 1000, state.done or 0, state.phase, state.total)
        self.advanced(now, change)
        change.phases = change.durable = True

    def checkpoint(self, message: Checkpoint, now: int, change: Change) -> None:
        """Keep the numbers as they are at this checkpoint."""
        state = self.state
        done = state.done if message.done is None else message.done
        state.saved = Saved(
            at=now, done=done, total=state.total, unit=state.unit, fraction=state.fraction, phase=state.phase,
            phases=self.phases_now(), counters=dict(state.counters),
        )  # fmt: skip
        change.checkpoint = (message.data,)
        text = "Checkpoint" if done is None else f"Checkpoint at {done:,}{f' {state.unit}' if state.unit else ''}"
        self._story.tell(change, now, "checkpoint", text, data={"done": done, "fraction": state.fraction})
        change.visible = True

    def complete(self, now: int) -> None:
        """Success means that all of it is done, whatever was counted."""
        state = self.state
        state.fraction = 1.0
        if state.total is not None and (state.done is None or state.done < state.total):
            state.done = state.total
        self._keep_phase()
        if state.phase is not None and state.phases[state.phase].finished_at is None:
            state.phases = list(state.phases)
            state.phases[state.phase] = steps.finish(state.phases[state.phase], now)

    def phases_now(self) -> list[Phase]:
        """The phases, with the current one's numbers in it."""
        state = self.state
        if state.phase is None:
            return state.phases
        phases = list(state.phases)
        phases[state.phase] = msgspec.structs.replace(
            phases[state.phase], done=state.done or 0, total=state.total, unit=state.unit
        )
        return phases
