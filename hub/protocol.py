"""Wire protocol, version 1: what viewers, workers and the hub say to each other.

One struct a message, one tagged union a direction. What the structs are made of is in `view.py`,
how messages become bytes in `codec.py`. Unknown fields are ignored, unknown types are an error.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.errors import ErrorCode
from hub.view import (
    DATA_BYTES,
    Counters,
    Curve,
    Duration,
    ErrorView,
    Failure,
    Integer,
    JobId,
    JobUpdate,
    JobView,
    Kind,
    Level,
    LogEntry,
    LogGap,
    Name,
    Number,
    Ordinal,
    Phase,
    Priority,
    RequestId,
    Status,
    SummaryView,
    Tags,
    Text,
    Title,
    Url,
    Weight,
)

VERSION = 1


class CloseCode(IntEnum):
    """WebSocket close codes the hub sends. The first three of the 44xx mean: do not come back by yourself."""

    DONE = 1000
    GOING_AWAY = 1001
    BAD_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    RESTARTING = 1012
    OVERLOADED = 1013
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    NO_HELLO = 4408
    TOO_MANY = 4429


# ── Viewer to hub ─────────────────────────────────────────────────────────────


class ViewerMessage(Struct, kw_only=True, tag_field="type", tag=str.lower):
    """Root of what a viewer may say; the tag is the class's name in lower case."""


class Hello(ViewerMessage, kw_only=True):
    token: Text | None = None
    client: Text | None = None
    visible: bool = True


class Filter(Struct, kw_only=True):
    """Which jobs of the feed. A list means any of them; tags are `name:value` or `name`."""

    status: Annotated[list[Status], Meta(max_length=16)] = []
    kind: Annotated[list[Name], Meta(max_length=32)] = []
    tag: Annotated[list[Text], Meta(max_length=32)] = []


class Since(Struct, kw_only=True):
    """The last things a viewer saw of a job."""

    epoch: Text | None = None
    seq: Integer = 0
    log: Integer = 0


class Subscribe(ViewerMessage, kw_only=True):
    id: RequestId
    topic: Annotated[str, Meta(pattern=r"^(jobs|job:.{1,64})$(?!\n)")]
    filter: Filter | None = None
    since: Since | None = None


class Unsubscribe(ViewerMessage, kw_only=True):
    id: RequestId
    topic: Annotated[str, Meta(max_length=128)]


class StartOrder(Struct, kw_only=True):
    """What a start names, on the socket and over HTTP."""

    kind: Kind
    params: dict[str, Any] = {}
    title: Title | None = None
    tags: Tags = {}
    key: Name | None = None
    priority: Priority | None = None
    parent: JobId | None = None


class Start(ViewerMessage, kw_only=True):
    id: RequestId
    kind: Kind
    params: dict[str, Any] = {}
    title: Title | None = None
    tags: Tags = {}
    key: Name | None = None
    priority: Priority | None = None
    parent: JobId | None = None


class ControlMessage(ViewerMessage, kw_only=True):
    id: RequestId
    job: JobId
    reason: Text | None = None


class CancelRequest(ControlMessage, kw_only=True, tag="cancel"):
    force: bool = False


class RetryRequest(ControlMessage, kw_only=True, tag="retry"):
    pass


class PauseRequest(ControlMessage, kw_only=True, tag="pause"):
    pass


class ResumeRequest(ControlMessage, kw_only=True, tag="resume"):
    pass


class Visible(ViewerMessage, kw_only=True):
    value: bool


class Ping(ViewerMessage, kw_only=True):
    id: RequestId


FromViewer = (
    Hello
    | Subscribe
    | Unsubscribe
    | Start
    | CancelRequest
    | RetryRequest
    | PauseRequest
    | ResumeRequest
    | Visible
    | Ping
)


# ── Hub to viewer ─────────────────────────────────────────────────────────────


class HubMessage(Struct, kw_only=True, tag_field="type", tag=str.lower):
    """Root of what the hub may say."""


class May(Struct, kw_only=True):
    """What this viewer is allowed."""

    view: bool
    control: bool
    report: bool
    tracebacks: bool


class Welcome(HubMessage, kw_only=True):
    epoch: str
    at: int
    version: int
    may: May
    heartbeat_s: float


class Ok(HubMessage, kw_only=True):
    id: RequestId
    job: JobView | UnsetType = UNSET


class Error(HubMessage, kw_only=True, omit_defaults=True):
    code: ErrorCode
    message: str
    id: RequestId | None = None
    field: str | None = None


class Subscribed(HubMessage, kw_only=True):
    id: RequestId
    topic: str
    recovered: bool
    log_gap: LogGap | None


class Snapshot(HubMessage, kw_only=True, omit_defaults=True):
    jobs: list[JobView]
    end: bool = False


class Update(HubMessage, kw_only=True):
    at: int
    jobs: list[JobUpdate]


class Log(HubMessage, kw_only=True):
    job: str
    entries: list[LogEntry]


class Summary(SummaryView, kw_only=True, tag_field="type", tag="summary"):
    pass


class Beat(HubMessage, kw_only=True):
    at: int


class Gone(HubMessage, kw_only=True):
    job: str
    reason: Literal["deleted", "filtered", "forbidden"]


class Pong(HubMessage, kw_only=True):
    id: RequestId
    at: int


class Closing(HubMessage, kw_only=True):
    code: int
    reason: str
    retry_after_s: float | None


ToViewer = Welcome | Ok | Error | Subscribed | Snapshot | Update | Log | Summary | Beat | Gone | Pong | Closing


# ── Worker to hub ─────────────────────────────────────────────────────────────


class WorkerMessage(Struct, kw_only=True, tag_field="type", tag=str.lower):
    """Root of what a worker may say."""


class Open(WorkerMessage, kw_only=True):
    """Claim handed-out work or come back (`job` and `attempt`), or announce work that started elsewhere (`kind`)."""

    id: RequestId
    job: JobId | None = None
    attempt: Ordinal | None = None
    kind: Kind | None = None
    title: Title | None = None
    params: dict[str, Any] = {}
    phases: Annotated[list[Phase], Meta(max_length=100)] = []
    total: Number | None = None
    unit: Name | None = None
    tags: Tags = {}
    key: Name | None = None
    parent: JobId | None = None
    max_attempts: Ordinal | None = None
    started_at: Integer | None = None


class AttemptMessage(WorkerMessage, kw_only=True):
    job: JobId
    attempt: Ordinal


class Report(AttemptMessage, kw_only=True, omit_defaults=True):
    """Absolute values; what is left out stays as it is."""

    done: Number | UnsetType | None = UNSET
    total: Number | UnsetType | None = UNSET
    unit: Name | UnsetType | None = UNSET
    rate: Number | UnsetType | None = UNSET
    eta_s: Number | UnsetType | None = UNSET
    phase: Integer | UnsetType = UNSET
    counters: Counters | UnsetType = UNSET
    message: Text | UnsetType | None = UNSET
    worker: Name | UnsetType | None = UNSET


class Numbered(AttemptMessage, kw_only=True):
    """A durable message: kept by the worker until it is acknowledged."""

    n: Ordinal


class PhaseStart(Numbered, kw_only=True, tag="phase", omit_defaults=True):
    name: Name
    total: Number | None = None
    unit: Name | None = None
    weight: Weight | None = None


class Entry(Numbered, kw_only=True, omit_defaults=True):
    level: Level = "info"
    text: Text
    data: Any = None


class Checkpoint(Numbered, kw_only=True, omit_defaults=True):
    data: Any
    done: Number | None = None


class CancelReceived(AttemptMessage, kw_only=True, tag="cancel_received"):
    pass


class CancelAck(Numbered, kw_only=True, tag="cancel_ack", omit_defaults=True):
    message: Text | None = None


class Artifact(Numbered, kw_only=True, omit_defaults=True):
    name: Name
    path: Text | None = None
    url: Url | None = None


class Finish(Numbered, kw_only=True, omit_defaults=True):
    """The attempt is over. `forced`: it did not stop at a cancel, and whoever runs it ended it by force."""

    outcome: Literal["succeeded", "failed", "cancelled"]
    message: Text | None = None
    result: Any = None
    error: Failure | None = None
    retry: bool = True
    retry_in_s: Duration | None = None
    forced: bool = False


class WorkerBeat(AttemptMessage, kw_only=True, tag="beat"):
    pass


class StartChild(AttemptMessage, kw_only=True, tag="start"):
    """The work starts another job, as a child of its own; answered with `ok` or `error`."""

    id: RequestId
    kind: Kind
    params: dict[str, Any] = {}
    title: Title | None = None
    tags: Tags = {}
    key: Name | None = None
    priority: Priority | None = None


class Stack(AttemptMessage, kw_only=True):
    """Where the work is, as text: the answer to `stack`."""

    id: RequestId
    text: Annotated[str, Meta(max_length=DATA_BYTES)]


FromWorker = (
    Open
    | Report
    | PhaseStart
    | Entry
    | Checkpoint
    | CancelReceived
    | CancelAck
    | Artifact
    | Finish
    | WorkerBeat
    | StartChild
    | Stack
)


# ── Hub to worker ─────────────────────────────────────────────────────────────


class SavedCheckpoint(Struct, kw_only=True):
    """The checkpoint with its data, for the attempt that continues from it."""

    at: int
    done: Number | None
    fraction: float | None
    data: Any
    counters: dict[str, Number] = {}


class CancelOrder(Struct, kw_only=True):
    """Who wants the work stopped, and how long it has to clean up."""

    reason: str | None
    by: str | None
    grace_s: float


class Opened(HubMessage, kw_only=True):
    id: RequestId
    job: str
    attempt: int
    status: Status
    acked: int
    lease_s: float
    report_interval_s: float
    checkpoint: SavedCheckpoint | None
    cancel: CancelOrder | None
    history: Curve | None


class Ack(HubMessage, kw_only=True):
    job: str
    attempt: int
    n: int


class CancelWork(HubMessage, kw_only=True, tag="cancel"):
    job: str
    attempt: int
    reason: str | None
    by: str | None
    grace_s: float


class PauseWork(HubMessage, kw_only=True, tag="pause"):
    job: str
    attempt: int


class ResumeWork(HubMessage, kw_only=True, tag="resume"):
    job: str
    attempt: int


class RevokedWork(HubMessage, kw_only=True, tag="revoked", omit_defaults=True):
    job: str
    attempt: int
    reason: str
    status: Status | None = None
    id: RequestId | None = None


class StackWanted(HubMessage, kw_only=True, tag="stack"):
    """Tell where the work is."""

    id: RequestId
    job: str
    attempt: int


class ChildState(HubMessage, kw_only=True, tag="child"):
    """How a job stands that this attempt, or one before it, started: told when it ends, and after `opened`."""

    job: str
    attempt: int
    child: str
    key: str | None
    status: Status
    result: Any
    error: ErrorView | None


ToWorker = (
    Opened | Ack | Ok | CancelWork | PauseWork | ResumeWork | RevokedWork | StackWanted | ChildState | Closing | Error
)


# ── HTTP ──────────────────────────────────────────────────────────────────────


class HttpStart(StartOrder, kw_only=True):
    """Body of `POST /api/jobs`; `external` opens a job that is reported on over HTTP."""

    external: bool = False
    phases: Annotated[list[Phase], Meta(max_length=100)] = []
    total: Number | None = None
    unit: Name | None = None
    max_attempts: Ordinal | None = None


class HttpControl(Struct, kw_only=True):
    """Body of cancel, retry, pause, resume and reset."""

    reason: Text | None = None
    force: bool = False


class HttpAck(Struct, kw_only=True):
    """Answer to a report over HTTP."""

    job: str
    attempt: int
    acked: int
    cancel: CancelOrder | None
    paused: bool = False
