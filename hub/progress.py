"""How far one attempt is: its numbers, phases, rate, time left and fraction. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from hub import phases as steps
from hub.estimate import Estimator
from hub.protocol import Checkpoint, PhaseStart, Report
from hub.state import Change, JobState, Saved
from hub.story import Story
from hub.view import Children, Curve, Number, Phase

INTERVAL_MS = 1_000  # between two computations of the ETA's bounds: it is what costs most here
NOTHING_TOLD = Report(job="-", attempt=1)
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
        self._interval_at = 0
        self._told: set[str] = set()  # what the worker estimates itself, in the current phase

    def begin_again(self) -> None:
        """The numbers were set anew (another attempt, another plan): what was seen of their pace is void."""
        self._estimator = Estimator(self.state.total, self.state.phases, self.history)
        self._interval_at = 0
        self._told.clear()

    def plan(self, declared: Sequence[Phase], change: Change) -> None:
        """Take other phases for those that have not started.

        Raises:
            Invalid: too many.
        """
        state = self.state
        planned = steps.plan(state.phases, declared, self.history)
        if planned == state.phases:
            return
        if state.phase is not None:
            state.phase = steps.place_after(state.phases[state.phase], planned)
            if state.phase is None:
                state.done = state.total = state.unit = None
        state.phases = planned
        self.begin_again()
        change.visible = change.durable = change.phases = True

    def expect(self, total: Number | None, unit: str | None) -> None:
        """How much another attempt has to do, told as it is opened, where no checkpoint and no phase says it."""
        state = self.state
        if total is not None and state.total is None and state.phase is None:
            state.total, state.unit = total, unit

    def report(self, message: Report, now: int, change: Change) -> None:
        """Take the absolute values of a report."""
        state = self.state
        advanced = False
        if message.done is not UNSET or message.total is not UNSET or message.phase is not UNSET:
            self._count_itself()
        if message.phase is not UNSET and self._is_elsewhere(message.phase):
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

    def _is_elsewhere(self, index: int) -> bool:
        """Whether a report of this phase tells of another one than the current, or of its start."""
        return index != self.state.phase or self.state.phases[index].started_at is None

    def _go_to_phase(self, index: int, now: int, change: Change) -> None:
        state = self.state
        self._keep_phase()
        state.phases, state.phase = steps.go_to(state.phases, state.phase, index, now), index
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
        assert state.advanced_at is not None, "set when the attempt started"
        gap = max(now - state.advanced_at, 0)
        state.gap_ms = gap if state.gap_ms is None else state.gap_ms + GAP_SHARE * (gap - state.gap_ms)
        state.advanced_at = now
        change.visible = True
        if state.stalled:
            state.stalled = False
            self._story.tell(change, now, "recovered", "Advancing again")

    def _estimate(self, message: Report, now: int, change: Change) -> None:
        """The worker's own rate and ETA win, and stay; otherwise they come from the samples seen here."""
        state, seconds = self.state, self._worked_s(now)
        if state.done is not None:
            self._estimator.update(seconds, state.done, state.phase, state.total)
        before = (state.rate, state.eta_s, state.eta_low_s, state.eta_high_s)
        state.rate = self._own("rate", message.rate, state.rate, self._estimator.rate(seconds))
        state.eta_s = self._own("eta_s", message.eta_s, state.eta_s, self._estimator.eta(seconds))
        if self._told or now - self._interval_at >= INTERVAL_MS:
            self._interval_at = now
            low_high = None if self._told else self._estimator.interval(seconds)
            state.eta_low_s, state.eta_high_s = low_high or (None, None)
        change.visible = change.visible or before != (state.rate, state.eta_s, state.eta_low_s, state.eta_high_s)

    def _worked_s(self, now: int) -> float:
        """The clock of rate and time left: it stands still while the work does."""
        return self.state.worked_ms(now) / 1000

    def _own(self, name: str, told: Number | UnsetType | None, kept: float | None, seen: float | None) -> float | None:
        """What the worker tells now, or told before, or what was seen."""
        if told is not UNSET:
            self._told.add(name)
            return told
        return kept if name in self._told else seen

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
        self._count_itself()
        self._keep_phase()
        begun = Phase(name=message.name, total=message.total, unit=message.unit, weight=message.weight, started_at=now)
        state.phases, state.phase = steps.begin(state.phases, state.phase, begun, self.history)
        self._enter_phase(now, change)
        self._story.tell(
            change, now, "phase", f"Phase {message.name}", data={"phase": state.phase, "name": message.name}
        )
        self._hold_fraction(change)

    def roll_up(self, children: Children, fraction: float | None, now: int, change: Change) -> None:
        """Where the work counts nothing itself, what it counts are the jobs that it started.

        Args:
            children: how they stand.
            fraction: the mean of theirs; it may fall when one more is started.
        """
        state, done = self.state, children.succeeded + children.failed + children.cancelled
        if state.phases or not (state.rolled or state.done is state.total is None):
            return
        if state.rolled and children.total == state.total:
            fraction = max(fraction or 0.0, state.fraction or 0.0)
        if (done, children.total, fraction) == (state.done, state.total, state.fraction):
            return
        state.rolled, state.done, state.total, state.unit, state.fraction = True, done, children.total, "jobs", fraction
        self.advanced(now, change)
        self._estimate(NOTHING_TOLD, now, change)

    def _count_itself(self) -> None:
        """The work tells numbers of its own: its children's are none of them."""
        state = self.state
        if state.rolled:
            state.rolled = False
            state.done = state.total = state.unit = state.fraction = None
            self.begin_again()

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
        self._estimator.update(self._worked_s(now), state.done or 0, state.phase, state.total)
        self.advanced(now, change)
        change.phases = change.durable = True

    def checkpoint(self, message: Checkpoint, now: int, change: Change) -> None:
        """Keep the numbers as they are at this checkpoint."""
        state = self.state
        done = state.done if message.done is None else message.done
        state.saved = Saved(
            at=now, done=done, total=state.total, unit=state.unit, fraction=self._fraction_at(done), phase=state.phase,
            phases=self.phases_now(), counters=dict(state.counters),
        )  # fmt: skip
        change.checkpoint = (message.data,)
        text = "Checkpoint" if done is None else f"Checkpoint at {done:,}{f' {state.unit}' if state.unit else ''}"
        self._story.tell(change, now, "checkpoint", text, data={"done": done, "fraction": state.saved.fraction})
        self.advanced(now, change)

    def _fraction_at(self, done: Number | None) -> float | None:
        """How far the job is, or was when so much was done."""
        state = self.state
        then = steps.fraction(state.phases, state.phase, done, state.total)
        return state.fraction if then is None or state.fraction is None else min(then, state.fraction)

    def complete(self, now: int) -> None:
        """Success means that all of it is done, whatever was counted."""
        state = self.state
        state.fraction = 1.0
        if state.total is not None and (state.done is None or state.done < state.total):
            state.done = state.total
        self._keep_phase()
        state.phases = [
            steps.finish(phase, now)
            if phase.finished_at is None and (phase.started_at is not None or index == state.phase)
            else phase
            for index, phase in enumerate(state.phases)
        ]

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
