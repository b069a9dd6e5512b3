"""What workers say, on its way in: opening work, and messages about it; each is stored before it is answered."""

from __future__ import annotations

import platform

from hub import auth
from hub.errors import Invalid, NotFound, PeerError, Revoked
from hub.held import Held, WorkerEnd
from hub.hub import Hub
from hub.protocol import AttemptMessage, CancelOrder, Numbered, Open, Opened, RevokedWork, SavedCheckpoint
from hub.state import Change, JobState


class Intake:
    """The door for workers of one hub; it keeps nothing itself.

    Args:
        hub: whose jobs they work on.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def open(self, message: Open, end: WorkerEnd, token: str | None) -> None:
        """A worker opens work: answered with `opened` once that is stored.

        Raises:
            PeerError: no such job, a wrong token, or the attempt is over.
        """
        if message.job is None:
            held, _ = await self._hub.keys.once(message.kind or "", message.key, lambda: self._create(message))
        else:
            held = await self._hub.find(message.job)
        if held.job.facts.startable:
            self._check_token(held, message, token)
        self.attach(held, message, end)

    def _check_token(self, held: Held, message: Open, token: str | None) -> None:
        """Work that was handed out goes to the worker it was handed to."""
        state = held.job.state
        if token is not None and message.attempt is not None and message.attempt < state.attempt:
            raise Revoked(f"attempt {message.attempt} of this job is over")
        expected = auth.worker_token(self._hub.secret, held.id, state.attempt, state.launches)
        auth.check_token(token, expected, needed=True)

    def attach(self, held: Held, message: Open, end: WorkerEnd) -> None:
        """Bind a worker to a job in memory; see :meth:`open`. Whether it may is known already."""
        job = held.job
        finished = held.finished_itself and message.attempt in (None, job.state.attempt)
        change = Change() if finished else job.open(message, _worker_name(held), self._hub.clock())
        if held.worker is not None and held.worker is not end and not finished:
            taken = RevokedWork(job=held.id, attempt=held.worker_attempt, reason="another worker took the job")
            held.worker.send(taken)
        held.worker, held.worker_attempt = end, job.state.attempt
        self._hub.commit_then(held, change, lambda: end.send(self._opened(held, message)))

    async def _create(self, message: Open) -> Held:
        if message.kind is None:
            raise Invalid("expected a kind, or job and attempt", "kind")
        facts = self._hub.facts(
            kind=message.kind,
            title=message.title or message.kind,
            place="outside",
            params=message.params,
            tags=message.tags,
            key=message.key,
        )
        return await self._hub.create(facts, message.phases, JobState(total=message.total, unit=message.unit))

    def _opened(self, held: Held, message: Open) -> Opened:
        job, state, settings = held.job, held.job.state, self._hub.settings
        saved, order = state.saved, job.cancel_order() if state.cancel else None
        return Opened(
            id=message.id, job=held.id, attempt=state.attempt, status=state.status, acked=held.acked,
            lease_s=job.facts.lease_s, report_interval_s=settings.report_interval_s,
            checkpoint=SavedCheckpoint(
                at=saved.at, done=saved.done, fraction=saved.fraction, data=held.data, counters=saved.counters
            )
            if saved else None,
            cancel=CancelOrder(reason=order.reason, by=order.by, grace_s=order.grace_s) if order else None,
            history=job.history,
        )  # fmt: skip

    def receive(self, message: AttemptMessage, end: WorkerEnd) -> None:
        """Take one message about an attempt.

        Args:
            message: any of `FromWorker` but `open`.
            end: who sent it.

        Raises:
            NotFound: the job was not opened by this worker.
            PeerError: as :meth:`hub.job.Job.apply`.
        """
        held = self._hub.jobs.get(message.job)
        if held is None:
            raise NotFound("no such job; open it first", "job")
        if held.worker is not end:
            raise _not_yours(held, message)
        change = held.job.apply(message, self._hub.clock())
        if change.attached is not None:
            held.describe(change.attached)
        if isinstance(message, Numbered):
            self._hub.commit_then(held, change, lambda: self._stored(held, message, end))
        else:
            self._hub.commit_then(held, change, None)

    def _stored(self, held: Held, message: Numbered, end: WorkerEnd) -> None:
        held.stored(message.attempt, message.n)
        self._hub.delivery.acknowledge(end, held.id, message.attempt, message.n)

    def detach(self, end: WorkerEnd) -> None:
        """A worker's connection is gone. That alone says nothing of the work: its lease does."""
        for held in self._hub.jobs.values():
            if held.worker is end:
                held.worker = None


def _worker_name(held: Held) -> str | None:
    place, process = held.job.facts.place, held.job.state.process
    if place == "process" and process is not None:
        return f"{platform.node()}/{process.pid}"
    return held.job.state.worker if place == "outside" else platform.node()


def _not_yours(held: Held, message: AttemptMessage) -> PeerError:
    state = held.job.state
    if held.worker is not None or message.attempt < state.attempt or state.status.terminal:
        return Revoked("another worker has this job, or its attempt is over")
    return NotFound("open the job on this socket first", "job")
