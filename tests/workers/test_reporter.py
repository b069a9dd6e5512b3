"""What is sent, when, and in which order: the sampler, an attempt and a wire in memory, with a clock of our own."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from typing import Any

import pytest

from hub.errors import Invalid, TooLarge, TooMany
from hub.protocol import (
    Ack,
    Artifact,
    CancelAck,
    CancelOrder,
    CancelReceived,
    CancelWork,
    Checkpoint,
    Entry,
    Error,
    Finish,
    FromWorker,
    Numbered,
    Open,
    Opened,
    PauseWork,
    PhaseStart,
    Report,
    RevokedWork,
    SavedCheckpoint,
    WorkerBeat,
)
from hub.view import Phase, Status
from workers.attempt import Attempt
from workers.job import Job
from workers.reporter import Reporter
from workers.roster import Roster
from workers.stopping import Cancelled, Interrupted

BOUND_S = 20.0
ORDER = CancelOrder(reason="enough", by="ada", grace_s=5.0)


class Wire:
    """Keeps what is sent; away while `there` is False."""

    def __init__(self) -> None:
        self.sent: list[FromWorker] = []
        self.there = True

    def send(self, message: FromWorker) -> bool:
        if self.there:
            self.sent.append(message)
        return self.there

    def take(self) -> list[FromWorker]:
        sent, self.sent = self.sent, []
        return sent


class Desk:
    """One job's whole worker side but for the socket and the threads."""

    def __init__(self, **options: Any) -> None:
        self.wire = Wire()
        self.roster = Roster(self.wire)
        self.attempt = Attempt(Open(id=0, job="j1", attempt=2), **options)
        self.roster.add(self.attempt)
        self.reporter = Reporter(self.roster, self.wire)
        self.job = Job(self.attempt, "A job")

    def open(
        self,
        acked: int = 0,
        checkpoint: SavedCheckpoint | None = None,
        cancel: CancelOrder | None = None,
        lease_s: float = 60.0,
    ) -> None:
        opened = Opened(
            id=1,
            job="j1",
            attempt=2,
            status=Status.RUNNING,
            acked=acked,
            lease_s=lease_s,
            report_interval_s=0.1,
            checkpoint=checkpoint,
            cancel=cancel,
            history=None,
        )
        self.roster.hear(opened)

    def turn(self, now: float) -> list[FromWorker]:
        self.reporter.turn(now)
        return self.wire.take()

    def ack(self, n: int) -> None:
        self.roster.hear(Ack(job="j1", attempt=2, n=n))


@pytest.fixture
def desk() -> Desk:
    one = Desk()
    one.open()
    return one


def names(messages: list[FromWorker]) -> list[str]:
    return [type(message).__name__ for message in messages]


def numbers(messages: list[FromWorker]) -> list[int]:
    return [message.n for message in messages if isinstance(message, Numbered)]


# ── Numbers ───────────────────────────────────────────────────────────────────


def test_numbers_are_sent_at_most_ten_times_a_second_and_only_when_they_changed(desk: Desk) -> None:
    desk.job.advance(5)
    assert [report.done for report in desk.turn(0.0) if isinstance(report, Report)] == [5]
    desk.job.advance()
    assert desk.turn(0.05) == []
    assert [report.done for report in desk.turn(0.1) if isinstance(report, Report)] == [6]
    assert desk.turn(0.3) == []


def test_the_sampler_knows_when_to_look_again(desk: Desk) -> None:
    desk.job.advance()
    assert desk.reporter.turn(0.0) == pytest.approx(0.1)
    assert desk.reporter.turn(0.04) == pytest.approx(0.06)


def test_the_sampler_rests_while_nobody_listens() -> None:
    assert Desk().reporter.turn(0.0) is None


def test_a_report_holds_only_what_changed(desk: Desk) -> None:
    desk.job.total = 10
    desk.job.message("begin")
    desk.turn(0.0)
    desk.job.count("ok", 2)
    (report,) = desk.turn(1.0)
    assert report == Report(job="j1", attempt=2, counters={"ok": 2})


def test_an_attempt_with_nothing_to_say_beats(desk: Desk) -> None:
    assert desk.turn(0.0) == []
    assert desk.turn(4.9) == []
    assert names(desk.turn(5.0)) == ["WorkerBeat"]
    assert desk.turn(9.9) == []
    assert isinstance(desk.turn(10.0)[0], WorkerBeat)


@pytest.mark.parametrize(("lease_s", "beat_s"), [(6.0, 2.0), (0.1875, 0.0625)])
def test_it_beats_three_times_within_a_lease_that_is_short(desk: Desk, lease_s: float, beat_s: float) -> None:
    desk.open(lease_s=lease_s)
    assert desk.turn(0.0) == []
    assert desk.attempt.wait_s(0.0) == min(beat_s, 0.1)
    assert desk.turn(beat_s * 0.9) == []
    assert names(desk.turn(beat_s)) == ["WorkerBeat"]


def test_the_worker_is_named_on_every_connection() -> None:
    desk = Desk(worker="host/12")
    desk.open()
    assert [report.worker for report in desk.turn(0.0) if isinstance(report, Report)] == ["host/12"]
    desk.roster.detach()
    desk.open()
    assert [report.worker for report in desk.turn(1.0) if isinstance(report, Report)] == ["host/12"]


def test_a_declared_phase_brings_its_total_and_unit(desk: Desk) -> None:
    desk.attempt.expect_phases([Phase(name="Load", total=9, unit="rows")])
    phase = desk.job.phase("Load")
    assert (phase.total, phase.unit) == (9, "rows")
    assert desk.turn(0.0) == [PhaseStart(job="j1", attempt=2, n=1, name="Load", total=9, unit="rows")]


def test_a_phase_of_the_same_name_starts_anew(desk: Desk) -> None:
    desk.attempt.expect_phases([Phase(name="Load", total=9)])
    desk.job.phase("Load").advance(9)
    assert (desk.job.phase("Load").total, desk.job.done) == (None, 0)


def test_a_plan_is_told_by_another_open_and_again_on_the_next_connection(desk: Desk) -> None:
    desk.job.plan(["Sort", Phase(name="Write", weight=0.5)])
    (told,) = desk.turn(0.0)
    assert isinstance(told, Open)
    assert [phase.name for phase in told.phases] == ["Sort", "Write"]
    desk.job.log("between")
    desk.turn(0.1)
    desk.open(acked=0)
    assert desk.turn(0.2) == []
    desk.roster.detach()
    desk.roster.introduce()
    (again,) = desk.wire.take()
    assert isinstance(again, Open)
    assert again.phases == told.phases


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 2**53, True, "3"])
def test_an_assigned_number_that_is_none_is_refused_at_once(desk: Desk, value: Any) -> None:
    with pytest.raises(Invalid, match="done"):
        desk.job.done = value
    with pytest.raises(Invalid, match="total"):
        desk.job.total = value


def test_a_number_gone_wrong_is_told_at_the_next_report_and_the_job_may_go_on(desk: Desk) -> None:
    desk.job.advance(-3)
    assert desk.turn(0.0) == []
    with pytest.raises(Invalid, match="done"):
        desk.job.advance(4)
    assert [report.done for report in desk.turn(1.0) if isinstance(report, Report)] == [1]


def test_a_counter_gone_wrong_names_itself(desk: Desk) -> None:
    desk.job.count("refunds", -1)
    desk.turn(0.0)
    with pytest.raises(Invalid, match=r"counters\.refunds"):
        desk.job.count("refunds", 2)
    assert desk.job.counter("refunds") == 1


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_a_counter_s_name_has_its_limits(desk: Desk, name: str) -> None:
    with pytest.raises(Invalid, match="counters"):
        desk.job.count(name)


def test_there_are_at_most_a_hundred_counters(desk: Desk) -> None:
    for number in range(100):
        desk.job.count(f"c{number}")
    with pytest.raises(Invalid, match="one more"):
        desk.job.count("c100")
    desk.job.count("c99")


# ── Durable messages ──────────────────────────────────────────────────────────


def test_the_numbers_go_before_the_entry_that_they_belong_to(desk: Desk) -> None:
    desk.turn(0.0)
    desk.job.advance(7)
    desk.job.log("seven")
    desk.job.advance(1)
    messages = desk.turn(0.0)
    assert names(messages) == ["Report", "Entry", "Report"]
    assert [message.done for message in messages if isinstance(message, Report)] == [7, 8]


def test_the_last_numbers_of_a_phase_go_before_the_next_phase(desk: Desk) -> None:
    list(desk.job.phase("One").track("abc"))
    desk.job.phase("Two", total=4).advance()
    messages = desk.turn(0.0)
    assert names(messages) == ["PhaseStart", "Report", "PhaseStart", "Report"]
    first, second = (message for message in messages if isinstance(message, Report))
    assert (first.done, first.total) == (3, 3)
    assert second.done == 1


def test_what_is_not_acknowledged_is_sent_again_after_a_reconnect(desk: Desk) -> None:
    for number in range(4):
        desk.job.log(f"entry {number}")
    assert numbers(desk.turn(0.0)) == [1, 2, 3, 4]
    desk.ack(2)
    desk.roster.detach()
    desk.job.log("while away")
    assert desk.turn(0.1) == []
    desk.open(acked=3)
    assert numbers(desk.turn(0.2)) == [4, 5]
    assert desk.attempt.unacknowledged()[0].n == 4


def test_the_newest_numbers_follow_a_reconnect(desk: Desk) -> None:
    desk.job.total = 9
    desk.job.advance(3)
    desk.turn(0.0)
    desk.roster.detach()
    desk.job.advance(2)
    desk.open()
    (report,) = desk.turn(1.0)
    assert report == Report(job="j1", attempt=2, done=5, total=9)


def test_the_end_takes_its_numbers_along_when_it_is_sent_again(desk: Desk) -> None:
    desk.job.log("one")
    desk.job.advance(5)
    desk.attempt.say(Finish(job="", attempt=1, n=1, outcome="succeeded"))
    assert names(desk.turn(0.0)) == ["Entry", "Report", "Finish"]
    desk.roster.detach()
    desk.open(acked=0)
    assert names(desk.turn(0.0))[:3] == ["Entry", "Report", "Finish"]


def test_numbers_that_went_into_a_broken_socket_are_told_again_before_the_end(desk: Desk) -> None:
    desk.job.advance(5)
    desk.turn(0.0)  # a socket takes much that never arrives
    desk.job.log("there")
    desk.attempt.say(Finish(job="", attempt=1, n=1, outcome="succeeded"))
    desk.turn(0.0)
    desk.roster.detach()
    desk.open(acked=0)
    entry, report, finish = desk.turn(0.0)
    assert (type(entry), type(finish)) == (Entry, Finish)
    assert report == Report(job="j1", attempt=2, done=5)


def test_a_hub_that_knows_the_end_already_is_not_told_again(desk: Desk) -> None:
    desk.attempt.say(Finish(job="", attempt=1, n=1, outcome="succeeded"))
    desk.turn(0.0)
    desk.roster.detach()
    assert not desk.attempt.wait_told(0)
    desk.open(acked=1)
    assert desk.attempt.wait_told(0)


def test_numbers_go_on_where_another_worker_of_the_same_attempt_stopped() -> None:
    desk = Desk()
    desk.job.log("first of mine")
    desk.open(acked=6)
    assert numbers(desk.turn(0.0)) == [7]


def test_a_message_that_could_not_be_sent_is_sent_on_the_next_connection(desk: Desk) -> None:
    desk.wire.there = False
    desk.job.log("into the void")
    desk.turn(0.0)
    desk.wire.there = True
    desk.roster.detach()
    desk.open()
    assert numbers(desk.turn(0.1)) == [1]


def test_who_says_more_than_is_stored_waits_for_room_and_loses_nothing() -> None:
    desk = Desk(limit=3)
    desk.open()
    thread = threading.Thread(target=lambda: deque(map(desk.job.log, "abcde")))
    full = threading.Event()
    desk.attempt.wake = lambda: full.set() if not desk.attempt.has_room else None
    thread.start()
    assert full.wait(BOUND_S)
    assert numbers(desk.turn(0.0)) == [1, 2, 3]
    desk.ack(3)
    thread.join(BOUND_S)
    assert numbers(desk.turn(0.1)) == [4, 5]


def test_a_cancel_frees_who_waits_for_room() -> None:
    desk = Desk(limit=1)
    desk.job.log("one")
    desk.attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        desk.job.log("two")
    assert len(desk.attempt.unacknowledged()) == 3


def test_on_an_event_loop_too_much_is_an_error_because_waiting_would_block_it() -> None:
    desk = Desk(limit=1, blocking=False)
    desk.job.log("one")
    with pytest.raises(TooMany, match="await"):
        desk.job.log("two")


def test_a_message_that_the_hub_refuses_is_left_out_and_the_rest_closes_the_gap(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.job.log("good")
    desk.job.attach("https://example.org/101", "one too many")
    desk.job.log("after")
    desk.turn(0.0)
    desk.ack(1)
    desk.roster.hear(Error(code="invalid", message="at most 100 artifacts"))
    desk.roster.hear(Error(code="out_of_order", message="expected 2, got 3", field="n"))
    assert names(desk.turn(0.1)) == ["Open"]
    desk.open(acked=1)
    with caplog.at_level(logging.WARNING):
        (entry,) = (message for message in desk.turn(0.2) if isinstance(message, Numbered))
    assert isinstance(entry, Entry)
    assert (entry.n, entry.text) == (2, "after")


def test_an_answer_from_before_a_refusal_does_not_tell_what_was_refused(desk: Desk) -> None:
    desk.job.plan(["One"])
    desk.turn(0.0)
    desk.job.log("first")
    desk.turn(0.1)
    desk.roster.hear(Error(code="invalid", message="a strange report"))
    assert names(desk.turn(0.2)) == ["Open"]
    desk.open(acked=0)  # the answer to the plan
    assert desk.turn(0.3) == []
    desk.open(acked=1)
    desk.job.log("second")
    assert numbers(desk.turn(0.4)) == [2]


def test_a_storage_failure_loses_nothing(desk: Desk) -> None:
    desk.job.log("one")
    desk.turn(0.0)
    desk.roster.hear(Error(code="unavailable", message="the disk is full"))
    desk.turn(0.1)
    desk.open(acked=0)
    assert numbers(desk.turn(0.2)) == [1]


def test_an_end_that_the_hub_refuses_becomes_a_failure_that_says_so(desk: Desk) -> None:
    desk.attempt.say(Finish(job="", attempt=1, n=1, outcome="succeeded", result="x"))
    desk.turn(0.0)
    desk.roster.hear(Error(code="too_large", message="too much"))
    desk.turn(0.1)
    desk.open(acked=0)
    (finish,) = (message for message in desk.turn(0.2) if isinstance(message, Finish))
    assert (finish.n, finish.outcome) == (1, "failed")
    assert finish.error is not None
    assert "too much" in finish.error.message


# ── Texts and data ────────────────────────────────────────────────────────────


def test_texts_are_trimmed_with_an_ellipsis(desk: Desk) -> None:
    desk.job.log("x" * 5_000)
    desk.job.message("y" * 5_000)
    (entry, report) = desk.turn(0.0)
    assert isinstance(entry, Entry)
    assert isinstance(report, Report)
    assert entry.text == "x" * 4_095 + "…"
    assert report.message == "y" * 4_095 + "…"


def test_a_text_that_cannot_be_encoded_is_sent_with_a_mark_in_its_place(desk: Desk) -> None:
    desk.job.log("caf\udce9")
    (entry,) = desk.turn(0.0)
    assert isinstance(entry, Entry)
    assert entry.text == "caf?"


@pytest.mark.parametrize(("what", "say"), [
    ("checkpoint data", lambda job: job.checkpoint("x" * 70_000)),
    ("entry data", lambda job: job.log("big", data=["x" * 70_000])),
    ("entry", lambda job: job.log("ü" * 4_000, data="x" * 60_000)),
])  # fmt: skip
def test_too_much_data_is_refused_by_name(desk: Desk, what: str, say: Any) -> None:
    with pytest.raises(TooLarge, match=what):
        say(desk.job)
    assert desk.turn(0.0) == []


@pytest.mark.parametrize("data", [object(), {"x": {1j}}, float("nan"), [math.inf], 2**60])
def test_data_that_json_cannot_hold_is_refused_by_name(desk: Desk, data: object) -> None:
    with pytest.raises(Invalid, match="data"):
        desk.job.checkpoint(data)


def test_a_level_that_is_none_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid, match="level"):
        desk.job.log("x", level="fatal")  # type: ignore[arg-type]


def test_a_checkpoint_knows_how_far_the_work_was(desk: Desk) -> None:
    desk.job.advance(9)
    desk.job.checkpoint({"batch": 3})
    checkpoint = desk.turn(0.0)[-1]
    assert isinstance(checkpoint, Checkpoint)
    assert (checkpoint.done, checkpoint.data) == (9, {"batch": 3})
    assert desk.job.checkpoint_data == {"batch": 3}


def test_the_next_attempt_begins_where_the_checkpoint_was() -> None:
    desk = Desk()
    desk.open(checkpoint=SavedCheckpoint(at=0, done=12, fraction=None, data=[1]))
    assert (desk.job.checkpoint_data, desk.job.done) == ([1], 12)


def test_the_next_attempt_counts_on_from_the_checkpoint() -> None:
    desk = Desk()
    desk.open(checkpoint=SavedCheckpoint(at=0, done=12, fraction=None, data=[1], counters={"ok": 10}))
    desk.job.count("ok")
    assert desk.job.counter("ok") == 11


def test_a_file_is_attached_by_its_whole_path_and_a_link_as_it_is(
    desk: Desk, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("<p>")
    monkeypatch.chdir(tmp_path)
    desk.job.attach("report.html")
    desk.job.attach("https://example.org/a/b?c", name="there")
    file, link = (message for message in desk.turn(0.0) if isinstance(message, Artifact))
    assert (file.name, file.path, file.url) == ("report.html", str(tmp_path.resolve() / "report.html"), None)
    assert (link.name, link.path, link.url) == ("there", None, "https://example.org/a/b?c")


def test_a_file_that_does_not_exist_cannot_be_attached(desk: Desk) -> None:
    with pytest.raises(Invalid, match="exists"):
        desk.job.attach("/no/such/file")


# ── Told to stop ──────────────────────────────────────────────────────────────


def test_a_cancel_is_received_at_once_and_acknowledged_when_it_is_raised(desk: Desk) -> None:
    desk.job.advance()
    desk.turn(0.0)
    desk.roster.hear(CancelWork(job="j1", attempt=2, reason="enough", by="ada", grace_s=5.0))
    assert names(desk.turn(0.0)) == ["CancelReceived"]
    assert desk.turn(1.0) == []
    with pytest.raises(Cancelled, match="enough"):
        desk.job.advance()
    assert names(desk.turn(2.0)) == ["Report", "CancelAck"]


@pytest.mark.parametrize("report", [
    lambda job: job.advance(),
    lambda job: next(job.track([1])),
    lambda job: job.phase("x"),
    lambda job: job.count("x"),
    lambda job: job.message("x"),
    lambda job: job.log("x"),
    lambda job: job.checkpoint(1),
    lambda job: job.attach("http://x.example/"),
    lambda job: job.plan(["x"]),
    lambda job: setattr(job, "total", 3),
    lambda job: setattr(job, "done", 3),
    lambda job: job.raise_if_cancelled(),
])  # fmt: skip
def test_every_report_raises_a_cancel_once(desk: Desk, report: Any) -> None:
    desk.attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        report(desk.job)
    desk.attempt.stop.cancel(ORDER)
    report(desk.job)
    assert [type(message) for message in desk.attempt.unacknowledged()].count(CancelAck) == 1


def test_what_was_said_before_a_cancel_is_raised_is_not_lost(desk: Desk) -> None:
    desk.attempt.stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        desk.job.log("said")
    assert [type(message) for message in desk.attempt.unacknowledged()] == [Entry, CancelAck]


def test_a_cancel_found_on_opening_is_received_and_raised_first_thing() -> None:
    desk = Desk()
    desk.open(cancel=ORDER)
    assert desk.turn(0.0) == [CancelReceived(job="j1", attempt=2)]
    with pytest.raises(Cancelled):
        desk.job.raise_if_cancelled()


def test_a_revoked_attempt_stops_and_says_nothing_more(desk: Desk) -> None:
    desk.roster.hear(RevokedWork(job="j1", attempt=2, reason="deleted"))
    with pytest.raises(Interrupted, match="deleted"):
        desk.job.log("more")
    assert desk.turn(9.0) == []
    assert desk.attempt.over.is_set()
    desk.roster.introduce()
    assert desk.wire.take() == []


def test_a_refused_opening_ends_the_attempt() -> None:
    desk = Desk()
    desk.roster.hear(Error(code="not_found", message="no such job", id=1))
    assert desk.attempt.over.is_set()


def test_a_refused_plan_does_not(desk: Desk) -> None:
    desk.job.plan(["x"])
    desk.turn(0.0)
    desk.roster.hear(Error(code="invalid", message="at most 100 phases", id=1))
    assert not desk.attempt.over.is_set()
    assert desk.attempt.introduction.opening.phases == []


def test_what_concerns_another_attempt_changes_nothing(desk: Desk) -> None:
    desk.roster.hear(CancelWork(job="j1", attempt=1, reason=None, by=None, grace_s=5.0))
    desk.roster.hear(RevokedWork(job="j2", attempt=2, reason="not you"))
    desk.roster.hear(PauseWork(job="j1", attempt=1))
    desk.job.raise_if_cancelled()
    assert not desk.job.cancelled
    assert not desk.job.paused


def test_an_attempt_that_was_resumed_while_its_hub_was_away_goes_on(desk: Desk) -> None:
    desk.roster.hear(PauseWork(job="j1", attempt=2))
    paused = desk.job.paused
    desk.roster.detach()
    desk.open()
    assert (paused, desk.job.paused) == (True, False)
    desk.job.raise_if_cancelled()


def test_the_reporter_s_thread_sends_what_is_said_and_what_is_left_when_it_closes() -> None:
    desk = Desk()
    heard = threading.Event()
    send = desk.wire.send
    desk.wire.send = lambda message: (send(message), heard.set())[0]  # type: ignore[method-assign,func-returns-value]
    desk.reporter.start()
    desk.open()
    desk.job.log("now")
    assert heard.wait(BOUND_S)
    desk.job.log("last")
    desk.reporter.close()
    assert numbers(desk.wire.sent) == [1, 2]


def test_a_phase_says_its_weight_itself_because_its_plan_may_be_replaced_before_it_is_sent(desk: Desk) -> None:
    desk.job.plan([Phase(name="Add up", weight=0.2), Phase(name="Write", weight=0.8)])
    desk.job.phase("Add up")
    desk.job.plan([Phase(name="Write it all", weight=0.8)])
    sent = [message for _ in range(3) for message in desk.turn(0.0)]
    begun = [message for message in sent if isinstance(message, PhaseStart)]
    assert [(message.name, message.weight) for message in begun] == [("Add up", 0.2)]
