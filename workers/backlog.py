"""What the hub has not acknowledged yet: numbered, in order, kept until it has. Knows no threads and no sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from hub.protocol import Artifact, CancelAck, Checkpoint, Entry, Finish, PhaseStart, Report

Durable = PhaseStart | Entry | Checkpoint | CancelAck | Artifact | Finish

LIMIT = 10_000  # messages that wait; a job that says more than a hub can store is made to wait, nothing is lost


class Kept(Struct):
    """A durable message, and the numbers as they were when it was said."""

    message: Durable
    before: Report | None
    sent: bool = False


class Backlog:
    """The durable messages of one attempt, n = 1, 2, 3 …

    Args:
        limit: how many may wait.

    Attributes:
        left_out: how many lines of the story gave way.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: deque[Kept] = deque()
        self._unsent = 0  # how many at the end of the deque have not been sent on this connection
        self._last = 0
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def full(self) -> bool:
        return len(self._kept) >= self._limit

    @property
    def half_full(self) -> bool:
        return len(self._kept) >= self._limit / 2

    @property
    def unsent(self) -> int:
        """How many wait to be sent on this connection."""
        return self._unsent

    def add(self, message: Durable, before: Report | None) -> int:
        """Keep a message; gives it its number and returns that."""
        self._last += 1
        message.n = self._last
        self._kept.append(Kept(message, before))
        self._unsent += 1
        return self._last

    def make_room(self, message: Durable) -> bool:
        """Where it is full, let the oldest lines of the story give way, a tenth at once.

        Only what was never sent gives way, so that no number is used for two messages. Returns whether `message`
        may come.
        """
        if not self.full:
            return True
        first = self._kept[0].message.n - 1 if self._kept else 0
        spare = [kept for kept in self._kept if not kept.sent and isinstance(kept.message, Entry)]
        gone = {id(kept) for kept in spare[: max(self._limit // 10, 1)]}
        self._kept = deque(kept for kept in self._kept if id(kept) not in gone)
        self._unsent -= len(gone)
        self._renumber(first)
        may_come = bool(gone) or isinstance(message, Finish | CancelAck)
        self.left_out += len(gone) + (not may_come)
        return may_come

    def keep(self, messages: Iterable[Durable]) -> None:
        """Take over messages that have their numbers already."""
        for message in messages:
            self._kept.append(Kept(message, None))
            self._unsent += 1
            self._last = message.n

    def take(self) -> list[Durable | Report]:
        """The next message to be sent, with the numbers that belong before it; it counts as sent from here on.

        Numbers go out once, and again only before the end: after anything else there are newer ones.
        """
        kept = self._kept[len(self._kept) - self._unsent]
        self._unsent -= 1
        first, kept.sent = not kept.sent, True
        if kept.before is not None and (first or isinstance(kept.message, Finish)):
            return [kept.before, kept.message]
        return [kept.message]

    def acked(self, n: int) -> None:
        """Everything up to `n` is stored: forget it."""
        while self._kept and self._kept[0].message.n <= n:
            self._kept.popleft()
        self._unsent = min(self._unsent, len(self._kept))

    def restart(self, acked: int) -> None:
        """A new connection: all that came after `acked` is to be sent again.

        Where another worker spoke for this attempt before (`acked` is beyond anything said here), the
        numbers go on from there.
        """
        if acked > self._last:
            self._renumber(acked)
        self.acked(acked)
        self._unsent = len(self._kept)

    def refresh_end(self, numbers: Callable[[], Report | None]) -> None:
        """Where the end waits, let the newest numbers go before it: what was sent before may never have arrived."""
        if self._kept and isinstance(self._kept[-1].message, Finish):
            self._kept[-1].before = numbers() or self._kept[-1].before

    def drop_refused(self, acked: int) -> Durable | None:
        """The message after `acked` was sent and not taken: forget it, and close the gap that it leaves."""
        first = self._kept[0] if self._kept else None
        if first is None or not first.sent or first.message.n != acked + 1:
            return None
        self.acked(first.message.n)
        self._renumber(acked)
        return first.message

    def waiting(self) -> list[Durable]:
        """All that is kept, in order."""
        return [kept.message for kept in self._kept]

    def _renumber(self, acked: int) -> None:
        for offset, kept in enumerate(self._kept, start=1):
            kept.message.n = acked + offset
        self._last = acked + len(self._kept)
