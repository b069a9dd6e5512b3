"""The hub: takes what workers and people say, stores what must last, then shows it to the rooms.

Everything here runs on one event loop, in plain calls. A step is: ask the job's core what changes,
hand what is durable to the store, and when that is committed show it, acknowledge it and pass orders
on. Moving numbers are shown at once and saved every half second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from hub.alarm import Alarm
from hub.chronicle import chronicle
from hub.delivery import Closable, Delivery, Viewing
from hub.errors import NotFound, Unavailable
from hub.family import Family
from hub.feed import feed
from hub.held import Held, held_of
from hub.job import Job
from hub.keys import Keys
from hub.past import Past
from hub.phases import plan
from hub.protocol import Summary
from hub.pulse import Pulse
from hub.rooms import Rooms
from hub.rows import JobRow, NoticeRow, Write
from hub.schedule import moved_up
from hub.settings import Settings
from hub.shown import Shown, Surroundings, view_of
from hub.state import Change, JobFacts, JobState, job_id
from hub.store import Store
from hub.summary import Tally
from hub.traffic import Traffic
from hub.view import Outcome, Phase, Status


class Hub:
    """The jobs of one database, and everybody who reports on them or watches them.

    Args:
        store: the open database.
        settings: its limits.
        clock: milliseconds since 1970, never going back.
        entropy: random bytes, as many as asked for.
        epoch: name of this run of the hub.
        secret: the database's key for tokens.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        epoch: str,
        secret: bytes,
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.epoch = epoch
        self.secret = secret
        self.jobs: dict[str, Held] = {}
        self.viewers: set[Viewing] = set()
        self.workers: set[Closable] = set()
        self.rooms = Rooms(round(settings.update_interval_s * 1000), round(settings.hidden_interval_s * 1000))
        self.delivery = Delivery(self.rooms, clock, self.shown_of)
        self.alarm = Alarm(clock, self.tick)
        self.pulse = Pulse(settings.pulse_s)
        self.traffic = Traffic()
        self.tally = Tally()
        self.family = Family()
        self._deletions: list[set[str]] = []  # of jobs: a change of one of these would be lost with it
        self.recount = False  # a job that had ended is gone or goes on: what the store counts is read again
        self.on_end: Callable[[Held, Outcome], None] = lambda held, outcome: None
        self.slots_free: Callable[[], int] = lambda: 0
        self.on_force: Callable[[Held, int], None] = lambda held, attempt: None
        self.on_ready: Callable[[Held], None] = lambda held: None
        self.on_shown: Callable[[Held, Shown], None] = lambda held, shown: None
        self.around: Callable[[Held], Surroundings] = lambda held: Surroundings()
        self.notices: Callable[[Held, Change], list[NoticeRow]] = lambda held, change: []
        self._entropy = entropy
        self.past = Past(store)
        self.keys = Keys(self._by_key)
        self._loop = asyncio.get_running_loop()

    # ── Finding and making jobs ───────────────────────────────────────────────

    async def find(self, job: str) -> Held:
        """The job, from memory or from the store.

        Raises:
            NotFound: there is none of that id.
        """
        held = self.jobs.get(job)
        if held is None:
            row = await self.store.job(job)
            held = self.jobs.get(job)  # somebody else may have fetched it meanwhile
            if held is None and row is not None:
                held = self.hold(await self.load(row))
        if held is None or held.shown is None or held.deleted or self._leaves(job):
            raise NotFound("no such job")
        return held

    def _leaves(self, job: str) -> bool:
        return any(job in leaving for leaving in self._deletions)

    @contextmanager
    def deletion(self) -> Iterator[set[str]]:
        """Ids of jobs that are being deleted: for whoever asks they are gone already, so no change of them is lost."""
        leaving = set[str]()
        self._deletions.append(leaving)
        try:
            yield leaving
        finally:
            self._deletions.remove(leaving)

    async def load(self, row: JobRow) -> Held:
        """The job of a row, with its checkpoint's data and the trail of its run."""
        held = held_of(row, (await self.past.of(row.kind)).as_curve())
        if held.job.state.saved is not None:
            checkpoint = await self.store.checkpoint(row.id)
            held.data = msgspec.json.decode(checkpoint.data) if checkpoint else None
        held.shown = self._picture(held)
        return held

    def hold(self, held: Held) -> Held:
        """Keep a job in memory; the one that is there already wins."""
        return self.jobs.setdefault(held.id, held)

    def facts(self, **known: object) -> JobFacts:
        """Facts of a new job under this hub's settings."""
        settings = self.settings
        defaults: dict[str, object] = {
            "id": job_id(self.clock(), self._entropy(10)),
            "created_at": self.clock(),
            "grace_s": settings.grace_s,
            "stall_s": settings.stall_s,
            "stall_gaps": settings.stall_gaps,
            "lease_s": settings.lease_s,
            "give_up_s": settings.give_up_s,
            "backoff_s": settings.backoff_s,
            "backoff_max_s": settings.backoff_max_s,
        }
        given = {name: value for name, value in known.items() if value is not None}
        return msgspec.convert({**defaults, **given}, JobFacts)

    async def create(self, facts: JobFacts, phases: list[Phase], state: JobState) -> Held:
        """Store a new job and show it.

        Raises:
            Unavailable: the database takes nothing at the moment.
        """
        self.check_storage()
        history = (await self.past.of(facts.kind)).as_curve()
        state.phases = plan([], phases, history)
        held = self.hold(Held(Job(facts, state, history)))
        await self.commit(held, held.job.created(self.clock()))
        return held

    async def _by_key(self, kind: str, key: str) -> Held | None:
        """What is stored under a key; a start that was given up half-way is waited for."""
        if self.store.waiting:
            self.check_storage()
            await self.store.flush()
        row = await self.store.by_key(kind, key)
        return None if row is None else await self.find(row.id)

    def check_storage(self) -> None:
        """Refuse what could not be stored now.

        Raises:
            Unavailable: the last commit failed, or too much waits for the disk.
        """
        trouble = self.store.trouble
        if trouble is not None:
            raise Unavailable(f"the database takes nothing at the moment ({trouble.cause}); nothing was changed")
        if self.store.behind:
            raise Unavailable("too much waits to be stored; nothing was changed")

    # ── What people ask for ───────────────────────────────────────────────────

    async def cancel(self, job: str, by: str | None, reason: str | None, *, force: bool) -> Held:
        """Ask for a cancel; returns once the request is stored.

        Raises:
            NotFound, Conflict, Unavailable: nothing was changed.
        """
        held = await self.find(job)
        self.check_storage()
        await self.commit(held, held.job.cancel(by, reason, force=force, now=self.clock()))
        return held

    def drop(self, job: str) -> None:
        """A job is no longer kept: whoever watches it is told."""
        held = self.jobs.pop(job, None)
        if held is not None:
            held.deleted = True
            if held.job.facts.parent is not None:
                self.family.stands(held.job.facts.parent, job, None)
        self.family.forget(job)
        self.recount = True
        self.rooms.remove(job)

    def evict(self) -> None:
        """Forget ended jobs that nobody watches and the feed does not hold; they are in the store."""
        kept = {shown.id for shown in self.feed()}
        for job, held in list(self.jobs.items()):
            saved = not held.pending and not held.unsaved
            idle = held.job.state.status.terminal and saved and not self.rooms.viewers(held.topic)
            if job not in kept and idle and held.worker is None and not self.family.concerns(job):
                del self.jobs[job]
                self.family.forget(job)

    # ── Store, then show ──────────────────────────────────────────────────────

    async def commit(self, held: Held, change: Change) -> None:
        """Store a change and show it; returns when both are done."""
        done = self._loop.create_future()
        self.commit_then(held, change, lambda: _resolve(done))
        await done

    def commit_then(self, held: Held, change: Change, then: Callable[[], object] | None) -> None:
        """Store a change if it is durable, show it, and call `then`, in this order.

        A change that is not durable waits for the ones before it that are.
        """
        waits = change.durable and not _is_line(change)
        shown = self._picture(held) if change.visible and waits else None
        if change.visible and not waits:
            self._move(held)
        if change.durable or (then is not None and held.pending):
            write = held.write(change, self.clock()) if change.durable else Write(job_id=held.id)
            held.pending += 1
            held.unseen += shown is not None
            write.notices = self.notices(held, change)
            self.store.submit(write, lambda: self._committed(held, change, shown, then))
        elif then is not None:
            then()
        if change.durable or held.deadline is None:
            self.alarm.set(held)

    def _committed(self, held: Held, change: Change, shown: Shown | None, then: Callable[[], object] | None) -> None:
        held.pending -= 1
        if shown is not None:
            held.unseen -= 1
            self.on_shown(held, shown)
            self.delivery.show(held, shown, phases=change.phases, whole=change.whole)
        if held.unseen == 0 and held.shown is not None and held.shown.seq < held.job.state.seq:
            self._move(held)
        if change.entries:
            held.last_entry = change.entries[-1].n
            self.traffic.events.update(entry.event for entry in change.entries)
            chronicle(held, change.entries)
            self.rooms.log(held.id, change.entries)
        if then is not None:
            then()
        for order in change.orders:
            if held.worker is not None:
                held.worker.send(order)
        if change.force is not None:
            self.on_force(held, change.force)
        if change.ended is not None:
            self._ended(held, change.ended)
        if change.ready:
            self.on_ready(held)

    def _ended(self, held: Held, outcome: Outcome) -> None:
        status = held.job.state.status
        self.past.grows(held.job.facts.kind)
        if held.eta_error is not None:
            self.traffic.eta_error.observe(held.eta_error)
        if status.terminal:
            self.traffic.ended[status] += 1
        if status.terminal and held.job.facts.parent is None:  # one that another started is part of that one's end
            self.tally.ended(failed=status is Status.FAILED)
        self.on_end(held, outcome)

    def _picture(self, held: Held) -> Shown:
        return Shown(view_of(held.job, self.around(held), self.clock()), held.job.state.queued_at)

    def shown_of(self, held: Held) -> Shown:
        """The newest version of a job that may be seen: all that is durable in it is committed."""
        if held.shown is None or (held.unseen == 0 and held.shown.seq < held.job.state.seq):
            held.shown = self._picture(held)
        return held.shown

    def _move(self, held: Held) -> None:
        """Numbers moved: to be shown with the next flush, and saved within the second."""
        held.unsaved = True
        self.family.moved(held.job.facts.parent)
        self.delivery.move(held)

    def known(self) -> list[Shown]:
        """Every job in memory as far as it is committed."""
        return [held.shown for held in self.jobs.values() if held.shown is not None]

    def feed(self) -> list[Shown]:
        """What the feed holds, see :func:`hub.feed.feed`."""
        seen = (self.shown_of(held) for held in self.jobs.values() if held.shown is not None)
        return feed(seen, self.settings.feed_terminal_jobs)

    def summary(self) -> Summary:
        """The numbers above the list."""
        storage: Literal["ok", "failing"] = "failing" if self.store.failing else "ok"
        return self.tally.summary(self.known(), slots_free=self.slots_free(), storage=storage)

    # ── Time ──────────────────────────────────────────────────────────────────

    def tick(self, job: str) -> None:
        """Do what is due in a job."""
        self._forgive_sleep()
        held = self.jobs.get(job)
        if held is not None and self.alarm.rings_for(held):
            held.deadline = None
            self.commit_then(held, held.job.tick(self.clock()), None)
            self.alarm.set(held)

    def _forgive_sleep(self) -> None:
        """Nobody was heard while this machine was suspended; that is no silence of theirs."""
        slept = self.alarm.slept_ms()
        if slept:
            now = self.clock()
            for held in self.jobs.values():
                held.forgive(slept, now)

    def save(self) -> None:
        """Hand every job's newest moving numbers to the store."""
        now = self.clock()
        for held in self.jobs.values():
            if held.unsaved:
                self.store.note(held.note(now, self.settings.samples_per_job))

    def derive(self) -> None:
        """Once a second: what only derives (viewers, queue positions) is looked at again."""
        self._forgive_sleep()
        for held in self.jobs.values():
            shown = held.shown
            if shown is None:
                continue
            around, view = self.around(held), shown.view
            if around.viewers != view.viewers or moved_up(view.queue_position, around.queue_position):
                held.job.state.seq += 1
                self.delivery.move(held)  # nothing of it is kept
                if not self.rooms.watching(held.id):
                    self.shown_of(held)  # no flush will do it, and the same would be found again each second

    def stop_timers(self) -> None:
        """Nothing more happens by itself."""
        self.alarm.stop()
        self.pulse.stop()
        self.delivery.stop()


def _is_line(change: Change) -> bool:
    """Whether it adds to the log and nothing else: that the job advanced by it need not wait for the disk."""
    more = (change.whole, change.phases, change.checkpoint, change.attached, change.ended, change.orders)
    return not any(more) and bool(change.entries) and all(entry.event == "entry" for entry in change.entries)


def _resolve(future: asyncio.Future[None]) -> None:
    """Wake whoever waits, if anybody still does."""
    if not future.done():
        future.set_result(None)
