"""Jobs and messages for tests of the pure core; `now` is a number."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from hub.job import Job
from hub.protocol import (
    Artifact,
    AttemptMessage,
    CancelAck,
    CancelReceived,
    Checkpoint,
    Entry,
    Finish,
    Numbered,
    Open,
    PhaseStart,
    Report,
    WorkerBeat,
)
from hub.state import Change, JobFacts, JobState, Place
from hub.view import Curve, Phase, Typical

T0 = 1_700_000_000_000  # some day in 2023
BEATING: tuple[type[AttemptMessage], ...] = (WorkerBeat, CancelReceived)


def made(place: Place = "process", *, history: Curve | None = None, state: JobState | None = None, **known: Any) -> Job:
    """A queued job, as it is right after it was created."""
    given: dict[str, Any] = {"id": "j1", "kind": "k", "title": "T", "created_at": T0, "place": place} | known
    job = Job(JobFacts(**given), state or JobState(), history)
    job.created(T0)
    return job


def running(place: Place = "process", *, phases: tuple[str | Phase, ...] = (), **known: Any) -> Job:
    """A job whose worker has opened it at T0."""
    job = made(place, **known)
    opened(job, *phases)
    return job


def opened(job: Job, *phases: str | Phase, now: int = T0, worker: str | None = "host/1") -> Change:
    declared = [Phase(name=phase) if isinstance(phase, str) else phase for phase in phases]
    return job.open(Open(id=0, job=job.facts.id, attempt=job.state.attempt, phases=declared), worker, now)


def said(job: Job, type_: type[AttemptMessage], **fields: Any) -> AttemptMessage:
    """A message about the job's attempt; numbered ones get the number that is due."""
    given: dict[str, Any] = {"job": job.facts.id, "attempt": job.state.attempt}
    if issubclass(type_, Numbered):
        given["n"] = job.state.acked + 1
    return type_(**(given | fields))


def tell(job: Job, type_: type[AttemptMessage], *, now: int = T0, **fields: Any) -> Change:
    return job.apply(said(job, type_, **fields), now)


def report(job: Job, *, now: int = T0, **fields: Any) -> Change:
    return tell(job, Report, now=now, **fields)


def phase(job: Job, name: str, *, now: int = T0, **fields: Any) -> Change:
    return tell(job, PhaseStart, now=now, name=name, **fields)


def entry(job: Job, text: str = "line", *, now: int = T0, **fields: Any) -> Change:
    return tell(job, Entry, now=now, text=text, **fields)


def checkpoint(job: Job, data: Any = None, *, now: int = T0, **fields: Any) -> Change:
    return tell(job, Checkpoint, now=now, data=data, **fields)


def ack(job: Job, *, now: int = T0, **fields: Any) -> Change:
    return tell(job, CancelAck, now=now, **fields)


def artifact(job: Job, name: str, *, now: int = T0, **fields: Any) -> Change:
    return tell(job, Artifact, now=now, name=name, **fields)


def finish(job: Job, outcome: str = "succeeded", *, now: int = T0, **fields: Any) -> Change:
    return tell(job, Finish, now=now, outcome=outcome, **fields)


def cancel(job: Job, *, now: int = T0, force: bool = False, by: str | None = None, reason: str | None = None) -> Change:
    return job.cancel(by, reason, force=force, now=now)


def encoded(job: Job) -> bytes:
    """All of a job that changes."""
    return msgspec.json.encode(job.state)


def events(*changes: Change) -> list[str]:
    """What the log was told."""
    return [line.event for change in changes for line in change.entries]


def usual(p50_s: float) -> Typical:
    return Typical(runs=3, p10_s=p50_s, p50_s=p50_s, p90_s=p50_s)


def plain(raw: Any) -> dict[str, Any]:
    """A struct as JSON shows it."""
    return cast("dict[str, Any]", msgspec.json.decode(msgspec.json.encode(raw)))
