"""One job in the hub's memory: its core, what viewers see of it, and who works on it; to a row and back."""

from __future__ import annotations

import mimetypes
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from hub.history import curve_of, eta_error
from hub.job import Job
from hub.protocol import ToWorker
from hub.rows import ArtifactRow, CheckpointRow, JobRow, Note, RunRow, Write
from hub.shown import Shown
from hub.state import Attached, Change, JobFacts, JobState, Place
from hub.view import Curve, Outcome, Sample, Status

FIRST_SAMPLE_MS = 1_000
COUNTED_FROM = ("heard_at", "advanced_at", "working_since", "lost_at", "timed_out_at")


class WorkerEnd(Protocol):
    """The hub's end of a worker: a socket's session, or a link inside the process."""

    def send(self, message: ToWorker) -> None:
        """Send a message to the worker; silently nothing once it is gone."""
        ...


class Kept(Struct, kw_only=True):
    """What a row's `state` holds: the state, and the rules the job was created under."""

    place: Place
    grace_s: float
    stall_s: float | None
    stall_gaps: int
    lease_s: float
    give_up_s: float
    state: JobState
    parent: str | None = None
    priority: int = 0
    retries: int = 0
    backoff_s: float = 2.0
    backoff_max_s: float = 300.0
    timeout_s: float | None = None
    sample_every_ms: int = FIRST_SAMPLE_MS
    samples: int = 0


RULES = tuple(name for name in Kept.__struct_fields__ if name in JobFacts.__struct_fields__)
rules_of = attrgetter(*RULES)


class Held:
    """A job the hub holds in memory.

    Attributes:
        job: its core, possibly ahead of what is committed.
        shown: the newest version that viewers may see.
        pending: durable changes that are not committed yet.
        unseen: those of them that viewers will see; while there are any, `shown` stays as it is.
        deleted: its deletion is under way; for whoever asks, it is gone.
        worker: who works on it, while connected.
        worker_attempt: which attempt that worker opened.
        acked: highest number of the current attempt that is committed.
        data: of the last checkpoint.
        unsaved: moving numbers changed since they were last saved.
        trail: (seconds, fraction) as sampled, for the kind's curve.
        predicted: (seconds, seconds left as told then), sampled likewise.
        eta_error: of the attempt that ended last, if it succeeded and half-way an end was predicted.
        deadline: the time for which its timer is armed, or None.
    """

    def __init__(self, job: Job, *, sample_every_ms: int = FIRST_SAMPLE_MS, samples: int = 0) -> None:
        self.job = job
        self.shown: Shown | None = None
        self.pending = 0
        self.unseen = 0
        self.deleted = False
        self.worker: WorkerEnd | None = None
        self.worker_attempt = 0
        self._acked = (job.state.attempt, job.state.acked)
        self.unsaved = False
        self.data: Any = None
        self.trail: list[tuple[float, float]] = []
        self.predicted: list[tuple[float, float]] = []
        self.eta_error: float | None = None
        self.deadline: int | None = None
        self.last_entry = job.state.entries
        self.sample_every_ms = sample_every_ms
        self.sampled_at = 0
        self.samples = samples

    @property
    def acked(self) -> int:
        attempt, n = self._acked
        return n if attempt == self.job.state.attempt else 0  # numbers begin anew with each attempt

    def stored(self, attempt: int, n: int) -> None:
        """A numbered message of that attempt is committed."""
        self._acked = max(self._acked, (attempt, n))

    @property
    def finished_itself(self) -> bool:
        """Whether the current attempt is over by its own `finish`, which its worker may not know to be stored."""
        state = self.job.state
        if state.status is Status.CANCELLED:
            return state.started_at is not None and (state.cancel is None or state.cancel.how == "acknowledged")
        failed = state.status is Status.FAILED and state.attempts[-1].outcome is Outcome.FAILED
        return state.status is Status.SUCCEEDED or (failed and state.started_at is not None)

    def forgive(self, slept_ms: int, now: int) -> None:
        """Move what deadlines are counted from behind the time in which nobody could be heard; never into the future.

        When the next attempt may start stays: its wait was not for anybody here. So does when the one before it, that
        was lost, was last heard.
        """
        state = self.job.state
        if state.status.terminal:
            return
        if state.status is Status.QUEUED:
            return
        for name in COUNTED_FROM:
            at = getattr(state, name)
            setattr(state, name, None if at is None else max(at, min(at + slept_ms, now)))
        cancel = state.cancel
        if cancel is not None and cancel.deadline_at is not None:
            latest = now + round(self.job.facts.grace_s * 1000)
            deadline_at = max(cancel.deadline_at, min(cancel.deadline_at + slept_ms, latest))
            state.cancel = msgspec.structs.replace(cancel, deadline_at=deadline_at)

    @property
    def id(self) -> str:
        return self.job.facts.id

    @property
    def topic(self) -> str:
        return f"job:{self.id}"

    def describe(self, attached: Attached) -> None:
        """Tell the size and type of what was just attached, as far as the name and the file system do."""
        media_type = mimetypes.guess_type(attached.name)[0]
        size: int | None = None
        if attached.path is not None:
            with suppress(OSError):  # gone already: the link will say so
                size = Path(attached.path).stat().st_size
        self.job.state.artifacts = [
            msgspec.structs.replace(view, bytes=size, media_type=media_type) if view.name == attached.name else view
            for view in self.job.state.artifacts
        ]

    def sample(self, now: int, most: int) -> tuple[Sample | None, bool]:
        """A point for the chart if one is due, and whether the others are to be thinned first.

        Args:
            now: milliseconds.
            most: samples to keep; each time they are reached every second one goes and the pace halves.
        """
        state = self.job.state
        if state.started_at is None or now - self.sampled_at < self.sample_every_ms:
            return None, False
        self.sampled_at = now
        thin = self.samples >= most
        if thin:
            self.samples //= 2
            self.trail = self.trail[::2]
            self.predicted = self.predicted[::2]
            self.sample_every_ms *= 2
        self.samples += 1
        if state.fraction is not None:
            self.trail.append((self.job.elapsed_s(now), state.fraction))
        if state.eta_s is not None:
            self.predicted.append((self.job.elapsed_s(now), state.eta_s))
        point = Sample(
            at=now, phase=state.phase, done=state.done, total=state.total, fraction=state.fraction, rate=state.rate
        )
        return point, thin

    def note(self, now: int, most: int) -> Note:
        """The newest moving numbers, to be saved."""
        self.unsaved = False
        point, thin = self.sample(now, most)
        return Note(job=self.id, state=self._state(), sample=point, thin=thin)

    def write(self, change: Change, now: int) -> Write:
        """All that must be committed of a change."""
        self.unsaved = False
        if change.checkpoint is not None:
            self.data = change.checkpoint[0]
        return Write(
            job_id=self.id,
            job=self.row(),
            entries=change.entries,
            checkpoint=self._checkpoint_row(change),
            run=self._run_row(change, now),
            artifact=self._artifact_row(change),
            traceback=(self._ended_attempt(change), change.traceback) if change.traceback else None,
        )

    def row(self) -> JobRow:
        facts, state = self.job.facts, self.job.state
        return JobRow(
            id=facts.id, kind=facts.kind, title=facts.title, by=facts.by, key=facts.key, status=state.status,
            created_at=facts.created_at, started_at=state.started_at, finished_at=state.finished_at,
            params=msgspec.json.encode(facts.params), tags=facts.tags, state=self._state(), parent=facts.parent,
        )  # fmt: skip

    def _state(self) -> bytes:
        facts = self.job.facts
        rules = dict(zip(RULES, rules_of(facts), strict=True))
        kept = Kept(**rules, state=self.job.state, sample_every_ms=self.sample_every_ms, samples=self.samples)
        return msgspec.json.encode(kept)

    def _ended_attempt(self, change: Change) -> int:
        return change.entries[0].attempt if change.entries else self.job.state.attempt

    def _checkpoint_row(self, change: Change) -> CheckpointRow | None:
        saved = self.job.state.saved
        if change.checkpoint is None or saved is None:
            return None
        return CheckpointRow(
            job=self.id, attempt=self.job.state.attempt, at=saved.at, done=saved.done, fraction=saved.fraction,
            data=msgspec.json.encode(change.checkpoint[0]),
        )  # fmt: skip

    def _artifact_row(self, change: Change) -> ArtifactRow | None:
        attached = change.attached
        if attached is None:
            return None
        view = next(view for view in self.job.state.artifacts if view.name == attached.name)
        return ArtifactRow(
            job=self.id, name=attached.name, path=attached.path, url=attached.url, bytes=view.bytes,
            media_type=view.media_type,
        )  # fmt: skip

    def _run_row(self, change: Change, now: int) -> RunRow | None:
        if change.ended is None:
            return None
        self.eta_error = None
        if self.job.state.attempts[-1].started_at is None:
            return None  # what never began says nothing of its kind, and there may be thousands of it at once
        facts, attempt = self.job.facts, self.job.state.attempts[-1]
        cancel = self.job.state.cancel
        stop_s = (now - cancel.requested_at) / 1000 if change.ended is Outcome.CANCELLED and cancel else None
        elapsed, trail, predicted = change.worked_ms / 1000, self.trail, self.predicted
        self.trail, self.predicted = [], []  # the next attempt's begin anew
        done = change.ended is Outcome.SUCCEEDED
        self.eta_error = eta_error(predicted, elapsed) if done else None
        return RunRow(
            kind=facts.kind, job=facts.id, attempt=attempt.attempt, status=change.ended,
            started_at=attempt.started_at, finished_at=now, elapsed_s=elapsed, stop_s=stop_s,
            phases=self._phase_seconds() if done else {}, curve=curve_of(trail, elapsed) if done else [],
        )  # fmt: skip

    def _phase_seconds(self) -> dict[str, float]:
        return {
            phase.name: (phase.finished_at - phase.started_at) / 1000
            for phase in self.job.state.phases
            if phase.started_at is not None and phase.finished_at is not None
        }


def held_of(row: JobRow, history: Curve | None) -> Held:
    """The job of a row, as it was when the row was written."""
    kept = msgspec.json.decode(row.state, type=Kept)
    facts = JobFacts(
        id=row.id, kind=row.kind, title=row.title, created_at=row.created_at,
        params=msgspec.json.decode(row.params), tags=row.tags, by=row.by, key=row.key,
        **dict(zip(RULES, rules_of(kept), strict=True)),
    )  # fmt: skip
    job = Job(facts, kept.state, history)
    return Held(job, sample_every_ms=kept.sample_every_ms, samples=kept.samples)
