"""Hub, workers and viewers, whatever happens to them in whatever order: what is promised holds.

The hub is the pure core with a store in memory (`model.py`); it crashes and comes back on what was committed. More by
command: `MODEL_EXAMPLES=20000 MODEL_STEPS=100 python -m pytest tests/faults/test_model.py`; the examples are the same
each time unless `MODEL_SEED=random`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.errors import PeerError
from hub.held import Held, held_of
from hub.job import Job
from hub.protocol import AttemptMessage, Entry
from hub.room import FEED
from hub.state import Change, JobFacts, JobState, Place
from tests.faults.model import STEPS, Hand, Ledger, Shell, Watcher, lasting, plainly
from tests.hub.made import T0
from tests.hub.test_properties import ENDS, messages

JOBS, WATCHERS, ON_THE_WIRE = 3, 3, 12
BUDGET = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "60")),
    stateful_step_count=int(os.environ.get("MODEL_STEPS", "50")),
    derandomize=os.environ.get("MODEL_SEED") != "random",
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
which = st.integers(0, 9)


class Town(RuleBasedStateMachine):
    """A hub that crashes, workers that come back and say things twice, viewers that are slow, leave and return."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.runs = 0
        self.shell = Shell(self.ledger, "e0", T0)
        self.watchers = [Watcher(self.shell, "msgpack" if number % 2 else "json") for number in range(WATCHERS)]
        self.hands: list[Hand] = []
        self.made = self.said = 0
        self.promised: dict[tuple[str, int], int] = {}  # job and attempt: what was acknowledged
        self.reopened: set[str] = set()
        self.ended: dict[str, bytes] = {}
        self.read = 0

    # ── Parts ─────────────────────────────────────────────────────────────────

    def pick(self, number: int) -> Held:
        held = list(self.shell.held.values())
        return held[number % len(held)]

    def act(self, held: Held, what: Callable[[], Change], then: Callable[[], None] | None = None) -> None:
        """Do something to a job; a refusal changes nothing."""
        before = msgspec.json.encode(held.job.state)
        try:
            change = what()
        except PeerError:
            assert msgspec.json.encode(held.job.state) == before
        else:
            self.shell.commit_then(held, change, then)

    def hand(self, number: int) -> Hand:
        return self.hands[number % len(self.hands)]

    # ── Jobs and people ───────────────────────────────────────────────────────

    @precondition(lambda self: len(self.shell.held) < JOBS)
    @rule(place=st.sampled_from(["process", "outside", "outside"]), retries=st.integers(0, 2))
    def create(self, place: Place, retries: int) -> None:
        self.made += 1
        facts = JobFacts(
            id=f"j{self.made}", kind="k", title="T", created_at=self.shell.now, place=place, give_up_s=100,
            retries=retries,
        )  # fmt: skip
        self.shell.create(Job(facts, JobState(max_attempts=1 + retries), None))

    @precondition(lambda self: self.shell.held)
    @rule(number=which, force=st.booleans())
    def cancel(self, number: int, force: bool) -> None:
        held, now = self.pick(number), self.shell.now
        self.act(held, lambda: held.job.cancel("ada", None, force=force, now=now), lambda: self.requested(held.id))

    def requested(self, job: str) -> None:
        """The answer to a cancel: it is stored, or the job has ended so."""
        state = held_of(self.ledger.rows[job], None).job.state
        assert state.cancel is not None or state.status == "cancelled" or state.attempts

    @precondition(lambda self: self.shell.held)
    @rule(number=which, resume=st.booleans())
    def pause_or_resume(self, number: int, resume: bool) -> None:
        held = self.pick(number)
        what = held.job.resume if resume else held.job.pause
        self.act(held, lambda: what("ada", self.shell.now))

    @precondition(lambda self: self.shell.held)
    @rule(number=which)
    def retry(self, number: int) -> None:
        held = self.pick(number)
        self.reopened.add(held.id)
        self.act(held, lambda: held.job.retry(None, self.shell.now))

    # ── Workers ───────────────────────────────────────────────────────────────

    @precondition(lambda self: self.shell.held and len(self.hands) < 2 * JOBS)
    @rule(number=which)
    def claim(self, number: int) -> None:
        """A worker comes for the current attempt; where there is one already, it takes the job from it."""
        held = self.pick(number)
        hand = Hand(held.id, held.job.state.attempt)
        hand.n = hand.acked = held.acked
        before = msgspec.json.encode(held.job.state)
        try:
            hand.open(self.shell)
        except PeerError:
            assert msgspec.json.encode(held.job.state) == before
        else:
            self.hands.append(hand)

    @precondition(lambda self: self.hands)
    @rule(number=which)
    def come_back(self, number: int) -> None:
        """A worker comes back, possibly with an attempt that is over, or to a hub that knows nothing of it."""
        hand = self.hand(number)
        try:
            hand.open(self.shell)
        except PeerError:
            self.hands.remove(hand)

    @precondition(lambda self: any(hand.shell and not hand.over for hand in self.hands))
    @rule(number=which, message=messages)
    def say(self, number: int, message: tuple[type[AttemptMessage], dict[str, Any]]) -> None:
        able = [hand for hand in self.hands if hand.shell and not hand.over and len(hand.wire) < ON_THE_WIRE]
        if able:
            hand, (type_, fields) = able[number % len(able)], message
            self.said += 1
            told = fields | ({"text": f"said {self.said}"} if type_ is Entry else {})
            numbered = {"n": 1} if "n" in type_.__struct_fields__ else {}
            hand.say(type_(job=hand.job, attempt=hand.attempt, **numbered, **told))

    @precondition(lambda self: any(hand.wire and hand.shell for hand in self.hands))
    @rule(number=which, place=st.sampled_from([0, 0, 0, 0, 1, 2]), keep=st.sampled_from([False, False, False, True]))
    def arrive(self, number: int, place: int, keep: bool) -> None:
        """A message reaches the hub: in its turn, before its turn, or twice."""
        able = [hand for hand in self.hands if hand.wire and hand.shell]
        hand = able[number % len(able)]
        if place >= len(hand.wire):
            place = 0
        hand.deliver(place, keep=keep)

    @precondition(lambda self: self.hands)
    @rule(number=which)
    def cut(self, number: int) -> None:
        """A worker's connection is gone, with all that was on its way."""
        hand = self.hand(number)
        hand.shell, hand.wire = None, []
        for held in self.shell.held.values():
            if held.worker is hand:
                held.worker = None

    @precondition(lambda self: self.shell.held)
    @rule(number=which, what=st.sampled_from(["gone", "not started", "interrupted"]))
    def lose(self, number: int, what: str) -> None:
        held, now = self.pick(number), self.shell.now
        acts: dict[str, Callable[[], Change]] = {
            "gone": lambda: held.job.worker_gone("killed", now),
            "not started": lambda: held.job.not_started("no such file", now),
            "interrupted": lambda: held.job.interrupted(now),
        }
        if held.job.facts.startable:
            self.act(held, acts[what])

    # ── Time, disk and power ──────────────────────────────────────────────────

    @rule(ms=st.sampled_from([1, 60, 1_100, 16_000, 61_000, 200_000]))
    def wait(self, ms: int) -> None:
        self.shell.now += ms
        for held in list(self.shell.held.values()):
            due = held.job.next_deadline
            if due is not None and due <= self.shell.now:
                self.act(held, lambda held=held: held.job.tick(self.shell.now))  # type: ignore[misc]
        self.shell.flush()

    @precondition(lambda self: self.ledger.waiting)
    @rule(most=st.sampled_from([1, 2, None, None]))
    def commit(self, most: int | None) -> None:
        self.ledger.commit(most)

    @rule()
    def save(self) -> None:
        self.shell.save()

    @rule(remembers=st.booleans(), stored=st.integers(0, 2))
    def crash(self, remembers: bool, stored: int) -> None:
        """The hub dies between any two steps; the last commit may have been done with nobody told."""
        for write, _ in self.ledger.waiting[:stored]:
            self.ledger._put(write)
        self.ledger.waiting.clear()
        self.runs += 1
        self.shell = Shell(self.ledger, f"e{self.runs}", self.shell.now)
        for hand in self.hands:
            hand.shell, hand.wire = None, []
        for watcher in self.watchers:
            watcher.come_to(self.shell, remembers=remembers)

    # ── Viewers ───────────────────────────────────────────────────────────────

    @rule(number=which, job=which)
    def watch(self, number: int, job: int) -> None:
        watcher = self.watchers[number % WATCHERS]
        if not watcher.full:
            shown = list(self.shell.shown)
            watcher.subscribe(f"job:{shown[job % len(shown)]}" if shown and job % 2 else FEED)

    @rule(number=which, remembers=st.booleans())
    def return_to_it(self, number: int, remembers: bool) -> None:
        """A viewer's connection is cut, and it comes back to the same run of the hub."""
        watcher = self.watchers[number % WATCHERS]
        for topic in watcher.topics:
            self.shell.rooms.leave(topic, watcher)
        watcher.come_to(self.shell, remembers=remembers)

    @rule(number=which)
    def read_or_not(self, number: int) -> None:
        watcher = self.watchers[number % WATCHERS]
        if watcher.full:
            watcher.drain()
        else:
            watcher.full = True

    @rule(number=which)
    def hide_or_show(self, number: int) -> None:
        watcher = self.watchers[number % WATCHERS]
        watcher.hide(not watcher.slow)

    @rule()
    def settle(self) -> None:
        """All is stored, and every viewer reads: each knows exactly what the hub knows."""
        self.ledger.commit()
        self.shell.settle()
        for watcher in self.watchers:
            watcher.drain()
            watcher.check()
        for held in self.shell.held.values():
            assert held.shown is not None
            assert (held.pending, held.unseen, held.shown.seq) == (0, 0, held.job.state.seq)

    # ── What always holds ─────────────────────────────────────────────────────

    @invariant()
    def nothing_is_shown_before_it_is_stored_and_seq_never_goes_back(self) -> None:
        for watcher in self.watchers:
            assert watcher.wrong == []
            assert watcher.holes == []
            for numbers in watcher.logs.values():
                assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def what_was_acknowledged_is_stored(self) -> None:
        for hand in self.hands:
            if hand.job not in self.ledger.rows:
                assert hand.acked == 0
                continue
            state = held_of(self.ledger.rows[hand.job], None).job.state
            assert state.attempt > hand.attempt or state.acked >= hand.acked

    @invariant()
    def what_is_said_is_told_once(self) -> None:
        for log in self.ledger.logs.values():
            said = [entry.text for entry in log if entry.event == "entry"]
            assert len(said) == len(set(said))
            assert [entry.n for entry in log] == list(range(1, len(log) + 1))

    @invariant()
    def each_attempt_has_one_outcome_and_each_end_one_line(self) -> None:
        for id_, row in self.ledger.rows.items():
            state = held_of(row, None).job.state
            over = state.attempt if state.status.terminal else state.attempt - 1
            assert [one.attempt for one in state.attempts] == list(range(1, over + 1))
            assert [one.attempt for one in self.ledger.logs[id_] if one.event in ENDS] == list(range(1, over + 1))

    @invariant()
    def an_end_is_for_ever_and_a_cancel_goes_forward(self) -> None:
        for id_, past in self.ledger.past.items():
            for before, after in pairwise(past):
                same = before["attempt"] == after["attempt"]
                if before["status"] in ("succeeded", "failed", "cancelled"):
                    assert before == after or (id_ in self.reopened and not same)
                if same and before["cancel"] is not None:
                    steps = {name: before["cancel"][name] for name in STEPS if before["cancel"][name] is not None}
                    assert after["cancel"] is not None
                    assert steps == {name: after["cancel"][name] for name in steps}

    @invariant()
    def nothing_grows_without_bound(self) -> None:
        topics = len(self.shell.held) + 1
        for watcher in self.watchers:
            assert len(watcher.outbox.debts()) <= 2 * topics
            assert len(watcher.outbox.logs) <= topics
        assert len(self.shell.rooms._rooms) <= 1 + len({topic for one in self.watchers for topic in one.topics})
        assert len(self.shell.rooms._due) <= 2 * WATCHERS * topics
        assert all(len(hand.wire) <= 2 * ON_THE_WIRE + len(hand.kept) for hand in self.hands)

    def teardown(self) -> None:
        self.settle()
        for id_, held in self.shell.held.items():
            assert lasting(plainly(held.job)) == self.ledger.past[id_][-1]


TestTown = Town.TestCase
TestTown.settings = BUDGET
