"""Dramatiq: every message as a job on the hub, with one line: `broker.add_middleware(workers.dramatiq.Barcast())`."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from dramatiq import Actor, Broker, Message
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.threading import Interrupt, raise_thread_exception
from dramatiq.worker import ConsumerThread, Worker

from workers import late, queues
from workers.queues import Run, Task, current_job
from workers.stopping import Cancelled

__all__ = ["Barcast", "Stopped", "current_job"]

MARK = "_barcast_connected"


class Stopped(Interrupt):
    """Raised in the thread of an actor that was cancelled and has not reported within the grace time.

    It reaches Python code at its next step. Code in C that runs for long (a query, a wait in a foreign library) is
    not reached before it returns: nothing ends a thread from outside, and Dramatiq runs all its actors in threads.
    """


class Barcast(Middleware):
    """Shows every message on the hub at `BARCAST_URL` (with `BARCAST_TOKEN`), and ends what is cancelled there.

    Add it where the broker is made, after the middleware that tries again (as `add_middleware` does by itself). A
    cancelled message is skipped and fails: Dramatiq keeps it among the dead ones, and whoever waits for its result
    hears of it.
    """

    # ── Those who send ────────────────────────────────────────────────────────

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int) -> None:
        """A message that failed is sent once more; before another worker has it, this attempt ends."""
        run = queues.current()
        if run is not None and run.task.id == message.message_id:
            error = sys.exc_info()[1] or RuntimeError("sent again")
            run.fail(error, retry_in_s=(delay or 0) / 1000)

    def after_enqueue(self, broker: Broker, message: Message[Any], delay: int) -> None:
        """It waits for a worker."""
        run = queues.current()
        again = run is not None and run.task.id == message.message_id
        if not again and not isinstance(threading.current_thread(), ConsumerThread):  # those move what was delayed
            queues.announce_queued(_task_of(broker, message))

    # ── Workers ───────────────────────────────────────────────────────────────

    def after_declare_actor(self, broker: Broker, actor: Actor[Any, Any]) -> None:
        """Let a cancel be what Dramatiq takes for one: a message that is skipped."""
        if not getattr(actor.fn, MARK, False):
            actor.fn = _guarded(actor.fn)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """It begins, unless it was cancelled meanwhile.

        Raises:
            SkipMessage: it was.
        """
        actor = broker.actors.get(message.actor_name)
        on_loop = actor is not None and inspect.iscoroutinefunction(inspect.unwrap(actor.fn))
        run = _ActorRun(_task_of(broker, message), message, blocking=not on_loop)
        queues.begin(run)
        if not run.allowed:
            run.skip()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """It is done; whether it failed for good is known when it has left the queue."""
        run = queues.current()
        if run is None:
            return
        run.error = exception
        if exception is None:
            run.succeed(result)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """It was cancelled, or another middleware would not have it."""
        run = queues.current()
        if run is None:
            queues.announce_stopped(_task_of(broker, message), "skipped by Dramatiq")
        else:
            run.cancelled(run.error)
            run.error = None

    def after_ack(self, broker: Broker, message: MessageProxy) -> None:
        """It has left the queue."""
        self._leave(message)

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        """It has left the queue for the dead ones."""
        self._leave(message)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """The process ends."""
        late.close()

    def _leave(self, message: MessageProxy) -> None:
        run = queues.current()
        if run is None or run.task.id != message.message_id:
            return
        queues.leave()
        if run.error is not None:
            run.fail(run.error)


def _task_of(broker: Broker, message: Message[Any] | MessageProxy) -> Task:
    actor = broker.actors.get(message.actor_name)
    options = {**(actor.options if actor else {}), **message.options}
    limit = options.get("max_retries")
    return Task(
        id=message.message_id,
        name=message.actor_name,
        queue=message.queue_name.removesuffix(".DQ"),
        call=str(message),
        max_attempts=limit + 1 if isinstance(limit, int) else None,
    )


# ── The actor's function ──────────────────────────────────────────────────────


class _ActorRun(Run):
    """One run of an actor, in a thread of Dramatiq's.

    Args:
        task, blocking: as of :class:`workers.queues.Run`.
        message: what is processed.
    """

    def __init__(self, task: Task, message: MessageProxy, *, blocking: bool) -> None:
        self._message = message
        self._thread = threading.get_ident()
        self._inside = False
        self._turning = threading.Lock()  # so that nothing is raised in the thread once the actor is over
        super().__init__(task, blocking=blocking)
        self.force = self._interrupt

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call the actor's function; what it calls in turn are plain functions.

        Raises:
            SkipMessage: it was cancelled.
        """
        if self._inside:
            return fn(*args, **kwargs)
        self._inside = True
        try:
            try:
                return fn(*args, **kwargs)
            finally:
                with self._turning:
                    self._inside = False
        except Cancelled as cancelled:
            self.error = cancelled
            self.skip()
        except Stopped:
            self.error = Stopped("Ended by Dramatiq: it did not report")
            self.skip()

    def skip(self) -> NoReturn:
        """Have Dramatiq drop the message.

        Raises:
            SkipMessage: always.
        """
        self._message.fail()
        raise SkipMessage("cancelled") from None

    def _interrupt(self) -> None:
        with self._turning:
            if self._inside:
                raise_thread_exception(self._thread, Stopped)  # type: ignore[no-untyped-call]


def _guarded(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fn)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        run = queues.current()
        return run.call(fn, args, kwargs) if isinstance(run, _ActorRun) else fn(*args, **kwargs)

    vars(guarded)[MARK] = True
    return guarded
