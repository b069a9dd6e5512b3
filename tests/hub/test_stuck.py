"""Stuck work in a running hub: it is found, reset, and ended once, whoever comes back at that moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.hub.serving import IMPORT, UNLUCKY, Gate, Message, Served, Worker, serving, soon
from tests.hub.test_http import problem

STUBBORN = msgspec.structs.replace(UNLUCKY, kind="stubborn", retries=1, stall_s=0.05)
ONCE = msgspec.structs.replace(IMPORT, kind="once", stall_s=0.05)
KINDS = (STUBBORN, ONCE)
ROUNDS = 5


async def stuck(hub: Served, kind: str = "stubborn") -> Worker:
    """A worker that says nothing any more, and whose job is seen to be stalled."""
    work = await hub.started(kind)
    await work.store("checkpoint", data={"row": 5}, done=5)
    viewer = await hub.watching(f"job:{work.id}")
    await viewer.job(work.id, stalled=True)
    return work


async def listed(hub: Served, **query: str) -> list[str]:
    answer = await hub.http.get("/api/jobs", params={"stuck": "true", **query})
    return [job["id"] for job in answer.json()["jobs"]]


async def reset(hub: Served, work: Worker, **body: object) -> httpx.Response:
    return await hub.http.post(f"/api/jobs/{work.id}/reset", json=body)


def outcomes(job: Message) -> list[str]:
    return [attempt["outcome"] for attempt in job["attempts"]]


# ── Finding it ────────────────────────────────────────────────────────────────


async def test_what_is_stalled_or_lost_is_listed_and_nothing_else(db: Path) -> None:
    async with serving(db, KINDS, lease_s=0.2, jobs_at_once=2) as hub:
        ended, still = await hub.started("once"), await hub.started("once")
        viewer = await hub.watching(f"job:{still.id}")
        await ended.finish()
        assert ended.id not in await listed(hub)
        await viewer.job(still.id, stalled=True)
        assert await listed(hub) == [still.id]
        await viewer.job(still.id, status="lost")
        assert await listed(hub) == [still.id] == await listed(hub, kind="once", status="lost")
        assert await listed(hub, kind="stubborn") == []
        await still.report(done=1)
        await viewer.job(still.id, status="running", stalled=False)


async def test_whether_it_is_to_be_stuck_is_true_or_false(hub: Served) -> None:
    work = await hub.outside()
    assert await listed(hub) == []
    assert await listed(hub, stuck="false") == [work.id]
    problem(await hub.http.get("/api/jobs", params={"stuck": "yes"}), 422, "invalid", "stuck")


# ── Resetting it ──────────────────────────────────────────────────────────────


async def test_a_reset_ends_the_attempt_and_the_next_goes_on_from_the_checkpoint(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        old = await stuck(hub)
        answer = await reset(hub, old, reason="the disk hangs")
        assert (answer.status_code, answer.json()["status"], answer.json()["attempt"]) == (202, "queued", 2)
        told = await old.next("revoked")
        assert (told["job"], told["attempt"], told["reason"]) == (old.id, 1, "reset: the disk hangs")
        new = await hub.taken_up()
        assert (new.id, new.attempt, new.opened["checkpoint"]["data"]) == (old.id, 2, {"row": 5})
        assert hub.launcher.stopped[0] == (old.id, 1)
        assert (await old.refused("finish", n=2, outcome="succeeded"))["type"] == "revoked"
        await new.finish()
        assert outcomes(await hub.job(old.id)) == ["lost", "succeeded"]


async def test_the_last_attempt_fails_and_says_why(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await stuck(hub, "once")
        job = (await reset(hub, work)).json()
        assert (job["status"], job["error"]["type"], outcomes(job)) == ("failed", "WorkerLost", ["lost"])
        assert (await hub.events(work.id))[-2:] == ["reset", "attempt_lost"]


async def test_what_gets_on_is_left_alone_unless_it_is_forced(hub: Served) -> None:
    work = await hub.started()
    refused = problem(await reset(hub, work), 409, "conflict")
    assert refused["detail"] == "expected a job that is stalled or lost, got one that is running; see `force`"
    assert (await hub.job(work.id))["status"] == "running"
    assert (await reset(hub, work, force=True)).json()["status"] == "failed"


async def test_a_reset_is_answered_once_it_is_stored(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await stuck(hub)
        gate = Gate(hub.service.hub.store)
        gate.shut()
        asked = asyncio.create_task(reset(hub, work))
        await soon(gate.reached.wait())
        assert not asked.done()
        assert (await hub.job(work.id))["attempt"] == 1
        gate.open()
        assert (await soon(asked)).json()["attempt"] == 2


# ── By itself ─────────────────────────────────────────────────────────────────


async def test_a_silent_worker_is_lost_after_its_lease_and_given_up_after_the_hub_s_patience(db: Path) -> None:
    async with serving(db, KINDS, lease_s=0.1, give_up_s=0.1) as hub:
        old = await hub.started("stubborn")
        await old.store("checkpoint", data={"row": 5}, done=5)
        new = await hub.taken_up()
        assert (new.id, new.attempt, new.opened["checkpoint"]["data"]) == (old.id, 2, {"row": 5})
        assert (old.id, 1) in hub.launcher.stopped
        assert (await old.refused("finish", n=2, outcome="succeeded"))["type"] == "revoked"
        told = await hub.events(old.id)
        assert told.index("lost") < told.index("attempt_lost") < told.index("retry_scheduled")
        assert outcomes(await hub.job(old.id)) == ["lost"]


async def test_a_worker_that_is_heard_again_in_time_keeps_its_attempt(db: Path) -> None:
    async with serving(db, KINDS, lease_s=0.1) as hub:
        work = await hub.started("stubborn")
        viewer = await hub.watching(f"job:{work.id}")
        await viewer.job(work.id, status="lost")
        await work.finish()
        assert outcomes(await hub.job(work.id)) == ["succeeded"]


# ── At the same moment ────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", ["finish", "reset"])
async def test_a_reset_at_the_moment_of_the_end_leaves_one_of_them(db: Path, first: str) -> None:
    async with serving(db, KINDS, requests_per_minute=10_000) as hub:
        for _ in range(ROUNDS):
            work = await hub.started("once")
            if first == "finish":
                await work.tell("finish", outcome="succeeded")
                answer = await reset(hub, work, force=True)
            else:
                asked = asyncio.create_task(reset(hub, work, force=True))
                await work.tell("finish", outcome="succeeded")
                answer = await soon(asked)
            await work.until(lambda message: message["type"] in ("ack", "revoked"))
            job = await hub.job(work.id)
            assert outcomes(job) == (["lost"] if answer.status_code == 202 else ["succeeded"])
            assert answer.status_code in (202, 409)
            ends = [event for event in await hub.events(work.id) if event.startswith("attempt_")]
            assert ends == [f"attempt_{outcomes(job)[0]}"]
            work.leave()
