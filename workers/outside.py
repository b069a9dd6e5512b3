"""Work that the hub did not start: reports where there is a hub, goes on where there is none."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from hub.protocol import Open
from hub.view import Number, Phase
from workers import left, outcome
from workers.job import declared
from workers.session import Session
from workers.texts import checked, number_or_none, plain_data, trimmed
from workers.tracking import blocks

__all__ = ["Session", "kind_name", "opening", "track"]

T = TypeVar("T")
NAME_LENGTH = 256
NAMELESS = {"-c": "script", "-m": "script", "ipykernel_launcher": "notebook"}


def opening(
    kind: str | None,
    *,
    title: str | None = None,
    total: Number | None = None,
    unit: str | None = None,
    phases: Sequence[str | Phase] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    key: str | None = None,
    parent: str | None = None,
    max_attempts: int | None = None,
) -> Open:
    """How a piece of work is introduced to the hub.

    Args:
        kind: name under which such runs are grouped; made to fit. None for the script's name.
        title: what the job is called; None for the kind.
        total: work of it; None while unknown.
        unit: what is counted.
        phases: names, or `hub.view.Phase` structs, in order.
        params: what it works on, for people; anything JSON can hold.
        tags: short texts by name, to filter by.
        key: opened again under the same kind and key, it is the same job; None for a new job in any case.
        parent: id of the job that this one belongs to.
        max_attempts: how often the system that runs it tries at most.

    Raises:
        Invalid, TooLarge: the hub would not take it; names the field.
    """
    kind = kind_name(_script() if kind is None else kind)
    message = Open(
        id=0, kind=kind, title=trimmed(title or kind), total=number_or_none(total, "total"),
        unit=None if unit is None else trimmed(unit, NAME_LENGTH), phases=declared(phases),
        params=plain_data(dict(params or {}), "params"), tags=dict(tags or {}),
        key=secrets.token_hex(16) if key is None else key, parent=parent, max_attempts=max_attempts,
    )  # fmt: skip
    checked(message)
    return message


def _script() -> str:
    stem = Path(sys.argv[0] if sys.argv else "").stem
    return NAMELESS.get(stem, stem)


def kind_name(text: str) -> str:
    """A valid kind made of any text."""
    return re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^A-Za-z0-9._:-]+", "-", text))[:128] or "script"


def track(
    iterable: Iterable[T],
    title: str | None = None,
    total: Number | None = None,
    unit: str | None = None,
    kind: str | None = None,
) -> Iterator[T]:
    """Iterate, and show how far it is on the hub at `BARCAST_URL` (with `BARCAST_TOKEN`), if there is one.

    Args:
        iterable: what to go through.
        title: what the job is called; None for the kind.
        total: how many there are; None for `len(iterable)` where it has one.
        unit: what is counted.
        kind: name under which such runs are grouped; None for the script's name.

    Raises:
        Cancelled: at the next step, when somebody cancels the job on the hub.

    A loop that is left early ends as cancelled, and says after how many; one that is left by an exception that nobody
    catches has failed of it.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    return chain.from_iterable(_reported(iterable, opening(kind, title=title, total=total, unit=unit)))


def _reported(iterable: Iterable[T], opening: Open) -> Iterator[Iterator[T]]:
    session = Session(opening)
    meter = session.attempt.figures.meter
    try:
        yield from blocks(iterable, meter, session.stop)
    except GeneratorExit:
        left.hold(session, outcome.left(meter.done, meter.total))
        raise
    except BaseException as error:
        session.end(outcome.raised(error, session.stop))
        raise
    session.succeed()
