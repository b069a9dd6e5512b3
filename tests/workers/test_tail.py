"""What a child prints and logs, as lines of its job's story."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.protocol import Entry, Finish, Open
from tests.workers.fake_hub import FakeHub
from tests.workers.starting import Started
from workers import output
from workers.attempt import Attempt
from workers.records import Quota
from workers.tail import SKIPPED_BYTES, Tail, tell


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(Open(id=1, job="j1", attempt=1))


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "output", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield descriptor
    os.close(descriptor)


def texts(attempt: Attempt) -> list[str]:
    return [entry.text for entry in attempt.unacknowledged() if isinstance(entry, Entry)]


async def test_what_a_child_prints_and_logs_is_told_before_its_end_and_once(hub: FakeHub, started: Started) -> None:
    await started.launch("say-much")
    await hub.expect(Finish)
    *entries, finish = hub.stored
    assert isinstance(finish, Finish)
    told = {(entry.level, entry.text, *entry.data.values()) for entry in entries if isinstance(entry, Entry)}
    assert {
        ("info", "from print", "output"),
        ("info", "100% of it", "output"),
        ("info", "from a grandchild", "output"),
        ("info", "3 orders", "shop.orders"),
        ("warning", "two are odd", "shop"),
        ("error", "one is bad (ValueError: invalid literal for int() with base 10: 'row 4')", "shop"),
        ("info", "the end", "output"),
    } <= told
    assert len(told) == len(entries)
    said = [text for _, text, _ in told]
    assert not [text for text in said if text.startswith(("ERROR", "ValueError", "Traceback", "not this"))]
    assert not [text for _, text, name in told if name.startswith("barcast")]


async def test_of_very_much_that_is_printed_the_newest_lines_are_told(hub: FakeHub, started: Started) -> None:
    await started.launch("print-much")
    await hub.expect(Finish)
    told = [entry.text for entry in hub.stored if isinstance(entry, Entry)]
    lines = [text for text in told if text.startswith("line")]
    assert lines[-1] == "line 999"
    assert len(lines) <= 100
    assert any(text.startswith("… ") and text.endswith(" lines left out") for text in told)
    assert [text for text in told if text.startswith("record")][:25] == [f"record {number}" for number in range(25)]
    assert any(text.endswith(" log records left out") for text in told)


def test_a_file_that_is_cut_short_is_read_on_where_it_was(attempt: Attempt, printed: int) -> None:
    tail = Tail(attempt, printed)
    os.write(printed, b"first\n")
    tail.turn()
    os.write(printed, b"x" * 999 + b"\n")
    os.write(printed, (b"y" * 499 + b"\n") * (output.MOST_BYTES // 500))
    tail.turn()
    assert output.size(printed) == output.KEPT_BYTES
    os.write(printed, b"last\n")
    tail.turn()
    assert texts(attempt)[0] == "first"
    assert texts(attempt)[-1] == "last"


def test_of_a_flood_only_the_end_is_read_and_the_rest_is_counted(attempt: Attempt, printed: int) -> None:
    tail = Tail(attempt, printed)
    lines = 4 * SKIPPED_BYTES // 100
    os.write(printed, b"".join(b"%099d\n" % number for number in range(lines)))
    tail.turn()
    told = texts(attempt)
    assert len(told) == 26
    assert told[0] == f"… {lines - 25:,} lines left out"
    assert int(told[-1]) == lines - 1


def test_where_nobody_listens_printed_lines_leave_room_for_the_function_s_own(printed: int) -> None:
    attempt = Attempt(Open(id=1, job="j1", attempt=1), limit=4)
    tail = Tail(attempt, printed)
    for number in range(5):
        os.write(printed, b"%d\n" % number)
        tail.turn()
    assert texts(attempt) == ["0", "1"]
    attempt.acked(2)
    tail.turn()
    assert texts(attempt) == ["2", "3", "4"]


def test_what_is_no_file_is_left_alone(attempt: Attempt) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"text\n")
    Tail(attempt, reading).turn()
    os.close(reading)
    os.close(writing)
    Tail(attempt, reading).turn()
    assert texts(attempt) == []


def test_a_line_that_the_hub_would_refuse_is_no_mistake_of_anybody(attempt: Attempt) -> None:
    tell(attempt, "x", "info", {"much": "x" * 70_000})
    assert texts(attempt) == []


def test_a_quota_begins_anew_every_half_second_and_counts_what_it_left_out() -> None:
    quota = Quota()
    assert [quota.admits("info", 10.0, roomy=True) for _ in range(27)] == [True] * 25 + [False] * 2
    assert quota.admits("error", 10.1, roomy=True)
    assert quota.admits("info", 10.5, roomy=True)
    assert not quota.admits("info", 10.6, roomy=False)
    assert (quota.take_left_out(), quota.take_left_out()) == (3, 0)


def test_the_way_that_records_take_is_left_as_it_was() -> None:
    assert logging.Logger.callHandlers.__module__ == "logging"
