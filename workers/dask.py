"""Dask computations on the hub: `follow(futures)` shows those futures as one job.

Needs the package `distributed`; nothing else here imports it. It follows from the client's side, so neither scheduler
nor workers have to know of Barcast. A cancel cancels the futures that are not done; a pause has no effect, for Dask
has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from workers.job import Job
from workers.outside import Session, opening
from workers.stopping import Cancelled, What

try:
    from distributed import Future, futures_of
except ImportError as missing:
    raise ImportError("workers.dask needs the package distributed: pip install distributed") from missing

FAILURES_TOLD = 20  # of one computation; further ones are counted


def follow(
    futures: Any,
    *,
    kind: str = "dask",
    title: str | None = None,
    tags: Mapping[str, str] | None = None,
    force: bool = False,
) -> Following:
    """Show futures as one job: how many of them are done, and which failed.

    Args:
        futures: a future, collections of them, or what `persist()` returned.
        kind: name under which such computations are grouped.
        title: what the job is called; None for the kind.
        tags: of the job.
        force: whether a cancel takes them from other clients that wait for them, too.

    Returns:
        what tells when all of them are done and the hub knows.
    """
    by_key = {str(future.key): future for future in futures_of(futures)}
    told = opening(kind, title=title, total=len(by_key), unit="tasks", tags=tags)
    return Following(by_key, Session(told, blocking=False), force)


class Following:
    """One job made of futures; each is let go of as soon as it is done.

    Args:
        futures: by key.
        session: the job; not one that waits while it is paused.
        force: as of :func:`follow`.
    """

    def __init__(self, futures: Mapping[str, Future[Any]], session: Session, force: bool) -> None:
        self._session = session
        self._force = force
        self._lock = threading.Lock()
        self._pending = dict(futures)
        self._total = len(futures)
        self._failures: list[BaseException] = []
        self._cancelled = 0
        self._over = threading.Event()
        session.stop.listen(self._hear)
        for future in futures.values():
            future.add_done_callback(self._done)
        if not futures:
            self._end()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all are done and the job has ended; True for so.

        Args:
            timeout_s: how long; None for as long as it takes.
        """
        return self._over.wait(timeout_s)

    def _hear(self, what: What) -> None:
        """In the thread of the connection."""
        if what != "cancel":
            return
        with self._lock:
            pending = list(self._pending.values())
        self._session.acknowledge(f"Cancelling {len(pending):,} tasks")
        if pending:
            pending[0].client.cancel(pending, asynchronous=False, force=self._force)

    # ── The thread in which Dask calls back, one after the other ──────────────

    def _done(self, future: Future[Any]) -> None:
        if future.status == "error":
            self._fail(future)
        elif future.status != "finished":
            self._cancelled += 1
        with self._lock:
            self._pending.pop(str(future.key), None)
            left = len(self._pending)
        self._say(lambda job: setattr(job, "done", self._total - left - self._cancelled))
        if left == 0:
            self._end()

    def _fail(self, future: Future[Any]) -> None:
        error: BaseException = future.exception(asynchronous=False)
        self._failures.append(error)
        if len(self._failures) <= FAILURES_TOLD:
            self._say(lambda job: job.log(f"{future.key} failed: {error!r}", level="error"))
        self._say(lambda job: job.count("failed"))

    def _end(self) -> None:
        done = self._total - self._cancelled
        if self._cancelled:
            self._session.cancelled(f"{done:,} of {self._total:,} tasks were done")
        elif self._failures:
            self._session.fail(self._failures[0])
        else:
            self._session.succeed({"tasks": done})
        self._over.set()

    def _say(self, say: Callable[[Job], None]) -> None:
        with suppress(Cancelled):  # the futures are being cancelled, which is heard of here
            say(self._session.job)
