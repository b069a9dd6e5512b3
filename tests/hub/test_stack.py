"""Where a running job is: its worker tells, or else the system."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub.protocol import Open, Stack
from tests.hub.serving import Inside, Message, Served, Worker, serving, soon

WHERE = 'File "job.py", line 3, in run\n'


async def asked(hub: Served, job: str) -> tuple[int, Message]:
    answer = await hub.http.get(f"/api/jobs/{job}/stack")
    return answer.status_code, answer.json()


async def told(work: Worker, text: str = WHERE) -> None:
    """Wait to be asked, and answer."""
    wanted = await work.next("stack", job=work.id, attempt=work.attempt)
    await work.say("stack", id=wanted["id"], job=work.id, attempt=work.attempt, text=text)


def without_time(answer: tuple[int, Message]) -> tuple[int, Message]:
    status, body = answer
    assert body.pop("at") > 0
    return status, body


async def test_the_worker_tells_where_it_is(hub: Served) -> None:
    work = await hub.started()
    answer, _ = await asyncio.gather(asked(hub, work.id), told(work))
    expected = {"job": work.id, "attempt": 1, "text": WHERE, "from": "worker"}
    assert without_time(answer) == (200, expected)


async def test_several_who_ask_at_once_ask_the_worker_once(hub: Served) -> None:
    work = await hub.started()
    stacks, held = hub.service.runner.stacks, hub.service.hub.jobs[work.id]
    first, second, _ = await asyncio.gather(stacks.of(held), stacks.of(held), told(work))
    assert (first.text, second.text) == (WHERE, WHERE)
    later, _ = await asyncio.gather(asked(hub, work.id), told(work, "elsewhere"))
    assert later[1]["text"] == "elsewhere"
    assert len(work.told("stack")) == 2


async def test_where_the_worker_does_not_answer_the_system_tells(hub: Served) -> None:
    work = await hub.started()
    hub.service.runner.stacks.answer_s = 0.01
    hub.launcher.stacks[work.id] = "Thread 0x7f"
    answer = await asked(hub, work.id)
    assert (answer[0], answer[1]["from"], answer[1]["text"]) == (200, "system", "Thread 0x7f")
    await work.say("stack", id=1, job=work.id, attempt=1, text="too late")
    await work.store("entry", text="still welcome")


async def test_where_neither_tells_it_is_unavailable(hub: Served) -> None:
    work = await hub.outside()
    hub.service.runner.stacks.answer_s = 0.01
    status, body = await asked(hub, work.id)
    assert (status, body["type"]) == (503, "/errors/unavailable")


async def test_a_worker_without_a_socket_is_not_waited_for(hub: Served) -> None:
    opened = (await hub.http.post("/api/jobs", json={"kind": "k", "external": True})).json()
    await hub.http.post(f"/api/jobs/{opened['id']}/report", json={"done": 1})
    hub.service.runner.stacks.answer_s = 1e9
    assert (await asked(hub, opened["id"]))[0] == 503


async def test_a_job_that_no_worker_has_is_nowhere(hub: Served) -> None:
    work = await hub.started()
    await work.finish()
    assert (await asked(hub, work.id))[0] == 409
    assert (await asked(hub, "nobody"))[0] == 404


async def test_a_job_that_is_paused_or_being_cancelled_is_somewhere(hub: Served) -> None:
    work = await hub.started()
    for verb in ("pause", "cancel"):
        await hub.http.post(f"/api/jobs/{work.id}/{verb}")
        answer, _ = await asyncio.gather(asked(hub, work.id), told(work))
        assert answer[0] == 200


async def test_work_in_the_hubs_own_process_tells_too(hub: Served) -> None:
    await hub.http.post("/api/jobs", json={"kind": "inside"})
    work = Inside(hub.launcher, await hub.handed_out())
    work.say(Open(id=1, job=work.job, attempt=1))
    await work.hear()
    asking = asyncio.ensure_future(asked(hub, work.job))
    wanted = await work.hear()
    work.say(Stack(id=wanted.id, job=work.job, attempt=1, text=WHERE))
    assert (await soon(asking))[1]["text"] == WHERE


@pytest.mark.parametrize("fields", [{"text": "x" * 65_537}, {"text": None}, {}])
async def test_a_stack_is_text_of_bounded_length(hub: Served, fields: dict[str, Any]) -> None:
    work = await hub.started()
    assert (await work.refused("stack", id=1, **fields))["code"] == "invalid"


async def test_asking_counts_as_a_request(db: Path) -> None:
    async with serving(db, requests_per_minute=1) as hub:
        work = await hub.outside()
        hub.service.runner.stacks.answer_s = 0.01
        assert [(await asked(hub, work.id))[0] for _ in range(2)] == [503, 429]
