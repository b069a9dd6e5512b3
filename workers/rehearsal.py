"""Runs a job function without a hub: for its tests, and to see what it would say."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from hub.errors import Invalid
from hub.protocol import CancelOrder, Entry, Finish, FromWorker, Open, Opened, Report, SavedCheckpoint
from hub.view import Number, Status
from workers.attempt import Attempt
from workers.backlog import Durable
from workers.ending import run, run_async
from workers.job import Job
from workers.kinds import MARK, Kind
from workers.reporter import Reporter
from workers.roster import Roster


class Rehearsal:
    """A hub of one's own in memory: accepts one attempt and keeps all it says.

    Args:
        function: with `@job` on it.
        checkpoint: what `job.checkpoint_data` is to be.
        cancel_at: called with each message; True cancels the job then.

    Attributes:
        messages: all that the hub would have received, in order.
        job: what the function is given.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        checkpoint: Any = None,
        done: Number | None = None,
        cancel_at: Callable[[FromWorker], bool] = lambda _: False,
    ) -> None:
        self._function = function
        self._kind: Kind = getattr(function, MARK)
        self._cancel_at = cancel_at
        self.messages: list[FromWorker] = []
        self.attempt = Attempt(Open(id=0, job="rehearsal", attempt=1))
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

    def _call(self, values: dict[str, Any]) -> Finish | None:
        if inspect.iscoroutinefunction(self._function):
            return asyncio.run(run_async(self.attempt, lambda: self._function(self.job, **values)))
        return run(self.attempt, lambda: self._function(self.job, **values))

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
