"""Numbers and durations as people read them, in a terminal. Pure; the page's `words.js` says the same."""

from __future__ import annotations

import re

from hub.view import JobView, Number, Status

BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
RANGE_FROM, NOTHING_FROM = 0.5, 1.5  # (high - low) / middle of an estimate: beyond these a range, nothing


def plain(text: str) -> str:
    """Text from outside without what would steer a terminal: control characters and marks of direction."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def percent(job: JobView) -> str:
    """Whole percent, rounded down: 100 % is kept for what succeeded. Empty while it is unknown."""
    if job.status is Status.SUCCEEDED:
        return "100 %"
    if job.fraction is None:
        return ""
    return f"{min(99, int(job.fraction * 100 + 1e-9))} %"


def size(count: Number) -> str:
    """`48.2 MB`, decimal units."""
    step, value = 0, float(count)
    while value >= 1000 and step < len(BYTE_UNITS) - 1:
        step, value = step + 1, value / 1000
    return f"{value:.1f} {BYTE_UNITS[step]}" if step and value < 99.95 else f"{value:.0f} {BYTE_UNITS[step]}"


def amount(count: Number, unit: str | None) -> str:
    """`12,480 rows`, `48.2 MB`."""
    if unit in ("bytes", "byte", "B"):
        return size(count)
    figure = f"{count:,.10g}" if isinstance(count, float) else f"{count:,}"
    return f"{figure} {plain(unit)}" if unit else figure


def counts(done: Number | None, total: Number | None, unit: str | None) -> str:
    """`12,480 / 50,000 rows`; empty while nothing is known."""
    if done is None:
        return ""
    if total is None:
        return amount(done, unit)
    return f"{amount(done, 'bytes' if unit in ('bytes', 'byte', 'B') else None)} / {amount(total, unit)}"


def rate(per_s: float | None, unit: str | None) -> str:
    """`1,510 rows/s`; below one a second by the minute, below one a minute by the hour."""
    if per_s is None or per_s <= 0:
        return ""
    if unit in ("bytes", "byte", "B"):
        return f"{size(per_s)}/s"
    times, per = (1, "s") if per_s >= 1 else (60, "min") if per_s * 60 >= 1 else (3600, "h")
    value = per_s * times
    figure = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{figure} {plain(unit)}/{per}" if unit else f"{figure}/{per}"


def duration(seconds: float) -> str:
    """`34 s`, `4 min 12 s`, `3 h 05 min`, `2 d 4 h`."""
    s = max(0, int(seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60:02} s"
    if s < 86_400:
        return f"{s // 3600} h {s % 3600 // 60:02} min"
    return f"{s // 86_400} d {s % 86_400 // 3600} h"


def about(seconds: float) -> str:
    """A rounded duration: nobody is shown raw seconds of an estimate."""
    if seconds < 10:
        return "a few seconds"
    if seconds <= 50:
        return f"{round(seconds / 10) * 10} s"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    return duration(round(seconds / 600) * 600)


def left(job: JobView) -> str:
    """What is left, as precisely as is known: one figure, a range, or nothing."""
    if job.status is not Status.RUNNING or job.eta_s is None:
        return ""
    low, high = job.eta_low_s, job.eta_high_s
    spread = (high - low) / job.eta_s if job.eta_s and low is not None and high is not None else 0.0
    if spread > NOTHING_FROM:
        return ""
    if spread > RANGE_FROM and low is not None and high is not None and about(low) != about(high):
        return f"{about(low)} to {about(high)} left"
    return f"{about(job.eta_s)} left"


def phase(job: JobView) -> str:
    """The current phase's name, and which of how many it is."""
    if job.phase is None or job.phase >= len(job.phases):
        return ""
    return f"{plain(job.phases[job.phase].name)} ({job.phase + 1} of {len(job.phases)})"


def standing(job: JobView) -> str:
    """The status, with what stands beside it."""
    if job.status is Status.QUEUED and job.retry_at is not None:
        return f"waiting to try again, attempt {job.attempt} of {job.max_attempts}"
    if job.status is Status.QUEUED and job.queue_position is not None:
        return f"queued, number {job.queue_position}"
    return f"{job.status}, stalled" if job.stalled and not job.status.terminal else job.status.value


def after_reset(job: JobView) -> str:
    """What a reset of this job leads to."""
    if job.attempt >= job.max_attempts:
        return "no attempt is left, so it fails"
    where = "its checkpoint" if job.checkpoint else "the start"
    return f"attempt {job.attempt + 1} of {job.max_attempts} follows from {where}, where the hub starts this work"


def started(job: JobView) -> str:
    """How many of the jobs that it started have ended, where `counts` does not say so, and how many ended badly."""
    children = job.children
    if children is None:
        return ""
    ended = children.succeeded + children.failed + children.cancelled
    counted = job.unit == "jobs" and job.total == children.total
    said = [] if counted else [counts(ended, children.total, "jobs")]
    bad = (("failed", children.failed), ("cancelled", children.cancelled))
    return ", ".join(said + [f"{count:,} {how}" for how, count in bad if count])


def progress(job: JobView) -> str:
    """Everything that moves, in one line."""
    moving = [
        percent(job),
        counts(job.done, job.total, job.unit),
        rate(job.rate, job.unit) if job.status is Status.RUNNING else "",
        left(job),
        phase(job),
        started(job),
    ]
    return ", ".join([standing(job), *filter(None, moving)])


def ending(job: JobView) -> str:
    """How a job ended, and after how long."""
    how = f"{job.status} after {duration(job.elapsed_s)}"
    bad = started(job) if job.children and job.children.failed + job.children.cancelled else ""
    how = f"{how} ({bad})" if bad else how
    if job.error is not None and job.status is not Status.SUCCEEDED:
        return f"{how}: {plain(job.error.type)}: {plain(job.error.message)}"
    return how
