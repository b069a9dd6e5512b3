"""Which jobs the feed holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hub.shown import Shown

CHILDREN = 1_000  # ended ones whose parents go on; the others are asked for by their parent


def feed(jobs: Iterable[Shown], most_ended: int) -> list[Shown]:
    """Every job that is not terminal, and the newest that are, in this order.

    Of those the jobs that no other started, and then those whose parents go on.

    Args:
        jobs: all that are in memory.
        most_ended: how many terminal jobs without a parent.
    """
    known = list(jobs)
    going = sorted((shown for shown in known if not shown.status.terminal), key=lambda shown: shown.id, reverse=True)
    ended = [shown for shown in known if shown.status.terminal]
    ended.sort(key=lambda shown: shown.view.finished_at or 0, reverse=True)
    parents = {shown.id for shown in going}
    alone = [shown for shown in ended if shown.view.parent is None]
    children = [shown for shown in ended if shown.view.parent in parents]
    return [*going, *alone[:most_ended], *children[:CHILDREN]]
