"""A job that a job function has started, in that function's hands, and what it raises when that one fails."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

from hub.errors import BarcastError
from hub.protocol import StartChild
from hub.view import ErrorView, Status
from workers.texts import trimmed

NAMED = 3  # failures that a text tells one by one


class ChildFailed(BarcastError):
    """A job that was started here has failed for good.

    Attributes:
        child: which.
        error: why, where the hub knows.
    """

    def __init__(self, child: Child, error: ErrorView | None) -> None:
        super().__init__(f"{child.title} failed: {error.type}: {error.message}" if error else f"{child.title} failed")
        self.child = child
        self.error = error


class ChildCancelled(BarcastError):
    """A job that was started here was cancelled.

    Attributes:
        child: which.
    """

    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.title} was cancelled")
        self.child = child


class ChildrenFailed(BarcastError):
    """Of the jobs that were started here, some did not succeed.

    Attributes:
        failures: why, one for each of those.
    """

    def __init__(self, failures: list[BarcastError], total: int) -> None:
        named = "; ".join(str(failure) for failure in failures[:NAMED])
        more = f"; and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
        super().__init__(trimmed(f"{len(failures)} of {total} jobs failed: {named}{more}"))
        self.failures = failures


class Waits(Protocol):
    """Knows how to wait for news of a child."""

    def wait_for(self, condition: Callable[[], bool], timeout_s: float | None = None) -> None:
        """In a thread."""
        ...

    async def until(self, child: Child, condition: Callable[[Child], bool]) -> None:
        """On an event loop."""
        ...


class Taken(Protocol):
    """What is known of a job once it is taken; a `hub.view.JobView` is one."""

    id: str
    title: str
    status: Status
    result: Any
    error: ErrorView | None


class Child:
    """A job that this one has started. `wait()` for it, or `await` it.

    Attributes:
        kind: of which kind it is.
        title: what it is called on the page; its kind until the hub has told.
        status: as the hub told it last.
        result, error: of its end, as the hub told it.
        refusal: why the hub did not take it.
        seen: whether its outcome was asked for, so that its failure is no surprise at the end.
    """

    def __init__(self, family: Waits, order: StartChild) -> None:
        self.kind = order.kind
        self.title = order.title or order.kind
        self.status = Status.QUEUED
        self.job: str | None = None
        self.result: Any = None
        self.error: ErrorView | None = None
        self.refusal: BarcastError | None = None
        self.seen = False
        self.waiting: set[Callable[[], None]] = set()
        self.order = order
        self._family = family

    @property
    def id(self) -> str:
        """The job's id; empty on an event loop until the hub has taken it (`await child.taken()`)."""
        return self.job or ""

    def wait(self, timeout_s: float | None = None) -> Any:
        """Wait until it has ended.

        Args:
            timeout_s: seconds to wait at most; None for as long as it takes.

        Returns:
            its result.

        Raises:
            ChildFailed, ChildCancelled: it did not succeed; what it had to retry, it has.
            Cancelled: this job was cancelled meanwhile; the hub cancels the jobs that it started by itself.
            TimeoutError: it has not ended yet.
            Conflict: on an event loop, where `await child` waits.
        """
        self._family.wait_for(lambda: self.ended, timeout_s)
        return self.outcome()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait on an event loop; as `wait`."""
        return self._ended().__await__()

    async def taken(self) -> Child:
        """Wait until the hub has taken it, so that it has an id.

        Raises:
            PeerError: the hub refused it (`NotFound` for an unknown kind, `Invalid` for a wrong parameter).
        """
        await self._family.until(self, lambda child: child.answered)
        if self.refusal is not None:
            self.outcome()
        return self

    async def _ended(self) -> Any:
        await self._family.until(self, lambda child: child.ended)
        return self.outcome()

    @property
    def answered(self) -> bool:
        """Whether the hub has taken or refused it."""
        return self.job is not None or self.refusal is not None

    @property
    def ended(self) -> bool:
        """Whether it will get no further."""
        return self.refusal is not None or self.status.terminal

    def outcome(self) -> Any:
        """Its result, once it has ended; this failure is known here from now on."""
        self.seen = True
        if (failure := self.failure()) is not None:
            raise failure
        return self.result

    def failure(self) -> BarcastError | None:
        """Why it did not succeed; None for success, and while it goes on."""
        if self.refusal is not None:
            return self.refusal
        if self.status is Status.FAILED:
            return ChildFailed(self, self.error)
        return ChildCancelled(self) if self.status is Status.CANCELLED else None
