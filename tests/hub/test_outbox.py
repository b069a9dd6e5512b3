"""What one viewer is still owed."""

from __future__ import annotations

from hub.outbox import JOBS_OWED, Outbox


def test_nothing_is_owed_at_first() -> None:
    outbox = Outbox()
    assert not outbox
    assert (outbox.debts(), outbox.take_feed(), outbox.logs) == ([], False, {})


def test_a_job_is_owed_once_however_often_it_was_missed() -> None:
    outbox = Outbox()
    for job in ("b", "a", "b"):
        outbox.owe("jobs", job)
    outbox.owe("job:a", "a")
    assert outbox
    assert outbox.debts() == [("jobs", "b"), ("jobs", "a"), ("job:a", "a")]
    for topic, job in outbox.debts():
        outbox.settle(topic, job)
    assert not outbox


def test_what_is_owed_is_owed_until_it_is_settled() -> None:
    outbox = Outbox()
    outbox.owe("jobs", "a")
    assert outbox.owes("jobs", ["b", "a"])
    assert not outbox.owes("jobs", ["b"])
    assert not outbox.owes("job:a", ["a"])
    outbox.settle("jobs", "a")
    assert not outbox.owes("jobs", ["a"])
    outbox.settle("jobs", "a")
    assert not outbox


def test_while_the_whole_feed_is_owed_each_job_of_it_is() -> None:
    outbox = Outbox()
    for number in range(JOBS_OWED + 1):
        outbox.owe("jobs", str(number))
    assert outbox.owes("jobs", ["new"])
    assert not outbox.owes("job:new", ["new"])


def test_too_many_jobs_are_the_whole_feed() -> None:
    outbox = Outbox()
    for number in range(JOBS_OWED + 5):
        outbox.owe("jobs", str(number))
    assert (outbox.debts(), outbox.take_feed(), outbox.take_feed()) == ([], True, False)
    outbox.owe("jobs", "a")
    assert outbox.debts() == [("jobs", "a")]


def test_beside_the_whole_feed_a_jobs_own_topic_is_still_owed() -> None:
    outbox = Outbox()
    for number in range(JOBS_OWED + 1):
        outbox.owe("jobs", str(number))
    outbox.owe("job:a", "a")
    assert outbox.debts() == [("job:a", "a")]


def test_the_earliest_missed_entry_counts() -> None:
    outbox = Outbox()
    outbox.owe_log("a", 5)
    outbox.owe_log("a", 9)
    outbox.owe_log("a", 3)
    assert outbox
    assert outbox.logs == {"a": 3}


def test_a_topic_that_was_left_is_owed_nothing() -> None:
    outbox = Outbox()
    outbox.owe("job:a", "a")
    outbox.owe_log("a", 3)
    outbox.owe("jobs", "a")
    outbox.forget("job:a")
    assert (outbox.logs, outbox.debts()) == ({}, [("jobs", "a")])
    for number in range(JOBS_OWED + 1):
        outbox.owe("jobs", str(number))
    outbox.forget("jobs")
    assert not outbox
