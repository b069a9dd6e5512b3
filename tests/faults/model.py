"""A hub, its workers and its viewers with no sockets, disk or clock: the pure core, and the order of the shell's steps.

The ledger is what a disk is: what was committed is there after a crash, all else is not. The shell does what `Hub` does
(store, then show, then acknowledge), in memory; hands and watchers do what a worker's connection and a page do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hub.codec import Frame
from hub.errors import OutOfOrder, PeerError, Revoked
from hub.held import Held, held_of
from hub.hub import _is_line
from hub.job import Job
from hub.protocol import AttemptMessage, Finish, Numbered, Open
from hub.room import snapshots
from hub.rooms import Rooms
from hub.rows import JobRow, Write
from hub.shown import NOTHING_AROUND, Shown, view_of
from hub.state import Change
from hub.view import LogEntry
from tests.hub.watching import HIDDEN_MS, UPDATE_MS, Desk, Screen

SAMPLES = 500
LASTING = ("status", "attempt", "phase", "cancel", "checkpoint", "error", "artifacts", "pause")
STEPS = ("requested_at", "delivered_at", "acknowledged_at", "forced_at", "how")  # of a cancel


class Ledger:
    """What is stored.

    Attributes:
        rows: the newest row of each job.
        logs: entries by job.
        past: of each job what viewers may have been shown of its lasting parts, oldest first.
        waiting: what is not committed yet, in order, each with what is to be done then.
    """

    def __init__(self) -> None:
        self.rows: dict[str, JobRow] = {}
        self.logs: dict[str, list[LogEntry]] = {}
        self.past: dict[str, list[dict[str, Any]]] = {}
        self.waiting: list[tuple[Write, Callable[[], None]]] = []

    def commit(self, most: int | None = None) -> None:
        """Store what waits, or the first of it; what follows from that happens once all of it is stored."""
        batch = self.waiting[:most]
        del self.waiting[:most]
        for write, _ in batch:
            self._put(write)
        for _, done in batch:
            done()

    def _put(self, write: Write) -> None:
        row, log = write.job, self.logs.setdefault(write.about, [])
        known = {entry.n for entry in log}
        log += [entry for entry in write.entries if entry.n not in known]
        if row is not None:
            self.rows[row.id] = row
            self.past.setdefault(row.id, []).append(lasting(plainly(held_of(row, None).job)))


def plainly(job: Job) -> dict[str, Any]:
    """A job as viewers see it."""
    view: dict[str, Any] = msgspec.to_builtins(view_of(job, NOTHING_AROUND, job.facts.created_at))
    return view


def lasting(view: dict[str, Any]) -> dict[str, Any]:
    """What must be stored before it is shown; and of the phases, which have begun and ended."""
    phases = [(one["name"], one["started_at"], one["finished_at"]) for one in view["phases"]]
    return {name: view[name] for name in LASTING} | {"phases": phases}


class Shell(Desk):
    """One run of a hub on a ledger.

    Args:
        ledger: what former runs stored.
        epoch: name of this run.
        now: milliseconds.
    """

    def __init__(self, ledger: Ledger, epoch: str, now: int) -> None:
        super().__init__()
        self.ledger = ledger
        self.epoch = epoch
        self.now = now
        self.rooms = Rooms(UPDATE_MS, HIDDEN_MS)
        self.held = {id_: held_of(row, None) for id_, row in ledger.rows.items()}
        self.logs = ledger.logs
        self._moved: dict[str, None] = {}
        for held in self.held.values():
            self.shown[held.id] = held.shown = self._picture(held)

    def create(self, job: Job) -> Held:
        """A new job; it is shown once it is stored."""
        held = self.held[job.facts.id] = Held(job)
        self.commit_then(held, job.created(self.now))
        return held

    # ── As `Hub` does ─────────────────────────────────────────────────────────

    def commit_then(self, held: Held, change: Change, then: Callable[[], None] | None = None) -> None:
        waits = change.durable and not _is_line(change)
        shown = self._picture(held) if change.visible and waits else None
        if change.visible and not waits:
            self._move(held)
        if change.durable or (then is not None and held.pending):
            write = held.write(change, self.now) if change.durable else Write(job_id=held.id)
            held.pending += 1
            held.unseen += shown is not None
            self.ledger.waiting.append((write, lambda: self._committed(held, change, shown, then)))
        elif then is not None:
            then()

    def _committed(self, held: Held, change: Change, shown: Shown | None, then: Callable[[], None] | None) -> None:
        held.pending -= 1
        if shown is not None:
            held.unseen -= 1
            before, self.shown[held.id], held.shown = held.shown, shown, shown
            urgent = change.whole or change.phases or before is None or before.status is not shown.status
            self.rooms.change(shown, phases=change.phases, whole=change.whole, urgent=urgent)
        if held.unseen == 0 and held.shown is not None and held.shown.seq < held.job.state.seq:
            self._move(held)
        if change.entries:
            held.last_entry = change.entries[-1].n
            self.rooms.log(held.id, change.entries)
        if then is not None:
            then()

    def _picture(self, held: Held) -> Shown:
        return Shown(view_of(held.job, NOTHING_AROUND, self.now), held.job.state.queued_at)

    def _move(self, held: Held) -> None:
        held.unsaved = True
        if held.unseen == 0:
            self._moved[held.id] = None

    def newest(self, held: Held) -> Shown | None:
        """What may be seen of a job; None before it is stored."""
        if held.shown is not None and held.unseen == 0 and held.shown.seq < held.job.state.seq:
            self.shown[held.id] = held.shown = self._picture(held)
        return held.shown

    def flush(self) -> int | None:
        moved, self._moved = self._moved, {}
        for held in (self.held[id_] for id_ in moved):
            if held.unseen == 0 and (shown := self.newest(held)) is not None:
                self.rooms.change(shown, phases=False, whole=False)
        return self.rooms.flush(self.now, urgent=False)

    def save(self) -> None:
        """Moving numbers are saved, behind all that waits."""
        for held in self.held.values():
            if held.unsaved and held.id in self.ledger.rows and not held.pending:
                self.ledger.rows[held.id].state = held.note(self.now, SAMPLES).state


class Hand:
    """A worker's connection: it keeps what is not acknowledged, and says it again when it comes back.

    Args:
        job: which it works on.
        attempt: of it.
    """

    def __init__(self, job: str, attempt: int) -> None:
        self.job = job
        self.attempt = attempt
        self.n = self.acked = 0
        self.kept: dict[int, Numbered] = {}
        self.wire: list[AttemptMessage] = []  # on its way to the hub
        self.shell: Shell | None = None  # the run of the hub that it is connected to
        self.over = False

    def say(self, message: AttemptMessage) -> None:
        """Say something; it may be on its way for long."""
        if isinstance(message, Numbered):
            self.n += 1
            message.n = self.n
            self.kept[self.n] = message
            self.over = self.over or isinstance(message, Finish)
        if self.shell is not None:
            self.wire.append(message)

    def send(self, message: object) -> None:
        """What the hub says is handed over by the shell's callbacks; orders are not obeyed here."""

    def open(self, shell: Shell) -> None:
        """Come to a hub, or come back.

        Raises:
            PeerError: the attempt is over; then the hand lets go.
        """
        held = shell.held.get(self.job)
        if held is None:
            return  # its creation was lost with the hub: nobody was told of it
        opening = Open(id=0, job=self.job, attempt=self.attempt)
        finished = held.finished_itself and self.attempt == held.job.state.attempt
        change = Change() if finished else held.job.open(opening, "host/1", shell.now)
        if isinstance(held.worker, Hand) and held.worker is not self and not finished:
            held.worker.shell = None
        held.worker, held.worker_attempt = self, held.job.state.attempt
        self.shell = shell
        self.wire = []
        shell.commit_then(held, change, lambda: self.opened(held))

    def opened(self, held: Held) -> None:
        """What the hub has is dropped, all else is said again."""
        self.heard(held.acked)
        self.wire = [*self.kept.values(), *(one for one in self.wire if not isinstance(one, Numbered))]

    def heard(self, acked: int) -> None:
        """All up to this number is committed."""
        self.acked = max(self.acked, acked)
        self.kept = {n: message for n, message in self.kept.items() if n > self.acked}

    def deliver(self, place: int = 0, *, keep: bool = False) -> None:
        """The hub takes a message from the wire: the first, or out of turn; or a copy of it."""
        assert self.shell is not None
        message = self.wire[place] if keep else self.wire.pop(place)
        held = self.shell.held.get(self.job)
        if held is None or held.worker is not self:
            self.shell = None
            return
        try:
            change = held.job.apply(message, self.shell.now)
        except OutOfOrder:
            self.wire = list(self.kept.values())
        except Revoked:
            self.shell = None
        except PeerError:
            self._refused(message)
        else:
            then = (lambda: self.stored(held, message)) if isinstance(message, Numbered) else None
            self.shell.commit_then(held, change, then)

    def stored(self, held: Held, message: Numbered) -> None:
        """The hub's side of an acknowledgement, and its way back, which a crash may cut."""
        held.stored(message.attempt, message.n)
        if self.shell is not None:
            self.heard(message.n)

    def _refused(self, message: AttemptMessage) -> None:
        """A refused message uses up no number: those behind it move up."""
        if not isinstance(message, Numbered) or message.n not in self.kept:
            return
        later = [one for n, one in self.kept.items() if n != message.n]
        self.n, self.kept = self.acked, {n: one for n, one in self.kept.items() if n < message.n}
        self.n = max(self.kept, default=self.acked)
        self.wire = []
        for one in later:
            if one.n > message.n:
                self.say(one)
        self.wire = list(self.kept.values())


class Watcher(Screen):
    """A viewer that comes back, and that looks at what it is sent.

    Attributes:
        wrong: what it was shown and should not have been.
    """

    def __init__(self, shell: Shell, encoding: Any) -> None:
        super().__init__(shell, encoding)
        self.shell = shell
        self.epoch = shell.epoch
        self.wrong: list[str] = []

    def read(self, topic: str, frame: Frame) -> None:
        before = {id_: job["seq"] for id_, job in self.known[topic].items()}
        super().read(topic, frame)
        module: Any = msgspec.json if self.encoding == "json" else msgspec.msgpack
        message = module.decode(frame.payload)
        for told in message.get("jobs", []):
            if told["seq"] < before.get(told["id"], 0):
                self.wrong.append(f"{topic}: seq {told['seq']} of {told['id']} after {before[told['id']]}")
            self._look(topic, told["id"])
        stored = {line.n: line.text for line in self.shell.ledger.logs.get(message.get("job", ""), [])}
        for line in message.get("entries", []):
            if stored.get(line["n"]) != line["text"]:
                self.wrong.append(f"{topic}: entry {line['n']} is not stored")

    def _look(self, topic: str, job: str) -> None:
        known = self.known[topic].get(job)
        if known is not None and lasting(known) not in self.shell.ledger.past.get(job, []):
            self.wrong.append(f"{topic}: {lasting(known)} of {job} is not stored")

    def come_to(self, shell: Shell, *, remembers: bool) -> None:
        """Subscribe anew to all that was watched, with what was seen last or without."""
        self.desk = self.shell = shell
        epoch, self.epoch = self.epoch, shell.epoch
        topics, self.full = dict(self.topics), False
        for topic, filter_ in topics.items():
            known = self.known[topic]
            id_ = topic.removeprefix("job:")
            if topic != "jobs" and id_ not in shell.shown:
                self.forget(topic)
            elif remembers and topic != "jobs":
                self._resume(topic, id_, known if epoch == shell.epoch else {})
            else:
                self.subscribe(topic, filter_)

    def _resume(self, topic: str, id_: str, known: dict[str, dict[str, Any]]) -> None:
        shown = self.shell.shown[id_]
        self.known[topic] = known
        self.shell.rooms.join(topic, self, self.encoding, None, slow=self.slow).knows(shown)
        if known.get(id_, {}).get("seq") != shown.seq:
            self.known[topic] = {}
            for frame in snapshots([shown], self.encoding, feed=False, end=False):
                self.read(topic, frame)
        self.outbox.forget(topic)
        self.outbox.owe_log(id_, self.logs[topic][-1] if self.logs[topic] else 0)
        self.catch_up()

    def forget(self, topic: str) -> None:
        """What was watched is not there: its creation was not stored."""
        self.outbox.forget(topic)
        del self.topics[topic], self.known[topic]
        self.logs.pop(topic, None)
