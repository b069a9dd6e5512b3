"""The attempts that share one way to the hub, and what each message from the hub means for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from hub.protocol import (
    Ack,
    CancelOrder,
    CancelWork,
    ChildState,
    Closing,
    Error,
    FromWorker,
    Ok,
    Opened,
    PauseWork,
    ResumeWork,
    RevokedWork,
    Stack,
    StackWanted,
    ToWorker,
)
from hub.view import Status
from workers.attempt import Attempt

logger = logging.getLogger("barcast.worker")

ToAttempt = Ack | CancelWork | PauseWork | ResumeWork | StackWanted | ChildState


class Wire(Protocol):
    """A way to the hub."""

    def send(self, message: FromWorker) -> bool:
        """Send one message; False when the hub is away (then it is not sent, and nothing is lost)."""
        ...


class Roster:
    """Who is to hear what.

    Args:
        wire: how to answer.

    Attributes:
        wake: called when one of them has something to send.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.wake: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._last = 0
        self._by_request: dict[int | str, Attempt] = {}
        self._attempts: list[Attempt] = []

    @property
    def attempts(self) -> list[Attempt]:
        """All of them; a list of the asker's own."""
        with self._lock:
            return list(self._attempts)

    def add(self, attempt: Attempt) -> None:
        """Take an attempt in; it is silent until it is introduced."""
        with self._lock:
            self._last += 1
            who = attempt.introduction
            who.opening = msgspec.structs.replace(who.opening, id=self._last)
            attempt.wake = lambda: self.wake()
            self._by_request[self._last] = attempt
            self._attempts.append(attempt)

    def remove(self, attempt: Attempt) -> None:
        """Forget it."""
        with self._lock:
            self._by_request.pop(attempt.introduction.opening.id, None)
            self._attempts = [other for other in self._attempts if other is not attempt]

    def introduce(self) -> None:
        """Tell a hub that was just reached who is here."""
        for attempt in self.attempts:
            if not attempt.over.is_set():
                self._wire.send(attempt.introduction.take())

    def detach(self) -> None:
        """The hub is away."""
        for attempt in self.attempts:
            attempt.detach()

    def hear(self, message: ToWorker) -> None:
        """Pass a message on to whom it concerns."""
        match message:
            case Opened():
                self._opened(message)
            case RevokedWork():
                self._revoked(message)
            case Error():
                self._error(message)
            case Ok():
                self._answers_start(message)
            case Closing():
                logger.debug("the hub closes: %s", message.reason)
            case _:
                for attempt in self._of(message.job, message.attempt):
                    self._pass(attempt, message)

    def _pass(self, attempt: Attempt, message: ToAttempt) -> None:
        match message:
            case Ack():
                attempt.acked(message.n)
            case CancelWork():
                attempt.cancel(CancelOrder(reason=message.reason, by=message.by, grace_s=message.grace_s))
            case PauseWork():
                attempt.pause()
            case ResumeWork():
                attempt.resume()
            case ChildState():
                attempt.family.heard(message)
            case StackWanted():
                self._wire.send(Stack(job=message.job, attempt=message.attempt, id=message.id, text=attempt.stack()))

    def _answers_start(self, message: Ok | Error) -> bool:
        return any(attempt.family.answered(message) for attempt in self.attempts)

    def _of(self, job: str, number: int) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.introduction.names(job, number)]

    def _opened(self, message: Opened) -> None:
        attempt = self._by_request.get(message.id)
        if attempt is None:
            return
        attempt.accept(message)

    def _revoked(self, message: RevokedWork) -> None:
        named = self._by_request.get(message.id) if message.id is not None else None
        for attempt in [named] if named is not None else self._of(message.job, message.attempt):
            attempt.revoke(message.reason, cancelled=message.status is Status.CANCELLED)

    def _error(self, message: Error) -> None:
        """An error that names an `open` is about that attempt; another is about anything that was sent."""
        logger.debug("the hub answered %s: %s", message.code, message.message)
        named = self._by_request.get(message.id) if message.id is not None else None
        if self._answers_start(message):
            return
        if named is None:
            for attempt in self.attempts:
                attempt.refused(message)
        elif message.code in REFUSALS:
            named.refused_opening(message)


REFUSALS = frozenset({"not_found", "forbidden", "unauthenticated", "conflict", "invalid", "revoked", "too_large"})
