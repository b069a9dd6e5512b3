"""A block of a script as a job: `with Job.open("nightly") as job:`, and the same with `async with`."""

from __future__ import annotations

import asyncio
from types import TracebackType

from hub.protocol import Open
from workers import outcome
from workers.session import OutsideJob, Session


class OpenJob:
    """What :meth:`workers.Job.open` returns: the job begins with the block and ends with it.

    Left normally it succeeded, by an exception it failed (and the exception goes on), by :class:`workers.Cancelled`
    or Ctrl-C it was cancelled (and that goes on too).

    Args:
        opening: how it is introduced.
    """

    def __init__(self, opening: Open) -> None:
        self._opening = opening
        self._session: Session | None = None

    def __enter__(self) -> OutsideJob:
        self._session = Session(self._opening)
        return self._session.job

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As at the end of a job function: the jobs that this one started end first, and may make it fail."""
        try:
            if error is None:
                self._opened.attempt.family.finish()
        except BaseException as failure:
            self._end(failure)
            raise
        self._end(error)

    async def __aenter__(self) -> OutsideJob:
        self._session = Session(self._opening, blocking=False)
        return self._session.job

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As above; the loop goes on meanwhile."""
        try:
            if error is None:
                await self._opened.attempt.family.finish_async()
        except BaseException as failure:
            await self._end_apart(failure)
            raise
        await self._end_apart(error)

    @property
    def _opened(self) -> Session:
        assert self._session is not None, "left before it was entered"
        return self._session

    async def _end_apart(self, error: BaseException | None) -> None:
        """Shielded: a task that is cancelled while it leaves still delivers its end."""
        await asyncio.shield(asyncio.to_thread(self._end, error))

    def _end(self, error: BaseException | None) -> None:
        session = self._opened
        if error is None:
            session.succeed()
        else:
            session.end(outcome.raised(error, session.stop, session.job.result))
