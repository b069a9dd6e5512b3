"""What the protocol offers workers, as a stranger's worker gets it over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from hub.launch import KindInfo
from hub.store import Write
from tests.hub.serving import Gate, Message, Served, serving, soon

SLOW = KindInfo(kind="slow", title="Slow", doc="", params={}, retries=0, grace_s=0.05)


# ── Opening ───────────────────────────────────────────────────────────────────


async def test_work_that_starts_elsewhere_is_opened_by_kind_and_runs_from_here_on(hub: Served, encoding: str) -> None:
    worker = await hub.worker(encoding=encoding)
    opened = await worker.open(
        kind="sync", title="Nightly", params={"a": 1}, phases=[{"name": "Load"}], total=10, unit="rows", tags={"t": "1"}
    )
    settings = hub.service.settings
    assert {**opened, "job": ""} == {
        "type": "opened", "id": "open-1", "job": "", "attempt": 1, "status": "running", "acked": 0,
        "lease_s": settings.lease_s, "report_interval_s": settings.report_interval_s, "checkpoint": None,
        "cancel": None, "history": None,
    }  # fmt: skip
    job = await hub.job(worker.id)
    assert (job["status"], job["title"], job["params"], job["tags"]) == ("running", "Nightly", {"a": 1}, {"t": "1"})
    assert [phase["name"] for phase in job["phases"]] == ["Load"]
    assert await hub.events(worker.id) == ["created", "started"]


async def test_several_jobs_share_one_socket(hub: Served) -> None:
    worker = await hub.worker()
    jobs = [(await worker.open(kind="sync", title=f"{number}"))["job"] for number in range(3)]
    for number, job in enumerate(jobs):
        await worker.say("report", job=job, attempt=1, done=number)
        await worker.say("entry", job=job, attempt=1, n=1, level="info", text=f"of {number}")
    for job in jobs:
        await worker.next("ack", job=job, n=1)
    assert [(await hub.job(job))["done"] for job in jobs] == [0, 1, 2]


async def test_work_opened_twice_under_one_key_is_one_job(hub: Served) -> None:
    one, two = await hub.outside(key="k"), await hub.outside(key="k")
    assert one.id == two.id
    assert (await one.next("revoked"))["reason"] == "another worker took the job"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({}, "invalid", "kind"),
        ({"kind": "no such kind!"}, "invalid", "kind"),
        ({"kind": "sync", "title": ""}, "invalid", "title"),
        ({"kind": "sync", "total": -1}, "invalid", "total"),
        ({"kind": "sync", "phases": [{}]}, "invalid", "phases[0].name"),
        ({"kind": "sync", "phases": [{"name": f"{n}"} for n in range(101)]}, "invalid", "phases"),
        ({"job": "nobody", "attempt": 1}, "not_found", None),
        ({"job": "nobody", "attempt": 0}, "invalid", "attempt"),
    ],
)
async def test_what_cannot_be_opened_is_an_error_that_names_the_field(
    hub: Served, fields: Message, code: str, field: str | None
) -> None:
    worker = await hub.worker()
    answer = await worker.ask("open", **fields)
    assert (answer["type"], answer["code"], answer.get("field")) == ("error", code, field), answer
    assert (await hub.http.get("/api/jobs")).json()["jobs"] == []


async def test_handed_out_work_needs_its_token(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    handout = await hub.handed_out()
    claim = {"job": handout.job, "attempt": handout.attempt}
    assert (await (await hub.worker()).ask("open", **claim))["code"] == "unauthenticated"
    assert (await (await hub.worker("forged")).ask("open", **claim))["code"] == "forbidden"
    assert (await hub.job(handout.job))["status"] == "queued"
    worker = await hub.worker(handout.token)
    assert (await worker.open(**claim))["status"] == "running"


async def test_the_key_of_work_that_the_hub_started_opens_none_from_outside(hub: Served) -> None:
    await hub.started(key="k")
    refused = await (await hub.worker()).ask("open", kind="import-orders", key="k")
    assert (refused["code"], refused["field"]) == ("conflict", "key")


async def test_the_token_of_one_job_does_not_open_another(hub: Served) -> None:
    for _ in range(2):
        await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    one, other = await hub.handed_out(), await hub.handed_out()
    worker = await hub.worker(one.token)
    assert (await worker.ask("open", job=other.job, attempt=1))["code"] == "forbidden"


async def test_work_in_the_hubs_own_process_cannot_be_claimed_over_a_socket(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "inside"})
    handout = await hub.handed_out()
    assert (await (await hub.worker()).ask("open", job=handout.job, attempt=1))["code"] == "unauthenticated"


# ── Reporting ─────────────────────────────────────────────────────────────────


async def test_a_report_sets_what_it_names_and_leaves_the_rest(hub: Served, encoding: str) -> None:
    worker = await hub.worker(encoding=encoding)
    await worker.open(kind="sync", title="t", total=100, unit="rows")
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.report(done=10, counters={"ok": 9, "bad": 1}, message="Ten", worker="host/1")
    await worker.report(done=20)
    job = await viewer.job(worker.id, done=20)
    assert (job["total"], job["unit"], job["counters"]) == (100, "rows", {"ok": 9, "bad": 1})
    assert (job["message"], job["worker"], job["fraction"]) == ("Ten", "host/1", 0.2)
    await worker.report(message=None, total=None)
    job = await viewer.job(worker.id, message=None)
    assert (job["done"], job["total"]) == (20, None)


async def test_a_workers_own_rate_and_time_left_win(hub: Served) -> None:
    worker = await hub.outside(total=100)
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.report(done=1, rate=2.5, eta_s=39.6)
    job = await viewer.job(worker.id, done=1)
    assert (job["rate"], job["eta_s"]) == (2.5, 39.6)


async def test_more_done_than_there_is_is_kept_and_shown_as_all(hub: Served) -> None:
    worker = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.report(done=15)
    job = await viewer.job(worker.id, done=15)
    assert (job["total"], job["fraction"]) == (10, 1.0)


async def test_a_total_that_grows_is_told_in_the_log(hub: Served) -> None:
    worker = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.report(done=5)
    await worker.report(total=20)
    await viewer.entry(worker.id, "total_grew")
    assert (await viewer.job(worker.id, total=20))["fraction"] == 0.25


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"done": -1}, "done"),
        ({"done": "many"}, "done"),
        ({"done": True}, "done"),
        ({"done": 2**53}, "done"),
        ({"total": []}, "total"),
        ({"rate": -0.5}, "rate"),
        ({"phase": 7}, "phase"),
        ({"phase": None}, "phase"),
        ({"counters": {"ok": "3"}}, "counters"),
        ({"counters": {f"{number}": 1 for number in range(101)}}, "counters"),
        ({"message": "x" * 4097}, "message"),
        ({"message": 3}, "message"),
        ({"worker": ""}, "worker"),
        ({"attempt": 2, "done": 3}, "attempt"),
        ({"attempt": 0, "done": 3}, "attempt"),
    ],
)
async def test_a_report_that_breaks_a_rule_is_an_error_and_the_last_good_state_stays(
    hub: Served, fields: Message, field: str
) -> None:
    worker = await hub.outside(total=10, phases=[{"name": "Load", "total": 10}])
    await worker.report(done=4)
    await worker.say("report", **{"job": worker.id, "attempt": 1, **fields})
    error = await worker.next("error")
    assert error["code"] == "invalid"
    assert error["field"].startswith(field), error
    job = await hub.job(worker.id)
    assert (job["done"], job["status"], job["attempt"]) == (4, "running", 1)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_numbers_that_are_none_are_refused(hub: Served, number: str) -> None:
    worker = await hub.outside()
    await worker.socket.send(f'{{"type":"report","job":"{worker.id}","attempt":1,"done":{number}}}')
    assert (await worker.next("error"))["code"] == "malformed"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
async def test_numbers_that_are_none_are_refused_in_messagepack_too(hub: Served, number: float) -> None:
    worker = await hub.worker(encoding="msgpack")
    await worker.open(kind="sync", title="t")
    await worker.report(done=number)
    error = await worker.next("error")
    assert (error["code"], error["field"]) == ("invalid", "done")
    await worker.report(counters={"ok": number})
    assert (await worker.next("error"))["code"] == "invalid"


async def test_a_report_on_a_job_that_was_not_opened_on_this_socket_is_refused(hub: Served) -> None:
    worker, stranger = await hub.outside(), await hub.worker()
    stranger.id, stranger.attempt = worker.id, 1
    assert (await stranger.refused("report", done=3))["type"] == "revoked"
    stranger.id = "nobody"
    assert (await stranger.refused("report", done=3))["code"] == "not_found"


async def test_phases_are_started_in_order_and_the_one_before_is_done(hub: Served) -> None:
    worker = await hub.outside(phases=[{"name": "Load", "total": 10}, {"name": "Check"}])
    await worker.store("phase", name="Load", unit="rows")
    await worker.report(done=10)
    await worker.store("phase", name="Tidy", total=3)
    job = await hub.job(worker.id)
    assert [phase["name"] for phase in job["phases"]] == ["Load", "Tidy", "Check"]
    assert (job["phase"], job["done"], job["total"], job["unit"]) == (1, 0, 3, None)
    load = job["phases"][0]
    assert (load["done"], load["unit"], load["finished_at"] is None) == (10, "rows", False)


# ── Numbers and acknowledgements ──────────────────────────────────────────────


async def test_numbered_messages_are_acknowledged_and_there(hub: Served, encoding: str) -> None:
    worker = await hub.worker(encoding=encoding)
    await worker.open(kind="sync", title="t")
    await worker.store("entry", level="info", text="one")
    await worker.store("checkpoint", data={"row": 1}, done=1)
    await worker.store("artifact", name="a", url="https://example.org/a")
    assert (await hub.service.hub.store.entries(worker.id, after=2))[0].text == "one"
    assert [message["n"] for message in worker.told("ack")][-1] == 3


async def test_a_number_that_comes_twice_is_acknowledged_twice_and_counts_once(hub: Served) -> None:
    worker = await hub.outside()
    await worker.store("entry", level="info", text="once")
    before = len(worker.messages)
    await worker.say("entry", job=worker.id, attempt=1, n=1, level="info", text="once")
    again = await worker.first(lambda message: message["type"] == "ack", before)
    assert again["n"] == 1
    assert await hub.events(worker.id) == ["created", "started", "entry"]


async def test_a_number_that_is_not_due_is_out_of_order_names_the_one_expected_and_is_not_used_up(hub: Served) -> None:
    worker = await hub.outside()
    error = await worker.refused("entry", n=3, level="info", text="third")
    assert (error["code"], error["field"]) == ("out_of_order", "n")
    assert "expected 1" in error["message"]
    await worker.store("entry", level="info", text="first")
    assert worker.n == 1


@pytest.mark.parametrize(
    ("type_", "fields", "code"),
    [
        ("entry", {"level": "shout", "text": "x"}, "invalid"),
        ("entry", {"level": "info", "text": "x" * 4097}, "invalid"),
        ("entry", {"level": "info"}, "invalid"),
        ("checkpoint", {}, "invalid"),
        ("checkpoint", {"data": {"n": 2**53}}, "invalid"),
        ("cancel_ack", {}, "conflict"),
        ("artifact", {"name": "a"}, "invalid"),
        ("artifact", {"name": "a", "url": "ftp://example.org"}, "invalid"),
        ("artifact", {"name": "a", "url": "javascript:alert(1)"}, "invalid"),
        ("artifact", {"name": "a", "path": "/etc/passwd"}, "invalid"),
        ("artifact", {"name": "a", "path": "/a", "url": "https://example.org"}, "invalid"),
        ("finish", {"outcome": "lost"}, "invalid"),
        ("finish", {"outcome": "failed", "error": {"type": "", "message": ""}}, "invalid"),
        ("dance", {}, "unknown_type"),
    ],
)
async def test_a_refused_message_uses_up_no_number(hub: Served, type_: str, fields: Message, code: str) -> None:
    worker = await hub.outside()
    error = await worker.refused(type_, n=1, **fields)
    assert error["code"] == code, error
    await worker.store("entry", level="info", text="first")
    assert await hub.events(worker.id) == ["created", "started", "entry"]


async def test_data_over_the_limit_is_too_large(db: Path) -> None:
    async with serving(db, message_bytes=1024 * 1024) as hub:
        worker = await hub.outside()
        assert (await worker.refused("checkpoint", n=1, data="x" * 65_536))["code"] == "too_large"
        assert (await worker.refused("finish", n=1, outcome="succeeded", result=["x" * 65_536]))["code"] == "too_large"
        await worker.store("checkpoint", data="x" * 65_000)


async def test_a_worker_that_comes_back_learns_what_was_stored_and_goes_on(hub: Served) -> None:
    worker = await hub.outside()
    for number in range(3):
        await worker.store("entry", level="info", text=f"{number}")
    await worker.socket.close()
    back = await hub.worker()
    opened = await back.open(job=worker.id, attempt=1)
    assert (opened["acked"], opened["status"]) == (3, "running")
    await back.store("entry", level="info", text="3")
    assert await hub.events(worker.id) == ["created", "started"] + ["entry"] * 4


async def test_a_worker_that_lost_the_answer_to_its_finish_sees_it_when_it_comes_back(hub: Served) -> None:
    worker = await hub.outside()
    await worker.store("entry", level="info", text="one")
    await worker.finish(result={"rows": 3})
    await worker.socket.close()
    back = await hub.worker()
    opened = await back.open(job=worker.id, attempt=1)
    assert (opened["acked"], opened["status"]) == (2, "succeeded")
    before = len(back.messages)
    await back.say("finish", job=worker.id, attempt=1, n=2, outcome="succeeded")
    assert (await back.first(lambda message: True, before))["type"] == "ack"
    assert (await hub.events(worker.id)).count("attempt_succeeded") == 1


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
async def test_the_same_after_any_outcome_also_for_handed_out_work(hub: Served, outcome: str) -> None:
    await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    handout = await hub.handed_out()
    worker = await hub.worker(handout.token)
    await worker.open(job=handout.job, attempt=1)
    await worker.finish(outcome)
    await worker.socket.close()
    back = await hub.worker(handout.token)
    opened = await back.open(job=handout.job, attempt=1)
    assert (opened["acked"], opened["status"]) == (1, outcome)


async def test_unknown_fields_are_ignored(hub: Served) -> None:
    worker = await hub.outside(colour="red")
    await worker.store("entry", level="info", text="one", colour="red")


# ── Ends ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
async def test_each_outcome_ends_the_job(hub: Served, outcome: str) -> None:
    worker = await hub.outside()
    error = {"type": "ValueError", "message": "no", "traceback": "at line 3"} if outcome == "failed" else None
    await worker.finish(outcome, message="So it ends", error=error)
    job = await hub.job(worker.id)
    assert (job["status"], job["message"], job["finished_at"] is None) == (outcome, "So it ends", False)
    assert job["error"] == ({"type": "ValueError", "message": "no"} if error else None)
    assert [attempt["outcome"] for attempt in job["attempts"]] == [outcome]
    traceback = await hub.http.get(f"/api/jobs/{worker.id}/traceback")
    assert traceback.status_code == (200 if error else 404)


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("report", {"done": 3}),
        ("beat", {}),
        ("entry", {"n": 2, "level": "info", "text": "late"}),
        ("finish", {"n": 2, "outcome": "failed"}),
        ("cancel_received", {}),
    ],
)
async def test_whatever_comes_after_the_end_is_revoked(hub: Served, type_: str, fields: Message) -> None:
    worker = await hub.outside()
    await worker.finish()
    revoked = await worker.refused(type_, **fields)
    assert (revoked["type"], revoked["job"], revoked["attempt"]) == ("revoked", worker.id, 1)
    assert (await hub.job(worker.id))["status"] == "succeeded"


# ── Cancel ────────────────────────────────────────────────────────────────────


async def test_a_cancel_goes_step_by_step(hub: Served, encoding: str) -> None:
    worker = await hub.worker(encoding=encoding)
    await worker.open(kind="sync", title="t")
    await hub.http.post(f"/api/jobs/{worker.id}/cancel", json={"reason": "wrong file"})
    order = await worker.next("cancel")
    assert order == {
        "type": "cancel", "job": worker.id, "attempt": 1, "reason": "wrong file", "by": None, "grace_s": 10.0,
    }  # fmt: skip
    await worker.say("cancel_received", job=worker.id, attempt=1)
    await worker.report(done=3)
    await worker.store("cancel_ack", message="Rolling back")
    job = await hub.job(worker.id)
    assert (job["status"], job["done"]) == ("cancelling", 3)
    steps = job["cancel"]
    assert steps["requested_at"] <= steps["delivered_at"] <= steps["acknowledged_at"]
    await worker.finish("cancelled", message="Rolled back")
    job = await hub.job(worker.id)
    assert (job["status"], job["cancel"]["how"], job["message"]) == ("cancelled", "acknowledged", "Rolled back")
    assert [event for event in await hub.events(worker.id) if event.startswith(("cancel", "attempt"))] == [
        "cancel_requested", "cancel_delivered", "cancel_acknowledged", "attempt_cancelled",
    ]  # fmt: skip


async def test_work_that_finishes_first_has_succeeded_in_spite_of_the_cancel(hub: Served) -> None:
    worker = await hub.outside()
    await hub.http.post(f"/api/jobs/{worker.id}/cancel")
    await worker.finish(result=3)
    job = await hub.job(worker.id)
    assert (job["status"], job["result"]) == ("succeeded", 3)


async def test_an_error_while_cancelling_ends_as_cancelled_and_is_kept(hub: Served) -> None:
    worker = await hub.outside()
    await hub.http.post(f"/api/jobs/{worker.id}/cancel")
    await worker.finish("failed", error={"type": "E", "message": "while rolling back"})
    job = await hub.job(worker.id)
    assert (job["status"], job["error"]) == ("cancelled", {"type": "E", "message": "while rolling back"})


async def test_a_worker_that_was_away_learns_of_the_cancel_when_it_comes_back(hub: Served) -> None:
    worker = await hub.outside()
    await worker.socket.close()
    await hub.http.post(f"/api/jobs/{worker.id}/cancel", json={"reason": "late"})
    back = await hub.worker()
    opened = await back.open(job=worker.id, attempt=1)
    assert (opened["status"], opened["cancel"]) == ("cancelling", {"reason": "late", "by": None, "grace_s": 10.0})


async def test_a_forced_cancel_ends_outside_work_at_once_and_revokes_it(hub: Served) -> None:
    worker = await hub.outside()
    answer = await hub.http.post(f"/api/jobs/{worker.id}/cancel", json={"force": True})
    assert (answer.json()["status"], answer.json()["cancel"]["how"]) == ("cancelled", "forced")
    revoked = await worker.next("revoked")
    assert (revoked["job"], revoked["attempt"]) == (worker.id, 1)
    assert (await worker.refused("report", done=3))["type"] == "revoked"


async def test_a_worker_that_ignores_a_cancel_is_ended_by_force_after_the_grace_time(db: Path) -> None:
    async with serving(db, (SLOW,)) as hub:
        worker = await hub.started("slow")
        viewer = await hub.watching(f"job:{worker.id}")
        await hub.http.post(f"/api/jobs/{worker.id}/cancel")
        job = await viewer.job(worker.id, status="cancelled")
        assert hub.launcher.stopped == [(worker.id, 1)]
        assert job["cancel"]["how"] == "forced"


# ── One worker at a time ──────────────────────────────────────────────────────


async def test_of_two_that_claim_one_job_the_second_has_it_and_the_first_is_told(hub: Served) -> None:
    first = await hub.outside()
    second = await hub.worker()
    await second.open(job=first.id, attempt=1)
    assert (await first.next("revoked"))["attempt"] == 1
    assert (await first.refused("report", done=9))["type"] == "revoked"
    await second.report(done=3)
    await second.store("entry", level="info", text="mine")
    assert (await hub.job(first.id))["done"] == 3


async def test_a_worker_of_an_old_attempt_is_revoked_whatever_it_says(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "import-orders"})
    handout = await hub.handed_out()
    old = await hub.worker(handout.token)
    await old.open(job=handout.job, attempt=1)
    await old.finish("failed")
    hub.launcher.exited(old.id, 1, "exit status 0")
    await hub.http.post(f"/api/jobs/{old.id}/retry")
    new = await hub.taken_up()
    assert new.attempt == 2
    for type_, fields in (("report", {"done": 9}), ("entry", {"n": 2, "level": "info", "text": "late"})):
        revoked = await old.refused(type_, **fields)
        assert (revoked["type"], revoked["attempt"]) == ("revoked", 1)
    back = await hub.worker(handout.token)
    revoked = await back.ask("open", job=old.id, attempt=1)
    assert (revoked["type"], revoked["attempt"]) == ("revoked", 1)
    assert (await hub.job(new.id))["done"] is None
    await new.report(done=1)
    await new.store("entry", level="info", text="mine")


async def test_a_new_attempt_begins_its_numbers_anew(hub: Served) -> None:
    worker = await hub.started()
    for _ in range(3):
        await worker.store("entry", level="info", text="of the first")
    await worker.finish("failed")
    await hub.http.post(f"/api/jobs/{worker.id}/retry")
    again = await hub.taken_up()
    assert (again.attempt, again.opened["acked"]) == (2, 0)
    await again.store("entry", level="info", text="of the second")
    assert (await hub.service.hub.find(worker.id)).acked == 1


async def test_a_retry_goes_on_from_the_checkpoint(hub: Served) -> None:
    worker = await hub.started()
    await worker.report(total=100, done=60, counters={"ok": 60})
    await worker.store("checkpoint", data={"row": 60, "nested": [1, None]}, done=60)
    await worker.report(done=80, counters={"ok": 80})
    await worker.finish("failed")
    await hub.http.post(f"/api/jobs/{worker.id}/retry")
    again = await hub.taken_up()
    checkpoint = again.opened["checkpoint"]
    assert (checkpoint["data"], checkpoint["done"], checkpoint["fraction"]) == (
        {"row": 60, "nested": [1, None]},
        60,
        0.6,
    )
    job = await hub.job(worker.id)
    assert (job["attempt"], job["done"], job["counters"]) == (2, 60, {"ok": 60})


async def test_what_earlier_runs_took_is_told_to_the_next_one(hub: Served) -> None:
    for _ in range(3):
        worker = await hub.outside()
        await worker.store("phase", name="Load")
        await worker.finish()
    opened = (await hub.outside()).opened
    assert opened["history"]["typical"]["runs"] == 3
    assert set(opened["history"]["phases"]) == {"Load"}


# ── Silence ───────────────────────────────────────────────────────────────────


async def test_a_worker_that_falls_silent_is_lost_and_a_late_report_finds_it(db: Path) -> None:
    async with serving(db, lease_s=0.2) as hub:
        worker = await hub.outside()
        viewer = await hub.watching(f"job:{worker.id}")
        await viewer.job(worker.id, status="lost")
        await worker.report(done=3)
        await viewer.job(worker.id, status="running", done=3)
        await viewer.entry(worker.id, "found")
        await worker.finish()
        await viewer.job(worker.id, status="succeeded")


async def test_a_lost_worker_that_never_comes_back_is_given_up(db: Path) -> None:
    async with serving(db, lease_s=0.05, give_up_s=0.05) as hub:
        worker = await hub.outside()
        viewer = await hub.watching(f"job:{worker.id}")
        job = await viewer.job(worker.id, status="failed")
        assert (job["error"]["type"], job["attempts"][0]["outcome"]) == ("WorkerLost", "lost")
        assert (await worker.refused("report", done=3))["type"] == "revoked"
        back = await hub.worker()
        assert (await back.ask("open", job=worker.id, attempt=1))["type"] == "revoked"


async def test_a_cancel_of_a_lost_worker_is_assumed(db: Path) -> None:
    async with serving(db, lease_s=0.05, grace_s=0.05) as hub:
        worker = await hub.outside()
        viewer = await hub.watching(f"job:{worker.id}")
        await viewer.job(worker.id, status="lost")
        await viewer.ask("cancel", job=worker.id)
        job = await viewer.job(worker.id, status="cancelled")
        assert job["cancel"]["how"] == "assumed"


async def test_a_worker_that_beats_but_does_not_advance_is_stalled_and_not_lost(db: Path) -> None:
    async with serving(db, stall_s=0.1) as hub:
        worker = await hub.outside()
        viewer = await hub.watching(f"job:{worker.id}")
        await worker.say("beat", job=worker.id, attempt=1)
        job = await viewer.job(worker.id, stalled=True)
        assert job["status"] == "running"
        await worker.report(done=1)
        await viewer.job(worker.id, stalled=False)
        await viewer.entry(worker.id, "recovered")


async def test_a_worker_that_goes_away_is_not_lost_before_its_lease_ends(hub: Served) -> None:
    worker = await hub.outside()
    viewer = await hub.watching(f"job:{worker.id}")
    await worker.socket.close()
    await viewer.caught_up()
    assert (await hub.job(worker.id))["status"] == "running"


async def test_time_in_which_the_machine_slept_counts_against_nobody(hub: Served) -> None:
    worker = await hub.outside()
    viewer = await hub.watching(f"job:{worker.id}")
    inner, clock = hub.service.hub, hub.service.hub.clock
    inner.clock = inner.alarm._clock = lambda: clock() + 3_600_000
    inner.alarm._call()
    await viewer.caught_up()
    assert (await hub.job(worker.id))["status"] == "running"
    await worker.store("entry", level="info", text="still here")


# ── Limits and strangers ──────────────────────────────────────────────────────


async def test_a_worker_that_says_too_much_is_read_more_slowly_and_loses_nothing(db: Path) -> None:
    async with serving(db, reports_per_s=200) as hub:
        worker = await hub.outside()
        before = hub.service.clock.now()
        for _ in range(300):
            await worker.tell("entry", level="info", text="x")
        await worker.store("entry", level="info", text="last")
        assert hub.service.clock.now() - before >= 400
        assert len(await hub.events(worker.id)) == 200
        assert (await hub.service.hub.find(worker.id)).job.state.entries == 303


async def test_five_malformed_messages_in_a_row_close_the_socket_with_4400(hub: Served, encoding: str) -> None:
    worker = await hub.worker(encoding=encoding)
    for _ in range(5):
        await worker.socket.send("}{" if encoding == "json" else b"\xc1")
    assert await worker.close_code() == 4400
    assert [message["type"] for message in worker.messages] == ["error"] * 5 + ["closing"]


async def test_a_viewers_message_is_an_unknown_type_here(hub: Served) -> None:
    worker = await hub.worker()
    assert (await worker.ask("subscribe", topic="jobs"))["code"] == "unknown_type"


async def test_one_worker_too_many_is_turned_away_before_the_upgrade(db: Path) -> None:
    async with serving(db, workers=1) as hub:
        await hub.outside()
        with pytest.raises(InvalidStatus) as refused:
            await hub.worker()
        assert refused.value.response.status_code == 503


async def test_the_hub_says_closing_to_workers_too(hub: Served) -> None:
    worker = await hub.outside()
    await hub.service.restart()
    assert await worker.close_code() == 1012
    assert worker.messages[-1]["type"] == "closing"


async def test_a_job_that_stalls_again_and_again_is_watched_by_one_timer(db: Path) -> None:
    async with serving(db, derived_interval_s=600, stall_gaps=1) as hub:
        worker = await hub.outside()
        inner, clock, ahead_ms = hub.service.hub, hub.service.hub.clock, 0
        inner.clock = inner.alarm._clock = lambda: clock() + ahead_ms
        for _ in range(30):
            for _ in range(20):
                ahead_ms += 1_000
                inner.alarm.slept_ms()
                inner.alarm._call()
            for _ in range(3):  # the usual gap stays a short one
                await worker.store("entry", level="info", text="on and on")
        assert (await hub.events(worker.id)).count("stalled") == 30
        assert len(inner.alarm._deadlines) < 6


async def test_a_worker_that_was_cancelled_while_it_was_away_is_told_so(hub: Served) -> None:
    worker = await hub.outside(key="k")
    await worker.socket.close()
    await hub.http.post(f"/api/jobs/{worker.id}/cancel", json={"force": True})
    again = await hub.worker()
    for asked in ({"job": worker.id, "attempt": 1}, {"kind": "sync", "key": "k"}):
        revoked = await again.ask("open", **asked)
        assert (revoked["type"], revoked["status"]) == ("revoked", "cancelled")


async def test_another_worker_is_told_that_the_job_goes_on(hub: Served) -> None:
    first = await hub.outside()
    second = await hub.worker()
    await second.open(job=first.id, attempt=1)
    assert (await first.next("revoked"))["status"] == "running"
    await first.report(done=1)
    assert (await first.next("revoked"))["status"] == "running"


# ── When it began ─────────────────────────────────────────────────────────────


async def test_work_that_is_told_of_late_took_as_long_as_it_says(hub: Served) -> None:
    began_at = hub.service.hub.clock() - 600_000
    worker = await hub.outside(started_at=began_at)
    job = await hub.job(worker.id)
    assert (job["started_at"], job["elapsed_s"] >= 600, job["stalled"]) == (began_at, True, False)
    await worker.finish()
    [run] = (await hub.http.get("/api/kinds/sync/history")).json()["runs"]
    assert 600 <= run["elapsed_s"] < 660


@pytest.mark.parametrize("off_ms", [3_600_000, -367 * 86_400_000])
async def test_a_beginning_that_cannot_be_true_is_disregarded(hub: Served, off_ms: int) -> None:
    worker = await hub.outside(started_at=hub.service.hub.clock() + off_ms)
    assert (await hub.job(worker.id))["elapsed_s"] < 60


async def test_only_the_first_attempt_from_outside_may_have_begun_before_it_was_told_of(hub: Served) -> None:
    began_at = hub.service.hub.clock() - 600_000
    worker = await hub.outside(key="k")
    await worker.finish("failed", retry_in_s=60)
    assert (await worker.open(kind="sync", key="k", started_at=began_at))["attempt"] == 2
    assert (await hub.job(worker.id))["started_at"] > began_at
    ours = await hub.started()
    await ours.open(job=ours.id, attempt=1, started_at=began_at)
    assert (await hub.job(ours.id))["started_at"] > began_at


async def test_a_worker_that_says_more_than_the_disk_takes_is_no_longer_read_and_loses_nothing(db: Path) -> None:
    lines, limit = 120, 64 * 1024
    async with serving(db, commit_backlog_bytes=limit) as hub:
        store = hub.service.hub.store
        gate, behind, most = Gate(store), asyncio.Event(), [0]
        submit = store.submit

        def counted(write: Write, done: Callable[[], None]) -> None:
            submit(write, done)
            most.append(max(most[-1], store.waiting))
            if store.behind:
                behind.set()

        store.submit = counted  # type: ignore[method-assign]
        work = await hub.outside()
        gate.shut()
        for n in range(1, lines + 1):
            await work.tell("entry", level="info", text=f"{n} " + "x" * 4_000)
        await soon(behind.wait())
        for _ in range(20):  # in each of these the hub could have read more
            assert (await hub.http.get("/healthz")).status_code == 200
        assert most[-1] < limit / 4_000 + 5
        gate.open()
        await work.next("ack", n=lines)
        assert (await hub.events(work.id)).count("entry") == lines
