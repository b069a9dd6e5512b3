"""Celery: every task as a job on the hub, with one line: `from workers.celery import connect; connect(app)`.

On Celery's own signals. Beside them each task's `run` and `update_state` are wrapped: a signal's receiver can neither
keep a task from being called nor turn a cancel into what Celery takes for one (`Ignore`, its state REVOKED).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, NoReturn

from celery import Celery, signals  # type: ignore[import-untyped]  # Celery says nothing about its types
from celery import Task as CeleryTask
from celery.exceptions import Ignore  # type: ignore[import-untyped]

from hub.view import Failure
from workers import late, queues
from workers.ending import failure
from workers.meta import show_progress
from workers.queues import Run, Task, current_job
from workers.stopping import Cancelled

__all__ = ["connect", "current_job"]

KILL_S = 5.0  # from Celery's SIGTERM to SIGKILL, for a task that is deep in foreign code
MARK = "_barcast_connected"
RUNS_AGAIN = "the task asked to be tried again"


def connect(app: Celery) -> Celery:
    """Show every task of an app on the hub at `BARCAST_URL` (with `BARCAST_TOKEN`).

    Call it where the app is made, so that both those who publish tasks and the workers do. Signals are Celery's,
    one set a process: of several apps in a process all are heard.

    Args:
        app: whose tasks; they may be defined before or after.

    Returns:
        the app.
    """
    for name, receiver in RECEIVERS.items():
        getattr(signals, name).connect(receiver, weak=False, dispatch_uid=f"barcast.{name}")
    app.on_after_finalize.connect(_finalized, weak=False, dispatch_uid="barcast.finalized")
    if app.finalized:
        _finalized(app)
    return app


# ── Each task's function ──────────────────────────────────────────────────────


def _finalized(sender: Celery, **_: Any) -> None:
    for task in list(sender.tasks.values()):
        _wrap(task)


def _worker_is_set_up(instance: Any, **_: Any) -> None:
    _finalized(instance.app)  # with those that were defined late


def _wrap(task: CeleryTask) -> None:
    if MARK in vars(task):
        return
    vars(task)[MARK] = True
    task.run = _guarded(task, task.run)
    task.update_state = _heard(task, task.update_state)


def _guarded(task: CeleryTask, run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        current = _run_of(task)
        if current is None:
            return run(*args, **kwargs)
        try:
            current.check()
            return run(*args, **kwargs)
        except Cancelled as cancelled:
            _stopped(task, current, cancelled)

    return guarded


def _stopped(task: CeleryTask, run: Run, cancelled: Cancelled) -> NoReturn:
    """The way in which Celery drops a task: whoever waits for its result learns that it was revoked."""
    run.cancelled(cancelled)
    request = task.request
    store = not (task.ignore_result if request.ignore_result is None else request.ignore_result)
    task.backend.mark_as_revoked(request.id, "cancelled", request=request, store_result=store)
    raise Ignore("cancelled") from None


def _heard(task: CeleryTask, update_state: Callable[..., None]) -> Callable[..., None]:
    @wraps(update_state)
    def heard(task_id: str | None = None, state: str | None = None, meta: Any = None, **kwargs: Any) -> None:
        update_state(task_id, state, meta, **kwargs)
        run = _run_of(task)
        if run is not None and task_id in (None, run.task.id):
            run.state = state
            show_progress(run.job, meta)

    return heard


# ── Those who publish ─────────────────────────────────────────────────────────


def _before_publish(sender: str, headers: Any = None, **_: Any) -> None:
    """A task is tried again by publishing it once more; before another worker has it, this attempt ends."""
    run = queues.current()
    if run is None or not headers or (headers.get("id"), headers.get("task")) != (run.task.id, run.task.name):
        return
    if headers.get("retries", 0) > 0:
        error = sys.exc_info()[1] or Failure(type="Retry", message=RUNS_AGAIN)
        run.fail(error, retry_in_s=_seconds_until(headers.get("eta")))


def _after_publish(sender: str, headers: Any = None, routing_key: str | None = None, **_: Any) -> None:
    if headers and headers.get("id") and not headers.get("retries"):
        called = _call(headers.get("argsrepr"), headers.get("kwargsrepr"))
        facts = {"id": headers["id"], "name": headers["task"], "title": headers.get("shadow") or None}
        queues.announce_queued(Task(**facts, queue=routing_key, call=called))


def _call(args: str | None, kwargs: str | None) -> str:
    """Celery's own text of the arguments, which a task that must not show them can replace (`argsrepr`)."""
    return " ".join(text for text in (args, kwargs) if text not in (None, "()", "[]", "{}"))


def _seconds_until(eta: str | None) -> float:
    if not eta:
        return 0.0
    at = datetime.fromisoformat(eta)
    return max((at - datetime.now(at.tzinfo or UTC)).total_seconds(), 0.0)


# ── Workers ───────────────────────────────────────────────────────────────────

_in_pool_process = False  # of the prefork pool, the only one that can end a task


def _pool_process_starts(**_: Any) -> None:
    global _in_pool_process
    _in_pool_process = True


def _process_ends(**_: Any) -> None:
    late.close()


def _run_of(task: CeleryTask) -> Run | None:
    """The run of this very call; none where a task is called by another as a plain function."""
    run = queues.current()
    request = task.request
    return run if run is not None and run.task.id == request.id and not request.called_directly else None


def _task_of(task: CeleryTask, request: Any) -> Task:
    retries = getattr(request, "retries", None) or 0
    limit = task.max_retries if retries or getattr(task, "autoretry_for", ()) else None
    where = (getattr(request, "delivery_info", None) or {}).get("routing_key")
    return Task(
        id=request.id,
        name=task.name,
        title=getattr(request, "shadow", None) or None,
        queue=where,
        call=_call(getattr(request, "argsrepr", None), getattr(request, "kwargsrepr", None)),
        max_attempts=None if limit is None else int(limit) + 1,
    )


def _begins(sender: CeleryTask, **_: Any) -> None:
    request = sender.request
    if request.is_eager or request.called_directly:
        return  # called where it stands, not through a queue
    run = queues.begin(Run(_task_of(sender, request)))
    if _in_pool_process:
        run.force = partial(_terminate, run, sender.app, request.hostname)


def _terminate(run: Run, app: Celery, worker: str) -> None:
    """Have the worker end this process of its pool by SIGTERM; where Python code is not reached, kill it."""
    app.control.revoke(run.task.id, terminate=True, destination=[worker])
    if not run.left.wait(KILL_S):
        os.kill(os.getpid(), signal.SIGKILL)


def _succeeded(sender: CeleryTask, result: Any = None, **_: Any) -> None:
    run = _run_of(sender)
    if run is not None:
        run.succeed(result)


def _failed(sender: CeleryTask, task_id: str, exception: BaseException, **_: Any) -> None:
    run = _run_of(sender)
    if run is not None:
        run.fail(exception)
    elif not sender.request.is_eager and not _in_pool_process:  # the worker itself: the process of the pool is gone
        queues.announce_failed(Task(id=task_id, name=sender.name), failure(exception))


def _tried_again(sender: CeleryTask, reason: Any = None, **_: Any) -> None:
    run = _run_of(sender)
    if run is not None:
        run.fail(getattr(reason, "exc", None) or reason, retry_in_s=0.0)


def _revoked(sender: CeleryTask, request: Any, terminated: bool, expired: bool, **_: Any) -> None:
    """The worker itself says so: nothing is left of the run, or it was never begun."""
    reason = "expired in the queue" if expired else "terminated by Celery" if terminated else "revoked in Celery"
    queues.announce_stopped(Task(id=request.id, name=sender.name), reason)


def _ends(sender: CeleryTask, state: str | None = None, retval: Any = None, **_: Any) -> None:
    run = _run_of(sender)
    if run is None:
        return
    queues.leave()
    if not run.ended and not run.forced:
        _end(run, state, retval)


def _end(run: Run, state: str | None, retval: Any) -> None:
    """What no other signal told of: the task ended itself in one of Celery's special ways, or by `sys.exit`."""
    error = sys.exc_info()[1]
    if state == "REJECTED" and retval.requeue:
        run.fail(Failure(type="Reject", message=str(retval) or RUNS_AGAIN), retry_in_s=0.0)
    elif run.state == "FAILURE" or state == "REJECTED":
        run.fail(Failure(type=type(retval).__qualname__, message=str(retval)))
    elif error is not None and not isinstance(error, Ignore):
        run.fail(error)
    else:
        run.succeed(message=f"Ignored: {retval}" if str(retval or "") else "Ignored")


RECEIVERS: dict[str, Callable[..., None]] = {
    "before_task_publish": _before_publish,
    "after_task_publish": _after_publish,
    "celeryd_after_setup": _worker_is_set_up,
    "worker_process_init": _pool_process_starts,
    "worker_process_shutdown": _process_ends,
    "worker_shutdown": _process_ends,
    "task_prerun": _begins,
    "task_success": _succeeded,
    "task_failure": _failed,
    "task_retry": _tried_again,
    "task_revoked": _revoked,
    "task_postrun": _ends,
}
