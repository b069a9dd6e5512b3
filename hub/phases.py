"""The named steps of a job: which is current, how much each weighs, how far the whole is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hub.errors import Invalid
from hub.view import Curve, Number, Phase, Typical

MOST = 100  # phases of one job; a bar of more cannot be read


def plan(phases: list[Phase], declared: Sequence[Phase], history: Curve | None) -> list[Phase]:
    """The phases that have started, followed by the declared ones."""
    begun = [phase for phase in phases if phase.started_at is not None]
    fresh = [
        Phase(name=p.name, total=p.total, unit=p.unit, weight=p.weight, typical=_typical(p.name, history))
        for p in declared
        if p.name not in {phase.name for phase in begun}
    ]
    if len(begun) + len(fresh) > MOST:
        raise Invalid(f"expected at most {MOST} phases, got {len(begun) + len(fresh)}", "phases")
    return begun + fresh


def begin(phases: list[Phase], current: int | None, begun: Phase, history: Curve | None) -> tuple[list[Phase], int]:
    """Start a phase: the declared one of that name that has not started, otherwise a new one.

    Args:
        phases: all phases so far.
        current: index of the phase that this one ends, or None.
        begun: name, total, unit and `started_at` of the phase that starts.
        history: what earlier runs say, or None.

    Returns:
        the new list (phases are replaced, never changed in place) and the index of the started one.

    Raises:
        Invalid: more than 100 phases.
    """
    result = list(phases)
    if current is not None and result[current].finished_at is None:
        result[current] = finish(result[current], begun.started_at)
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
        started_at=begun.started_at,
    )
    return result, index


def finish(phase: Phase, now: int | None) -> Phase:
    """The phase, done. A phase that reported nothing of its total keeps what it reported."""
    return msgspec.structs.replace(phase, finished_at=now)


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
