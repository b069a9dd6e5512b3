"""A job, as everyone sees it: the words, limits and structs that every message is made of.

Times are integers, milliseconds since 1970 UTC, in fields that end in `_at` (`at` alone, too);
durations are seconds in fields that end in `_s`; unknown is `None`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

SAFE = 2**53 - 1  # the largest integer that every JSON reader holds exactly
TEXT_LENGTH = 4096  # characters of a text shown to people
DATA_BYTES = 64 * 1024  # checkpoint, result

Integer = Annotated[int, Meta(ge=0, le=SAFE)]
Number = Integer | Annotated[float, Meta(ge=0, le=SAFE)]
Ordinal = Annotated[int, Meta(ge=1, le=SAFE)]
Text = Annotated[str, Meta(max_length=TEXT_LENGTH)]
Title = Annotated[str, Meta(min_length=1, max_length=TEXT_LENGTH)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Kind = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$(?!\n)")]
JobId = Annotated[str, Meta(min_length=1, max_length=64)]
RequestId = Annotated[int, Meta(ge=-SAFE, le=SAFE)] | Annotated[str, Meta(max_length=256)]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$(?!\n)", max_length=TEXT_LENGTH)]
Weight = Annotated[float, Meta(ge=0, le=1)]
Priority = Annotated[int, Meta(ge=-100, le=100)]
Duration = Annotated[float, Meta(ge=0, le=366 * 86_400)]  # seconds
Tags = Annotated[dict[Name, Text], Meta(max_length=32)]
Counters = Annotated[dict[Name, Number], Meta(max_length=100)]
Level = Literal["info", "warning", "error"]
How = Literal["acknowledged", "forced", "assumed"]
Event = Literal[
    "created",
    "started",
    "phase",
    "entry",
    "checkpoint",
    "total_grew",
    "stalled",
    "recovered",
    "paused",
    "resumed",
    "lost",
    "found",
    "cancel_requested",
    "cancel_delivered",
    "cancel_acknowledged",
    "cancel_forced",
    "reset",
    "retry_scheduled",
    "attempt_succeeded",
    "attempt_failed",
    "attempt_cancelled",
    "attempt_lost",
    "attempt_interrupted",
]


class Status(StrEnum):
    """Where a job stands. Which follows which is `transitions.TRANSITIONS`."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    LOST = "lost"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """No further attempt follows by itself."""
        return self in TERMINAL


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    INTERRUPTED = "interrupted"


# ── A job, as everyone sees it ────────────────────────────────────────────────


class Failure(Struct, kw_only=True, omit_defaults=True):
    """Why an attempt failed. The traceback goes to the log store, never to viewers."""

    type: Name
    message: Text
    traceback: Annotated[str, Meta(max_length=DATA_BYTES)] | None = None


class ErrorView(Struct, kw_only=True):
    """A failure without its traceback."""

    type: str
    message: str


class Typical(Struct, kw_only=True):
    """How long earlier, successful runs took."""

    runs: int
    p10_s: float
    p50_s: float
    p90_s: float


class Phase(Struct, kw_only=True):
    """A named step of a job."""

    name: Name
    done: Number = 0
    total: Number | None = None
    unit: Name | None = None
    started_at: Integer | None = None
    finished_at: Integer | None = None
    weight: Weight | None = None
    typical: Typical | None = None


class Pause(Struct, kw_only=True):
    """Since when, and by whom."""

    at: int
    by: str | None


class Cancel(Struct, kw_only=True):
    """How far a cancel has come; each time is set when that step is a fact."""

    requested_at: int
    by: str | None = None
    reason: str | None = None
    delivered_at: int | None = None
    acknowledged_at: int | None = None
    deadline_at: int | None = None
    forced_at: int | None = None
    how: How | None = None


class CheckpointView(Struct, kw_only=True):
    """The last saved place, without its data."""

    at: int
    done: Number | None
    fraction: float | None


class ArtifactView(Struct, kw_only=True):
    """A file or link that the work attached."""

    name: str
    url: str
    bytes: int | None
    media_type: str | None


class AttemptView(Struct, kw_only=True):
    """An attempt that ended."""

    attempt: int
    outcome: Outcome
    fraction: float | None
    started_at: int | None
    finished_at: int
    error: ErrorView | None


class Children(Struct, kw_only=True):
    """How many jobs a job started, and how they stand; a lost, paused or cancelling one counts as running."""

    total: int
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0


class Moving(Struct, kw_only=True):
    """The part of a job that changes while it runs; an update carries all of it."""

    id: str
    attempt: int
    seq: int
    status: Status
    done: Number | None
    total: Number | None
    unit: str | None
    fraction: float | None
    rate: float | None
    eta_s: float | None
    eta_low_s: float | None
    eta_high_s: float | None
    phase: int | None
    counters: dict[str, Number]
    message: str | None
    stalled: bool
    retry_at: int | None
    queue_position: int | None
    starts_in_s: float | None
    pause: Pause | None
    worker: str | None
    viewers: int
    cancel: Cancel | None
    checkpoint: CheckpointView | None
    result: Any | UnsetType = UNSET
    error: ErrorView | None
    artifacts: list[ArtifactView]
    children: Children | None = None
    started_at: int | None
    advanced_at: int | None
    heard_at: int | None
    finished_at: int | None
    elapsed_s: float


class JobView(Moving, kw_only=True):
    """A whole job. `params`, `result` and `attempts` are left out on the feed."""

    kind: str
    title: str
    tags: dict[str, str]
    by: str | None
    parent: str | None = None
    priority: int = 0
    timeout_s: float | None = None
    max_attempts: int
    created_at: int
    typical: Typical | None
    phases: list[Phase]
    params: dict[str, Any] | UnsetType = UNSET
    attempts: list[AttemptView] | UnsetType = UNSET
    report_token: str | UnsetType = UNSET


class JobUpdate(Moving, kw_only=True):
    """What changed: the moving part whole, `phases` only when one started, finished or was added."""

    from_: int = field(name="from")
    phases: list[Phase] | UnsetType = UNSET


class LogEntry(Struct, kw_only=True):
    """One numbered line of a job's story."""

    n: int
    at: int
    attempt: int
    level: Level
    event: Event
    text: str
    data: Any = None


class LogGap(Struct, kw_only=True):
    """Entries that are no longer kept, both ends included."""

    from_: int = field(name="from")
    to: int
    from_at: int | None
    to_at: int | None


class Sample(Struct, kw_only=True):
    """One point of a job's chart."""

    at: int
    phase: int | None
    done: Number | None
    total: Number | None
    fraction: float | None
    rate: float | None


class KindView(Struct, kw_only=True):
    """A registered kind: what it takes, what a cancel does, how long it usually runs."""

    kind: str
    title: str
    doc: str
    params: dict[str, Any]
    cancel_note: str | None = None
    retries: int = 0
    timeout_s: float | None = None
    concurrency: int | None = None
    priority: int = 0
    typical: Typical | None = None
    stop_p50_s: float | None = None


class Curve(Struct, kw_only=True):
    """What earlier runs of a kind say, for the estimator."""

    typical: Typical | None = None
    phases: dict[str, Typical] = {}
    fractions: list[float] = []


class SummaryView(Struct, kw_only=True):
    """The numbers above the list."""

    running: int
    queued: int
    paused: int
    stalled: int
    lost: int
    failed_today: int
    finished_today: int
    day_starts_at: int
    finished: int
    workers: int
    slots_free: int
    oldest_queued_at: int | None
    storage: Literal["ok", "failing"]
