"""Bars of a script, shown as phases of one job."""

from __future__ import annotations

from hub.view import Number
from workers.bars import OPEN, PHASES, Bar, Bars
from workers.meter import Meter


class Noted:
    """A board that keeps what it was shown."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, Meter]] = []
        self.said: list[str] = []

    def phase(self, name: str, total: Number | None, unit: str | None) -> Meter:
        self.phases.append((name, Meter(total, unit)))
        return self.phases[-1][1]

    def message(self, text: str) -> None:
        self.said.append(text)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.phases]


def board() -> tuple[Bars, Noted]:
    noted = Noted()
    return Bars(noted), noted


def bar(name: str, done: float = 0, total: float | None = 10, *, over: bool = False, key: str = "") -> Bar:
    return Bar(id=key or name, name=name, done=done, total=total, over=over)


def test_bars_one_after_the_other_are_phases() -> None:
    bars, noted = board()
    for name in ("Load", "Check"):
        bars.show(bar(name))
        bars.show(bar(name, 10, over=True))
    assert [(name, meter.done, meter.total) for name, meter in noted.phases] == [("Load", 10, 10), ("Check", 10, 10)]
    assert not noted.said


def test_a_bar_inside_another_is_told_in_the_message() -> None:
    bars, noted = board()
    bars.show(bar("Epochs", 1, 3))
    bars.show(bar("Batches", 5, 1000))
    bars.show(bar("Batches", 1000, 1000, over=True))
    assert noted.names == ["Epochs"]
    assert noted.said == ["Batches: 5 of 1,000", ""]


def test_a_bar_without_a_name_is_numbered_and_one_without_a_total_only_counts() -> None:
    bars, noted = board()
    bars.show(bar("", key="a"))
    bars.show(bar("", 7, None, key="b"))
    assert noted.names == ["Bar 1"]
    assert noted.said == ["7"]


def test_a_name_that_changes_is_told_in_the_message() -> None:
    bars, noted = board()
    bars.show(bar("Epoch 1", key="a"))
    bars.show(bar("Epoch 2", 5, key="a"))
    assert noted.names == ["Epoch 1"]
    assert noted.said == ["Epoch 2"]


def test_the_oldest_that_is_left_comes_to_the_front_once_it_moves() -> None:
    bars, noted = board()
    bars.show(bar("a"))
    bars.show(bar("b"))
    bars.show(bar("a", 10, over=True))
    assert noted.names == ["a"]
    bars.show(bar("b", 3))
    assert noted.names == ["a", "b"]
    assert noted.phases[1][1].done == 3


def test_a_total_that_becomes_known_is_shown() -> None:
    bars, noted = board()
    bars.show(bar("a", 0, None))
    bars.show(bar("a", 4, 8))
    assert (noted.phases[0][1].done, noted.phases[0][1].total) == (4, 8)


def test_beyond_ninety_bars_share_the_last_phase_and_are_named_in_the_message() -> None:
    bars, noted = board()
    for n in range(PHASES + 2):
        bars.show(bar(f"bar {n}", n))
        bars.show(bar(f"bar {n}", n, over=True))
    assert len(noted.phases) == PHASES
    assert noted.phases[-1][1].done == PHASES + 1
    assert f"bar {PHASES + 1}" in noted.said


def test_a_bar_that_does_not_say_how_much_is_done_keeps_what_it_said() -> None:
    bars, noted = board()
    bars.show(bar("a", 4))
    bars.show(Bar(id="a", name="a", total=10))
    assert noted.phases[0][1].done == 4


def test_bars_of_a_process_that_ended_are_gone() -> None:
    bars, noted = board()
    bars.show(bar("a", key="1-a"))
    bars.gone(lambda key: key.startswith("1-"))
    bars.show(bar("b", key="2-b"))
    assert noted.names == ["a", "b"]


def test_a_bar_that_is_only_heard_of_at_its_end_or_is_one_too_many_is_not_shown() -> None:
    bars, noted = board()
    bars.show(bar("a", over=True))
    assert not noted.phases
    for n in range(OPEN + 1):
        bars.show(bar(f"bar {n}"))
    bars.show(bar(f"bar {OPEN}", 5))
    assert not any(f"bar {OPEN}" in said for said in noted.said)
