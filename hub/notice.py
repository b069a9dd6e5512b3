"""What a webhook is told of a job, and what its answer means. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from hub.batch import literal
from hub.rows import NoticeRow
from hub.shown import LEFT_OUT_ON_FEED
from hub.state import Change
from hub.view import JobView

Told = Literal["stalled", "lost", "ended"]
Verdict = Literal["delivered", "gone", "again"]
GONE = 410


class Notice(Struct, kw_only=True):
    """The body: what happened, when (ISO 8601), and the job as the feed shows it.

    `params`, `result` and `attempts` are left out, as on the feed: what a job was given may be secret, and the
    specification asks for small bodies. Who needs them has the id to ask with.
    """

    type: str
    timestamp: str
    data: JobView


def news(change: Change) -> Iterator[tuple[Told, int]]:
    """What a step did that a webhook may be told, and when, in order.

    A stall is told once: the job's core says so when it begins, and not again before the job has advanced.
    """
    for entry in change.entries:
        if entry.event == "stalled" or entry.event == "lost":
            yield entry.event, entry.at
    if change.ended is not None:
        yield "ended", change.entries[-1].at


def notices(
    change: Change, wanted: Collection[str], view: Callable[[], JobView], identify: Callable[[], str]
) -> list[NoticeRow]:
    """What is to be told of a step, to be stored with it.

    Args:
        change: what the step did.
        wanted: of `stalled`, `lost` and `ended`.
        view: the job after it; only asked for where something may be told.
        identify: a new `webhook-id`, without full stops.
    """
    told = [(what, at) for what, at in news(change) if what in wanted]
    if not told:
        return []
    seen = msgspec.structs.replace(view(), **LEFT_OUT_ON_FEED)
    over = seen.status.terminal  # an attempt that another follows is no end of the job
    return [_row(what, at, seen, identify()) for what, at in told if what != "ended" or over]


def _row(what: Told, at: int, seen: JobView, notice: str) -> NoticeRow:
    body = literal(Notice(type=f"job.{what}", timestamp=iso(at), data=seen)).encode()
    return NoticeRow(id=notice, job=seen.id, at=at, next_at=at, body=body)


def iso(at: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def verdict(status: int | None) -> Verdict:
    """What a receiver's answer means; None is none.

    2xx took it, 410 wants nothing any more; all else is a failure, a redirect, too, which is not followed.
    """
    if status is not None and 200 <= status < 300:
        return "delivered"
    return "gone" if status == GONE else "again"
