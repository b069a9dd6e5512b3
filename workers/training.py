"""One training run, told to the hub: what the adapters of training libraries have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from hub.view import Number
from workers import outcome
from workers.job import Job
from workers.outside import Session, opening
from workers.stopping import Cancelled

LOGGED_EVERY_S = 10.0  # logs of a training that logs at every step are lines of the story only so often
UNIT = "steps"


class Training:
    """Begins, advances and ends; from a cancel on it only remembers that it is to stop.

    Args:
        job: of the job function that trains; None for a job of its own.
        kind: name under which such trainings are grouped.
        title: what its own job is called; None for the kind.
        tags: of its own job.
        clock: seconds that do not go back.

    Attributes:
        stopping: whether somebody cancelled it. The library is to be asked to stop; nothing is raised in its midst.
    """

    def __init__(
        self,
        job: Job | None,
        kind: str,
        title: str | None,
        tags: Mapping[str, str] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stopping = False
        self._given = job
        self._kind, self._title, self._tags = kind, title, tags
        self._clock = clock
        self._session: Session | None = None
        self._cancel: Cancelled | None = None
        self._logged_at = float("-inf")
        self._metrics: dict[str, float] = {}

    def begin(self, total: Number | None, params: Mapping[str, Any]) -> None:
        """It starts.

        Args:
            total: steps in all; None while unknown.
            params: what it is trained with, for people.
        """
        if self._given is None:
            told = opening(
                self._kind, title=self._title, total=total, unit=UNIT, tags=self._tags, params=_plain(params)
            )
            self._session = Session(told)

    def step(self, done: Number, total: Number | None) -> None:
        """So many steps are done.

        Args:
            done: steps so far.
            total: steps in all; None while unknown.
        """
        self._tell(lambda job: self._advance(job, done, total))

    def _advance(self, job: Job, done: Number, total: Number | None) -> None:
        if job.total != total:
            job.total = total
        job.done = done

    def message(self, text: str) -> None:
        """What is being done right now."""
        self._tell(lambda job: job.message(text))

    def log(self, text: str, metrics: Mapping[str, Any] | None = None) -> None:
        """One line of the story, with what was measured."""
        data = None if metrics is None else self._keep(metrics)
        self._tell(lambda job: job.log(text, data=data))

    def measured(self, where: str, metrics: Mapping[str, Any]) -> None:
        """What a training step was logged with: shown at once, in the story now and then.

        Args:
            where: how far it was, for people.
            metrics: numbers by name.
        """
        text = " · ".join([where, *(f"{name} {value:.4g}" for name, value in self._keep(metrics).items())][:6])
        self.message(text)
        if self._clock() - self._logged_at >= LOGGED_EVERY_S:
            self._logged_at = self._clock()
            self.log(text, metrics)

    def end(self, error: BaseException | None = None, message: str | None = None) -> None:
        """It is over.

        Args:
            error: what ended it; None for its end, or its stop where it was cancelled.
            message: how far it came, for people.

        Raises:
            Cancelled: in a job function whose job was cancelled, where the library has come to its stop.
        """
        session, self._session = self._session, None
        if session is not None and error is not None:
            session.end(outcome.raised(error, session.stop))
        elif session is not None and self.stopping:
            session.cancelled(message)
        elif session is not None:
            session.succeed(self._metrics or None, message)
        elif self._cancel is not None and error is None:
            raise self._cancel

    def abandon(self) -> None:
        """Another one begins, and this one never told its end."""
        self.end(Abandoned("another training began before this one told its end"))

    def _keep(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        numbers = _numbers(metrics)
        self._metrics |= numbers
        return numbers

    def _tell(self, say: Callable[[Job], None]) -> None:
        """Report. The library's own loop is not torn apart by a cancel: it is told to stop, and stops in its way."""
        job = self._given if self._session is None else self._session.job
        if job is None:
            return
        try:
            say(job)
        except Cancelled as cancel:
            self._cancel = cancel
        self.stopping = self.stopping or job.cancelled


class Abandoned(Exception):
    """A training was begun and its end never told."""


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """What of it is a number, tensors and numpy's numbers too."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if isinstance(value, str | int | float | bool)}
