"""A job as viewers are shown it: one committed version, encoded at most once a way. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from hub.codec import Encoding, encode
from hub.job import Job
from hub.phases import weighed
from hub.view import JobUpdate, JobView, Moving, Status, Typical

LEFT_OUT_ON_FEED: dict[str, Any] = {"params": UNSET, "result": UNSET, "attempts": UNSET}
MOVING = Moving.__struct_fields__
moving_of = attrgetter(*MOVING)  # a third of the time of as many getattr calls


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a job's view tells that the job itself does not know."""

    viewers: int = 0
    queue_position: int | None = None
    starts_in_s: float | None = None
    typical: Typical | None = None


NOTHING_AROUND = Surroundings()


def view_of(job: Job, around: Surroundings, now: int) -> JobView:
    """The whole job, as it stands.

    Args:
        job: its facts and state; lists and mappings are shared, because a job replaces and never changes them.
        around: what others know of it.
        now: milliseconds since 1970, for the elapsed time.
    """
    facts, state = job.facts, job.state
    return JobView(
        id=facts.id, kind=facts.kind, title=facts.title, params=facts.params, tags=facts.tags, by=facts.by,
        created_at=facts.created_at, max_attempts=state.max_attempts, typical=around.typical,
        attempts=state.attempts, phases=weighed(job.progress.phases_now()), attempt=state.attempt, seq=state.seq,
        status=state.status,
        done=state.done, total=state.total, unit=state.unit, fraction=state.fraction, rate=state.rate,
        eta_s=state.eta_s, eta_low_s=state.eta_low_s, eta_high_s=state.eta_high_s, phase=state.phase,
        counters=state.counters, message=state.message, stalled=state.stalled, retry_at=state.retry_at,
        queue_position=around.queue_position, starts_in_s=around.starts_in_s, pause=state.pause, worker=state.worker,
        viewers=around.viewers, cancel=state.cancel, checkpoint=state.checkpoint, result=state.result,
        error=state.error, artifacts=state.artifacts, children=state.children, parent=facts.parent,
        priority=facts.priority, timeout_s=facts.timeout_s, started_at=state.started_at, advanced_at=state.advanced_at,
        heard_at=state.heard_at, finished_at=state.finished_at, elapsed_s=job.elapsed_s(now),
    )  # fmt: skip


class Shown:
    """One version of a job and its encodings.

    Args:
        view: the whole job; never changed afterwards.
        queued_at: when its attempt was queued, milliseconds since 1970; the view does not tell.
    """

    __slots__ = ("_bytes", "queued_at", "view")

    def __init__(self, view: JobView, queued_at: int = 0) -> None:
        self.view = view
        self.queued_at = queued_at
        self._bytes: dict[tuple[object, ...], bytes] = {}

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def seq(self) -> int:
        return self.view.seq

    @property
    def status(self) -> Status:
        return self.view.status

    @property
    def stalled(self) -> bool:
        return self.view.stalled

    @property
    def worker(self) -> str | None:
        return self.view.worker

    def whole(self, encoding: Encoding, *, feed: bool) -> msgspec.Raw:
        """The whole job; on the feed without params, result and attempts."""
        key = ("whole", encoding, feed)
        if key not in self._bytes:
            view = msgspec.structs.replace(self.view, **LEFT_OUT_ON_FEED) if feed else self.view
            self._bytes[key] = encode(view, encoding)
        return msgspec.Raw(self._bytes[key])

    def update(self, encoding: Encoding, from_: int, *, phases: bool, feed: bool = False) -> msgspec.Raw:
        """The moving part, as an update that covers all since seq `from_`; on the feed without the result."""
        key = ("update", encoding, from_, phases, feed)
        if key not in self._bytes:
            moving = dict(zip(MOVING, moving_of(self.view), strict=True))
            if feed:
                moving["result"] = UNSET
            update = JobUpdate(**moving, from_=from_, phases=self.view.phases if phases else UNSET)
            self._bytes[key] = encode(update, encoding)
        return msgspec.Raw(self._bytes[key])
