"""The jobs that one attempt has started: what is still to be sent of them, and what the hub has told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hub.errors import Conflict, Invalid, NotFound, PeerError, Revoked, TooMany, Unavailable
from hub.protocol import ChildState, Error, Ok, StartChild
from hub.view import ErrorView, Priority, Status
from workers.introduction import NOT_FINAL, UNKNOWN, Introduction
from workers.started import Child, ChildrenFailed, Taken
from workers.stopping import Interrupted, Stop, What
from workers.texts import checked, plain_data, trimmed

MOST_CHILDREN = 10_000  # of one job; the hub takes no more
AT_ONCE = 100  # that were sent and are not answered
AGAIN_S = 1.0  # before a start is asked for anew where the hub could not take it just then
REFUSALS: dict[str, type[PeerError]] = {error.code: error for error in (Conflict, NotFound, Revoked)}


class Family:
    """The children of one attempt.

    Args:
        changed: guards it; notified when one of them has news.
        stop: what a wait attends to.
        introduction: whose children they are.
        blocking: whether the function may wait without `await`.
        over: set when the hub takes nothing more of this attempt.
        patience_s: how long a start waits for the hub; None for ever.
        wake: called when there is something to send.
    """

    def __init__(
        self,
        changed: threading.Condition,
        stop: Stop,
        introduction: Introduction,
        *,
        blocking: bool,
        over: threading.Event,
        patience_s: float | None,
        wake: Callable[[], None],
    ) -> None:
        self._changed = changed
        self._stop = stop
        self._introduction = introduction
        self._blocking = blocking
        self._over = over
        self._patience_s = patience_s
        self._wake = wake
        self._children: list[Child] = []
        self._by_job: dict[str, list[Child]] = {}
        self._alike: Counter[str] = Counter()
        self._unsent: list[Child] = []
        self._unanswered: dict[int | str, Child] = {}
        self._again_at: float | None = float("-inf")  # None for after a pause that is still to begin
        self._going = 0
        self._pid = os.getpid()
        self._last = 0

    # ── The job's function ────────────────────────────────────────────────────

    def start(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        title: str | None,
        tags: Mapping[str, str] | None,
        key: str | None,
        priority: Priority | None,
    ) -> Child:
        """Have the hub start a job; where the function may wait, until the hub has taken it.

        Raises:
            Invalid, NotFound, Conflict, TooMany, TooLarge: it is not to be started.
            Unavailable: there is no hub, and the work does not wait for one.
        """
        if os.getpid() != self._pid:
            raise Conflict("expected the process that runs the job, got one that it forked")
        self._stop.attend()
        plain = plain_data(dict(params), "params")
        with self._changed:  # several threads of one job may start others
            self._last += 1
            request, key = f"{self._introduction.opening.id}.{self._last}", key or self._key(kind, plain)
        order = StartChild(
            job=UNKNOWN, attempt=1, id=request, kind=kind, params=plain, title=title and trimmed(title),
            tags=dict(tags or {}), key=key, priority=priority,
        )  # fmt: skip
        self._introduction.stamp(order)
        checked(order)
        child = self._add(Child(self, order))
        if self._blocking:
            self._wait_taken(child)
        return child

    def _wait_taken(self, child: Child) -> None:
        try:
            self.wait_for(lambda: child.answered, self._patience_s)
        except TimeoutError:
            raise Unavailable(f"no hub to start {child.kind!r}") from None
        finally:
            if child.job is None:
                self._drop(child)
        if child.refusal is not None:
            child.outcome()

    def _drop(self, child: Child) -> None:
        with self._changed:
            self._going -= not child.ended
            self._children.remove(child)
            self._unsent = [other for other in self._unsent if other is not child]
            self._unanswered.pop(child.order.id, None)

    def _key(self, kind: str, params: Mapping[str, Any]) -> str:
        """The same for the same start in every attempt, whatever else that attempt starts or leaves out."""
        digest = blake2b(msgspec.json.encode([kind, params], order="deterministic"), digest_size=8).hexdigest()
        self._alike[digest] += 1
        return f"{self._introduction.job or UNKNOWN}/{digest}-{self._alike[digest]}"

    def _add(self, child: Child) -> Child:
        with self._changed:
            if len(self._children) >= MOST_CHILDREN:
                raise TooMany(f"expected at most {MOST_CHILDREN:,} jobs started by one, got one more")
            self._children.append(child)
            self._unsent.append(child)
            self._going += 1
            self._wake()
        return child

    def wait_for(self, condition: Callable[[], bool], timeout_s: float | None = None) -> None:
        """Wait in a thread; a pause is obeyed, a cancel raised.

        Raises:
            Conflict: on the hub's event loop, which must not wait.
            TimeoutError: it took too long.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if not self._blocking and not condition():
            raise Conflict("expected `await` on an event loop, got a call that would block it")
        while not condition():
            self._attend()
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"not ended within {timeout_s:g} s")
            with self._changed:
                self._changed.wait_for(lambda: condition() or self._stop.attention or self._over.is_set(), left_s)
        self._stop.attend()

    async def until(self, child: Child, condition: Callable[[Child], bool]) -> None:
        """As `wait_for`, on any event loop, for news of one child."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake(what: What | None = None) -> None:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(news.set)

        self._stop.listen(wake)
        child.waiting.add(wake)
        try:
            while not condition(child):
                news.clear()
                await self._stop.resumed()
                self._attend()
                if not condition(child):
                    await news.wait()
        finally:
            self._stop.unlisten(wake)
            child.waiting.discard(wake)
        await self._stop.resumed()

    def _attend(self) -> None:
        self._stop.attend()
        if self._stop.interruption is not None:  # raised before, and what is waited for will not come
            raise Interrupted(self._stop.interruption)
        if self._over.is_set():
            raise Revoked("the hub takes nothing more of this attempt")

    def wait(self) -> list[Any]:
        """Wait for all that were started so far; their results in order, None where its failure is known already.

        Raises:
            ChildrenFailed: once all have ended, where some did not succeed.
        """
        self.wait_for(lambda: not self._going)
        return self._results()

    async def wait_async(self) -> list[Any]:
        """As `wait`, on an event loop."""
        for child in list(self._children):
            await self.until(child, lambda one: one.ended)
        return self._results()

    def finish(self) -> None:
        """The function has returned: so do its children, first.

        Raises:
            ChildrenFailed: one did not succeed and nobody waited for it.
        """
        if self._going:
            self.wait_for(lambda: not self._going)
        self._results()

    async def finish_async(self) -> None:
        """As `finish`, on an event loop."""
        if self._going:
            await self.wait_async()
        self._results()

    def _results(self) -> list[Any]:
        failures = [failure for child in self._children if not child.seen and (failure := child.failure())]
        for child in self._children:
            child.seen = True
        if failures:
            raise ChildrenFailed(failures, len(self._children))
        return [child.result for child in self._children]

    # ── The sampler and the connection, under the lock ────────────────────────

    def due(self, now: float) -> StartChild | None:
        """The next start that is to be sent; it counts as sent from here on."""
        if self.wait_s(now) != 0.0:
            return None
        child = self._unsent.pop(0)
        self._introduction.stamp(child.order)
        self._unanswered[child.order.id] = child
        return child.order

    def wait_s(self, now: float) -> float | None:
        """Seconds until a start may be sent; None while there is none, or as many as may be are not answered."""
        if not self._unsent or len(self._unanswered) >= AT_ONCE:
            return None
        if self._again_at is None:
            self._again_at = now + AGAIN_S
        return max(self._again_at - now, 0.0)

    def lost(self) -> None:
        """The connection is gone: what was not answered is asked for again, in the order of the starts."""
        self._unsent = [*self._unanswered.values(), *self._unsent]
        self._unanswered.clear()

    def taken(self, request: int | str, view: Taken) -> None:
        """The start of that id was taken."""
        with self._changed:
            self._take(self._unanswered.pop(request), view)

    def answered(self, answer: Ok | Error) -> bool:
        """The hub took or refused a start; False where the answer is to something else."""
        with self._changed:
            child = self._unanswered.pop(answer.id, None) if answer.id is not None else None
            if child is None:
                return False
            if isinstance(answer, Ok):
                self._take(child, answer.job)
            elif answer.code in NOT_FINAL:
                self._unsent.insert(0, child)
                self._again_at = None
            else:
                child.refusal = REFUSALS.get(answer.code, Invalid)(answer.message, answer.field)
                self._news(child, was_going=True)
            self._wake()
        return True

    def _take(self, child: Child, view: Taken | UnsetType) -> None:
        if view is UNSET:
            child.refusal = Unavailable("the hub did not say which job it started")
            self._news(child, was_going=True)
            return
        child.job, child.title = view.id, view.title
        self._by_job.setdefault(view.id, []).append(child)
        self._stands(child, view.status, None if view.result is UNSET else view.result, view.error)

    def heard(self, state: ChildState) -> None:
        """The hub tells how a child stands."""
        with self._changed:
            for child in self._by_job.get(state.child, ()):
                self._stands(child, state.status, state.result, state.error)

    def _stands(self, child: Child, status: Status, result: Any, error: ErrorView | None) -> None:
        was_going = not child.ended
        child.status, child.result, child.error = status, result, error
        self._news(child, was_going=was_going)

    def _news(self, child: Child, *, was_going: bool) -> None:
        self._going += (not child.ended) - was_going
        self._changed.notify_all()
        for wake in list(child.waiting):
            wake()
