"""What a job refuses of its worker, by the first rule that is broken."""

from __future__ import annotations

import pytest

from hub.admission import admit
from hub.errors import Conflict, Invalid, OutOfOrder, PeerError, Revoked
from hub.job import Job
from hub.protocol import Artifact, AttemptMessage, CancelAck, Entry, PhaseStart, Report, WorkerBeat
from tests.hub.made import cancel, encoded, finish, made, opened, running, said


def of(job: Job, message: AttemptMessage) -> None:
    admit(message, job.facts, job.state, job.history)


@pytest.mark.parametrize(
    ("type_", "fields", "error"),
    [
        (WorkerBeat, {"attempt": 2}, Invalid),
        (Entry, {"n": 2, "text": "x"}, OutOfOrder),
        (CancelAck, {"n": 2}, OutOfOrder),
        (CancelAck, {}, Conflict),
        (Report, {"phase": 2}, Invalid),
        (Artifact, {"name": "a"}, Invalid),
    ],
)
def test_a_broken_rule_is_refused_and_changes_nothing(
    type_: type[AttemptMessage], fields: dict[str, object], error: type[PeerError]
) -> None:
    job = running(phases=("a", "b"))
    before = encoded(job)
    with pytest.raises(error):
        of(job, said(job, type_, **fields))
    assert encoded(job) == before


def test_what_keeps_the_rules_is_let_in_and_changes_nothing_yet() -> None:
    job = running(phases=("a", "b"))
    cancel(job)
    before = encoded(job)
    link = said(job, Artifact, name="a", url="https://example.org")
    for message in (said(job, Report, phase=1), said(job, PhaseStart, name="x"), said(job, CancelAck), link):
        of(job, message)
    assert encoded(job) == before


def test_an_end_counts_before_any_other_mistake() -> None:
    job = running()
    finish(job)
    with pytest.raises(Revoked):
        of(job, said(job, Entry, n=9, text="x"))


def test_an_attempt_is_opened_before_it_is_reported_on() -> None:
    job = made()
    with pytest.raises(Conflict, match="not been opened"):
        of(job, said(job, WorkerBeat))
    opened(job)
    of(job, said(job, WorkerBeat))
    outside = made("outside")
    of(outside, said(outside, WorkerBeat))
