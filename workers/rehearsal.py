"""Runs a job function without a hub: for its tests, and to see what it would say."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from hub.errors import Invalid, PeerError
from hub.protocol import (
    CancelOrder,
    Entry,
    Error,
    Finish,
    FromWorker,
    Open,
    Opened,
    Report,
    SavedCheckpoint,
    StartChild,
)
from hub.view import ErrorView, Number, Status
from workers.attempt import Attempt
from workers.backlog import Durable
from workers.ending import run, run_async
from workers.job import Job
from workers.kinds import MARK, Kind, Kinds
from workers.reporter import Reporter
from workers.roster import Roster


class Rehearsal:
    """A hub of one's own in memory: accepts one attempt and keeps all it says.

    Args:
        function: with `@job` on it.
        checkpoint: what `job.checkpoint_data` is to be.
        cancel_at: called with each message; True cancels the job then.
        children: functions with `@job` on them that it may start. Each is rehearsed, from its start to its end,
            when it is started.

    Attributes:
        messages: all that the hub would have received, in order.
        job: what the function is given.
        started: the rehearsals of its children, in order.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        checkpoint: Any = None,
        done: Number | None = None,
        cancel_at: Callable[[FromWorker], bool] = lambda _: False,
        children: Sequence[Callable[..., Any]] = (),
    ) -> None:
        self._function = function
        self._children = children
        self.started: list[Rehearsal] = []
        self._kind: Kind = getattr(function, MARK)
        self._cancel_at = cancel_at
        self.messages: list[FromWorker] = []
        on_loop = inspect.iscoroutinefunction(function)
        self.attempt = Attempt(Open(id=0, job="rehearsal", attempt=1), blocking=not on_loop)
        self.attempt.expect_phases(self._kind.info.phases)
        self.job = Job(self.attempt, self._kind.info.title)
        self._roster = Roster(self)
        self._roster.add(self.attempt)
        self._reporter = Reporter(self._roster, self)
        self._roster.hear(self._opened(checkpoint, done))

    def send(self, message: FromWorker) -> bool:
        """The hub's ear: keeps the message and acknowledges it at once."""
        self.messages.append(message)
        if isinstance(message, Durable):
            self.attempt.acked(message.n)
        if isinstance(message, StartChild):
            self._start(message)
        if self._cancel_at(message):
            self.attempt.cancel(CancelOrder(reason=None, by=None, grace_s=10.0))
        return True

    def run(self, **params: Any) -> Finish | None:
        """Run the function; its parameters are checked as the hub would.

        Returns:
            how it ended.

        Raises:
            Invalid: a parameter is wrong.
        """
        values = self._kind.parameters.check(params)
        self.job.title = self._kind.title.format(values)
        self._reporter.start()
        finish = self._call(values)
        if finish is not None:
            self.attempt.say(finish)
        self._reporter.close()
        return finish

    def _start(self, start: StartChild) -> None:
        try:
            function = Kinds(self._children)[start.kind].function
            child = Rehearsal(function, children=self._children)
            finish = child.run(**start.params)
        except PeerError as error:
            self._roster.hear(Error(code=error.code, message=error.detail, id=start.id, field=error.field))
            return
        self.started.append(child)
        job = f"{self.job.id}-{len(self.started)}"
        self.attempt.family.taken(start.id, _taken(job, start.title or child.job.title, finish))

    def _call(self, values: dict[str, Any]) -> Finish | None:
        no_retry = self._kind.no_retry
        if inspect.iscoroutinefunction(self._function):
            return asyncio.run(run_async(self.attempt, lambda: self._function(self.job, **values), no_retry))
        return run(self.attempt, lambda: self._function(self.job, **values), no_retry)

    @property
    def entries(self) -> list[str]:
        """Texts of the log entries."""
        return [message.text for message in self.messages if isinstance(message, Entry)]

    @property
    def reports(self) -> list[Report]:
        """The numbers, as they were sent."""
        return [message for message in self.messages if isinstance(message, Report)]

    def _opened(self, checkpoint: Any, done: Number | None) -> Opened:
        saved = None if checkpoint is None else SavedCheckpoint(at=0, done=done, fraction=None, data=checkpoint)
        return Opened(
            id=1, job="rehearsal", attempt=1, status=Status.RUNNING, acked=0, lease_s=60.0, report_interval_s=0.1,
            checkpoint=saved, cancel=None, history=None,
        )  # fmt: skip


class Ended(Struct):
    """A child that was rehearsed."""

    id: str
    title: str
    status: Status
    result: Any
    error: ErrorView | None


def _taken(job: str, title: str, finish: Finish | None) -> Ended:
    if finish is None:
        return Ended(job, title, Status.CANCELLED, None, None)
    error = ErrorView(type=finish.error.type, message=finish.error.message) if finish.error else None
    return Ended(job, title, Status(finish.outcome), finish.result, error)


def rehearse(function: Callable[..., Any], **params: Any) -> Rehearsal:
    """Run a job function without a hub.

    Args:
        function: with `@job` on it.
        params: its parameters.

    Raises:
        Invalid: a parameter is wrong, or the function did not end as succeeded; names the error.
    """
    rehearsal = Rehearsal(function)
    finish = rehearsal.run(**params)
    if finish is None or finish.outcome != "succeeded":
        raise Invalid(f"expected success, got {finish!r}")
    return rehearsal
