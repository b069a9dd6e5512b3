"""Any order of messages, repeats, returns, cancels, ticks and losses keeps what the protocol promises.

One machine drives jobs as workers, people and time would, beside viewers that are slow, hidden, come
and go. The examples are the same in every run, so that a failure is one for everybody.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hub.codec import Codec, Encoding, encode, unsafe_number, viewer_codec, worker_codec
from hub.errors import PeerError
from hub.estimate import Estimator
from hub.history import CURVE_POINTS, curve_of
from hub.job import Job
from hub.protocol import (
    Artifact,
    AttemptMessage,
    CancelAck,
    CancelReceived,
    Checkpoint,
    Entry,
    Filter,
    Finish,
    Numbered,
    Open,
    PhaseStart,
    Report,
    WorkerBeat,
)
from hub.room import FEED
from hub.shown import NOTHING_AROUND, view_of
from hub.state import Change, JobFacts, JobState, Place
from hub.view import SAFE, TEXT_LENGTH, Curve, Failure, Phase, Status
from tests.hub.made import said, usual
from tests.hub.watching import Desk, Screen

STEADY = settings(max_examples=150, stateful_step_count=60, derandomize=True, deadline=None, database=None)
STEADY_GIVEN = settings(max_examples=300, derandomize=True, deadline=None, database=None)
JOBS, SCREENS = 3, 4
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
ENDS = ("attempt_succeeded", "attempt_failed", "attempt_cancelled", "attempt_lost", "attempt_interrupted")

names = st.sampled_from("abcd")
numbers = st.one_of(st.integers(0, 20), st.floats(0, 20, allow_nan=False), st.sampled_from([SAFE, 5e-324]))
maybe = st.one_of(st.none(), numbers)
texts = st.one_of(st.text(string.ascii_letters, max_size=5), st.just("x" * TEXT_LENGTH))
plans = st.lists(st.builds(Phase, name=names, total=maybe, weight=st.sampled_from([None, 0.0, 0.3, 1.0])), max_size=4)
histories = st.sampled_from([None, Curve(typical=usual(9), phases={"a": usual(2), "b": usual(0), "c": usual(7)})])
filters = st.sampled_from([None, Filter(status=[Status.RUNNING]), Filter(status=[Status.QUEUED, Status.FAILED])])
reports = st.fixed_dictionaries(
    {},
    optional={
        "done": maybe, "total": maybe, "unit": st.sampled_from([None, "rows"]), "rate": maybe, "eta_s": maybe,
        "phase": st.integers(0, 4), "counters": st.dictionaries(names, numbers, max_size=2), "message": texts,
        "worker": st.sampled_from([None, "w"]),
    },
)  # fmt: skip
failures = st.builds(Failure, type=names, message=texts)
endings = st.fixed_dictionaries(
    {"outcome": st.sampled_from(["succeeded", "failed", "failed", "cancelled"])},
    optional={
        "message": texts, "result": st.integers(-SAFE, SAFE), "error": failures, "retry": st.booleans(),
        "retry_in_s": st.sampled_from([None, None, 0.0, 30.0]), "forced": st.sampled_from([False, False, False, True]),
    },
)  # fmt: skip
messages: st.SearchStrategy[tuple[type[AttemptMessage], dict[str, Any]]] = st.one_of(
    st.tuples(st.just(Report), reports),
    st.tuples(st.just(Report), reports),
    st.tuples(st.just(PhaseStart), st.fixed_dictionaries({"name": names, "total": maybe})),
    st.tuples(st.just(Entry), st.fixed_dictionaries({"text": texts})),
    st.tuples(st.just(Checkpoint), st.fixed_dictionaries({"data": st.integers(-SAFE, SAFE), "done": maybe})),
    st.tuples(st.just(Artifact), st.fixed_dictionaries({"name": names}, optional={"path": names, "url": names})),
    st.tuples(st.sampled_from([WorkerBeat, CancelReceived, CancelAck]), st.just({})),
    st.tuples(st.just(Finish), endings),
)


def seen(job: Job) -> dict[str, Any]:
    """What a viewer can see of a job, but for what only derives from the time."""
    view = msgspec.structs.asdict(view_of(job, NOTHING_AROUND, job.facts.created_at))
    return {name: value for name, value in view.items() if name not in ("seq", "elapsed_s", "heard_at")}


def lasting(state: JobState) -> tuple[object, ...]:
    """What must be stored before it is shown."""
    return (state.status, state.attempt, state.attempts, state.saved, state.result, state.artifacts, state.cancel)


class Life(RuleBasedStateMachine):
    """Jobs, their workers, those who watch, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.screens = [Screen(self.desk, "msgpack" if number % 2 else "json") for number in range(SCREENS)]
        self.said: list[AttemptMessage] = []
        self.made = 0

    # ── What holds after every step ───────────────────────────────────────────

    def step(self, job: Job, act: Callable[[], Change]) -> None:
        """Do something to a job; a refusal changes nothing, anything else keeps the rules."""
        state = job.state
        before, was = msgspec.json.encode(state), msgspec.json.decode(msgspec.json.encode(state), type=JobState)
        seen_before = seen(job)
        try:
            change = act()
        except PeerError:
            assert msgspec.json.encode(state) == before
            return
        assert state.seq == was.seq + change.visible
        assert change.visible or seen(job) == seen_before
        assert [line.n for line in change.entries] == list(range(was.entries + 1, state.entries + 1))
        assert all(len(line.text) <= TEXT_LENGTH for line in change.entries)
        durably = (state.status, state.attempt, state.attempts, state.saved, state.result, state.artifacts)
        assert change.durable or durably == (
            was.status,
            was.attempt,
            was.attempts,
            was.saved,
            was.result,
            was.artifacts,
        )
        self.check_fraction(was, state, change)
        self.check_attempts(was, state, change)
        self.check_waiting(job, was, change)
        self.check_time(was, state, change)
        assert unsafe_number(msgspec.to_builtins(state)) is None
        self.desk.take(job, change)

    def check_fraction(self, was: JobState, state: JobState, change: Change) -> None:
        """Within an attempt it never falls, unless a total grew, which the log tells."""
        assert state.fraction is None or 0 <= state.fraction <= 1
        told = any(line.event == "total_grew" for line in change.entries)
        if was.attempt == state.attempt and was.fraction is not None and not told:
            assert state.fraction is not None
            assert state.fraction >= was.fraction

    def check_attempts(self, was: JobState, state: JobState, change: Change) -> None:
        """Each attempt that ended has exactly one outcome, and the log one line that says so."""
        over = state.attempt if state.status.terminal else state.attempt - 1
        assert [attempt.attempt for attempt in state.attempts] == list(range(1, over + 1))
        assert was.attempt == state.attempt or state.acked == 0
        ends = [line.event for line in change.entries if line.event in ENDS]
        assert len(ends) == (change.ended is not None)

    def check_waiting(self, job: Job, was: JobState, change: Change) -> None:
        """Only what is queued waits for a time; then, or by hand, it is made ready, unless somebody else runs it."""
        state = job.state
        assert state.attempt <= state.max_attempts
        assert state.retry_at is None or state.status is Status.QUEUED
        if state.status is Status.QUEUED:
            assert job.next_deadline == (state.retry_at if job.facts.startable else None)
        if change.ready:
            assert (state.status, state.retry_at) == (Status.QUEUED, None)
            assert was.attempt < state.attempt or was.retry_at is not None or was.status is Status.QUEUED

    def check_time(self, was: JobState, state: JobState, change: Change) -> None:
        """The clock of the work runs while it does, and within an attempt it never goes back."""
        now = self.desk.now
        assert (state.working_since is not None) is (state.status in (Status.RUNNING, Status.CANCELLING))
        assert (state.pause is not None) <= (state.status in (Status.PAUSED, Status.LOST))
        assert was.attempt != state.attempt or state.worked_ms(now) >= was.worked_ms(now)
        assert change.force in (None, was.attempt)

    # ── What happens ──────────────────────────────────────────────────────────

    def job(self, number: int) -> Job:
        jobs = list(self.desk.jobs.values())
        return jobs[number % len(jobs)]

    @precondition(lambda self: len(self.desk.jobs) < JOBS)
    @rule(
        place=st.sampled_from(["process", "thread", "loop", "outside"]),
        history=histories,
        total=maybe,
        retries=st.integers(0, 3),
        timeout_s=st.sampled_from([None, None, 1.0, 70.0]),
    )
    def create(
        self, place: Place, history: Curve | None, total: float | None, retries: int, timeout_s: float | None
    ) -> None:
        self.made += 1
        facts = JobFacts(
            id=f"j{self.made}", kind="k", title="T", created_at=self.desk.now, place=place, give_up_s=100,
            retries=retries, timeout_s=timeout_s,
        )  # fmt: skip
        job = Job(facts, JobState(total=total, max_attempts=1 + retries), history)
        self.desk.take(job, job.created(self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), plan=plans, ahead=st.sampled_from([0, 0, 0, 1, -1]))
    def open(self, number: int, plan: list[Phase], ahead: int) -> None:
        job = self.job(number)
        opening = Open(id=0, job=job.facts.id, attempt=max(job.state.attempt + ahead, 1), phases=plan)
        self.step(job, lambda: job.open(opening, "host/1", self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), message=messages)
    def speak(self, number: int, message: tuple[type[AttemptMessage], dict[str, Any]]) -> None:
        job = self.job(number)
        self.said.append(said(job, message[0], **message[1]))
        self.step(job, lambda: job.apply(self.said[-1], self.desk.now))

    @precondition(lambda self: self.said)
    @rule(index=st.integers(0, 99))
    def repeat(self, index: int) -> None:
        """Said before, by a worker that did not hear the answer; possibly of an attempt that is over."""
        message = self.said[index % len(self.said)]
        if message.job in self.desk.jobs:
            job = self.desk.jobs[message.job]
            entries = job.state.entries
            known = isinstance(message, Numbered) and message.n <= job.state.acked
            self.step(job, lambda: job.apply(message, self.desk.now))
            assert not known or job.state.entries - entries <= 1  # nothing, or that the worker was found

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), message=messages, skip=st.integers(1, 3), ahead=st.integers(-1, 1))
    def err(self, number: int, message: tuple[type[AttemptMessage], dict[str, Any]], skip: int, ahead: int) -> None:
        """Numbers that are not due, attempts that are not on."""
        job = self.job(number)
        wrong = said(job, message[0], **message[1])
        wrong.attempt = max(wrong.attempt + ahead, 1)
        if isinstance(wrong, Numbered):
            wrong.n += skip
        self.step(job, lambda: job.apply(wrong, self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), force=st.booleans(), reason=st.one_of(st.none(), texts))
    def cancel(self, number: int, force: bool, reason: str | None) -> None:
        job = self.job(number)
        self.step(job, lambda: job.cancel("ada", reason, force=force, now=self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9))
    def retry(self, number: int) -> None:
        job = self.job(number)
        self.step(job, lambda: job.retry(None, self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), force=st.booleans(), reason=st.one_of(st.none(), texts))
    def reset(self, number: int, force: bool, reason: str | None) -> None:
        job = self.job(number)
        self.step(job, lambda: job.reset("ada", reason, force=force, now=self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), resume=st.booleans())
    def pause_or_resume(self, number: int, resume: bool) -> None:
        job = self.job(number)
        act = job.resume if resume else job.pause
        self.step(job, lambda: act("ada", self.desk.now))

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9), what=st.sampled_from(["gone", "gone", "not started", "interrupted", "launching"]))
    def lose(self, number: int, what: str) -> None:
        job, now = self.job(number), self.desk.now
        acts: dict[str, Callable[[], Change]] = {
            "gone": lambda: job.worker_gone("killed", now),
            "not started": lambda: job.not_started("no such file", now),
            "interrupted": lambda: job.interrupted(now),
            "launching": lambda: job.launching(now),
        }
        if job.facts.startable:
            self.step(job, acts[what])

    @rule(ms=st.sampled_from([0, 1, 40, 900, 5_000, 16_000, 61_000, 200_000]))
    def wait(self, ms: int) -> None:
        self.desk.now += ms
        for job in list(self.desk.jobs.values()):
            due = job.next_deadline
            self.step(job, lambda job=job: job.tick(self.desk.now))  # type: ignore[misc]
            assert due is None or due > self.desk.now or job.next_deadline != due
        self.desk.flush()

    @precondition(lambda self: self.desk.jobs)
    @rule(number=st.integers(0, 9))
    def restart(self, number: int) -> None:
        """The hub was away: the job is read back from what was stored."""
        job = self.job(number)
        state = msgspec.json.decode(msgspec.json.encode(job.state), type=JobState)
        again = Job(job.facts, state, job.history)
        assert seen(again) == seen(job)
        self.desk.jobs[job.facts.id] = again

    @precondition(lambda self: any(job.state.status.terminal for job in self.desk.jobs.values()))
    @rule()
    def delete(self) -> None:
        self.desk.delete(next(id_ for id_, job in self.desk.jobs.items() if job.state.status.terminal))

    # ── Who watches ───────────────────────────────────────────────────────────

    @rule(screen=st.integers(0, SCREENS - 1), number=st.integers(0, 9), filter_=filters)
    def subscribe(self, screen: int, number: int, filter_: Filter | None) -> None:
        viewer = self.screens[screen]
        if number % 2 and self.desk.jobs and not viewer.full:
            viewer.subscribe(f"job:{self.job(number).facts.id}")
        elif not viewer.full:
            viewer.subscribe(FEED, filter_)

    @rule(screen=st.integers(0, SCREENS - 1), number=st.integers(0, 9))
    def unsubscribe(self, screen: int, number: int) -> None:
        topics = list(self.screens[screen].topics)
        if topics:
            self.screens[screen].leave(topics[number % len(topics)])

    @rule(screen=st.integers(0, SCREENS - 1))
    def hide_or_show(self, screen: int) -> None:
        self.screens[screen].hide(not self.screens[screen].slow)

    @rule(screen=st.integers(0, SCREENS - 1))
    def stop_or_go_on_reading(self, screen: int) -> None:
        viewer = self.screens[screen]
        if viewer.full:
            viewer.drain()
        else:
            viewer.full = True

    @rule()
    def flush(self) -> None:
        self.desk.flush()

    @rule()
    def settle(self) -> None:
        """In the end every viewer that reads knows what the hub shows."""
        self.desk.settle()
        for viewer in self.screens:
            viewer.drain()
            viewer.check()

    def teardown(self) -> None:
        self.settle()


TestLife = Life.TestCase
TestLife.settings = STEADY


# ── Anything at all ───────────────────────────────────────────────────────────

TAGS = "hello subscribe start cancel visible ping open report phase entry checkpoint artifact finish beat x"
FIELDS = "id job attempt n text data done total name phases counters value topic error outcome"
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=6,
)
nearly = st.builds(
    lambda tag, more: {**more, "type": tag},
    st.sampled_from(TAGS.split()),
    st.dictionaries(st.sampled_from(FIELDS.split()), anything, max_size=6),
)


def taken_or_refused(raw: bytes) -> None:
    codecs: list[Codec[Any]] = [*map(viewer_codec, ENCODINGS), *map(worker_codec, ENCODINGS)]
    for codec in codecs:
        codec.request_id(raw)
        text = ""
        try:
            message = codec.decode(raw)
        except PeerError as error:
            text = str(error)
        else:
            assert all(encode(message, encoding) for encoding in ENCODINGS)
        assert len(text) < 400


@STEADY_GIVEN
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_whatever_bytes_come_are_a_message_or_refused(raw: bytes) -> None:
    taken_or_refused(raw)


@STEADY_GIVEN
@given(nearly)
def test_whatever_is_nearly_a_message_is_one_or_refused(message: dict[str, Any]) -> None:
    taken_or_refused(encode(message, "json"))
    taken_or_refused(encode(_within_64_bits(message), "msgpack"))


def _within_64_bits(value: Any) -> Any:
    """MessagePack has no larger integers."""
    if isinstance(value, dict):
        return {key: _within_64_bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_within_64_bits(item) for item in value]
    return value % 2**63 if isinstance(value, int) and not isinstance(value, bool) else value


@STEADY_GIVEN
@given(st.lists(st.tuples(st.floats(0, 5), numbers), max_size=30), maybe, st.booleans())
def test_an_estimate_is_a_number_with_its_interval_around_it(
    samples: list[tuple[float, float]], total: float | None, phased: bool
) -> None:
    phases = [Phase(name="a", weight=0.5), Phase(name="b", weight=0.0), Phase(name="c", weight=0.5)] if phased else []
    estimator, now = Estimator(total, phases, None), 0.0
    for gap, done in samples:
        now += gap
        estimator.update(now, done, 0 if phased else None, total)
        rate, eta, interval = estimator.rate(now), estimator.eta(now), estimator.interval(now)
        assert rate is None or rate >= 0
        assert eta is None or 0 <= eta <= SAFE
        assert interval is None or interval[0] <= interval[1] <= SAFE
        if interval and eta is not None:
            assert interval[0] <= eta * 1.000001
            assert eta <= interval[1] * 1.000001


@STEADY_GIVEN
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=20), st.floats(0.001, 100))
def test_a_curve_has_its_points_within_bounds_and_ends_at_one(
    trail: list[tuple[float, float]], elapsed_s: float
) -> None:
    curve = curve_of(sorted(trail), elapsed_s)
    assert not curve or (len(curve), curve[-1]) == (CURVE_POINTS, 1.0)
    assert all(0 <= point <= 1.000001 for point in curve)
