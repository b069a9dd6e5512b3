"""Who started whom: parents, their children and how those stand, as far as it is committed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hub.view import TERMINAL, Children, Status

MOST_CHILDREN = 10_000  # of one parent: a batch of more is better cut into parts
DEEPEST = 5  # parents above a job; a kind that starts itself ends here
GOING = frozenset({Status.RUNNING, Status.PAUSED, Status.CANCELLING, Status.LOST})


class Brood:
    """The children of one parent."""

    def __init__(self) -> None:
        self.standing: dict[str, Status] = {}
        self._by_status: Counter[Status] = Counter()

    def __len__(self) -> int:
        return len(self.standing)

    def put(self, child: str, status: Status | None) -> bool:
        """How a child stands, None for gone; whether it stood otherwise."""
        before = self.standing.pop(child, None)
        if before is not None:
            self._by_status[before] -= 1
        if status is not None:
            self.standing[child] = status
            self._by_status[status] += 1
        return before is not status

    @property
    def unfinished(self) -> int:
        return len(self) - sum(self._by_status[status] for status in TERMINAL)

    def counts(self) -> Children:
        """What viewers are told of them."""
        return Children(
            total=len(self),
            queued=self._by_status[Status.QUEUED],
            running=sum(self._by_status[status] for status in GOING),
            succeeded=self._by_status[Status.SUCCEEDED],
            failed=self._by_status[Status.FAILED],
            cancelled=self._by_status[Status.CANCELLED],
        )


class Family:
    """The children of every parent that is not terminal, and of those others that were asked about.

    Attributes:
        changed: parents whose children stand otherwise, or moved, since that was last told.
    """

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self._broods: dict[str, Brood] = {}

    def know(self, parent: str, children: Iterable[tuple[str, Status]] = ()) -> None:
        """Take over what is stored of a parent's children; nothing where they are known already."""
        if parent in self._broods:
            return
        self._broods[parent] = Brood()
        for child, status in children:
            self.stands(parent, child, status)

    def knows(self, parent: str) -> bool:
        """Whether a parent's children are known."""
        return parent in self._broods

    def stands(self, parent: str, child: str, status: Status | None) -> None:
        """A child stands so now, None for gone."""
        brood = self._broods.get(parent)
        if brood is not None and brood.put(child, status):
            self.changed.add(parent)

    def moved(self, parent: str | None) -> None:
        """A child of this parent, if it is one's, is further than before."""
        if parent in self._broods:
            self.changed.add(parent)

    def forget(self, parent: str) -> None:
        """A parent is no longer kept in memory."""
        self._broods.pop(parent, None)
        self.changed.discard(parent)

    def size(self, parent: str) -> int:
        """How many children it has."""
        brood = self._broods.get(parent)
        return len(brood) if brood else 0

    def waits(self, parent: str) -> bool:
        """Whether any child of it is unfinished."""
        brood = self._broods.get(parent)
        return brood is not None and brood.unfinished > 0

    def concerns(self, parent: str) -> bool:
        """Whether something of its children is still to come, or to be told."""
        return self.waits(parent) or parent in self.changed

    def counts(self, parent: str) -> Children | None:
        """How its children stand; None where it has none."""
        brood = self._broods.get(parent)
        return brood.counts() if brood else None

    def unfinished(self, parent: str) -> list[str]:
        """Its unfinished children; those that are queued first, because they are about to start."""
        brood = self._broods.get(parent)
        standing = brood.standing.items() if brood else ()
        going = [(status is not Status.QUEUED, child) for child, status in standing if status not in TERMINAL]
        return [child for _, child in sorted(going)]

    def take(self, parent: str) -> bool:
        """Whether a parent changed; from now on that counts as told."""
        changed = parent in self.changed
        self.changed.discard(parent)
        return changed

    def take_changed(self) -> Iterator[str]:
        """The parents that changed, which from now on count as told."""
        changed, self.changed = self.changed, set()
        yield from changed
