"""`track()` for scripts that the hub did not start: reports where there is a hub, goes on where there is none."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
from collections.abc import Iterable, Iterator, Sized
from itertools import chain
from pathlib import Path
from typing import TypeVar

from hub.protocol import Finish, Open
from hub.view import Number
from workers.address import Address, from_environment
from workers.attempt import Attempt
from workers.connection import Connection
from workers.introduction import UNKNOWN
from workers.reporter import Reporter
from workers.texts import number_or_none, trimmed
from workers.tracking import tracked

T = TypeVar("T")
DELIVER_S = 10.0  # for the end, where a hub was there
REACH_S = 1.0  # for a first connection that is still being made when the loop is over already
NAME_LENGTH = 256


def track(
    iterable: Iterable[T],
    title: str | None = None,
    total: Number | None = None,
    unit: str | None = None,
    kind: str | None = None,
) -> Iterator[T]:
    """Iterate, and show how far it is on the hub at `BARCAST_URL` (with `BARCAST_TOKEN`), if there is one.

    Args:
        iterable: what to go through.
        title: what the job is called; None for the kind.
        total: how many there are; None for `len(iterable)` where it has one.
        unit: what is counted.
        kind: name under which such runs are grouped; None for the script's name.

    Raises:
        Cancelled: at the next step, when somebody cancels the job on the hub.

    A loop that is left early (`break`, an exception) ends as cancelled, and says after how many.
    """
    kind = kind_name(kind if kind is not None else Path(sys.argv[0]).stem)
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    opening = Open(
        id=0,
        kind=kind,
        title=trimmed(title or kind),
        total=number_or_none(total, "total"),
        unit=None if unit is None else trimmed(unit, NAME_LENGTH),
        key=secrets.token_hex(16),
    )
    return chain.from_iterable(_reported(iterable, opening))


def kind_name(text: str) -> str:
    """A valid kind made of any text."""
    return re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^A-Za-z0-9._:-]+", "-", text))[:128] or "script"


def _reported(iterable: Iterable[T], opening: Open) -> Iterator[Iterator[T]]:
    session = Session(opening, from_environment(), os.environ.get("BARCAST_TOKEN"))
    whole = False
    try:
        yield tracked(iterable, session.attempt.figures.meter, session.attempt.stop)
        whole = True
    finally:
        session.end(whole)


class Session:
    """One loop of a script, as a job on the hub.

    Args:
        opening: how it is introduced.
        address: where the hub is.
        token: for its Authorization header.
    """

    def __init__(self, opening: Open, address: Address, token: str | None) -> None:
        self.attempt = Attempt(opening, worker=f"{socket.gethostname()}/{os.getpid()}")
        self._connection = Connection(address, token=token, persistent=False)
        self._connection.roster.add(self.attempt)
        self._reporter = Reporter(self._connection.roster, self._connection)
        self._reporter.start()
        self._connection.start()

    def end(self, whole: bool) -> None:
        """Report the end, where there is a hub to hear it.

        Args:
            whole: whether the loop came to its end by itself.
        """
        if sys.is_finalizing():
            return  # the threads that would deliver it are gone
        if self._reached():
            self._deliver(self._finish(whole))
        self._reporter.close()
        self._connection.close()

    def _reached(self) -> bool:
        self._connection.tried.wait(REACH_S) if not self.attempt.opened.is_set() else None
        return self.attempt.opened.is_set() and not self.attempt.over.is_set()

    def _finish(self, whole: bool) -> Finish:
        if whole:
            return Finish(job=UNKNOWN, attempt=1, n=1, outcome="succeeded")
        done, total = self.attempt.figures.meter.done, self.attempt.figures.meter.total
        left = f"Left after {done}" if total is None else f"Left after {done} of {total}"
        words = None if self.attempt.stop.raised is not None else left
        return Finish(job=UNKNOWN, attempt=1, n=1, outcome="cancelled", message=words)

    def _deliver(self, finish: Finish) -> None:
        self.attempt.say(finish)
        self.attempt.wait_told(DELIVER_S)
