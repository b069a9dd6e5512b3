"""What is known of a job."""

from __future__ import annotations

import msgspec
import pytest

from hub.state import CROCKFORD, JobFacts, JobState, Place, Saved, job_id
from hub.view import Phase


def test_ids_sort_by_age_and_differ_by_chance() -> None:
    first, second, later = job_id(1_000, b"\x00" * 10), job_id(1_000, b"\xff" * 10), job_id(1_001, b"\x00" * 10)
    assert first < second < later
    assert {len(one) for one in (first, second, later)} == {26}
    assert set(first + second + later) <= set(CROCKFORD)


def test_an_id_is_a_ulid() -> None:
    assert job_id(1_469_918_176_385, b"\x00" * 10).startswith("01ARYZ6S41")


@pytest.mark.parametrize(
    ("place", "startable"), [("process", True), ("thread", True), ("loop", True), ("outside", False)]
)
def test_only_what_the_hub_starts_can_be_started_again(place: Place, startable: bool) -> None:
    assert JobFacts(id="j", kind="k", title="t", created_at=0, place=place).startable is startable


def test_a_checkpoint_is_shown_without_its_numbers() -> None:
    assert JobState().checkpoint is None
    saved = Saved(at=1, done=2, total=3, unit="x", fraction=0.5, phase=0, phases=[Phase(name="a")], counters={"a": 1})
    view = JobState(saved=saved).checkpoint
    assert view is not None
    assert (view.at, view.done, view.fraction) == (1, 2, 0.5)


def test_a_state_comes_back_from_the_store_as_it_was() -> None:
    state = JobState(
        done=0.5, phases=[Phase(name="a")], counters={"a": 1}, result={"x": [1]}, saved=Saved(
            at=1, done=2, total=3, unit="x", fraction=0.5, phase=0, phases=[Phase(name="a")], counters={"a": 1}
        ),
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(state), type=JobState) == state
