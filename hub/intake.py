"""What workers say, on its way in: opening work, and messages about it; each is stored before it is answered."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator

from hub import auth
from hub.errors import Conflict, Invalid, NotFound, PeerError, Revoked
from hub.held import Held, WorkerEnd
from hub.protocol import (
    AttemptMessage,
    CancelOrder,
    ChildState,
    Finish,
    Numbered,
    Ok,
    Open,
    Opened,
    RevokedWork,
    SavedCheckpoint,
    Stack,
    StartChild,
    StartOrder,
    WorkerBeat,
)
from hub.runner import Runner
from hub.state import Change, JobState
from hub.view import Status


class Intake:
    """The door for workers of one hub; it keeps nothing itself.

    Args:
        runner: of the hub whose jobs they work on.
        way: how their messages come: `socket` or `local`.
    """

    def __init__(self, runner: Runner, way: str = "socket") -> None:
        self._runner = runner
        self._hub = runner.hub
        self._way = way
        self._returned = False

    async def open(self, message: Open, end: WorkerEnd, token: str | None) -> Held:
        """A worker opens work: answered with `opened` once that is stored.

        Raises:
            PeerError: no such job, a wrong token, or the attempt is over.
        """
        if message.job is None:
            held, _ = await self._hub.keys.once(message.kind or "", message.key, lambda: self._create(message))
        else:
            held = await self._hub.find(message.job)
        if held.job.facts.startable:
            if message.job is None:
                raise Conflict("this key was used for a job that the hub started", "key")
            self._check_token(held, message, token)
        self.attach(held, message, end)
        return held

    def _check_token(self, held: Held, message: Open, token: str | None) -> None:
        """Work that was handed out goes to the worker it was handed to."""
        state = held.job.state
        if token is not None and message.attempt is not None and message.attempt < state.attempt:
            raise Revoked(f"attempt {message.attempt} of this job is over", state.status)
        expected = auth.worker_token(self._hub.secret, held.id, state.attempt, state.launches)
        auth.check_token(token, expected, needed=True)

    def attach(self, held: Held, message: Open, end: WorkerEnd) -> None:
        """Bind a worker to a job in memory; see :meth:`open`. Whether it may is known already."""
        job = held.job
        self._note_return(held)
        finished = held.finished_itself and message.attempt in (None, job.state.attempt)
        change = Change() if finished else job.open(message, _worker_name(held), self._hub.clock())
        if held.worker is not None and held.worker is not end and not finished:
            taken = RevokedWork(
                job=held.id, attempt=held.worker_attempt, reason="another worker took the job", status=job.state.status
            )
            held.worker.send(taken)
        held.worker, held.worker_attempt = end, job.state.attempt
        self._hub.commit_then(held, change, lambda: end.send(self._opened(held, message)))

    def _note_return(self, held: Held) -> None:
        """Who opens what has begun already was here before, on a connection that is counted once."""
        state = held.job.state
        if not self._returned and state.started_at is not None and state.status is not Status.QUEUED:
            self._returned = True
            self._hub.traffic.returned["worker"] += self._way == "socket"

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
            parent=message.parent,
        )
        await self._runner.household.admit(message.parent)
        state = JobState(total=message.total, unit=message.unit, max_attempts=message.max_attempts or 1)
        return await self._hub.create(facts, message.phases, state)

    def _opened(self, held: Held, message: Open) -> Opened:
        job, state, settings = held.job, held.job.state, self._hub.settings
        saved, order = state.saved, job.stop_order
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
        asks = isinstance(message, Stack | StartChild)  # of the job itself, no more than a sign of life
        said = WorkerBeat(job=message.job, attempt=message.attempt) if asks else message
        if isinstance(message, Finish):
            self._runner.household.before_end(held)
        change = held.job.apply(said, self._hub.clock())
        self._hub.traffic.taken[self._way] += 1
        if isinstance(message, Stack):
            self._runner.stacks.answered(message)
        if change.attached is not None:
            held.describe(change.attached)
        if isinstance(message, Numbered):
            self._hub.commit_then(held, change, lambda: self._stored(held, message, end))
        else:
            self._hub.commit_then(held, change, None)

    async def start(self, message: StartChild, end: WorkerEnd) -> None:
        """Work starts a job of its own: answered with `ok` once that is stored.

        Raises:
            PeerError, HubError: as :meth:`receive` and :meth:`hub.runner.Runner.start_child`.
        """
        self.receive(message, end)
        order = StartOrder(
            kind=message.kind, params=message.params, title=message.title, tags=message.tags, key=message.key,
            priority=message.priority, parent=message.job,
        )  # fmt: skip
        held = await self._runner.start_child(order)
        end.send(Ok(id=message.id, job=self._hub.shown_of(held).view))

    async def children(self, held: Held) -> AsyncIterator[ChildState]:
        """How all that a job started stands, for the worker that opened it: behind `opened`."""
        if self._hub.family.size(held.id):
            await self._hub.commit(held, Change())
            async for state in self._runner.household.states(held):
                yield state

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
        return Revoked("another worker has this job, or its attempt is over", state.status)
    return NotFound("open the job on this socket first", "job")
