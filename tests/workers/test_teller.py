"""What is told of a command's output: progress, the newest line, the newest lines as the job's story."""

from __future__ import annotations

from hub.protocol import Entry, PhaseStart
from workers.attempt import Attempt
from workers.bars import Bar
from workers.outside import opening
from workers.patterns import Patterns
from workers.printed import LINES_AT_ONCE
from workers.teller import LOOKED_AT, PHASES, WAITING_BYTES, Teller

OUT, ERR = 1, 2


class Told:
    """A teller at work, and what it said so far."""

    def __init__(self, *own: str) -> None:
        self.attempt = Attempt(opening("work"), independent=True)
        self.teller = Teller(self.attempt, Patterns(own))
        self.now = 100.0

    def print(self, text: str, stream: int = OUT, *, bars: bool = False) -> None:
        """Print something, and look at it when that is due."""
        self.teller.printed(stream, text.encode(), self.now)
        self.turn(bars=bars)

    def turn(self, after_s: float | None = None, *, bars: bool = False) -> None:
        wait_s = self.teller.wait_s(self.now) if after_s is None else after_s
        self.now += wait_s or 0.0
        self.teller.turn(self.now, bars=bars)

    @property
    def lines(self) -> list[str]:
        return [message.text for message in self.attempt.unacknowledged() if isinstance(message, Entry)]

    @property
    def phases(self) -> list[str]:
        return [message.name for message in self.attempt.unacknowledged() if isinstance(message, PhaseStart)]

    @property
    def stands(self) -> tuple[object, object, object, object]:
        figures = self.attempt.figures
        return figures.meter.done, figures.meter.total, figures.meter.unit, figures.message


def test_lines_are_entries_and_the_newest_is_the_message() -> None:
    told = Told()
    told.print("one\ntwo\n")
    assert told.lines == ["one", "two"]
    assert told.stands == (0, None, None, "two")
    assert told.teller.last_line == "two"


def test_lines_of_two_streams_do_not_mix() -> None:
    told = Told()
    told.print("begun ")
    told.print("broken\n", ERR)
    told.print("and done\n")
    told.turn(1.0)
    assert told.lines == ["broken", "begun and done"]


def test_progress_and_what_else_a_program_says_is_told() -> None:
    told = Told()
    told.print("\r     43,974,656  43%   40.06MB/s    0:00:01  \r")
    assert told.stands == (43, 100, "%", "43,974,656 bytes, 40.06MB/s")


def test_an_unfinished_line_counts_after_a_moment_and_once() -> None:
    told = Told(r"(?P<done>\d+)/(?P<total>\d+)")
    told.print("3/10")
    assert told.stands[0] == 0
    told.turn(1.0)
    assert told.stands[:2] == (3, 10)
    assert told.teller.wait_s(told.now) is None
    told.teller.finish(told.now, bars=False)
    assert told.lines == ["3/10"]
    assert told.teller.last_line == "3/10"


def test_phases_follow_one_another_and_none_comes_back() -> None:
    told = Told()
    told.print("Counting objects: 100% (5/5), done.\nResolving deltas:  50% (1/2)\nCounting objects:  20% (1/5)\n")
    assert told.phases == ["Counting objects", "Resolving deltas"]
    assert told.stands[:3] == (1, 2, "deltas")


def test_more_phases_than_a_job_may_have_are_not_told() -> None:
    told = Told()
    for n in range(PHASES + 5):
        told.print(f"Phase{'abcdefghijklmnopqrst'[n % 20]}{'abcdefghijklmnopqrst'[n // 20]}:  50% (1/2)\n")
        told.turn(1.0)
    assert len(told.phases) == PHASES


def test_of_a_flood_the_newest_is_looked_at_and_the_rest_counted() -> None:
    told = Told()
    told.print("".join(f"line {n}\n" for n in range(100_000)))
    assert told.lines[-1] == "line 99999"
    assert told.lines[0] == f"… {100_000 - LINES_AT_ONCE:,} lines left out"
    assert len(told.lines) == LINES_AT_ONCE + 1


def test_a_line_whose_beginning_is_missing_does_not_join_an_older_one() -> None:
    told = Told()
    told.print("old ")
    for _ in range(3):
        told.teller.printed(OUT, b"x" * WAITING_BYTES, told.now)
    told.print("new\n")
    told.turn(1.0)
    assert told.lines[-1].endswith("new")
    assert "old" not in told.lines[-1]


def test_what_is_no_text_is_neither_kept_nor_read() -> None:
    told = Told()
    told.print("text\n")
    told.turn(1.0)
    told.print("45%\0\n")
    told.print("more\n")
    told.turn(1.0)
    assert told.lines == ["text", "more"]
    assert told.stands[0] == 0


def test_progress_is_looked_for_so_often_a_second_the_newest_first() -> None:
    told = Told()
    for round_ in range(3):
        told.print("".join(f"\r{n}/1000000 " for n in range(round_ * 1000, round_ * 1000 + 1000)) + "\r")
    assert told.stands[0] == 2999
    assert LOOKED_AT < 3 * 200, "the third round had less than all of its newest pieces"


def test_while_bars_are_told_their_text_is_neither_read_nor_kept() -> None:
    told = Told()
    told.teller.show(Bar(id="1-a", name="Load", done=2, total=4))
    told.print("Load:  50%|█████     | 2/4 [00:00<00:00, 9.00it/s]\nsaved 7/9\n", bars=True)
    assert told.phases == ["Load"]
    assert told.lines == ["saved 7/9"]
    assert told.stands[:2] == (2, 4)
    told.teller.gone("1-")
    told.teller.show(Bar(id="2-a", name="Check"))
    assert told.phases == ["Load", "Check"]


def test_nothing_to_tell_is_nothing_to_wait_for() -> None:
    told = Told()
    assert told.teller.wait_s(told.now) is None
    told.turn()
    assert told.lines == []
