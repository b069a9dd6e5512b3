"""`track()` in a script of one's own, with a hub and without."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from hub.protocol import Entry, Finish, Open, Report
from tests.workers.fake_hub import BOUND_S, FakeHub
from workers import Cancelled, track
from workers.outside import kind_name, opening

T = TypeVar("T")


@pytest.fixture
def reachable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    monkeypatch.setenv("BARCAST_TOKEN", "key")
    return hub


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BARCAST_URL", f"http://127.0.0.1:{held.getsockname()[1]}")
        yield


async def run(work: Callable[[], T]) -> T:
    """Where a script runs: in another thread than the hub."""
    return await asyncio.wait_for(asyncio.to_thread(work), BOUND_S)


async def test_a_loop_is_a_job_with_title_total_and_end(reachable: FakeHub) -> None:
    assert await run(lambda: list(track("abcd", title="Nightly sync", unit="letters", kind="sync"))) == list("abcd")
    opened = await reachable.expect(Open)
    assert (opened.kind, opened.title, opened.total, opened.unit) == ("sync", "Nightly sync", 4, "letters")
    assert opened.key
    report = await reachable.expect(Report, lambda report: report.done == 4)
    assert (report.job, report.attempt) == ("outside-1", 1)
    assert (await reachable.expect(Finish)).outcome == "succeeded"
    assert reachable.headers[0]["Authorization"] == "Bearer key"


async def test_a_loop_that_is_left_ends_as_cancelled_and_says_where(reachable: FakeHub) -> None:
    def leave() -> None:
        for item in track(range(10)):
            if item == 3:
                break

    await run(leave)
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "Left after 4 of 10")


async def test_a_cancel_on_the_hub_is_raised_in_the_script(reachable: FakeHub) -> None:
    def endless() -> None:
        for _ in track(iter(int, 1)):
            pass

    script = asyncio.create_task(run(endless))
    await reachable.expect(Report, lambda report: bool(report.done))
    await reachable.cancel("outside-1")
    with pytest.raises(Cancelled):
        await script
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", None)
    assert not reachable.of(Entry)


@pytest.mark.usefixtures("nobody")
def test_without_a_hub_the_loop_runs_to_its_end_undisturbed() -> None:
    began = time.perf_counter()
    assert list(track(range(10))) == list(range(10))
    assert time.perf_counter() - began < 5.0


def test_a_wrong_address_does_not_disturb_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARCAST_URL", "gopher://hub")
    assert list(track("ab")) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nightly sync", "nightly-sync"),
        ("__main__", "main__"),
        ("äöü", "script"),
        ("", "script"),
        ("x" * 200, "x" * 128),
    ],
)
def test_any_text_becomes_a_valid_kind(text: str, kind: str) -> None:
    assert kind_name(text) == kind


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (["/opt/nightly sync.py", "--all"], "nightly-sync"),
        (["-c"], "script"),
        (["/x/ipykernel_launcher.py"], "notebook"),
    ],
)
def test_a_kind_that_is_not_given_is_the_scripts_name(
    monkeypatch: pytest.MonkeyPatch, script: list[str], kind: str
) -> None:
    monkeypatch.setattr("sys.argv", script)
    assert opening(None).kind == kind
