"""What is known of one job: the facts that never change, the state that does, and one step's change."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from hub.launch import ProcessId
from hub.protocol import ToWorker
from hub.view import (
    ArtifactView,
    AttemptView,
    Cancel,
    CheckpointView,
    Children,
    ErrorView,
    LogEntry,
    Number,
    Outcome,
    Pause,
    Phase,
    Status,
)

Place = Literal["process", "thread", "loop", "outside"]
"""Where the work runs: a child process, the hub's own process, or elsewhere (socket or HTTP)."""


class JobFacts(Struct, frozen=True, kw_only=True):
    """What a job is, from its creation on. `created_at` in milliseconds, durations in seconds."""

    id: str
    kind: str
    title: str
    created_at: int
    place: Place
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    by: str | None = None
    key: str | None = None
    grace_s: float = 10.0
    stall_s: float | None = None
    stall_gaps: int = 5
    lease_s: float = 60.0
    give_up_s: float = 3600.0
    parent: str | None = None
    priority: int = 0
    retries: int = 0
    backoff_s: float = 2.0
    backoff_max_s: float = 300.0
    timeout_s: float | None = None

    @property
    def startable(self) -> bool:
        """Whether the hub starts the work itself, and so can start it again."""
        return self.place != "outside"


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def job_id(now: int, entropy: bytes) -> str:
    """A ULID: 48 bits of time, 80 of chance, in Crockford's base 32, so that ids sort by age.

    Args:
        now: milliseconds since 1970.
        entropy: 10 random bytes.
    """
    number = (now << 80) | int.from_bytes(entropy, "big")
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


class Saved(Struct, kw_only=True):
    """A job's numbers as they were at its checkpoint."""

    at: int
    done: Number | None
    total: Number | None
    unit: str | None
    fraction: float | None
    phase: int | None
    phases: list[Phase]
    counters: dict[str, Number]


class JobState(Struct, kw_only=True):
    """Everything of a job that changes and that must survive a restart."""

    status: Status = Status.QUEUED
    attempt: int = 1
    max_attempts: int = 1
    seq: int = 1
    done: Number | None = None
    total: Number | None = None
    unit: str | None = None
    fraction: float | None = None
    rate: float | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    phase: int | None = None
    phases: list[Phase] = field(default_factory=list)
    counters: dict[str, Number] = field(default_factory=dict)
    message: str | None = None
    stalled: bool = False
    retry_at: int | None = None
    pause: Pause | None = None
    worker: str | None = None
    cancel: Cancel | None = None
    saved: Saved | None = None
    result: Any = None
    error: ErrorView | None = None
    artifacts: list[ArtifactView] = field(default_factory=list)
    attempts: list[AttemptView] = field(default_factory=list)
    queued_at: int = 0
    started_at: int | None = None
    advanced_at: int | None = None
    heard_at: int | None = None
    finished_at: int | None = None
    lost_at: int | None = None
    busy_ms: int = 0  # time worked in this attempt before `working_since`
    working_since: int | None = None
    gap_ms: float | None = None  # the usual time between advances
    acked: int = 0  # highest number taken in this attempt
    entries: int = 0  # highest number in the log
    launches: int = 0  # how often an attempt's start was ordered; part of each worker's token
    launched_at: int | None = None
    process: ProcessId | None = None
    timed_out_at: int | None = None  # when this attempt was told to stop because it took too long
    timed_out_forced: bool = False  # and did not, so that it is ended by force
    children: Children | None = None
    rolled: bool = False  # done, total and fraction are those of its children, because the work tells none itself

    @property
    def checkpoint(self) -> CheckpointView | None:
        saved = self.saved
        return CheckpointView(at=saved.at, done=saved.done, fraction=saved.fraction) if saved else None

    def worked_ms(self, now: int) -> int:
        """Milliseconds that this attempt has worked, without the time queued, paused or lost."""
        return self.busy_ms + (max(now - self.working_since, 0) if self.working_since is not None else 0)


class Attached(Struct, kw_only=True):
    """A file or link that the work attached, as it said so."""

    name: str
    path: str | None
    url: str | None


class Change(Struct, kw_only=True):
    """What one step did, and what the shell has to do about it.

    Attributes:
        visible: a viewer can see a difference.
        durable: to be committed before it is shown or acknowledged.
        whole: viewers need a snapshot, an update would not tell all.
        phases: a phase started, finished or was added.
        entries: new lines of the log, numbered.
        checkpoint: the data to keep, in a tuple so that None is data too.
        attached: a file or link to serve from now on.
        traceback: of the error that ended the attempt.
        ended: how the attempt ended.
        worked_ms: for how long it had worked when it ended.
        orders: messages for the worker, to be sent once this is stored.
        force: the attempt whose work is to be ended by force now.
        ready: a queued attempt need not wait for its time any longer.
    """

    visible: bool = False
    durable: bool = False
    whole: bool = False
    phases: bool = False
    entries: list[LogEntry] = field(default_factory=list)
    checkpoint: tuple[Any] | None = None
    attached: Attached | None = None
    traceback: str | None = None
    ended: Outcome | None = None
    worked_ms: int = 0
    orders: list[ToWorker] = field(default_factory=list)
    force: int | None = None
    ready: bool = False
