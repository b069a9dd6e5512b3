"""The time of day that never goes back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hub.clock import NS_PER_MS, Clock, Mark, mark, moved_ms, uptime_ns


def test_the_time_is_read_once_and_counted_on_evenly() -> None:
    wall, even = [5_000 * NS_PER_MS], [77 * NS_PER_MS]
    clock = Clock(lambda: wall[0], lambda: even[0])
    assert clock.now() == 5_000
    wall[0] = 1  # somebody sets the system's clock
    even[0] += 250 * NS_PER_MS
    assert clock.now() == 5_250


def test_the_real_clock_tells_the_time_of_day() -> None:
    before = time.time_ns() // NS_PER_MS
    clock = Clock()
    assert abs(clock.now() - before) < 60_000
    assert clock.now() >= before - 1


def test_uptime_never_goes_back() -> None:
    first = uptime_ns()
    assert uptime_ns() >= first


def test_a_system_without_a_clock_of_suspension_uses_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert abs(uptime_ns() - time.monotonic_ns()) < 60_000 * NS_PER_MS


def test_a_clock_that_was_set_since_an_earlier_look_says_by_how_much(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("one\n")
    before, here = mark(5_000, boot), mark(3_605_000, boot)
    assert moved_ms(before, here) == pytest.approx(3_600_000, abs=60_000)
    assert moved_ms(here, before) == pytest.approx(-3_600_000, abs=60_000)


def test_a_clock_that_is_off_by_little_or_was_looked_at_before_the_machine_started_was_not_set(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    assert moved_ms(Mark("one", 0), Mark("one", 999)) == 0
    assert moved_ms(Mark("one", 0), Mark("two", 3_600_000)) == 0
    assert mark(0, boot) is None
    assert moved_ms(None, Mark("one", 3_600_000)) == moved_ms(Mark("one", 0), None) == 0
