"""One attempt of one job, as its worker knows it. The job's function, the sampler and the connection meet here.

Everything that more than one of them touches stands behind one lock. What the function does per item
(`Meter.plain`, a counter) does not: the sampler only reads it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from hub.protocol import (
    CancelOrder,
    Error,
    Finish,
    Open,
    Opened,
    PhaseStart,
    SavedCheckpoint,
)
from hub.view import Failure, Number, Phase, Status
from workers import stack
from workers.backlog import LIMIT, Backlog, Durable
from workers.introduction import UNKNOWN
from workers.meter import Meter
from workers.texts import checked, number_or_none, trimmed
from workers.voice import Voice

logger = logging.getLogger("barcast.worker")

BEAT_S = 5.0


class Attempt(Voice):
    """What one attempt has to say, and what it was told.

    Args:
        opening: how to introduce it to the hub.
        worker: who does the work (`host/pid`).
        limit: how many durable messages may wait for their acknowledgement.
        blocking: whether a full backlog makes the caller wait; False on an event loop, where it is an error.
        beat_s: seconds of silence after which it says that it is alive; a third of the hub's lease where that is less.
        independent: whether the work goes on whatever becomes of the hub: one that takes no more of it does not
            interrupt it, and where too much waits while there is no hub, lines of its story are left out.

    Attributes:
        introduction: who it is.
        stop: what is to be raised in the job function.
        stack: tells where it is; of the thread that made this, unless told otherwise.
        figures: its moving numbers.
        checkpoint: the last one.
        family: the jobs that it started.
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
        independent: bool = False,
    ) -> None:
        super().__init__(opening, worker=worker, limit=limit, blocking=blocking, beat_s=beat_s, independent=independent)
        self.stack: Callable[[], str] = partial(stack.of_thread, threading.get_ident())
        self.checkpoint: SavedCheckpoint | None = None
        self.opened = threading.Event()
        self._phases: list[Phase] = []

    # ── The job's function ────────────────────────────────────────────────────

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
            self._keep(message)
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

    def wait_opened(self, timeout_s: float | None = None) -> None:
        """Wait until the hub has accepted it, or there is a reason not to wait."""
        with self._changed:
            self._changed.wait_for(lambda: self.opened.is_set() or self.pointless, timeout_s)

    def wait_told(self, timeout_s: float | None) -> bool:
        """Wait until all that was said is acknowledged, or nothing more will be; True for acknowledged."""
        with self._changed:
            self._changed.wait_for(lambda: self.told or self._given_up or self.over.is_set(), timeout_s)
            return self.told

    # ── The connection ────────────────────────────────────────────────────────

    def accept(self, opened: Opened) -> None:
        """The hub took it: all that is not acknowledged is sent again, then the newest numbers."""
        with self._changed:
            self._keep_pace(opened.report_interval_s, opened.lease_s)
            last = self.introduction.answered()
            if self._live or not last:  # only the plan was told anew, or another answer is still to come
                self.acked(opened.acked)
                return
            refusal = self.introduction.accepted(opened)
            if not self.opened.is_set():
                self._resume_from(opened.checkpoint)
        self._obey(opened)  # before anybody learns that it is open: a cancelled function is not called
        with self._changed:
            self._go_live(opened.acked, refusal)

    def _obey(self, opened: Opened) -> None:
        if opened.cancel is not None:
            self.cancel(opened.cancel)
        elif opened.status == Status.PAUSED:
            self.pause()
        else:
            self.resume()

    def _go_live(self, acked: int, refusal: Error | None) -> None:
        self._backlog.restart(acked)
        if refusal is not None:
            self._leave_out(refusal, acked)
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
            kind = type(dropped).__name__.lower()
            logger.warning("the hub refused %s: %s", kind, refusal.message, extra=self._about())
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
        logger.warning("the hub refused the plan: %s", error.message, extra=self._about())
        self.introduction.forget_plan()

    def _about(self) -> dict[str, object]:
        """What a line of a log that concerns this attempt carries."""
        return {"job": self.introduction.job, "attempt": self.introduction.attempt}

    def detach(self) -> None:
        """The connection is gone: keep everything until the next."""
        with self._changed:
            self._live = False
            self.introduction.lost()
            self.family.lost()
            self._changed.notify_all()

    def acked(self, n: int) -> None:
        """Everything up to `n` is stored."""
        with self._changed:
            self._backlog.acked(n)
            self._changed.notify_all()

    def cancel(self, order: CancelOrder) -> None:
        """Stop at the next report. That the request has come is confirmed at once, whatever the function is doing."""
        self.stop.cancel(order)
        with self._changed:
            self._confirm_cancel = True
            self.wake()

    def pause(self) -> None:
        """Wait at the next report."""
        self.stop.pause()

    def resume(self) -> None:
        """Go on."""
        self.stop.resume()

    def revoke(self, why: str, *, cancelled: bool = False) -> None:
        """The attempt is over and nothing further is taken; `cancelled` while nobody could be told, it stops, too."""
        if self._independent and cancelled:
            self.stop.cancel(CancelOrder(reason=why, by=None, grace_s=0.0))
        elif self._independent:
            self.stop.resume()  # nobody is there to do so later
        else:
            self.stop.interrupt(why)
        with self._changed:
            self._live = False
            self.over.set()
            self._changed.notify_all()

    def fall_silent(self) -> None:
        """In a process forked from its own: nothing is said here, and no lock is waited for that was held there."""
        self._changed = threading.Condition()
        self.stop.renew(self._changed)
        self.wake = lambda: None
        self._backlog = Backlog(0)
        self._live = False
        self.opened, self.over = threading.Event(), threading.Event()
        self.over.set()
        self.family = self._new_family()

    def unacknowledged(self) -> list[Durable]:
        """What the hub has not stored, in order."""
        with self._changed:
            return self._backlog.waiting()
