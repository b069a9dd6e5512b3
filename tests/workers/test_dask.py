"""Dask computations as jobs, on a real cluster inside the test's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from dask.base import persist
from dask.delayed import delayed
from distributed import Client, LocalCluster

from hub.protocol import CancelAck, Entry, Finish, Open, Report
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.scripts import apart
from workers.dask import follow


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    settings = {"processes": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "protocol": "tcp"}
    with LocalCluster(n_workers=1, threads_per_worker=2, **settings) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def reachable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    return hub


def square(number: int) -> int:
    return number * number


def odd_only(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"{number} is even")
    return number


GATE = threading.Event()


def behind_the_gate(number: int) -> int:
    GATE.wait(BOUND_S)
    return number


async def test_futures_are_a_job_of_as_many_tasks(reachable: FakeHub, client: Client) -> None:
    futures = client.map(square, range(8))
    assert await apart(lambda: follow(futures, title="Squares", tags={"n": "8"}).wait(BOUND_S))
    opened = await reachable.expect(Open)
    assert (opened.kind, opened.title, opened.total, opened.unit) == ("dask", "Squares", 8, "tasks")
    assert await reachable.expect(Report, lambda report: report.done == 8)
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.result) == ("succeeded", {"tasks": 8})
    assert await apart(lambda: client.gather(futures)) == [number * number for number in range(8)]


async def test_tasks_that_fail_are_told_one_by_one_and_fail_the_job(reachable: FakeHub, client: Client) -> None:
    futures = client.map(odd_only, range(100, 104))
    await apart(lambda: follow({"all": futures}).wait(BOUND_S))
    finish = await reachable.expect(Finish)
    assert finish.outcome == "failed"
    assert finish.error is not None
    assert finish.error.type == "ValueError"
    assert "odd_only" in (finish.error.traceback or "")
    texts = [entry.text for entry in reachable.stored if isinstance(entry, Entry)]
    assert sorted(text.split(" failed: ")[1] for text in texts) == [
        "ValueError('100 is even')",
        "ValueError('102 is even')",
    ]
    assert await reachable.expect(Report, lambda report: report.counters == {"failed": 2})


async def test_a_cancel_on_the_page_cancels_the_futures(reachable: FakeHub, client: Client) -> None:
    GATE.clear()
    ready = client.submit(square, 3)
    await apart(ready.result)
    futures = [ready, *client.map(behind_the_gate, range(4))]
    following = await apart(lambda: follow(futures))
    await reachable.expect(Report, lambda report: report.done == 1)
    await reachable.cancel("outside-1")
    assert await apart(lambda: following.wait(BOUND_S))
    GATE.set()
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "1 of 5 tasks were done")
    assert [future.status for future in futures] == ["finished"] + ["cancelled"] * 4
    assert [message.message for message in reachable.of(CancelAck)] == ["Cancelling 4 tasks"]


async def test_a_persisted_collection_is_followed_by_its_parts(reachable: FakeHub, client: Client) -> None:
    parts = await apart(lambda: persist(*[delayed(square)(number) for number in range(3)]))
    await apart(lambda: follow(parts).wait(BOUND_S))
    assert (await reachable.expect(Open)).total == 3


async def test_nothing_to_follow_has_succeeded(reachable: FakeHub, client: Client) -> None:
    assert await apart(lambda: follow([]).wait(BOUND_S))
    assert (await reachable.expect(Finish)).result == {"tasks": 0}


async def test_a_client_on_the_loop_is_followed_too(reachable: FakeHub) -> None:
    settings = {"processes": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "protocol": "tcp"}
    async with (
        LocalCluster(n_workers=1, threads_per_worker=1, asynchronous=True, **settings) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        following = follow(client.map(odd_only, range(201, 204)))
        assert await asyncio.wait_for(asyncio.to_thread(following.wait), BOUND_S)
    finish = await reachable.expect(Finish)
    assert finish.error is not None
    assert finish.error.message == "202 is even"
