"""What an attempt says, and when: its story in order, its numbers now and then, else a sign of life."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hub.errors import Invalid, TooMany
from hub.protocol import CancelAck, CancelReceived, FromWorker, Open, Report, WorkerBeat
from workers.backlog import Backlog, Durable
from workers.family import Family
from workers.figures import Figures
from workers.introduction import UNKNOWN, Introduction
from workers.meter import Meter
from workers.stopping import Stop
from workers.texts import checked

REPORT_INTERVAL_S = 0.1  # until `opened` says otherwise
BEATS = 3  # of a lease: one that comes late, and one that is lost, cost nobody the work
PATIENCE_S = 10.0  # of work that goes on without a hub, where it wants something that only a hub can do


class Voice:
    """The half of an :class:`workers.attempt.Attempt` that speaks; arguments and attributes are described there."""

    def __init__(
        self, opening: Open, *, worker: str | None, limit: int, blocking: bool, beat_s: float, independent: bool
    ) -> None:
        self._changed = threading.Condition()
        self.introduction = Introduction(opening)
        self.figures = Figures(Meter(opening.total, opening.unit), worker)
        self.stop = Stop(self._changed, self._acknowledge, blocking=blocking)
        self.wake: Callable[[], None] = lambda: None
        self.over = threading.Event()
        self._blocking = blocking
        self._independent = independent
        self._longest_beat_s = self._beat_s = beat_s
        self._interval_s = REPORT_INTERVAL_S
        self._backlog = Backlog(limit)
        self._live = False
        self._confirm_cancel = False
        self._given_up = False
        self._reported_at = float("-inf")
        self._spoke_at: float | None = None
        self.family = self._new_family()

    def _new_family(self) -> Family:
        return Family(
            self._changed, self.stop, self.introduction, blocking=self._blocking, over=self.over,
            patience_s=PATIENCE_S if self._independent else None, wake=lambda: self.wake(),
        )  # fmt: skip

    # ── The job's function ────────────────────────────────────────────────────

    def say(self, message: Durable) -> None:
        """Keep a durable message, and send it until it is acknowledged.

        Raises:
            Invalid, TooLarge: the hub would not take it.
            TooMany: on an event loop, 10,000 wait already.
        """
        self.introduction.stamp(message)
        checked(message)
        with self._changed:
            self._wait_for_room()
            self._keep(message)

    @property
    def pointless(self) -> bool:
        """Whether there is a reason for the function not to wait for the hub."""
        return (self.stop.attention and not self.stop.paused) or self._given_up or self.over.is_set()

    @property
    def has_room(self) -> bool:
        """Whether another durable message may wait."""
        return not self._backlog.full

    @property
    def roomy(self) -> bool:
        """Whether there is room for what the function did not ask to be told, and still for what it does."""
        return not (self._backlog.half_full or self.over.is_set())

    @property
    def told(self) -> bool:
        """Whether all that was said is acknowledged."""
        return not self._backlog

    def _wait_for_room(self) -> None:
        if not self._backlog.full:
            return
        if not self._blocking and not self._independent:
            raise TooMany(f"{len(self._backlog)} messages wait to be stored: await something between them")
        if self._blocking:
            self._changed.wait_for(lambda: not self._backlog.full or self.pointless or self._alone)

    @property
    def _alone(self) -> bool:
        return self._independent and not self._live

    def _keep(self, message: Durable) -> None:
        if self._independent and (self.over.is_set() or not self._backlog.make_room(message)):
            return
        self._add(message)

    def _add(self, message: Durable) -> None:
        self.introduction.stamp(message)
        self._backlog.add(message, self._news())
        self.wake()

    @property
    def left_out(self) -> int:
        """How many lines of the story were left out because too much waited."""
        return self._backlog.left_out

    def _acknowledge(self) -> None:
        self._add(CancelAck(job=UNKNOWN, attempt=1, n=1))

    def _keep_pace(self, interval_s: float, lease_s: float) -> None:
        """How often the hub wants to hear of it."""
        self._interval_s = interval_s
        self._beat_s = min(self._longest_beat_s, lease_s / BEATS)

    # ── The sampler ───────────────────────────────────────────────────────────

    def due(self, now: float) -> list[FromWorker]:
        """What is to be sent at this moment, in order; empty when nothing is, or nobody listens.

        Args:
            now: seconds on a clock that does not go back.
        """
        with self._changed:
            if not self._live:
                return []
            if self._spoke_at is None:
                self._spoke_at = now
            messages = self._due(now)
            self._spoke_at = now if messages else self._spoke_at
            return messages

    def _due(self, now: float) -> list[FromWorker]:
        if self.introduction.due:
            self._live = self.introduction.refusal is None
            return [self.introduction.take()]
        if self._confirm_cancel:
            self._confirm_cancel = False
            return self._stamped([CancelReceived(job=UNKNOWN, attempt=1)])
        if self._backlog.unsent:
            return self._stamped([*self._backlog.take()])
        if (start := self.family.due(now)) is not None:
            return [start]
        if now - self._reported_at >= self._interval_s and (news := self._news()) is not None:
            self._reported_at = now
            return self._stamped([news])
        if self._spoke_at is not None and now - self._spoke_at >= self._beat_s:
            return self._stamped([WorkerBeat(job=UNKNOWN, attempt=1)])
        return []

    def _stamped(self, messages: list[FromWorker]) -> list[FromWorker]:
        for message in messages:
            self.introduction.stamp(message)
        return messages

    def wait_s(self, now: float) -> float | None:
        """Seconds until there may be something to send; None while nobody listens."""
        with self._changed:
            if not self._live:
                return None
            if self._backlog.unsent or self.introduction.due or self._confirm_cancel:
                return 0.0
            numbers_s = max(self._reported_at + self._interval_s - now, 0.0) or self._interval_s
            start_s = self.family.wait_s(now)
            return min(numbers_s, self._beat_s, numbers_s if start_s is None else start_s)

    def _news(self) -> Report | None:
        """The numbers that changed since they were last told, or None."""
        try:
            fields = self.figures.news()
        except Invalid as mistake:
            self.stop.mistaken(mistake)
            return None
        return Report(job=UNKNOWN, attempt=1, **fields) if fields else None
