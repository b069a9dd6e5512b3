"""Progress that existing code keeps in a mapping of its own, such as Celery's `meta`: read, and shown on its job."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

from hub.errors import BarcastError
from hub.view import SAFE, Number
from workers.job import Job

logger = logging.getLogger("barcast.worker")

DONE = ("current", "done", "completed", "processed", "n")
TOTAL = ("total", "max", "of")
PERCENT = ("progress", "percent", "percentage", "pct")
WORDS = ("message", "status", "description", "step")


def show_progress(job: Job, meta: Any) -> None:
    """Show the numbers that existing code keeps about its progress, such as `{"current": 3, "total": 10}`.

    Args:
        job: whose.
        meta: where among other things it may say how much is done (`current`, `done`, `completed`, `processed`, `n`),
            of how much (`total`, `max`, `of`), or how many per cent (`progress`, `percent`; a fraction where it is a
            `float` up to 1), and in words (`message`, `status`, `description`, `step`). What it does not say stays.

    Raises:
        Cancelled: once, after a cancel.
    """
    if not isinstance(meta, Mapping):
        return
    done, total = _number(meta, DONE), _number(meta, TOTAL)
    percent = _number(meta, PERCENT)
    if done is None and percent is not None:
        done, total = _of_hundred(percent) if total is None else percent, 100 if total is None else total
    words = next((meta[name] for name in WORDS if isinstance(meta.get(name), str)), None)
    _report(job, done, total, words)


def _report(job: Job, done: Number | None, total: Number | None, words: str | None) -> None:
    try:
        if total is not None:
            job.total = total
        if done is not None:
            job.done = done
        if words is not None:
            job.message(words)
        job.raise_if_cancelled()
    except BarcastError as error:
        logger.debug("not shown: %s", error)


def _number(meta: Mapping[Any, Any], names: Iterable[str]) -> Number | None:
    values = (meta.get(name) for name in names)
    return next((value for value in values if _is_number(value)), None)


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= SAFE
    )


def _of_hundred(value: Number) -> Number:
    return value * 100 if isinstance(value, float) and value <= 1 else value
