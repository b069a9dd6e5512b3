"""One attempt of one job, as its worker knows it. The job's function, the sampler and the connection meet here.

Everything that more than one of them touches stands behind one lock. What the function does per item
(`Meter.plain`, a counter) does not: the sampler only reads it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hub.errors import Invalid, TooMany
from hub.protocol import (
    CancelAck,
    CancelOrder,
    CancelReceived,
    Error,
    Finish,
    FromWorker,
    Open,
    Opened,
    PhaseStart,
    Report,
    SavedCheckpoint,
    WorkerBeat,
)
from hub.view import Failure, Number, Phase
from workers.backlog import LIMIT, Backlog, Durable
from workers.figures import Figures
from workers.introduction import UNKNOWN, Introduction
from workers.meter import Meter
from workers.stopping import Stop
from workers.texts import checked, number_or_none, trimmed

logger = logging.getLogger("barcast.worker")

REPORT_INTERVAL_S = 0.1  # until `opened` says otherwise
BEAT_S = 5.0


class Attempt:
    """What one attempt has to say, and what it was told.

    Args:
        opening: how to introduce it to the hub.
        worker: who does the work (`host/pid`).
        limit: how many durable messages may wait for their acknowledgement.
        blocking: whether a full backlog makes the caller wait; False on an event loop, where it is an error.
        beat_s: seconds of silence after which it says that it is alive.

    Attributes:
        introduction: who it is.
        stop: what is to be raised in the job function.
        figures: its moving numbers.
        checkpoint: the last one.
        wake: called when there is something to send.
        opened: set once the hub has accepted it.
        over: set when nothing further will be taken: revoked or given up.
    """

    def __init__(
        self,
        opening: Open,
        *,
        worker: str | None = None,
        limit: int = LIMIT,
        blocking: bool = True,
        beat_s: float = BEAT_S,
    ) -> None:
        self._changed = threading.Condition()
        self.introduction = Introduction(opening)
        self.figures = Figures(Meter(opening.total, opening.unit), worker)
        self.stop = Stop(self._changed, lambda: self._add(CancelAck(job=UNKNOWN, attempt=1, n=1)))
        self.checkpoint: SavedCheckpoint | None = None
        self.wake: Callable[[], None] = lambda: None
        self.opened = threading.Event()
        self.over = threading.Event()
        self._phases: list[Phase] = []
        self._blocking = blocking
        self._beat_s = beat_s
        self._interval_s = REPORT_INTERVAL_S
        self._backlog = Backlog(limit)
        self._live = False
        self._confirm_cancel = False
        self._given_up = False
        self._reported_at = float("-inf")
        self._spoke_at: float | None = None

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
            self._add(message)

    def begin_phase(self, name: str, total: Number | None, unit: str | None) -> Meter:
        """Start a phase; what it declared stands unless given here. Returns its meter."""
        declared = next((phase for phase in self._phases if phase.name == name), Phase(name=name))
        meter = Meter(
            declared.total if total is None else number_or_none(total, "total"),
            declared.unit if unit is None else unit,
        )
        message = PhaseStart(
            job=UNKNOWN, attempt=1, n=1, name=name, total=meter.total, unit=meter.unit, weight=declared.weight
        )
        checked(message)
        with self._changed:
            self._wait_for_room()
            self._add(message)
            self._phases = [phase for phase in self._phases if phase is not declared]
            self.figures.begin_phase(meter)
        return meter

    def plan(self, phases: Sequence[Phase]) -> None:
        """Replace the phases that have not started."""
        with self._changed:
            self._phases = list(phases)
            self.introduction.plan(phases)
            self.wake()

    def expect_phases(self, phases: Sequence[Phase]) -> None:
        """The phases its kind declares."""
        self._phases = list(phases)

    def keep(self, messages: Iterable[Durable]) -> None:
        """Take over what an earlier worker of this attempt could not deliver."""
        with self._changed:
            self._backlog.keep(messages)

    def give_up(self) -> None:
        """Wait for no hub any longer."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def remember(self, data: Any, done: Number) -> None:
        """The checkpoint just said is the last one."""
        self.checkpoint = SavedCheckpoint(at=0, done=done, fraction=None, data=data)

    def wait_opened(self) -> None:
        """Wait until the hub has accepted it, or there is a reason not to wait."""
        with self._changed:
            self._changed.wait_for(lambda: self.opened.is_set() or self.pointless)

    def wait_told(self, timeout_s: float | None) -> bool:
        """Wait until all that was said is acknowledged, or nothing more will be; True for acknowledged."""
        with self._changed:
            self._changed.wait_for(lambda: self.told or self._given_up or self.over.is_set(), timeout_s)
            return self.told

    @property
    def pointless(self) -> bool:
        """Whether there is a reason for the function not to wait for the hub."""
        return self.stop.attention or self._given_up or self.over.is_set()

    @property
    def has_room(self) -> bool:
        """Whether another durable message may wait."""
        return not self._backlog.full

    @property
    def told(self) -> bool:
        """Whether all that was said is acknowledged."""
        return not self._backlog

    def _wait_for_room(self) -> None:
        if not self._backlog.full:
            return
        if not self._blocking:
            raise TooMany(f"{len(self._backlog)} messages wait to be stored: await something between them")
        self._changed.wait_for(lambda: not self._backlog.full or self.pointless)

    def _add(self, message: Durable) -> None:
        self.introduction.stamp(message)
        self._backlog.add(message, self._news())
        self.wake()

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
            return max(self._reported_at + self._interval_s - now, 0.0) or self._interval_s

    def _news(self) -> Report | None:
        """The numbers that changed since they were last told, or None."""
        try:
            fields = self.figures.news()
        except Invalid as mistake:
            self.stop.mistaken(mistake)
            return None
        return Report(job=UNKNOWN, attempt=1, **fields) if fields else None

    # ── The connection ────────────────────────────────────────────────────────

    def accept(self, opened: Opened) -> None:
        """The hub took it: all that is not acknowledged is sent again, then the newest numbers."""
        with self._changed:
            self._interval_s = opened.report_interval_s
            last = self.introduction.answered()
            if self._live or not last:  # only the plan was told anew, or another answer is still to come
                self.acked(opened.acked)
                return
            refusal = self.introduction.accepted(opened)
            if not self.opened.is_set():
                self._resume_from(opened.checkpoint)
            if opened.cancel is not None:
                self.cancel(opened.cancel)  # before anybody learns that it is open: the function is not called
            self._backlog.restart(opened.acked)
            if refusal is not None:
                self._leave_out(refusal, opened.acked)
            self.figures.forget_told()
            self._backlog.refresh_end(self._news)
            self._live = True
            self.opened.set()
            self._changed.notify_all()
            self.wake()

    def _resume_from(self, checkpoint: SavedCheckpoint | None) -> None:
        self.checkpoint = checkpoint
        if checkpoint is None:
            return
        if checkpoint.done is not None and not self.figures.meter.done:
            self.figures.meter.done = checkpoint.done
        self.figures.counters = {**checkpoint.counters, **self.figures.counters}

    def _leave_out(self, refusal: Error, acked: int) -> None:
        """Leave out the message that the hub will not take; an end that it will not take becomes a failure.

        Everything sent before this `open` is either stored by now or was refused, and the first such message
        is the one: those after it were only out of order.
        """
        dropped = self._backlog.drop_refused(acked)
        if dropped is not None:
            logger.warning("the hub refused %s: %s", type(dropped).__name__.lower(), refusal.message)
        if isinstance(dropped, Finish) and dropped.error is None:
            error = Failure(type="Refused", message=trimmed(f"the end was refused: {refusal.message}"))
            self._add(Finish(job=UNKNOWN, attempt=1, n=1, outcome="failed", error=error, retry=False))

    def refused(self, error: Error) -> None:
        """Something was not taken. What it was, the answer to another `open` tells."""
        with self._changed:
            if self._live:
                self.introduction.doubt(error)
                self.wake()

    def refused_opening(self, error: Error) -> None:
        """The hub will not have this attempt (or, where it has it already, not the new plan)."""
        self.introduction.answered()
        if not self._live:
            self.revoke(error.message)
            return
        logger.warning("the hub refused the plan: %s", error.message)
        self.introduction.forget_plan()

    def detach(self) -> None:
        """The connection is gone: keep everything until the next."""
        with self._changed:
            self._live = False
            self.introduction.lost()

    def acked(self, n: int) -> None:
        """Everything up to `n` is stored."""
        with self._changed:
            self._backlog.acked(n)
            self._changed.notify_all()

    def cancel(self, order: CancelOrder) -> None:
        """Stop at the next report. That the request has come is confirmed at once, whatever the function is doing."""
        with self._changed:
            self.stop.cancel(order)
            self._confirm_cancel = True
            self.wake()

    def revoke(self, why: str) -> None:
        """The attempt is over and nothing further is taken."""
        with self._changed:
            self._live = False
            self.over.set()
            self.stop.interrupt(why)
            self._changed.notify_all()

    def unacknowledged(self) -> list[Durable]:
        """What the hub has not stored, in order."""
        with self._changed:
            return self._backlog.waiting()
