"""Parents and children: who starts whom, what their progress and their ends mean to each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Conflict
from hub.family import DEEPEST, MOST_CHILDREN
from hub.household import AT_ONCE
from hub.launch import KindInfo
from hub.protocol import Finish, Open, StartChild
from hub.session import Session
from hub.transport import SocketOutlet
from hub.view import Status
from tests.hub.serving import IMPORT, INSIDE, Gate, Inside, Message, Served, Worker, serving, soon

BATCH = KindInfo(kind="batch", title="Batch", doc="Starts others.", params={})
ONE = KindInfo(kind="one", title="One", doc="One of many.", params={}, priority=3)
AGAIN = KindInfo(kind="again", title="Again", doc="Tries twice.", params={}, retries=1, backoff_s=0.01)
THREAD = KindInfo(kind="thread", title="Thread", doc="Cannot be forced.", params={}, runs_in="thread")
KINDS = (BATCH, ONE, AGAIN, THREAD, IMPORT, INSIDE)


@pytest.fixture
async def hub(db: Path) -> AsyncIterator[Served]:
    async with serving(db, KINDS, jobs_at_once=9) as served:
        yield served


async def ask(parent: Worker, kind: str = "one", **fields: Any) -> Message:
    """Start a child as a worker does; the answer."""
    return await parent.ask("start", job=parent.id, attempt=parent.attempt, kind=kind, **fields)


async def child_of(hub: Served, parent: Worker, kind: str = "one", **fields: Any) -> Worker:
    """A child that a worker started, and that another worker has taken up."""
    answer = await ask(parent, kind, **fields)
    assert answer["type"] == "ok", answer
    worker = await hub.taken_up()
    assert worker.id == answer["job"]["id"]
    return worker


async def counted(hub: Served, parent: str, **counts: int) -> Message:
    """The parent as a viewer sees it, once its children stand so."""
    viewer = await hub.watching(f"job:{parent}")
    none = dict.fromkeys(("total", "queued", "running", "succeeded", "failed", "cancelled"), 0)
    return await viewer.job(parent, children={**none, **counts})


# ── Starting ──────────────────────────────────────────────────────────────────


async def test_work_starts_a_job_of_its_own(hub: Served, encoding: str) -> None:
    parent = await hub.started("batch")
    other = await hub.worker(encoding=encoding)
    assert (await other.ask("start", job=parent.id, attempt=1, kind="one"))["type"] == "revoked"
    answer = await ask(parent, title="Two", tags={"a": "b"}, params={"path": "x"}, priority=7)
    assert (answer["type"], answer["job"]["status"]) == ("ok", "queued")
    child = await hub.job(answer["job"]["id"])
    assert (child["parent"], child["title"], child["tags"], child["priority"]) == (parent.id, "Two", {"a": "b"}, 7)
    assert child["params"] == {"path": "x"}
    assert (await hub.job(parent.id))["parent"] is None


async def test_a_child_has_its_kinds_priority_where_none_is_named(hub: Served) -> None:
    answer = await ask(await hub.started("batch"))
    assert answer["job"]["priority"] == 3


async def test_a_start_with_a_known_key_is_answered_with_the_child_it_made(hub: Served) -> None:
    parent = await hub.started("batch")
    first, second = await ask(parent, key="k"), await ask(parent, key="k")
    assert first["job"]["id"] == second["job"]["id"]
    other = await hub.started("inside")
    refused = await other.ask("start", job=other.id, attempt=1, kind="one", key="k")
    assert (refused["code"], refused["field"]) == ("conflict", "key")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"kind": "nothing"}, "not_found", "kind"),
        ({"kind": "import-orders", "params": {"path": 3}}, "invalid", "params.path"),
        ({"kind": "one", "priority": 101}, "invalid", "priority"),
    ],
)
async def test_a_start_that_is_wrong_is_refused_under_its_id(
    hub: Served, fields: Message, code: str, field: str
) -> None:
    parent = await hub.started("batch")
    refused = await ask(parent, **fields)
    assert (refused["type"], refused["code"], refused["field"]) == ("error", code, field)
    assert (await hub.job(parent.id))["children"] is None


async def test_a_job_that_is_being_cancelled_or_has_ended_starts_no_other(hub: Served) -> None:
    parent = await hub.started("batch")
    await hub.http.post(f"/api/jobs/{parent.id}/cancel")
    assert (await ask(parent))["code"] == "conflict"
    await parent.finish("cancelled")
    assert (await ask(parent))["type"] == "revoked"
    answer = await hub.http.post("/api/jobs", json={"kind": "one", "parent": parent.id})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "parent")


async def test_a_job_is_started_with_a_parent_over_http_and_the_socket_too(hub: Served) -> None:
    parent = (await hub.outside()).id
    child = (await hub.http.post("/api/jobs", json={"kind": "one", "parent": parent})).json()
    viewer = await hub.viewer()
    other = (await viewer.ask("start", kind="one", parent=parent, priority=-4))["job"]
    outside = (await hub.outside(kind="part", parent=parent)).id
    over_http = {"kind": "part", "external": True, "parent": parent}
    fourth = (await hub.http.post("/api/jobs", json=over_http)).json()
    assert [child["parent"], other["parent"], fourth["parent"]] == [parent] * 3
    assert ((await hub.job(outside))["parent"], other["priority"]) == (parent, -4)
    assert (await hub.http.post("/api/jobs", json={"kind": "one", "parent": "nobody"})).status_code == 404


async def test_no_family_is_deeper_than_its_limit(hub: Served) -> None:
    parent: str | None = None
    for _ in range(DEEPEST + 1):
        answer = await hub.http.post("/api/jobs", json={"kind": "one", "parent": parent})
        assert answer.status_code == 201
        parent = answer.json()["id"]
    assert (await hub.http.post("/api/jobs", json={"kind": "one", "parent": parent})).status_code == 409


async def test_a_parent_has_no_more_children_than_its_limit(hub: Served) -> None:
    parent = await hub.outside()
    hub.service.hub.family.know(parent.id, ((str(number), Status.SUCCEEDED) for number in range(MOST_CHILDREN)))
    refused = await ask(parent)
    assert (refused["code"], refused["field"]) == ("conflict", "parent")


async def test_a_child_that_is_stored_while_its_parent_is_cancelled_is_cancelled_too(hub: Served) -> None:
    parent = await hub.outside()
    gate = Gate(hub.service.hub.store)
    gate.shut()
    await parent.say("start", id=1, job=parent.id, attempt=1, kind="one")
    await soon(gate.reached.wait())
    cancelling = asyncio.ensure_future(hub.http.post(f"/api/jobs/{parent.id}/cancel"))
    await hub.until(lambda: hub.service.hub.jobs[parent.id].job.state.cancel)
    gate.open()
    answer = await parent.until(lambda message: message.get("id") == 1)
    await soon(cancelling)
    await (await hub.watching(f"job:{answer['job']['id']}")).job(answer["job"]["id"], status="cancelled")
    assert hub.launcher.handouts.empty()


async def test_work_in_the_hubs_own_process_has_children_too(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "inside"})
    handout = await hub.handed_out()
    work = Inside(hub.launcher, handout)
    work.say(Open(id=1, job=work.job, attempt=1))
    await work.hear()
    work.say(StartChild(id=2, job=work.job, attempt=1, kind="one", key="k"))
    started = await work.hear()
    assert (started.id, started.job.parent) == (2, work.job)
    work.say(StartChild(id=3, job=work.job, attempt=1, kind="nothing"))
    refused = await work.hear()
    assert (refused.id, refused.code) == (3, "not_found")
    work.say(StartChild(id=4, job=work.job, attempt=2, kind="one"))
    assert (await work.hear()).id == 4
    child = await hub.taken_up()
    await child.finish(result={"rows": 3})
    told = await work.hear()
    assert (told.child, told.key, told.status, told.result) == (started.job.id, "k", "succeeded", {"rows": 3})
    again = Inside(hub.launcher, handout)
    again.say(Open(id=5, job=work.job, attempt=1))
    assert [type(await again.hear()).__name__ for _ in range(2)] == ["Opened", "ChildState"]
    again.say(Finish(job=work.job, attempt=1, n=1, outcome="succeeded"))
    assert (await again.hear()).n == 1
    again.say(StartChild(id=6, job=work.job, attempt=1, kind="one"))
    revoked = await again.hear()
    assert (type(revoked).__name__, revoked.id) == ("RevokedWork", 6)


async def cut(hub: Served) -> None:
    """The connection of the only worker breaks, and the hub notices."""
    [session] = hub.service.hub.workers
    assert isinstance(session, Session)
    assert isinstance(session.outlet, SocketOutlet)
    session.outlet._protocol.transport.abort()
    await hub.until(lambda: not hub.service.hub.workers)


async def test_a_child_whose_starter_is_cut_off_while_it_is_stored_starts_nevertheless(hub: Served) -> None:
    parent = await hub.outside()
    gate = Gate(hub.service.hub.store)
    gate.shut()
    await parent.say("start", id=1, job=parent.id, attempt=1, kind="one", key="k")
    await soon(gate.reached.wait())
    await cut(hub)
    gate.open()
    child = await hub.taken_up()
    again = await reopened(hub, parent)
    assert (await ask(again, key="k"))["job"]["id"] == child.id
    await child.finish()
    await again.next("child", child=child.id, status="succeeded")


# ── Slots ─────────────────────────────────────────────────────────────────────


async def test_one_slot_is_enough_for_parents_and_their_children(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        parent = await hub.started("batch")
        child = await child_of(hub, parent, "batch")
        grandchild = await child_of(hub, child)
        second = (await ask(child))["job"]
        viewer = await hub.watching(f"job:{second['id']}")
        await viewer.job(second["id"], queue_position=1)
        await grandchild.finish()
        assert (await hub.taken_up()).id == second["id"]


async def test_a_parent_that_begins_to_wait_for_work_from_outside_gives_its_slot_back(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        parent = await hub.started("batch")
        next_one = (await hub.http.post("/api/jobs", json={"kind": "one"})).json()["id"]
        await hub.outside(parent=parent.id)
        assert (await hub.taken_up()).id == next_one


async def test_higher_priorities_start_first(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        first = await hub.started()
        jobs = {}
        for priority in (None, 5, 0):
            order = {"kind": "one", "priority": priority}
            jobs[priority] = (await hub.http.post("/api/jobs", json=order)).json()["id"]
        viewer = await hub.watching("jobs")
        for priority, position in ((5, 1), (None, 2), (0, 3)):
            await viewer.job(jobs[priority], queue_position=position)
        await first.finish()
        assert (await hub.taken_up()).id == jobs[5]


async def test_a_full_kind_is_passed_over(db: Path) -> None:
    gpu = KindInfo(kind="gpu", title="GPU", doc="", params={}, concurrency=1)
    async with serving(db, (gpu, ONE), jobs_at_once=9) as hub:
        first = await hub.started("gpu")
        second = (await hub.http.post("/api/jobs", json={"kind": "gpu"})).json()["id"]
        other = await hub.started("one")
        assert (await hub.job(other.id))["status"] == "running"
        await (await hub.watching(f"job:{second}")).job(second, queue_position=1)
        await first.finish()
        assert (await hub.taken_up()).id == second
        [kind] = [kind for kind in (await hub.http.get("/api/kinds")).json()["kinds"] if kind["kind"] == "gpu"]
        assert kind["concurrency"] == 1


# ── Progress ──────────────────────────────────────────────────────────────────


async def test_a_parents_bar_is_that_of_its_children(hub: Served) -> None:
    parent = await hub.started("batch")
    children = [await child_of(hub, parent) for _ in range(4)]
    viewer = await hub.watching(f"job:{parent.id}")
    job = await viewer.job(parent.id, total=4, done=0)
    assert job["unit"] == "jobs"
    await children[0].report(done=1, total=2)
    await viewer.job(parent.id, fraction=0.125)
    await children[0].finish()
    await children[1].finish("failed", error={"type": "E", "message": "no"})
    job = await viewer.job(parent.id, done=2)
    assert (job["total"], job["fraction"]) == (4, 0.5)
    assert job["children"] == {"total": 4, "queued": 0, "running": 2, "succeeded": 1, "failed": 1, "cancelled": 0}


async def test_the_end_of_a_parent_tells_how_its_children_stand_by_then(db: Path) -> None:
    async with serving(db, KINDS, derived_interval_s=600) as hub:
        parent = await hub.outside()
        for _ in range(2):
            await (await child_of(hub, parent)).finish()
        await parent.finish()
        job = await hub.job(parent.id)
        assert (job["status"], job["children"]["succeeded"], job["done"], job["total"]) == ("succeeded", 2, 2, 2)


async def test_the_end_of_a_parent_over_http_tells_how_its_children_stand_by_then(db: Path) -> None:
    async with serving(db, KINDS, derived_interval_s=600) as hub:
        parent = (await hub.http.post("/api/jobs", json={"kind": "sync", "external": True})).json()["id"]
        await hub.http.post(f"/api/jobs/{parent}/report", json={})
        child = (await hub.http.post("/api/jobs", json={"kind": "one", "parent": parent})).json()["id"]
        await (await hub.taken_up()).finish()
        await (await hub.watching(f"job:{child}")).job(child, status="succeeded")
        await hub.http.post(f"/api/jobs/{parent}/finish", json={"outcome": "succeeded"})
        job = await hub.job(parent)
        assert (job["children"]["succeeded"], job["done"], job["total"], job["unit"]) == (1, 1, 1, "jobs")


async def test_a_parent_whose_children_have_ended_may_stall(db: Path) -> None:
    async with serving(db, KINDS, stall_s=0.05, stall_gaps=1) as hub:
        parent = await hub.started("batch")
        child = await child_of(hub, parent)
        viewer = await hub.watching(f"job:{parent.id}")
        await counted(hub, parent.id, total=1, running=1)
        inner = hub.service.hub
        held = inner.jobs[parent.id]
        await hub.until(lambda: held.deadline is not None and held.deadline > inner.clock() + 10_000)
        await child.finish()
        await viewer.job(parent.id, lambda job: job["children"]["succeeded"] == 1, stalled=True)


async def test_what_a_parent_counts_itself_stays_its_bar(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent)
    viewer = await hub.watching(f"job:{parent.id}")
    await viewer.job(parent.id, total=1, unit="jobs")
    await parent.report(done=3, total=10, unit="rows")
    await viewer.job(parent.id, total=10, done=3, unit="rows", fraction=0.3)
    await child.finish()
    job = await viewer.job(parent.id, lambda job: job["children"]["succeeded"] == 1)
    assert (job["done"], job["total"], job["unit"]) == (3, 10, "rows")


async def test_the_counts_of_a_parent_that_has_ended_follow_its_children(hub: Served) -> None:
    parent = await hub.outside()
    child = await child_of(hub, parent)
    await parent.finish("succeeded")
    await child.finish("failed")
    job = await counted(hub, parent.id, total=1, failed=1)
    assert (job["status"], job["fraction"]) == ("succeeded", 1.0)
    await hub.http.post(f"/api/jobs/{child.id}/retry")
    again = await hub.taken_up()
    await again.finish()
    await counted(hub, parent.id, total=1, succeeded=1)


# ── What is told ──────────────────────────────────────────────────────────────


async def test_a_worker_is_told_how_its_children_end(hub: Served) -> None:
    parent = await hub.started("batch")
    good, bad = await child_of(hub, parent, key="good"), await child_of(hub, parent, key="bad")
    await good.finish(result=[1])
    told = await parent.next("child", child=good.id)
    assert told == {
        "type": "child", "job": parent.id, "attempt": 1, "child": good.id, "key": "good", "status": "succeeded",
        "result": [1], "error": None,
    }  # fmt: skip
    await bad.finish("failed", error={"type": "E", "message": "no"})
    told = await parent.next("child", child=bad.id)
    assert (told["status"], told["error"]) == ("failed", {"type": "E", "message": "no"})


async def test_a_child_that_is_tried_again_has_not_ended(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent, "again")
    await child.finish("failed")
    await (await hub.taken_up()).finish()
    told = await parent.next("child")
    assert (told["child"], told["status"]) == (child.id, "succeeded")
    assert len(parent.told("child")) == 1


async def test_a_worker_that_comes_back_is_told_how_all_its_children_stand(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9) as hub:
        parent = await hub.outside()
        done, going = await child_of(hub, parent, key="done"), await child_of(hub, parent, key="going")
        await done.finish(result="r")
        await hub.service.restart()
        alive = hub.alive
    async with serving(db, KINDS, alive=alive, jobs_at_once=9) as hub:
        again = await hub.worker()
        opened = await again.open(job=parent.id, attempt=1)
        told = {message["child"]: message for message in [await again.next("child") for _ in range(2)]}
        assert again.messages.index(opened) < again.messages.index(told[done.id])
        assert (told[done.id]["status"], told[done.id]["key"], told[done.id]["result"]) == ("succeeded", "done", "r")
        assert (told[going.id]["status"], told[going.id]["result"]) == ("running", None)
        await counted(hub, parent.id, total=2, succeeded=1, running=1)
        del hub.service.hub.jobs[done.id]  # as if it had been evicted: what is stored says the same
        third = await hub.worker()
        await third.open(job=parent.id, attempt=1)
        assert await third.next("child", child=done.id) == told[done.id]


# ── Attempts ──────────────────────────────────────────────────────────────────


async def next_attempt(hub: Served, parent: Worker, **ending: Any) -> Worker:
    """The worker of a parent's second attempt, after the first one failed."""
    await parent.finish("failed", **ending)
    return await hub.taken_up()


async def test_the_next_attempt_finds_what_succeeded_and_starts_again_what_did_not(hub: Served) -> None:
    parent = await hub.started("again")
    good, bad, going = [await child_of(hub, parent, key=key) for key in ("good", "bad", "going")]
    await good.finish(result=1)
    await bad.finish("failed")
    second = await next_attempt(hub, parent)
    assert (second.id, second.attempt) == (parent.id, 2)
    assert (await hub.job(going.id))["status"] == "running"
    assert (await ask(second, key="good"))["job"]["status"] == "succeeded"
    assert (await ask(second, key="going"))["job"]["status"] == "running"
    again = await child_of(hub, second, key="bad")
    assert (again.id, again.attempt) == (bad.id, 2)
    await again.finish("failed")
    await second.next("child", child=bad.id, status="failed")
    assert (await ask(second, key="bad"))["job"]["status"] == "failed"


async def test_a_child_that_still_ends_with_the_attempt_before_is_queued_again_afterwards(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent, key="k")
    await parent.finish("failed")
    await child.next("cancel")
    await hub.http.post(f"/api/jobs/{parent.id}/retry")
    second = await hub.taken_up()
    assert (await ask(second, key="k"))["job"]["status"] == "cancelling"
    await child.finish("cancelled")
    again = await hub.taken_up()
    assert (again.id, again.attempt) == (child.id, 2)
    await again.finish()
    told = [await second.next("child") for _ in range(2)]
    assert [message["status"] for message in told] == ["cancelling", "succeeded"]


async def test_a_child_is_not_queued_again_for_a_parent_that_was_cancelled_meanwhile(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent, key="k")
    await parent.finish("failed")
    await child.next("cancel")
    await hub.http.post(f"/api/jobs/{parent.id}/retry")
    second = await hub.taken_up()
    assert (await ask(second, key="k"))["job"]["status"] == "cancelling"
    await hub.http.post(f"/api/jobs/{parent.id}/cancel")
    await child.finish("cancelled")
    await second.next("child", child=child.id, status="cancelled")
    await second.finish("cancelled")
    assert [(await hub.job(job))["status"] for job in (child.id, parent.id)] == ["cancelled"] * 2
    assert hub.launcher.handouts.empty()


# ── Cancel ────────────────────────────────────────────────────────────────────


async def test_cancelling_a_parent_cancels_all_below_it(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent, "batch")
    grandchild = await child_of(hub, child)
    done = await child_of(hub, child)
    await done.finish()
    await hub.http.post(f"/api/jobs/{parent.id}/cancel", json={"reason": "enough"})
    order = await child.next("cancel")
    assert order["reason"] == "the job that started it was cancelled"
    assert (await grandchild.next("cancel"))["reason"] == order["reason"]
    for worker in (grandchild, child, parent):
        await worker.finish("cancelled")
    assert (await hub.job(done.id))["status"] == "succeeded"
    await counted(hub, parent.id, total=1, cancelled=1)


async def test_queued_children_of_a_cancelled_parent_never_start(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        parent = await hub.started("batch")
        running = await child_of(hub, parent)
        queued = [(await ask(parent))["job"]["id"] for _ in range(3)]
        await hub.http.post(f"/api/jobs/{parent.id}/cancel")
        await running.next("cancel")
        await running.finish("cancelled")
        await parent.finish("cancelled")
        for job in queued:
            viewer = await hub.watching(f"job:{job}")
            await viewer.job(job, status="cancelled")
        assert hub.launcher.handouts.empty()


async def test_a_large_family_is_told_and_cancelled_whole(db: Path) -> None:
    most = 2 * AT_ONCE + 1
    async with serving(db, KINDS, jobs_at_once=1) as hub:
        await hub.started()
        parent = await hub.outside()
        for number in range(most):
            await parent.say("start", id=number, job=parent.id, attempt=1, kind="one", key=str(number))
        await parent.until(lambda message: message.get("id") == most - 1)
        again = await reopened(hub, parent)
        told = {(await again.next("child"))["key"] for _ in range(most)}
        assert told == {str(number) for number in range(most)}
        await hub.http.post(f"/api/jobs/{parent.id}/cancel")
        await counted(hub, parent.id, total=most, cancelled=most)
        ends = [await again.next("child", status="cancelled") for _ in range(most)]
        assert {message["key"] for message in ends} == told


async def test_force_is_handed_down(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent)
    await hub.http.post(f"/api/jobs/{parent.id}/cancel")
    await child.next("cancel")
    await hub.http.post(f"/api/jobs/{parent.id}/cancel", json={"force": True})
    viewer = await hub.watching(f"job:{child.id}")
    await viewer.job(child.id, status="cancelled")
    assert {job for job, _ in hub.launcher.stopped} == {parent.id, child.id}


async def test_a_child_that_cannot_be_forced_is_asked(hub: Served) -> None:
    parent = await hub.outside()
    await ask(parent, "thread")
    child = Inside(hub.launcher, await hub.handed_out())
    child.say(Open(id=1, job=child.job, attempt=1))
    await child.hear()
    await hub.http.post(f"/api/jobs/{parent.id}/cancel", json={"force": True})
    assert (await child.hear()).reason == "the job that started it was cancelled"
    assert (await hub.job(child.job))["cancel"]["forced_at"] is None


async def test_a_parent_that_fails_for_good_takes_its_children_with_it(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent)
    await parent.finish("failed", error={"type": "E", "message": "no"})
    assert (await child.next("cancel"))["reason"] == "the job that started it failed"


async def test_a_parent_that_succeeds_leaves_its_children_alone(hub: Served) -> None:
    parent = await hub.outside()
    child = await child_of(hub, parent)
    await parent.finish("succeeded")
    await child.finish()
    assert (await hub.job(child.id))["status"] == "succeeded"


async def test_what_a_parents_end_did_not_reach_is_cancelled_by_the_next_hub(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9) as hub:
        parent = await hub.outside()
        child = await child_of(hub, parent)
        hub.service.hub.on_shown = lambda held, shown: None
        await parent.finish("failed")
        alive = hub.alive
    async with serving(db, KINDS, alive=alive, jobs_at_once=9) as hub:
        assert (await hub.job(child.id))["status"] == "cancelling"


async def test_what_was_tried_again_by_hand_after_its_parents_end_goes_on_over_a_restart(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9) as hub:
        parent = await hub.outside()
        child = await child_of(hub, parent)
        await child.finish("failed")
        await parent.finish("failed")
        await hub.http.post(f"/api/jobs/{child.id}/retry")
        await hub.taken_up()
        alive = hub.alive
    async with serving(db, KINDS, alive=alive, jobs_at_once=9) as hub:
        assert (await hub.job(child.id))["status"] == "running"


# ── Feed, lists and deletion ──────────────────────────────────────────────────


async def ids(hub: Served, **query: str) -> list[str]:
    return [job["id"] for job in (await hub.http.get("/api/jobs", params=query)).json()["jobs"]]


async def test_children_are_listed_by_their_parent(hub: Served) -> None:
    parent = await hub.outside()
    children = [(await ask(parent))["job"]["id"] for _ in range(3)]
    assert await ids(hub, parent=parent.id) == children[::-1]
    assert await ids(hub, parent="") == [parent.id]
    assert sorted(await ids(hub)) == sorted([parent.id, *children])
    first = (await hub.http.get("/api/jobs", params={"parent": parent.id, "limit": "2"})).json()
    rest = (await hub.http.get("/api/jobs", params={"parent": parent.id, "after": first["next"]})).json()
    assert ([job["id"] for job in first["jobs"] + rest["jobs"]], rest["next"]) == (children[::-1], None)
    assert await ids(hub, parent="nobody") == []


async def test_the_feed_has_ended_children_while_their_parent_goes_on(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9, feed_terminal_jobs=1) as hub:
        parent = await hub.outside()
        children = [await child_of(hub, parent) for _ in range(2)]
        for child in children:
            await child.finish()
        alone = [await hub.outside() for _ in range(2)]
        for work in alone:
            await work.finish()
        await hub.service.restart()
    async with serving(db, KINDS, feed_terminal_jobs=1) as hub:
        viewer = await hub.watching("jobs")
        await viewer.next("summary")
        assert set(viewer.jobs) == {parent.id, alone[1].id, *(child.id for child in children)}
        assert viewer.jobs[children[0].id]["parent"] == parent.id
        await (await reopened(hub, parent)).finish()
        later = await hub.watching("jobs")
        await later.next("summary")
        assert set(later.jobs) == {parent.id}
        summary = (await hub.http.get("/api/summary")).json()
        assert (summary["finished"], summary["finished_today"]) == (3, 3)  # the children are part of their parent
        hub.service.hub.evict()
        assert children[0].id not in hub.service.hub.jobs


async def reopened(hub: Served, before: Worker) -> Worker:
    """A worker that comes back to an attempt."""
    worker = await hub.worker()
    await worker.open(job=before.id, attempt=before.attempt)
    return worker


async def test_an_evicted_parents_children_are_counted_again_when_one_goes_on(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9, feed_terminal_jobs=1) as hub:
        parent = await hub.outside()
        children = [await child_of(hub, parent) for _ in range(2)]
        for child in children:
            await child.finish("failed")
        await parent.finish("succeeded")
        await (await hub.outside()).finish()
        for worker in (parent, *children):
            await worker.socket.close()
        core = hub.service.hub

        def evicted() -> bool:
            core.evict()
            return not {parent.id, children[0].id} & set(core.jobs)

        await hub.until(evicted)
        assert not core.family.knows(parent.id)
        await hub.http.post(f"/api/jobs/{children[0].id}/retry")
        await (await hub.taken_up()).finish()
        await counted(hub, parent.id, total=2, failed=1, succeeded=1)


async def test_deleting_a_parent_deletes_all_below_it(hub: Served) -> None:
    parent = await hub.started("batch")
    child = await child_of(hub, parent, "batch")
    grandchild = await child_of(hub, child)
    for worker in (grandchild, child, parent):
        await worker.finish()
    viewer = await hub.watching(f"job:{grandchild.id}")
    assert (await hub.http.delete(f"/api/jobs/{parent.id}")).status_code == 204
    assert (await viewer.next("gone"))["job"] == grandchild.id
    assert await ids(hub) == []


async def test_a_parent_whose_children_go_on_is_not_deleted(hub: Served) -> None:
    parent = await hub.outside()
    child = await child_of(hub, parent)
    await parent.finish("succeeded")
    answer = await hub.http.delete(f"/api/jobs/{parent.id}")
    assert (answer.status_code, answer.json()["detail"]) == (409, "a job that it started has not ended")
    assert (await hub.http.delete(f"/api/jobs/{child.id}")).status_code == 409


async def test_a_child_that_is_deleted_counts_no_more(hub: Served) -> None:
    parent = await hub.outside()
    child, other = await child_of(hub, parent), await child_of(hub, parent)
    await child.finish()
    assert (await hub.http.delete(f"/api/jobs/{child.id}")).status_code == 204
    await counted(hub, parent.id, total=1, running=1)
    await other.finish()


async def test_retention_takes_families_whole(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9, keep_jobs=2, retention_interval_s=3600) as hub:
        parent = await hub.outside()
        going, done = await child_of(hub, parent), await child_of(hub, parent)
        await done.finish()
        await parent.finish("succeeded")
        later = [await hub.outside() for _ in range(2)]
        for work in later:
            await work.finish()
        await soon(hub.service._retain())
        assert set(await ids(hub, parent=parent.id)) == {going.id, done.id}, "one of them goes on"
        await going.finish()
        await soon(hub.service._retain())
        assert set(await ids(hub)) == {work.id for work in later}


async def test_the_newest_family_stays_however_large_it_is(db: Path) -> None:
    async with serving(db, KINDS, jobs_at_once=9, keep_jobs=1, retention_interval_s=3600) as hub:
        parent = await hub.outside()
        children = [await child_of(hub, parent) for _ in range(2)]
        for worker in (*children, parent):
            await worker.finish()
        await soon(hub.service._retain())
        assert len(await ids(hub)) == 3


async def test_a_job_that_is_queued_again_while_it_is_to_be_deleted_stays(hub: Served) -> None:
    work = await hub.started("batch")
    await work.finish("failed")
    runner = hub.service.runner
    deleted, retried = await asyncio.gather(
        runner.household.delete(work.id), runner.retry(work.id, None), return_exceptions=True
    )
    assert isinstance(deleted, Conflict)
    assert not isinstance(retried, BaseException)
    assert (await hub.taken_up()).id == work.id


async def test_a_job_that_is_forgotten_while_it_is_queued_again_starts(db: Path) -> None:
    async with serving(db, KINDS, feed_terminal_jobs=1) as hub:
        for _ in range(2):
            work = await hub.started("batch")
            await work.finish("failed")
            await work.socket.close()
        inner, first = hub.service.hub, next(iter(hub.service.hub.jobs))
        await hub.until(lambda: not inner.workers and not any(held.unsaved for held in inner.jobs.values()))
        retrying = asyncio.ensure_future(hub.service.runner.retry(first, None))
        await asyncio.sleep(0)
        inner.evict()
        assert first not in inner.jobs
        await soon(retrying)
        assert (await hub.taken_up()).id == first
