"""The HTTP calls, as a table: what each takes, answers and refuses. `describe.py` makes OpenAPI of it.

The table says in data what `api.py` and `stream.py` do in code; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from hub.answers import TITLES
from hub.api import CONTROLS, LIST_MOST, LOG_MOST
from hub.auth import Foreign
from hub.errors import (
    Conflict,
    Forbidden,
    HubError,
    Invalid,
    Malformed,
    NotFound,
    PeerError,
    Revoked,
    TooLarge,
    TooMany,
    Unavailable,
)
from hub.outside import REPORTS
from hub.protocol import HttpAck, HttpControl, HttpStart
from hub.stack import StackView
from hub.view import JobView, KindView, LogEntry, LogGap, Sample, Status, SummaryView, Typical

# ── Bodies that only HTTP has ─────────────────────────────────────────────────


class KindList(Struct, kw_only=True):
    """The registered kinds, by name."""

    kinds: list[KindView]


class Run(Struct, kw_only=True):
    """One earlier run of a kind."""

    job: str
    status: Status
    started_at: int | None
    elapsed_s: float


class History(Struct, kw_only=True):
    """What earlier runs of a kind say.

    `phases` is what each phase usually takes, `curve` the usual fraction of work at 32 equal steps of a run's time,
    `stop_p50_s` the usual time from cancel to end.
    """

    runs: list[Run]
    typical: Typical | None
    phases: dict[str, Typical]
    curve: list[float]
    stop_p50_s: float | None


class JobList(Struct, kw_only=True):
    """Jobs, newest first; `next` is the `after` of the call for more, null at the end."""

    jobs: list[JobView]
    next: str | None


class LogPage(Struct, kw_only=True):
    """Entries in order, and those before them that are no longer kept."""

    entries: list[LogEntry]
    log_gap: LogGap | None


class SampleList(Struct, kw_only=True):
    """Points of a job's chart, at most 500."""

    samples: list[Sample]


class Traceback(Struct, kw_only=True):
    """Where an attempt failed."""

    attempt: int
    traceback: str


class FieldError(Struct, kw_only=True):
    """What is wrong with one parameter."""

    field: str
    message: str


class Problem(Struct, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


# ── The table ─────────────────────────────────────────────────────────────────

Refusal = type[PeerError] | type[HubError]
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0}
CURSOR: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{1,15}-"}
EVENTS, PLAIN, ANY, JSON = "text/event-stream", "text/plain", "*/*", "application/json"
ONE = "/api/jobs/{id}"
EVERYWHERE: tuple[Refusal, ...] = (Foreign, Forbidden, HubError)  # asked by the wrong name or page; we failed
READING: tuple[Refusal, ...] = (NotFound, Unavailable)
CHANGING: tuple[Refusal, ...] = (NotFound, Conflict, TooMany, Unavailable)
BODY: tuple[Refusal, ...] = (Malformed, Invalid, TooLarge)


class Given(Struct, frozen=True, kw_only=True):
    """A query parameter or header."""

    name: str
    about: str
    schema: dict[str, Any]
    where: str = "query"
    repeats: bool = False


class Call(Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        name: its `operationId`.
        about: what it does, one sentence.
        answers: status to the struct or media type of the body; None for none.
        refuses: the causes it is refused for, besides those of every call.
        body: struct of the request's body.
        reports: whether the body is a worker's message, and a report token may come with it.
        makes: whether its answer is a job that the other calls may name.
    """

    method: str
    path: str
    name: str
    about: str
    answers: dict[int, type[Struct] | str | None]
    refuses: tuple[Refusal, ...] = ()
    given: tuple[Given, ...] = ()
    body: type[Struct] | None = None
    reports: bool = field(default=False)
    makes: bool = False


AFTER = Given(name="after", about="the `next` of the list before", schema=CURSOR)
LISTED = (
    Given(name="status", about="any of these", schema={"enum": [s.value for s in Status]}, repeats=True),
    Given(name="kind", about="any of these", schema=TEXT, repeats=True),
    Given(name="tag", about="any of these, `name:value` or `name`", schema=TEXT, repeats=True),
    Given(name="q", about="text in the title", schema=TEXT),
    Given(name="parent", about="whose children; empty for jobs that no other started", schema=TEXT),
    Given(name="stuck", about="only what is stalled or lost", schema={"enum": ["true", "false"]}),
    Given(name="limit", about="how many", schema=NUMBER | {"maximum": LIST_MOST}),
    AFTER,
)
PAGED = (
    Given(name="after", about="entries after this number", schema=NUMBER),
    Given(name="before", about="the newest entries before this number", schema=NUMBER),
    Given(name="limit", about="how many", schema=NUMBER | {"maximum": LOG_MOST}),
)
ATTEMPT = (Given(name="attempt", about="which; the current one when left out", schema=NUMBER),)
MATCH = (Given(name="If-None-Match", about="ETag that is known already", schema=TEXT, where="header"),)
RESUME = (Given(name="Last-Event-ID", about="where the reader was", schema=TEXT, where="header"),)

ONCE = {"reset": "Give up an attempt that is stalled or lost, with `force` any; the next one, if any, is queued."}

READS = (
    Call(
        method="get", path="/api/kinds", name="listKinds", about="The registered kinds.", answers={200: KindList},
        refuses=(Unavailable,),
    ),
    Call(
        method="get", path="/api/kinds/{kind}/history", name="readHistory",
        about="What earlier runs of a kind say.", answers={200: History}, refuses=READING,
    ),
    Call(
        method="get", path="/api/summary", name="readSummary", about="How many jobs stand where.",
        answers={200: SummaryView},
    ),
    Call(
        method="get", path="/api/jobs", name="listJobs", about="Jobs, newest first.", answers={200: JobList},
        refuses=(Invalid, Unavailable), given=LISTED,
    ),
    Call(
        method="get", path=ONE, name="readJob", about="One job, with an ETag of epoch and `seq`.",
        answers={200: JobView, 304: None}, refuses=READING, given=MATCH,
    ),
    Call(
        method="get", path=f"{ONE}/log", name="readLog", about="Entries of a job's log.", answers={200: LogPage},
        refuses=(*READING, Invalid), given=PAGED,
    ),
    Call(
        method="get", path=f"{ONE}/samples", name="readSamples", about="Points of a job's chart.",
        answers={200: SampleList}, refuses=READING,
    ),
    Call(
        method="get", path=f"{ONE}/traceback", name="readTraceback", about="Where an attempt failed.",
        answers={200: Traceback}, refuses=(*READING, Invalid), given=ATTEMPT,
    ),
    Call(
        method="get", path=f"{ONE}/stack", name="readStack",
        about="Where a job is now; its worker is asked, or else the system.",
        answers={200: StackView}, refuses=CHANGING,
    ),
    Call(
        method="get", path=f"{ONE}/artifacts/{{name}}", name="readArtifact",
        about="An attached file, as a download, or the way to an attached link.",
        answers={200: ANY, 307: None}, refuses=READING,
    ),
    Call(
        method="get", path="/api/stream", name="streamJobs",
        about="The feed as Server-Sent Events, with the JSON of the viewer socket.", answers={200: EVENTS},
        refuses=(Unavailable,),
    ),
    Call(
        method="get", path=f"{ONE}/stream", name="streamJob",
        about="One job as Server-Sent Events `snapshot`, `update` and `log`, with the JSON of the viewer socket.",
        answers={200: EVENTS}, refuses=READING, given=RESUME,
    ),
)  # fmt: skip
WRITES = (
    Call(
        method="post", path="/api/jobs", name="startJob",
        about="Start a registered kind, or with `external` open a job that is reported on over HTTP. "
        "200 when `key` was used before.",
        answers={201: JobView, 200: JobView}, body=HttpStart, makes=True,
        refuses=CHANGING + BODY,
    ),
    Call(
        method="delete", path=ONE, name="deleteJob", about="Delete a terminal job and all that it started.",
        answers={204: None}, refuses=CHANGING,
    ),
    *(
        Call(
            method="post", path=f"{ONE}/{verb}", name=f"{verb}Job",
            about=ONCE.get(verb, f"Ask for a {verb}; answered once that is stored, and repeating it changes nothing."),
            answers={202: JobView}, body=HttpControl,
            refuses=CHANGING + BODY,
        )
        for verb in CONTROLS
    ),
    *(
        Call(
            method="post", path=f"{ONE}/{name}", name=f"send{type_.__name__}",
            about=f"A worker's `{name}` for a job that was opened from outside; `attempt` and `n` may be left out.",
            answers={200: HttpAck}, body=type_, reports=True,
            refuses=(*CHANGING, *BODY, Revoked),
        )
        for name, type_ in REPORTS.items()
    ),
)  # fmt: skip
ABOUT_ITSELF = (
    Call(method="get", path="/healthz", name="isAlive", about="Whether the hub lives.", answers={200: PLAIN}),
    Call(
        method="get", path="/readyz", name="isReady", about="Whether the hub takes work.", answers={200: PLAIN},
        refuses=(Unavailable,),
    ),
    Call(method="get", path="/metrics", name="readMetrics", about="Prometheus text.", answers={200: PLAIN}),
    Call(
        method="get", path="/openapi.json", name="readOpenApi", about="This description.",
        answers={200: JSON},
    ),
    Call(
        method="get", path="/asyncapi.json", name="readAsyncApi", about="The description of both sockets.",
        answers={200: JSON},
    ),
)  # fmt: skip
CALLS: tuple[Call, ...] = (*READS, *WRITES, *ABOUT_ITSELF)


def title_of(refusal: Refusal) -> str:
    """What a refusal is called where its answer is described."""
    return TITLES[refusal.code]
