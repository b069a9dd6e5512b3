"""The hub tries again by itself, over restarts too, and never beside what is left of the attempt before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from hub.launch import Handout, KindInfo
from hub.protocol import Finish, Open
from hub.view import Status
from tests.hub.serving import IMPORT, UNLUCKY, Inside, Message, Served, Worker, serving, soon

PATIENT = msgspec.structs.replace(UNLUCKY, kind="patient", backoff_s=600.0, backoff_max_s=600.0)
HASTY = msgspec.structs.replace(UNLUCKY, kind="hasty", timeout_s=0.05, grace_s=0.05)
SLOW = msgspec.structs.replace(IMPORT, kind="slow", timeout_s=0.05)
COROUTINE = KindInfo(kind="coroutine", title="C", doc="", params={}, runs_in="loop", grace_s=0.05, retries=1)
KINDS = (UNLUCKY, PATIENT, HASTY, SLOW, COROUTINE)


def outcomes(job: Message) -> list[str]:
    return [attempt["outcome"] for attempt in job["attempts"]]


async def beginning(hub: Served, kind: str) -> Handout:
    """A job of this kind, as it is handed out."""
    (await hub.http.post("/api/jobs", json={"kind": kind})).raise_for_status()
    return await hub.handed_out()


async def opened_inside(hub: Served, handout: Handout) -> Inside:
    work = Inside(hub.launcher, handout)
    work.say(Open(id=1, job=work.job, attempt=work.attempt))
    await work.hear()
    return work


# ── By itself ─────────────────────────────────────────────────────────────────


async def test_work_that_fails_is_started_again_from_its_checkpoint_until_none_is_left(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("unlucky")
        feed = await hub.watching(f"job:{work.id}")
        await work.store("checkpoint", data={"row": 5}, done=5)
        for attempt in (1, 2):
            await work.finish("failed", error={"type": "E", "message": f"failure {attempt}"})
            work = await hub.taken_up()
            assert (work.attempt, work.opened["acked"]) == (attempt + 1, 0)
            assert work.opened["checkpoint"]["data"] == {"row": 5}
        await work.finish("failed")
        job = await feed.job(work.id, status="failed")
        assert (outcomes(job), job["max_attempts"]) == (["failed"] * 3, 3)
        assert [attempt["error"] and attempt["error"]["message"] for attempt in job["attempts"]] == [
            "failure 1", "failure 2", None,
        ]  # fmt: skip
        assert (await hub.events(work.id)).count("retry_scheduled") == 2
        assert feed.holes == []


async def test_the_numbers_of_every_attempt_are_acknowledged_anew(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("unlucky")
        await work.store("entry", level="info", text="one")
        await work.finish("failed")
        again = await hub.taken_up()
        await again.store("entry", level="info", text="two")
        assert again.n == 1
        await again.finish()
        assert (await hub.job(work.id))["status"] == "succeeded"


async def test_a_process_that_is_killed_is_started_again(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("unlucky")
        hub.launcher.exited(work.id, 1, "killed by SIGKILL")
        again = await hub.taken_up()
        await again.finish()
        assert outcomes(await hub.job(work.id)) == ["lost", "succeeded"]


async def test_work_that_cannot_be_started_is_tried_again(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        hub.launcher.refuses = "no more processes"
        job = (await hub.http.post("/api/jobs", json={"kind": "unlucky"})).json()["id"]
        feed = await hub.watching("jobs")
        await feed.job(job, attempt=2)
        hub.launcher.refuses = None
        assert (await hub.handed_out()).job == job


async def test_an_attempt_that_could_not_be_started_does_not_fail_the_one_after_it(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        launcher = hub.launcher
        launcher.comes_up.clear()
        launcher.refuses = "no more processes"
        job = (await hub.http.post("/api/jobs", json={"kind": "unlucky"})).json()["id"]
        await soon(launcher.asked.wait())
        launcher.refuses = None
        await hub.http.post(f"/api/jobs/{job}/cancel")
        await hub.http.post(f"/api/jobs/{job}/retry")
        launcher.comes_up.set()
        again = await hub.taken_up()
        assert (again.id, again.attempt) == (job, 2)
        assert outcomes(await hub.job(job)) == ["cancelled"]


async def test_a_failure_that_says_so_is_final(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("unlucky")
        await work.finish("failed", retry=False)
        assert (await hub.job(work.id))["status"] == "failed"


async def test_a_job_that_waits_for_its_time_holds_no_slot_and_has_no_place_in_the_queue(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        work = await hub.started("patient")
        await work.finish("failed")
        job = await hub.job(work.id)
        assert (job["status"], job["attempt"], job["queue_position"]) == ("queued", 2, None)
        assert 300_000 <= job["retry_at"] - job["attempts"][0]["finished_at"] <= 600_000
        other = await hub.started("patient")
        await other.finish()


async def test_a_waiting_job_is_brought_forward_by_hand(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("patient")
        await work.finish("failed")
        viewer = await hub.viewer()
        answer = await viewer.ask("retry", job=work.id)
        assert (answer["job"]["attempt"], answer["job"]["retry_at"]) == (2, None)
        assert (await hub.taken_up()).attempt == 2
        assert (await viewer.ask("retry", job=work.id))["code"] == "conflict"


async def test_a_cancel_wins_over_the_attempt_to_come(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("patient")
        await work.finish("failed")
        answer = await hub.http.post(f"/api/jobs/{work.id}/cancel")
        assert (answer.json()["status"], answer.json()["retry_at"]) == ("cancelled", None)
        answer = await hub.http.post(f"/api/jobs/{work.id}/retry")
        assert (answer.json()["attempt"], answer.json()["max_attempts"]) == (3, 5)
        assert (await hub.taken_up()).attempt == 3


async def test_a_waiting_job_waits_on_over_a_restart(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("patient")
        await work.finish("failed")
        before = await hub.job(work.id)
        await hub.service.restart()
    async with serving(db, KINDS) as hub:
        after = await hub.job(work.id)
        for name in ("status", "attempt", "retry_at", "max_attempts", "attempts"):
            assert after[name] == before[name], name
        assert hub.service.runner.schedule.positions() == {}
        assert hub.launcher.handouts.empty()
        await hub.http.post(f"/api/jobs/{work.id}/retry")
        assert (await hub.taken_up()).attempt == 2


async def test_since_when_a_lost_worker_is_silent_is_told_while_the_next_attempt_waits_also_after_a_restart(
    db: Path,
) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("patient")
        heard_at = (await hub.job(work.id))["heard_at"]
        feed = await hub.watching("jobs")
        hub.launcher.exited(work.id, 1, "killed by SIGKILL")
        await feed.job(work.id, status="queued")
        assert (await hub.job(work.id))["heard_at"] == heard_at
        await hub.service.restart()
    async with serving(db, KINDS) as hub:
        assert (await hub.job(work.id))["heard_at"] == heard_at


async def test_a_job_whose_time_came_while_no_hub_was_there_is_started_by_the_next(db: Path) -> None:
    kind = msgspec.structs.replace(UNLUCKY, backoff_s=0.3)
    async with serving(db, (kind,)) as hub:
        work = await hub.started("unlucky")
        await work.finish("failed")
        assert (await hub.job(work.id))["status"] == "queued"
    async with serving(db, (kind,)) as hub:
        assert (await hub.taken_up()).attempt == 2


async def test_a_queued_job_of_a_kind_that_the_next_hub_does_not_know_fails_alone(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        await hub.started("slow")
        job = (await hub.http.post("/api/jobs", json={"kind": "slow"})).json()["id"]
    async with serving(db, (IMPORT,)) as hub:
        feed = await hub.watching("jobs")
        failed = await feed.job(job, status="failed")
        assert failed["error"]["type"] == "LaunchError"


# ── Nothing beside what is left of the attempt before ─────────────────────────


async def failed_but_there(hub: Served) -> Worker:
    """Work that said its end, and whose process has not ended."""
    work = await hub.started("unlucky")
    process, work.leave = work.leave, lambda: None
    await work.finish("failed")
    work.leave = process
    await hub.until(lambda: hub.service.hub.jobs[work.id].job.state.retry_at is None)
    return work


async def test_the_next_attempt_waits_for_the_process_of_the_one_before(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await failed_but_there(hub)
        await hub.http.get("/healthz")
        assert (hub.launcher.handouts.empty(), hub.launcher.stopped) == (True, [])
        work.leave()
        assert (await hub.handed_out()).attempt == 2
        assert hub.launcher.stopped == [(work.id, 1)]


async def test_a_process_that_outstays_its_end_is_ended_before_the_next_attempt(db: Path) -> None:
    async with serving(db, (msgspec.structs.replace(UNLUCKY, grace_s=0.05),)) as hub:
        work = await failed_but_there(hub)
        assert (await hub.handed_out()).attempt == 2
        assert hub.launcher.stopped == [(work.id, 1)]


async def test_what_does_not_die_holds_the_next_attempt_back_until_it_does(
    db: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hub.starter.AGAIN_S", 0.01)
    monkeypatch.setattr("hub.starter.AGAIN_MOST_S", 0.02)
    async with serving(db, (msgspec.structs.replace(UNLUCKY, grace_s=0.05),)) as hub:
        hub.launcher.dies = False
        work = await failed_but_there(hub)
        await hub.until(lambda: len(hub.launcher.stopped) > 2)
        assert hub.launcher.handouts.empty()
        hub.launcher.dies = True
        assert (await hub.handed_out()).attempt == 2
        assert set(hub.launcher.stopped) == {(work.id, 1)}
        line = next(record for record in caplog.records if "does not end" in record.getMessage())
        assert (line.__dict__["job"], line.__dict__["attempt"]) == (work.id, 1)


async def test_an_attempt_that_was_cancelled_while_it_waited_for_the_one_before_is_not_started(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await failed_but_there(hub)
        assert (await hub.http.post(f"/api/jobs/{work.id}/cancel")).json()["status"] == "cancelled"
        await hub.http.post(f"/api/jobs/{work.id}/retry")
        work.leave()
        handout = await hub.handed_out()
        assert (handout.job, handout.attempt) == (work.id, 3)
        assert hub.launcher.handouts.empty()


async def test_a_lost_worker_that_is_given_up_is_ended_before_the_next_attempt_starts(db: Path) -> None:
    async with serving(db, KINDS, lease_s=0.05, give_up_s=0.05) as hub:
        work = await hub.started("unlucky")
        handout = await hub.handed_out()
        assert (handout.job, handout.attempt) == (work.id, 2)
        assert (work.id, 1) in hub.launcher.stopped
        assert (await work.refused("report", done=9))["type"] == "revoked"
        assert outcomes(await hub.job(work.id)) == ["lost"]


# ── Time-outs and force ───────────────────────────────────────────────────────


async def test_work_that_takes_too_long_is_told_to_stop_and_has_failed(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("slow")
        order = await work.next("cancel")
        assert (order["reason"], order["grace_s"]) == ("took longer than 0.05 s", 10.0)
        job = await hub.job(work.id)
        assert (job["status"], job["cancel"], job["timeout_s"]) == ("running", None, 0.05)
        await work.say("cancel_received", job=work.id, attempt=1)
        await work.store("cancel_ack", message="rolling back")
        await work.finish("cancelled")
        job = await hub.job(work.id)
        assert (job["status"], job["error"]) == (
            "failed", {"type": "TimedOut", "message": "took longer than 0.05 s"},
        )  # fmt: skip
        assert "cancel_requested" not in await hub.events(work.id)


async def test_a_worker_that_comes_back_is_told_that_it_took_too_long(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        handout = await beginning(hub, "slow")
        work = await hub.worker(handout.token)
        await work.open(job=handout.job, attempt=1)
        await work.next("cancel")
        back = await hub.worker(handout.token)
        opened = await back.open(job=handout.job, attempt=1)
        assert opened["cancel"] == {"reason": "took longer than 0.05 s", "by": None, "grace_s": 10.0}


async def test_a_process_that_does_not_stop_when_its_time_is_over_is_ended_and_tried_again(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("hasty")
        again = await hub.handed_out()
        assert (again.job, again.attempt) == (work.id, 2)
        assert hub.launcher.stopped[0] == (work.id, 1)
        job = await hub.job(work.id)
        assert (outcomes(job), job["attempts"][0]["error"]["type"]) == (["failed"], "TimedOut")


async def test_a_coroutine_that_ignores_a_cancel_is_ended_by_force(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await opened_inside(hub, await beginning(hub, "coroutine"))
        viewer = await hub.watching(f"job:{work.job}")
        await viewer.ask("cancel", job=work.job)
        job = await viewer.job(work.job, status="cancelled")
        assert (job["cancel"]["how"], hub.launcher.stopped) == ("forced", [(work.job, 1)])


async def test_a_coroutine_that_is_not_to_be_ended_so_goes_on_being_cancelled(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        hub.launcher.dies = False
        work = await opened_inside(hub, await beginning(hub, "coroutine"))
        await hub.http.post(f"/api/jobs/{work.job}/cancel", json={"force": True})
        await hub.until(lambda: hub.launcher.stopped)
        assert (await hub.job(work.job))["status"] == "cancelling"
        work.say(Finish(job=work.job, attempt=1, n=1, outcome="cancelled"))
        await hub.until(lambda: hub.service.hub.jobs[work.job].job.state.status is Status.CANCELLED)


# ── Tried again elsewhere ─────────────────────────────────────────────────────


async def test_work_from_outside_is_tried_again_by_whoever_runs_it(hub: Served) -> None:
    work = await hub.outside(key="task-1", max_attempts=4)
    await work.finish("failed", error={"type": "E", "message": "m"}, retry_in_s=60.0)
    job = await hub.job(work.id)
    assert (job["status"], job["attempt"], job["max_attempts"]) == ("queued", 2, 4)
    assert (await hub.http.post(f"/api/jobs/{work.id}/retry")).status_code == 409
    again = await hub.outside(key="task-1")
    assert (again.id, again.attempt, again.opened["status"]) == (work.id, 2, "running")
    await again.finish()
    assert outcomes(await hub.job(work.id)) == ["failed", "succeeded"]


async def test_the_most_attempts_that_anybody_told_are_shown(hub: Served) -> None:
    order = {"kind": "sync", "external": True, "key": "task-1", "max_attempts": 2}
    job = (await hub.http.post("/api/jobs", json=order)).json()
    assert job["max_attempts"] == 2
    viewer = await hub.watching(f"job:{job['id']}")
    await hub.outside(key="task-1", max_attempts=4)
    await viewer.job(job["id"], status="running", max_attempts=4)
    await hub.outside(key="task-1", max_attempts=1)
    assert (await hub.job(job["id"]))["max_attempts"] == 4


async def test_the_next_attempt_from_outside_may_begin_with_its_first_report_on_the_same_socket(hub: Served) -> None:
    work = await hub.outside()
    await work.finish("failed", retry_in_s=0.0)
    feed = await hub.watching(f"job:{work.id}")
    work.attempt = 2
    await work.report(done=1)
    await feed.job(work.id, status="running", attempt=2, done=1)
    assert await hub.events(work.id) == ["created", "started", "attempt_failed", "retry_scheduled", "started"]


async def test_a_waiting_job_from_outside_is_left_alone_by_a_restart(db: Path) -> None:
    async with serving(db) as hub:
        work = await hub.outside()
        await work.finish("failed", retry_in_s=0.0)
    async with serving(db) as hub:
        job = await hub.job(work.id)
        assert (job["status"], job["attempt"]) == ("queued", 2)
        back = await hub.worker()
        assert (await back.open(job=work.id, attempt=2))["status"] == "running"


async def test_a_stop_does_not_wait_for_attempts_to_come(db: Path) -> None:
    async with serving(db, KINDS) as hub:
        work = await hub.started("patient")
        await work.finish("failed")
        await soon(asyncio.ensure_future(hub.service.stop()))
        assert (await hub.job(work.id))["status"] == "queued"
