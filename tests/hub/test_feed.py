"""Which jobs the feed holds."""

from __future__ import annotations

from typing import Any

from hub.feed import CHILDREN, feed
from hub.shown import Shown
from hub.view import Status
from tests.hub.test_words import job


def shown(id_: str, finished_at: int | None = None, **known: Any) -> Shown:
    status = Status.RUNNING if finished_at is None else Status.SUCCEEDED
    return Shown(job(id=id_, status=status, finished_at=finished_at, **known))


def ids(jobs: list[Shown], most_ended: int = 9) -> list[str]:
    return [one.id for one in feed(jobs, most_ended)]


def test_jobs_that_go_on_come_first_and_the_newest_first_of_all() -> None:
    assert ids([shown("a"), shown("c", 5), shown("b"), shown("d", 9)]) == ["b", "a", "d", "c"]


def test_of_the_ended_the_newest_stay() -> None:
    assert ids([shown("a", 1), shown("b", 3), shown("c", 2), shown("d")], most_ended=2) == ["d", "b", "c"]


def test_ended_children_are_held_as_long_as_their_parent_goes_on() -> None:
    jobs = [
        shown("p"),
        shown("over", 1),
        shown("a", 2, parent="p"),
        shown("b", 2, parent="over"),
        shown("c", parent="p"),
    ]
    assert ids(jobs, most_ended=1) == ["p", "c", "over", "a"]


def test_ended_children_are_bounded() -> None:
    jobs = [shown("p"), *[shown(f"{number:04}", number, parent="p") for number in range(CHILDREN + 1)]]
    assert len(ids(jobs)) == CHILDREN + 1
    assert "0000" not in ids(jobs)
