"""A webhook is told what happened: signed, at least once, in order, whatever its receiver does; nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from hub.app import create_app
from hub.errors import Invalid
from hub.receiver import Answer, Receiver, addresses
from hub.settings import Settings
from hub.signing import Secret
from tests.hub.receiving import KEY, SECRET, Heard, Mood, Played, free_port, receiving, verified
from tests.hub.serving import IMPORT, UNLUCKY, Served, serving
from tests.serving import PATIENCE_S, HubProcess, hub_process
from workers.order import WorkOrder
from workers.process import _environment

QUICK = {"webhook_backoff_s": 0.01, "webhook_backoff_max_s": 0.05, "webhook_timeout_s": 1.0}
STALLS = msgspec.structs.replace(IMPORT, kind="stalls", stall_s=0.05)
KINDS = (IMPORT, STALLS, UNLUCKY)
T = TypeVar("T")


@asynccontextmanager
async def telling(db: Path, receiver: Played, **limits: Any) -> AsyncIterator[Served]:
    """A hub that tells this receiver."""
    given = {"webhook_url": receiver.url, **QUICK, **limits}
    async with serving(db, KINDS, secrets=(Secret(SECRET),), **given) as hub:
        yield hub


@pytest.fixture
async def receiver() -> AsyncIterator[Played]:
    async with receiving() as one:
        yield one


async def soon(awaitable: Awaitable[T]) -> T:
    """What it gives, within bounds."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def types(heard: list[Heard]) -> list[str]:
    return [one.told["type"] for one in heard]


def kept(db: Path) -> list[tuple[str, int, bool]]:
    """What is stored: what happened, how often it was told in vain, and whether it is given up."""
    with closing(sqlite3.connect(db)) as reading:
        rows = reading.execute("SELECT body, tries, given_up_at IS NOT NULL FROM notices ORDER BY n").fetchall()
    return [(msgspec.json.decode(body)["type"], tries, bool(given_up)) for body, tries, given_up in rows]


async def finished(hub: Served, count: int = 1) -> list[str]:
    """Jobs that succeeded."""
    jobs = []
    for _ in range(count):
        work = await hub.outside()
        await work.finish()
        jobs.append(work.id)
    return jobs


# ── What is told ──────────────────────────────────────────────────────────────


async def test_a_stall_a_loss_and_the_end_are_told_in_order_as_the_specification_has_it(
    db: Path, receiver: Played
) -> None:
    async with telling(db, receiver, lease_s=0.2) as hub:
        work = await hub.started("stalls", params={"path": "secret.csv"})
        await soon(receiver.until(2))
        await work.finish(result={"rows": 3})
        heard = await soon(receiver.until(3))
    assert types(heard) == ["job.stalled", "job.lost", "job.ended"]
    assert all(verified(one) for one in heard)
    assert [one.headers["content-type"] for one in heard] == ["application/json"] * 3
    assert len({one.id for one in heard}) == 3
    assert not any("." in one.id for one in heard)
    assert [one.told["data"]["status"] for one in heard] == ["running", "lost", "succeeded"]
    assert heard[0].told["data"]["stalled"] is True
    assert heard[0].told["timestamp"].endswith("Z")
    assert not any({"params", "result", "attempts"} & one.told["data"].keys() for one in heard)
    assert b"secret.csv" not in heard[2].body.replace(b"stalls secret.csv", b"")
    assert kept(db) == []


async def test_each_stall_is_told_once(db: Path, receiver: Played) -> None:
    async with telling(db, receiver, webhook_events="stalled") as hub:
        work = await hub.started("stalls")
        await soon(receiver.until(1))
        await work.report(done=1)
        await soon(receiver.until(2))
        await work.finish()
        await finished(hub)
        assert (await hub.events(work.id)).count("stalled") == len(receiver.heard) == 2


async def test_an_attempt_that_another_follows_is_no_end(db: Path, receiver: Played) -> None:
    async with telling(db, receiver) as hub:
        work = await hub.started("unlucky")
        for _ in range(2):
            await work.finish("failed")
            work = await hub.taken_up()
        await work.finish("failed")
        heard = await soon(receiver.until(1))
        assert [one.about for one in heard] == [("job.ended", work.id)]
        assert heard[0].told["data"]["status"] == "failed"


async def test_a_secret_that_is_changed_signs_beside_the_old_one(db: Path, receiver: Played) -> None:
    new = Secret("whsec_" + "QUJD" * 8)
    given: dict[str, Any] = {"webhook_url": receiver.url, **QUICK}
    async with serving(db, secrets=(new, Secret(SECRET)), **given) as hub:
        await finished(hub)
        [heard] = await soon(receiver.until(1))
    assert verified(heard, KEY)
    assert verified(heard, b"ABC" * 8)
    assert not verified(heard, b"x" * 32)


async def test_what_was_told_outlives_its_job(db: Path, receiver: Played) -> None:
    receiver.moods = ["hang", 500, 200]
    async with telling(db, receiver) as hub:
        [job] = await finished(hub)
        await soon(receiver.until(1, taken=False))
        assert (await hub.http.delete(f"/api/jobs/{job}")).status_code == 204
        assert [one.about for one in await soon(receiver.until(1))] == [("job.ended", job)]


# ── What the receiver answers ─────────────────────────────────────────────────


async def test_what_is_not_taken_is_told_again_as_the_same(db: Path, receiver: Played) -> None:
    refusing: list[Mood] = [500, 429, 404, 301, "cut", "hang", "drip"]
    receiver.moods = [*refusing, 200]
    receiver.headers = {"location": receiver.url}
    async with telling(db, receiver) as hub:
        await finished(hub)
        [taken] = await soon(receiver.until(1))
        assert {one.id for one in receiver.heard} == {taken.id}
        assert len(receiver.heard) > len(refusing)
        assert all(verified(one) for one in receiver.heard)
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.delivered == 1)
        assert hub.service.webhook is not None
        assert hub.service.webhook.failed >= len(refusing)  # more on a machine that is too busy to answer in time


async def test_an_answer_without_end_is_not_read(db: Path, receiver: Played) -> None:
    receiver.moods = ["endless", 200]
    async with telling(db, receiver, webhook_timeout_s=60.0) as hub:
        await finished(hub, 2)
        assert types(await soon(receiver.until(2))) == ["job.ended"] * 2


async def test_a_receiver_that_asks_for_time_gets_it(db: Path, receiver: Played) -> None:
    receiver.moods, receiver.headers = [503, 200], {"retry-after": "3600"}
    async with telling(db, receiver, webhook_backoff_max_s=1_000.0) as hub:
        await finished(hub)
        await soon(receiver.until(1, taken=False))
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.failed == 1)
        await hub.service.hub.store.flush()
        notice = await hub.service.hub.store.next_notice()
    assert notice is not None
    assert notice.next_at - notice.at >= 1_000_000
    assert kept(db) == [("job.ended", 1, False)]


async def test_one_that_nobody_takes_is_given_up_and_the_next_has_its_turn(
    db: Path, receiver: Played, caplog: pytest.LogCaptureFixture
) -> None:
    async with telling(db, receiver, webhook_tries=2) as hub:
        refused = await hub.outside()
        receiver.about = {refused.id: 500}
        await refused.finish()
        [told] = await finished(hub)
        await soon(receiver.until(1))
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.given_up == 1)
    assert kept(db) == [("job.ended", 2, True)]
    assert Counter(one.about[1] for one in receiver.heard) == {refused.id: 2, told: 1}
    assert "is given up after 2 tries: it answered 500" in caplog.text


async def test_one_that_is_too_old_is_given_up(db: Path, receiver: Played) -> None:
    receiver.moods = [500]
    async with telling(db, receiver, webhook_give_up_s=0.001) as hub:
        await finished(hub)
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.given_up == 1)
    assert kept(db) == [("job.ended", 1, True)]


async def test_a_receiver_that_is_gone_is_told_nothing_any_more(db: Path, receiver: Played) -> None:
    receiver.moods = [410]
    async with telling(db, receiver) as hub:
        await finished(hub)
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.given_up == 1)
        await finished(hub, 3)
    assert len(receiver.heard) == 1
    assert kept(db) == [("job.ended", 1, True)]


async def test_beyond_the_bound_the_oldest_are_given_up(
    db: Path, receiver: Played, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.moods = [500]
    async with telling(db, receiver, webhook_waiting=3, webhook_backoff_s=60.0, webhook_backoff_max_s=60.0) as hub:
        await finished(hub, 6)
        await hub.until(lambda: hub.service.webhook and hub.service.webhook.given_up == 3)
        assert hub.service.webhook is not None
        assert hub.service.webhook.waiting == 3
    assert [given_up for _, _, given_up in kept(db)] == [True] * 3 + [False] * 3
    assert "more than 3 notices wait" in caplog.text


# ── Nobody waits for it ───────────────────────────────────────────────────────


async def test_of_each_job_the_oldest_is_told_first_however_often_it_fails(db: Path, receiver: Played) -> None:
    receiver.moods = [500, 503, "cut", 500, 200]
    async with telling(db, receiver, lease_s=0.1) as hub:
        works = [await hub.started("stalls"), await hub.started("stalls")]
        for work in works:
            viewer = await hub.watching(f"job:{work.id}")
            await viewer.job(work.id, status="lost")
            await work.finish()
        await soon(receiver.until(6))
    for work in works:
        told = [kind for kind, job in (one.about for one in receiver.taken) if job == work.id]
        assert told == ["job.stalled", "job.lost", "job.ended"]


async def test_a_receiver_that_is_away_hangs_and_fails_gets_all_of_it_over_a_kill_of_the_hub(tmp_path: Path) -> None:
    port = free_port()
    told = {
        "BARCAST_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook?token=of-the-receiver",
        "BARCAST_WEBHOOK_SECRET": SECRET,
        "BARCAST_WEBHOOK_BACKOFF_S": "0.05",
        "BARCAST_WEBHOOK_BACKOFF_MAX_S": "0.2",
        "BARCAST_WEBHOOK_TIMEOUT_S": "600",
        "BARCAST_WEBHOOK_EVENTS": "ended",
    }
    with hub_process(tmp_path / "hub.db", **told) as first:
        jobs = await asyncio.to_thread(end_jobs, first, 3)  # nobody is there
        async with receiving(port) as receiver:
            receiver.moods = ["hang", 500, 500, 200]
            await soon(receiver.until(1, taken=False))
            jobs += await asyncio.to_thread(end_jobs, first, 3)  # it hangs, for ten minutes
            await asyncio.to_thread(first.kill)
            with hub_process(tmp_path / "hub.db", **told) as second:
                await soon(receiver.until(6))
                receiver.moods = ["hang"]
                await asyncio.to_thread(end_jobs, second, 1)
                await soon(receiver.until(len(receiver.heard) + 1, taken=False))
                assert await asyncio.to_thread(second.stop) == 0  # it hangs again, and nobody waits
                log = second.log()
        assert {one.about[1] for one in receiver.taken} == set(jobs)
        assert all(verified(one) for one in receiver.heard)
        assert len({one.id for one in receiver.taken}) == 6
    assert kept(tmp_path / "hub.db") == [("job.ended", 0, False)]
    assert "took no notice: it could not be asked: ConnectError" in log
    assert "takes notices again" in log
    assert SECRET not in log
    assert SECRET[6:20] not in log
    assert "of-the-receiver" not in log


def end_jobs(hub: HubProcess, count: int) -> list[str]:
    """Jobs that end; that they do is answered, whatever the receiver does."""
    jobs = [hub.post("/api/jobs", {"kind": "nightly", "external": True})["id"] for _ in range(count)]
    for job in jobs:
        assert hub.post(f"/api/jobs/{job}/finish", {"outcome": "succeeded"})["acked"] == 1
    return jobs


async def test_a_name_is_looked_up_and_one_that_is_none_is_said() -> None:
    assert set(await soon(addresses("localhost", 80))) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r"."):
        await soon(addresses("nobody.invalid", 80))


def test_a_name_server_that_is_silent_holds_up_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        released.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)

    async def ask() -> Answer:
        receiver = Receiver("http://nobody.example/hook", 0.05)
        answer = await receiver.post(b"{}", {})
        await receiver.close()
        return answer

    assert asyncio.run(ask()).why == "it did not answer within 0.05 s"  # the loop has ended, the look-up has not
    released.set()
    for thread in threading.enumerate():
        if thread.name == "webhook look-up":
            thread.join()


async def test_a_receiver_is_found_by_its_name(db: Path, receiver: Played) -> None:
    url = receiver.url.replace("127.0.0.1", "localhost")
    async with telling(db, receiver, webhook_url=url) as hub:
        await finished(hub)
        [heard] = await soon(receiver.until(1))
    assert heard.headers["host"] == f"localhost:{receiver.port}"


# ── Who may know the secret ───────────────────────────────────────────────────


async def test_nothing_that_is_served_or_shown_tells_the_secret(db: Path, receiver: Played) -> None:
    with all_that_is_logged() as said:
        async with telling(db, receiver) as hub:
            await finished(hub)
            await soon(receiver.until(1))
            shown = [
                (await hub.http.get(path)).text for path in ("/metrics", "/api/summary", "/api/jobs", "/openapi.json")
            ]
            shown += [repr(hub.service.settings), repr(vars(hub.service)), repr(hub.service.webhook)]
    for text in [*shown, *said]:
        assert SECRET[6:20] not in text


@contextmanager
def all_that_is_logged() -> Iterator[list[str]]:
    """What anybody says meanwhile, at any level: libraries, too."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    listener, logger = Listener(), logging.getLogger()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        logger.setLevel(level)
        logger.removeHandler(listener)


def test_a_webhook_without_a_secret_is_refused(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BARCAST_WEBHOOK_SECRET", raising=False)
    with pytest.raises(Invalid, match=r"^BARCAST_WEBHOOK_SECRET: expected whsec_ and 24 to 64 bytes in base64"):
        create_app(db, settings=Settings(webhook_url="https://example.org/hook"))
    monkeypatch.setenv("BARCAST_WEBHOOK_SECRET", SECRET)
    create_app(db, settings=Settings(webhook_url="https://example.org/hook"))


def test_a_child_does_not_get_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARCAST_WEBHOOK_SECRET", SECRET)
    order = WorkOrder(job="j1", attempt=1, kind="k", title="T", params={}, token="t", modules=[], address_file="")
    assert SECRET not in _environment(order).values()
