"""What a hub says of jobs that a job starts."""

from __future__ import annotations

from hub.protocol import ChildState, Error, Ok, StartChild
from hub.view import ErrorView, JobView, Status


def job_of(start: StartChild) -> str:
    """The id of the job that is started: the same for the same key."""
    return f"child of {start.key}"[:64]


def taken(start: StartChild, status: Status = Status.QUEUED, result: object = None) -> Ok:
    """The answer to a start."""
    view = JobView(
        id=job_of(start), kind=start.kind, title=start.title or f"Run {start.kind}", tags=start.tags, by=None,
        parent=start.job, max_attempts=1, created_at=0, typical=None, phases=[], attempt=1, seq=1, status=status,
        done=None, total=None, unit=None, fraction=None, rate=None, eta_s=None, eta_low_s=None, eta_high_s=None,
        phase=None, counters={}, message=None, stalled=False, retry_at=None, queue_position=None, starts_in_s=None,
        pause=None, worker=None, viewers=0, cancel=None, checkpoint=None, result=result, error=None, artifacts=[],
        started_at=None, advanced_at=None, heard_at=None, finished_at=None, elapsed_s=0.0,
    )  # fmt: skip
    return Ok(id=start.id, job=view)


def refused(start: StartChild) -> Error:
    """Another answer to a start."""
    return Error(code="not_found", message=f"no such kind: {start.kind}", id=start.id, field="kind")


def ended(start: StartChild, status: Status = Status.SUCCEEDED, result: object = None) -> ChildState:
    """What a worker is told when a child of its own has ended."""
    error = ErrorView(type="ValueError", message="no such row") if status is Status.FAILED else None
    return ChildState(
        job=start.job, attempt=start.attempt, child=job_of(start), key=start.key, status=status, result=result,
        error=error,
    )  # fmt: skip
