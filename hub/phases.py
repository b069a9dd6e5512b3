"""The named steps of a job: which is current, how much each weighs, how far the whole is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hub.errors import Invalid
from hub.view import Curve, Number, Phase, Typical

MOST = 100  # phases of one job; a bar of more cannot be read


def plan(phases: list[Phase], declared: Sequence[Phase], history: Curve | None) -> list[Phase]:
    """The phases that have started, followed by the declared ones that have not.

    Args:
        phases: all phases so far.
        declared: by name; one that has started is declared again by whoever comes back.
        history: what earlier runs say, or None.

    Raises:
        Invalid: more than 100 phases.
    """
    begun = [phase for phase in phases if phase.started_at is not None]
    earlier = {phase.name: phase for phase in phases if phase.started_at is None}
    started = [phase.name for phase in begun]
    planned = list(begun)
    for phase in declared:
        if phase.name in started:
            started.remove(phase.name)
        else:
            planned.append(_declared(phase, earlier.get(phase.name), history))
    if len(planned) > MOST:
        raise Invalid(f"expected at most {MOST} phases, got {len(planned)}", "phases")
    return planned


def _declared(phase: Phase, earlier: Phase | None, history: Curve | None) -> Phase:
    """A phase that has not started, with what an earlier attempt did of it."""
    usual = _typical(phase.name, history)
    plain = Phase(name=phase.name, total=phase.total, unit=phase.unit, weight=phase.weight, typical=usual)
    if earlier is None:
        return plain
    return msgspec.structs.replace(plain, done=earlier.done, finished_at=earlier.finished_at)


def place_after(phase: Phase, planned: Sequence[Phase]) -> int | None:
    """Where the current phase stands in a new plan; None when it is not part of it."""
    for index, other in enumerate(planned):
        waiting = phase.started_at is None and other.started_at is None
        if other is phase or (waiting and other.name == phase.name):
            return index
    return None


def begin(phases: list[Phase], current: int | None, begun: Phase, history: Curve | None) -> tuple[list[Phase], int]:
    """Start a phase: the declared one of that name that has not started, otherwise a new one.

    Args:
        phases: all phases so far.
        current: index of the phase that this one ends, or None.
        begun: name, total, unit, weight and `started_at` of the phase that starts.
        history: what earlier runs say, or None.

    Returns:
        the new list (phases are replaced, never changed in place) and the index of the started one.

    Raises:
        Invalid: more than 100 phases.
    """
    result = _leave(phases, current, begun.started_at)
    index = next((i for i, p in enumerate(result) if p.name == begun.name and p.started_at is None), None)
    if index is None:
        if len(result) >= MOST:
            raise Invalid(f"expected at most {MOST} phases, got one more", "name")
        index = (current + 1) if current is not None else len(result)
        while index < len(result) and result[index].started_at is not None:
            index += 1
        result.insert(index, Phase(name=begun.name, typical=_typical(begun.name, history)))
    declared = result[index]
    result[index] = msgspec.structs.replace(
        declared,
        done=0,
        total=declared.total if begun.total is None else begun.total,
        unit=declared.unit if begun.unit is None else begun.unit,
        weight=declared.weight if begun.weight is None else begun.weight,
        started_at=begun.started_at,
        finished_at=None,
    )
    return result, index


def go_to(phases: list[Phase], current: int | None, index: int, now: int) -> list[Phase]:
    """The phases once the one at `index` is current: it starts if it had not, which ends the one before."""
    if phases[index].started_at is not None:
        return phases
    result = _leave(phases, None if current == index else current, now)
    result[index] = msgspec.structs.replace(result[index], started_at=now, finished_at=None)
    return result


def _leave(phases: list[Phase], current: int | None, now: int | None) -> list[Phase]:
    """The phases once the current one is done. One that an earlier attempt began is not."""
    result = list(phases)
    if current is not None and result[current].finished_at is None and result[current].started_at is not None:
        result[current] = finish(result[current], now)
    return result


def finish(phase: Phase, now: int | None) -> Phase:
    """The phase, done. A phase that reported nothing of its total keeps what it reported."""
    return msgspec.structs.replace(phase, finished_at=now)


def fresh(phase: Phase) -> Phase:
    """The phase as it was before it started."""
    return msgspec.structs.replace(phase, done=0, started_at=None, finished_at=None)


def again(phases: Sequence[Phase]) -> list[Phase]:
    """The phases as a checkpoint left them, for the attempt that goes on from there: none has started in it."""
    return [msgspec.structs.replace(phase, started_at=None) for phase in phases]


def weights(phases: Sequence[Phase]) -> list[float]:
    """Each phase's share of the whole, summing to 1: usual durations, else declared weights, else equal.

    Declared weights are shares already; phases without one share equally what the others leave, or
    weigh as much as their mean where nothing is left.
    """
    if not phases:
        return []
    usual = [phase.typical.p50_s for phase in phases if phase.typical]
    if len(usual) == len(phases) and sum(usual) > 0:
        return [value / sum(usual) for value in usual]
    declared = [phase.weight for phase in phases if phase.weight is not None]
    missing = len(phases) - len(declared)
    rest = 1 - sum(declared)
    each = (rest if rest > 0 else sum(declared) / max(len(declared), 1)) / max(missing, 1)
    raw = [each if phase.weight is None else phase.weight for phase in phases]
    whole = sum(raw)
    return [value / whole for value in raw] if whole > 0 else [1 / len(phases)] * len(phases)


def weighed(phases: Sequence[Phase]) -> list[Phase]:
    """The phases with the share that each has in the fraction, so that whoever draws them draws the same."""
    shares = weights(phases)
    return [msgspec.structs.replace(phase, weight=round(share, 6)) for phase, share in zip(phases, shares, strict=True)]


def fraction(phases: Sequence[Phase], current: int | None, done: Number | None, total: Number | None) -> float | None:
    """How far the whole job is, 0 to 1; None while it cannot be known."""
    here = None if done is None or not total else min(done / total, 1.0)
    if not phases:
        return here
    if current is None:
        return 0.0
    if here is None and len(phases) == 1:
        return None
    shares = weights(phases)
    before = sum(share for share, phase in zip(shares, phases, strict=True) if phase.finished_at is not None)
    running = shares[current] * (here or 0.0) if phases[current].finished_at is None else 0.0
    return min(before + running, 1.0)


def _typical(name: str, history: Curve | None) -> Typical | None:
    return history.phases.get(name) if history else None
