"""Who started whom, and how they stand."""

from __future__ import annotations

from hub.family import Family
from hub.view import Children, Status


def family(**children: Status) -> Family:
    known = Family()
    known.know("p", children.items())
    list(known.take_changed())
    return known


def test_children_are_counted_by_how_they_stand() -> None:
    known = family(a=Status.QUEUED, b=Status.LOST, c=Status.PAUSED, d=Status.SUCCEEDED, e=Status.FAILED)
    known.stands("p", "f", Status.CANCELLED)
    known.stands("p", "g", Status.CANCELLING)
    counts = Children(total=7, queued=1, running=3, succeeded=1, failed=1, cancelled=1)
    assert (known.counts("p"), known.size("p")) == (counts, 7)


def test_a_parent_waits_until_its_last_child_has_ended() -> None:
    known = family(a=Status.RUNNING, b=Status.SUCCEEDED)
    assert known.waits("p")
    known.stands("p", "a", Status.FAILED)
    assert not known.waits("p")
    assert known.concerns("p"), "that is still to be told"
    list(known.take_changed())
    assert not known.concerns("p")
    known.stands("p", "a", Status.QUEUED)
    assert known.waits("p")


def test_children_that_are_about_to_start_come_first_among_the_unfinished() -> None:
    known = family(a=Status.RUNNING, b=Status.QUEUED, c=Status.SUCCEEDED)
    assert known.unfinished("p") == ["b", "a"]


def test_only_a_change_counts_as_one() -> None:
    known = family(a=Status.RUNNING)
    known.stands("p", "a", Status.RUNNING)
    assert list(known.take_changed()) == []
    known.moved("p")
    known.stands("p", "a", Status.LOST)
    assert list(known.take_changed()) == ["p"]
    assert known.changed == set()


def test_a_child_that_is_gone_counts_no_more() -> None:
    known = family(a=Status.FAILED, b=Status.SUCCEEDED)
    known.stands("p", "a", None)
    assert known.counts("p") == Children(total=1, succeeded=1)
    known.stands("p", "b", None)
    known.stands("p", "b", None)
    assert known.counts("p") is None


def test_what_is_known_already_is_newer_than_what_is_stored() -> None:
    known = family(a=Status.SUCCEEDED)
    known.know("p", [("a", Status.RUNNING)])
    assert known.counts("p") == Children(total=1, succeeded=1)


def test_of_a_parent_that_is_not_known_nothing_is_told() -> None:
    known = Family()
    known.stands("p", "a", Status.RUNNING)
    known.moved("p")
    known.moved(None)
    assert (known.knows("p"), known.size("p"), known.waits("p"), known.counts("p")) == (False, 0, False, None)
    assert (known.unfinished("p"), known.changed) == ([], set())


def test_a_forgotten_parent_is_not_known_any_more() -> None:
    known = family(a=Status.RUNNING)
    known.moved("p")
    known.forget("p")
    known.forget("p")
    assert (known.knows("p"), known.changed) == (False, set())
