"""Which queued job starts next, and how many may run at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import NamedTuple


class Wish(NamedTuple):
    """What the order of the queue, and whether there is room, depend on.

    Attributes:
        kind: of the job; a kind may have a limit of its own.
        priority: the higher one starts first.
        child: another job started it, and may be waiting for it.
    """

    kind: str = ""
    priority: int = 0
    child: bool = False


class Schedule:
    """Highest priority first, first in first out within one, at most so many at once.

    A job whose kind is full is passed over, not waited for. A parent that waits for its children rests: it takes no
    slot, because with one slot it would hold the only one that they could have. It keeps its place in its own kind
    against jobs that nobody waits for; children come past it, or kinds that start each other could wait for ever.

    Args:
        jobs_at_once: how many started jobs may be unfinished at a time.
        concurrency: the same for each kind that has a limit of its own.
        rests: whether a job only waits for others, by id.
    """

    def __init__(
        self,
        jobs_at_once: int,
        concurrency: Mapping[str, int] | None = None,
        rests: Callable[[str], bool] = lambda job: False,
    ) -> None:
        self.jobs_at_once = jobs_at_once
        self._concurrency = concurrency or {}
        self._rests = rests
        self._turns = count()
        self._lines: dict[Wish, dict[str, int]] = {}  # jobs that are alike, each with its turn
        self._waiting: dict[str, Wish] = {}
        self._started: dict[str, Wish] = {}
        self._positions: dict[str, int] | None = None

    def wait(self, job: str, wish: Wish = Wish()) -> None:  # noqa: B008 - never changed
        """Put a job at the end of those of its priority; one that waits already keeps its place."""
        self._started.pop(job, None)
        if job in self._waiting:
            return
        last = all(wish.priority <= other.priority for other in self._lines)
        self._waiting[job] = wish
        self._lines.setdefault(wish, {})[job] = next(self._turns)
        if self._positions is not None and last:
            self._positions[job] = len(self._waiting)
        else:
            self._positions = None

    def resume(self, job: str, wish: Wish = Wish()) -> None:  # noqa: B008 - never changed
        """Count a job that was started by a former hub as started."""
        self.drop(job)
        self._started[job] = wish

    def drop(self, job: str) -> None:
        """The job needs no slot any more: it ended, or was cancelled while it waited."""
        self._started.pop(job, None)
        wish = self._waiting.pop(job, None)
        if wish is not None:
            self._positions = None
            line = self._lines[wish]
            del line[job]
            if not line:
                del self._lines[wish]

    def next(self) -> str | None:
        """The job to start now, counted as started; None while all slots are taken or nobody may start."""
        if not self._waiting or self.slots_free == 0:
            return None
        line = min(self._open_lines(), default=None)
        if line is None:
            return None
        _, _, job, wish = line
        self.resume(job, wish)
        return job

    def _open_lines(self) -> Iterator[tuple[int, int, str, Wish]]:
        """The first of each line that has room, so that the least of them is the one to start."""
        for wish, line in self._lines.items():
            if not self._full(wish):
                job, turn = next(iter(line.items()))
                yield -wish.priority, turn, job, wish

    def _full(self, wish: Wish) -> bool:
        most = self._concurrency.get(wish.kind)
        if most is None:
            return False
        alike = [job for job, other in self._started.items() if other.kind == wish.kind]
        return sum(not (wish.child and self._rests(job)) for job in alike) >= most

    @property
    def slots_free(self) -> int:
        return max(self.jobs_at_once - sum(not self._rests(job) for job in self._started), 0)

    def position(self, job: str) -> int | None:
        """A job's place, None for one that does not wait; of one that is just being made nothing is counted."""
        return self.positions()[job] if job in self._waiting else None

    def positions(self) -> dict[str, int]:
        """Each waiting job's place in the whole order, from 1."""
        if self._positions is None:
            order = [(-wish.priority, turn, job) for wish, line in self._lines.items() for job, turn in line.items()]
            self._positions = {job: place for place, (_, _, job) in enumerate(sorted(order), 1)}
        return self._positions


def moved_up(told: int | None, place: int | None) -> bool:
    """Whether a place in the queue is to be told again: far back, a move by less than a hundredth of it is not.

    In a queue of n jobs one that starts is then told to about 100 * ln(n / 100) of them, not to all.
    """
    if told is None or place is None:
        return told is not place
    return told != place and abs(told - place) * 100 >= told
