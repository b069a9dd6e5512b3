"""How an attempt is introduced to the hub, and when that has to be done again on the same connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.protocol import Error, Open, Opened
from hub.view import Phase, Status

UNKNOWN = "unknown"  # stands in for the id of a job that the hub has not named yet; nothing is sent before it has
NOT_FINAL = frozenset({"out_of_order", "unavailable", "internal"})  # not that message's fault: send it again


class Introduction:
    """Who this is.

    Args:
        opening: the first `open`; its `id` is set by whoever sends it.

    Attributes:
        job: the job's id, None until the hub has named it.
        attempt: 1, 2, 3 …, likewise.
        status: where the job stood when the hub last accepted it; None before that.
        due: whether it is to be said again: the plan changed, or something was refused.
        refusal: what was refused; the answer to the next `open` tells which message it was.
    """

    def __init__(self, opening: Open) -> None:
        self.opening = opening
        self.job, self.attempt = opening.job, opening.attempt
        self.status: Status | None = None
        self.due = False
        self.refusal: Error | None = None
        self._unanswered = 0

    def take(self) -> Open:
        """What opens the attempt; not due any more, and to be answered."""
        self.due = False
        self._unanswered += 1
        if self.job is None:
            return self.opening
        return msgspec.structs.replace(self.opening, job=self.job, attempt=self.attempt)

    def answered(self) -> bool:
        """One of them is answered. Returns whether it was the last: what an earlier one tells is out of date."""
        self._unanswered = max(self._unanswered - 1, 0)
        return self._unanswered == 0

    def names(self, job: str, attempt: int) -> bool:
        """Whether it is this one."""
        return (self.job, self.attempt) == (job, attempt)

    def stamp(self, message: Any) -> None:
        """Say in a message whose it is."""
        message.job, message.attempt = self.job or UNKNOWN, self.attempt or 1

    def plan(self, phases: Sequence[Phase]) -> None:
        """The phases that have not started; told at once, and on every connection to come."""
        self.opening = msgspec.structs.replace(self.opening, phases=list(phases))
        self.due = True

    def forget_plan(self) -> None:
        """The hub would not take it."""
        self.opening = msgspec.structs.replace(self.opening, phases=[])

    def doubt(self, refusal: Error) -> None:
        """Something was refused: ask how far the hub has come."""
        self.refusal = self.refusal or refusal
        self.due = True

    def accepted(self, opened: Opened) -> Error | None:
        """The hub knows who this is. Returns what was refused before, where that was final."""
        self.job, self.attempt, self.status = opened.job, opened.attempt, opened.status
        refusal, self.refusal = self.refusal, None
        return None if refusal is None or refusal.code in NOT_FINAL else refusal

    def lost(self) -> None:
        """The connection is gone; on the next one everything is said anew."""
        self.due = False
        self.refusal = None
        self._unanswered = 0
