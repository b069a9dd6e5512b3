"""RQ: every job as a job on the hub: `rq worker --worker-class workers.rq.Worker`.

Where jobs are published, `from workers.rq import Queue` instead of `from rq import Queue` shows them from then on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from typing import Any

import rq
from rq.command import send_stop_job_command
from rq.exceptions import AbandonedJobError, DeserializationError
from rq.executions import Execution
from rq.job import Job as RqJob
from rq.job import Retry
from rq.worker import BaseWorker
from rq.worker import SpawnWorker as RqSpawnWorker

from hub.view import Failure
from workers import late, queues
from workers.meta import show_progress
from workers.queues import Run, Task, current_job
from workers.stopping import Cancelled

__all__ = ["Queue", "SimpleWorker", "SpawnWorker", "Worker", "current_job"]

logger = logging.getLogger("barcast.worker")


# ── Those who publish ─────────────────────────────────────────────────────────


class Queue(rq.Queue):
    """`rq.Queue`, whose jobs show on the hub at `BARCAST_URL` (with `BARCAST_TOKEN`) from when they are enqueued."""

    def enqueue_job(self, job: RqJob, *args: Any, **kwargs: Any) -> RqJob:
        """As in RQ."""
        return self._announced(super().enqueue_job(job, *args, **kwargs))

    def enqueue_many(self, *args: Any, **kwargs: Any) -> list[RqJob]:
        """As in RQ."""
        return [self._announced(job) for job in super().enqueue_many(*args, **kwargs)]

    def schedule_job(self, job: RqJob, datetime: datetime, *args: Any, **kwargs: Any) -> RqJob:
        """As in RQ."""
        return self._announced(super().schedule_job(job, datetime, *args, **kwargs))

    def _announced(self, job: RqJob) -> RqJob:
        if self.is_async:
            _safely(lambda: queues.announce_queued(_task_of(job)))
        return job


def _task_of(job: RqJob) -> Task:
    tries = (job.retries_left or 0) + (job.number_of_retries or 0)
    return Task(
        id=job.id,
        name=_name(job),
        queue=job.origin,
        call=job.description,
        max_attempts=tries + 1 if job.retries_left is not None else None,
    )


def _name(job: RqJob) -> str:
    try:
        return job.func_name or "rq"
    except DeserializationError:  # RQ itself says so when it comes to run it
        return "rq"


def _safely(tell: Callable[[], None]) -> None:
    """Whatever is wrong with what is shown is no reason for the queue not to do its work."""
    try:
        tell()
    except Exception as error:  # noqa: BLE001 - see above
        logger.warning("not shown on the hub: %s", error)


# ── Workers ───────────────────────────────────────────────────────────────────


class _Reporting(BaseWorker):
    """What is the same in all workers: the parts of RQ's own steps at which something is to be said."""

    _has_horses = True  # a process for each job, which RQ can kill

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.push_exc_handler(_abandoned)  # type: ignore[no-untyped-call]

    def execute_job(self, job: RqJob, queue: rq.Queue) -> None:
        """As in RQ; what the process of a job could not tell a hub that was away is told from here."""
        super().execute_job(job, queue)
        _safely(late.follow_up)

    def perform_job(self, job: RqJob, queue: rq.Queue, execution: Execution) -> bool:
        """As in RQ, and shown."""
        _safely(lambda: self._begin(job))
        try:
            return super().perform_job(job, queue, execution)
        finally:
            queues.leave()

    def _begin(self, job: RqJob) -> None:
        """Watch one job's function and its meta data; the object is this process's own."""
        run = queues.begin(Run(_task_of(job), lasting=not self._has_horses))
        if self._has_horses:
            run.force = partial(send_stop_job_command, self.connection, job.id, self.serializer)
        vars(job)["perform"] = self._guarded(job, run, job.perform)
        vars(job)["save_meta"] = _heard(job, run, job.save_meta)

    def _guarded(self, job: RqJob, run: Run, perform: Callable[[], Any]) -> Callable[[], Any]:
        @wraps(perform)
        def guarded() -> Any:
            try:
                run.check()
                return perform()
            except Cancelled:
                self._stopped_job_id = job.id  # RQ's own mark: the job is then "stopped", and not tried again
                raise
            except BaseException as error:
                run.error = error
                raise

        return guarded

    def handle_job_success(self, job: RqJob, queue: rq.Queue, *args: Any, **kwargs: Any) -> None:
        """As in RQ, and told."""
        super().handle_job_success(job, queue, *args, **kwargs)
        run = queues.current()
        if run is not None:
            run.succeed(job._result)  # noqa: SLF001 - as it was returned; the property would ask redis

    def handle_job_retry(self, job: RqJob, queue: rq.Queue, retry: Retry, *args: Any, **kwargs: Any) -> None:
        """As in RQ, and told: the job returned a `Retry`."""
        count = job.number_of_retries or 0
        wait_s = None if count and count >= retry.max else float(Retry.get_interval(count, retry.intervals))
        _tell_failed(job, Failure(type="Retry", message="the job asked to be tried again"), wait_s)
        super().handle_job_retry(job, queue, retry, *args, **kwargs)

    def handle_job_failure(
        self,
        job: RqJob,
        queue: rq.Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """As in RQ, and told before another worker can have the job."""
        if self._stopped_job_id == job.id:
            _safely(lambda: _tell_stopped(job))
        else:
            wait_s = float(job.get_retry_interval()) if job.should_retry else None
            _safely(lambda: _tell_failed(job, Failure(type="WorkerLost", message=exc_string.strip(" ;")), wait_s))
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)


def _abandoned(job: RqJob, kind: type[BaseException], *_: Any) -> None:
    """RQ's cleaning finds jobs whose worker died as a whole, and tells its exception handlers."""
    if kind is AbandonedJobError:
        wait_s = float(job.get_retry_interval()) if job.should_retry else None
        lost = Failure(type=kind.__qualname__, message="the worker died with it")
        _safely(lambda: queues.announce_failed(_task_of(job), lost, wait_s))


def _tell_stopped(job: RqJob) -> None:
    run = queues.current()
    if run is None:  # its process was killed
        queues.announce_stopped(_task_of(job), "stopped in RQ")
    else:
        run.cancelled(sys.exc_info()[1])


def _tell_failed(job: RqJob, lost: Failure, wait_s: float | None) -> None:
    run = queues.current()
    if run is None:
        queues.announce_failed(_task_of(job), lost, wait_s)
    else:
        run.fail(run.error or sys.exc_info()[1] or lost, retry_in_s=wait_s)


def _heard(job: RqJob, run: Run, save_meta: Callable[[], None]) -> Callable[[], None]:
    @wraps(save_meta)
    def heard() -> None:
        save_meta()
        show_progress(run.job, job.meta)

    return heard


class Worker(_Reporting, rq.Worker):
    """`rq.Worker`, whose jobs show on the hub; one that is cancelled there and does not report is killed."""


class SpawnWorker(_Reporting, RqSpawnWorker):
    """`rq.SpawnWorker`, likewise."""


class SimpleWorker(_Reporting, rq.SimpleWorker):
    """`rq.SimpleWorker`, likewise; it runs jobs in its own process, where nothing can end one that does not report."""

    _has_horses = False
