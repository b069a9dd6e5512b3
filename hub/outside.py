"""Work that the hub did not start, over HTTP: opened and reported on with nothing but `curl`."""

from __future__ import annotations

from typing import Any

import msgspec

from hub import auth
from hub.answers import decode
from hub.errors import Conflict
from hub.held import Held
from hub.protocol import (
    Artifact,
    AttemptMessage,
    CancelAck,
    CancelOrder,
    Checkpoint,
    Entry,
    Finish,
    HttpAck,
    HttpStart,
    Numbered,
    PhaseStart,
    Report,
)
from hub.service import Service
from hub.state import JobState
from hub.view import JobView, Status

REPORTS: dict[str, type[AttemptMessage]] = {
    "report": Report,
    "phase": PhaseStart,
    "entry": Entry,
    "checkpoint": Checkpoint,
    "artifact": Artifact,
    "finish": Finish,
    "cancel_ack": CancelAck,
}


class HttpNumbers(msgspec.Struct):
    """The two numbers that a report over HTTP may leave out."""

    attempt: int | None = None
    n: int | None = None


class Outside:
    """Jobs from outside, of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def open(self, order: HttpStart) -> tuple[JobView, bool]:
        """Open a job: with the token that reports on it, and whether this call made it.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        hub = self._service.hub
        held, made = await hub.keys.once(order.kind, order.key, lambda: self._create(order))
        if held.job.facts.startable:
            raise Conflict("this key was used for a job that the hub started")
        view = hub.shown_of(held).view
        return msgspec.structs.replace(view, report_token=auth.report_token(hub.secret, held.id)), made

    async def _create(self, order: HttpStart) -> Held:
        hub, household = self._service.hub, self._service.runner.household
        facts = hub.facts(
            kind=order.kind, title=order.title or order.kind, place="outside", params=order.params, tags=order.tags,
            key=order.key, parent=order.parent, priority=order.priority,
        )  # fmt: skip
        await household.admit(order.parent)
        state = JobState(total=order.total, unit=order.unit, max_attempts=order.max_attempts or 1)
        return await hub.create(facts, order.phases, state)

    def check(self, held: Held, token: str | None) -> None:
        """Whether a job may be reported on, by somebody who gives this token or none.

        Raises:
            Forbidden: another token is needed.
            Conflict: the hub started it.
        """
        auth.check_token(token, auth.report_token(self._service.hub.secret, held.id), needed=False)
        if held.job.facts.startable:
            raise Conflict("only a job that was opened from outside is reported on over HTTP")

    async def take(self, held: Held, type_: type[AttemptMessage], raw: bytes) -> HttpAck:
        """Apply a message; returns when it is committed.

        Raises:
            PeerError, HubError: nothing was changed.
        """
        hub, message = self._service.hub, _message(held, type_, raw)
        if isinstance(message, Numbered) or held.job.state.status is Status.QUEUED:
            hub.check_storage()  # moving numbers go on being shown
        if isinstance(message, Finish):
            self._service.runner.household.before_end(held)
        change = held.job.apply(message, hub.clock())
        hub.traffic.taken["http"] += 1
        await hub.commit(held, change)
        if isinstance(message, Numbered):
            held.stored(message.attempt, message.n)
        return _acknowledgement(held)


def _message(held: Held, type_: type[AttemptMessage], raw: bytes) -> AttemptMessage:
    sent, state = decode(raw, HttpNumbers), held.job.state
    extra: dict[str, Any] = {"job": held.id}
    extra["attempt"] = state.attempt if sent.attempt is None else sent.attempt
    if issubclass(type_, Numbered):
        extra["n"] = state.acked + 1 if sent.n is None else sent.n
    return decode(raw, type_, extra)


def _acknowledgement(held: Held) -> HttpAck:
    state = held.job.state
    order = None if state.status.terminal else held.job.stop_order
    cancel = CancelOrder(reason=order.reason, by=order.by, grace_s=order.grace_s) if order else None
    paused = state.status is Status.PAUSED
    return HttpAck(job=held.id, attempt=state.attempt, acked=held.acked, cancel=cancel, paused=paused)
