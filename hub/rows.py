"""What the store keeps, as plain rows, and the changes that are handed to it.

Free JSON (`params`, `state`, `data`) is bytes that the store carries without looking inside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from hub.view import LogEntry, Number, Outcome, Sample, Status


class JobRow(Struct, kw_only=True):
    """A job.

    Attributes:
        params: JSON, as given at the start.
        state: JSON, everything else that the core knows of the job.
        parent: id of the job that started it.
    """

    id: str
    kind: str
    title: str
    by: str | None
    key: str | None
    status: Status
    created_at: int
    started_at: int | None
    finished_at: int | None
    tags: dict[str, str]
    params: bytes
    state: bytes
    parent: str | None = None


class CheckpointRow(Struct, kw_only=True):
    """The newest checkpoint of a job; `data` is JSON."""

    job: str
    attempt: int
    at: int
    done: Number | None
    fraction: float | None
    data: bytes


class RunRow(Struct, kw_only=True):
    """One attempt that ended, as the history of its kind keeps it.

    Attributes:
        status: how it ended.
        elapsed_s: seconds it took, without the time queued or paused.
        stop_s: seconds from the cancel to the end; None when nobody cancelled.
        phases: seconds that each phase took, by name.
        curve: fraction of the work by fraction of the time, 32 points, or empty.
    """

    kind: str
    job: str
    attempt: int
    status: Outcome
    started_at: int | None
    finished_at: int
    elapsed_s: float
    stop_s: float | None
    phases: dict[str, float]
    curve: list[float]


class ArtifactRow(Struct, kw_only=True):
    """A file (`path`) or a link (`url`) that the work attached."""

    job: str
    name: str
    path: str | None
    url: str | None
    bytes: int | None
    media_type: str | None


class NoticeRow(Struct, kw_only=True):
    """What a webhook is to be told.

    Attributes:
        id: the same for each try; what its receiver tells repeats by.
        at: when it happened, milliseconds since 1970.
        body: JSON, exactly as it is sent.
        tries: how often it was sent in vain.
        next_at: when it is sent, or sent again.
    """

    id: str
    job: str
    at: int
    body: bytes
    tries: int = 0
    next_at: int


class Tried(Struct, kw_only=True):
    """What became of a notice: delivered, which removes it; to be sent again; or given up, which is remembered.

    Where it is sent again, all that waits of its job waits as long: it comes behind it.
    """

    id: str
    job: str = ""
    delivered: bool = False
    tries: int = 0
    next_at: int = 0
    given_up_at: int | None = None


class Write(Struct, kw_only=True):
    """One durable change: all of it is committed, or none.

    Attributes:
        job_id: whose change it is; may be left out beside `job`.
        job: inserted, or put in the place of the row with its id.
        entries: new log entries; one whose number is taken already changes nothing.
        checkpoint: takes the place of the one before.
        run: added to the history of its kind; stays when the job is deleted.
        artifact: added, or put in the place of the one of the same name.
        traceback: attempt and text.
        notices: what a webhook is to be told of it; they stay when the job is deleted.
        tried: what became of such.
        delete: remove the job and all that belongs to it; nothing else may stand beside it.
    """

    job_id: str | None = None
    job: JobRow | None = None
    entries: list[LogEntry] = []
    checkpoint: CheckpointRow | None = None
    run: RunRow | None = None
    artifact: ArtifactRow | None = None
    traceback: tuple[int, str] | None = None
    notices: list[NoticeRow] = []
    tried: list[Tried] = []
    delete: bool = False

    @property
    def about(self) -> str:
        """Id of the job that it changes; empty where nothing is changed."""
        rows = (self.checkpoint, self.run, self.artifact)
        return self.job.id if self.job else self.job_id or next((row.job for row in rows if row), "")


class Note(Struct, kw_only=True):
    """Moving numbers of a job.

    Attributes:
        state: as in :class:`JobRow`.
        sample: a new point of its chart.
        thin: remove every second point that is kept so far, first.
    """

    job: str
    state: bytes
    sample: Sample | None = None
    thin: bool = False


class Counts(NamedTuple):
    """Numbers of jobs that ended (in whatever way)."""

    finished_since: int
    failed_since: int
    finished: int


def fields_of(row: Struct, *without: str) -> dict[str, Any]:
    """The row's fields by name, some left out."""
    return {name: getattr(row, name) for name in row.__struct_fields__ if name not in without}
