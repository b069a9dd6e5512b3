"""Pages of other sites that were named: they watch over every way there is, and change nothing on any."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from hub.app import WEB
from hub.page import SCRIPTS
from tests.hub.serving import Client, Served, serving

SHOP = "https://shop.example"
FOREIGN = (
    "null",
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://www.shop.example",
)
CONTROLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start", {"kind": "inside"}), ("cancel", {"force": True}), ("retry", {}), ("pause", {}), ("resume", {}),
)  # fmt: skip


@pytest.fixture(params=[False, True], ids=["ours", "plain"])
async def hub(request: pytest.FixtureRequest, db: Path) -> AsyncIterator[Served]:
    """A hub that lets the shop's pages watch, under our server and under uvicorn as it is."""
    async with serving(db, plainly=request.param, embed_origins=f"{SHOP} http://localhost:1") as served:
        yield served


async def asked(hub: Served, method: str, path: str, origin: str = SHOP, **headers: str) -> httpx.Response:
    return await hub.http.request(method, path, headers={"Origin": origin, **headers})


def shares(answer: httpx.Response) -> bool:
    """Whether a page of the shop may read it."""
    told = answer.headers
    return bool(told.get("access-control-allow-origin") == SHOP and "origin" in told["vary"])


async def viewer(hub: Served, origin: str = SHOP) -> Client:
    return await hub.viewer(additional_headers={"Origin": origin})


async def test_what_watching_takes_is_read(hub: Served) -> None:
    work = await hub.outside()
    job = f"/api/jobs/{work.id}"
    watched = [
        "/api/summary",
        "/api/jobs",
        job,
        f"{job}/log",
        f"{job}/samples",
        "/api/kinds",
        "/api/kinds/inside/history",
    ]
    for path in watched:
        for method in ("GET", "HEAD"):
            answer = await asked(hub, method, path)
            assert (answer.status_code, shares(answer)) == (200, True), (method, path)
    etag = (await asked(hub, "GET", job)).headers["etag"]
    known = await asked(hub, "GET", job, **{"If-None-Match": etag})
    assert (known.status_code, shares(known)) == (304, True)


async def test_the_clients_scripts_are_read_and_nothing_else_of_the_page(hub: Served) -> None:
    clients = [script for script in SCRIPTS if script != "page.js" and (WEB / script).exists()]
    for script in clients:
        answer = await asked(hub, "GET", f"/{script}")
        assert (answer.status_code, shares(answer)) == (200, True), script
        assert set(answer.headers["vary"].split(", ")) == {"accept-encoding", "origin"}
        for foreign in FOREIGN:
            assert (await asked(hub, "GET", f"/{script}", foreign)).status_code == 403
    for path in ("/", "/page.js", "/page.css", "/web/page.js", "/web/barcast.js"):
        answer = await asked(hub, "GET", path)
        assert (answer.status_code, shares(answer)) == (403, True), path


async def test_a_stream_flows(hub: Served) -> None:
    work = await hub.outside(title="Nightly sync")
    for path in ("/api/stream", f"/api/jobs/{work.id}/stream"):
        async with hub.http.stream("GET", path, headers={"Origin": SHOP}) as answer:
            assert shares(answer)
            async for line in answer.aiter_lines():
                if "Nightly sync" in line:
                    break
        assert answer.status_code == 200


async def test_what_went_wrong_is_told_too(hub: Served) -> None:
    missing = await asked(hub, "GET", "/api/jobs/none")
    assert (missing.status_code, shares(missing)) == (404, True)
    wrong = await asked(hub, "GET", "/api/jobs?limit=many")
    assert (wrong.status_code, shares(wrong)) == (422, True)


async def test_a_fault_of_ours_is_told_too(hub: Served) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def nothing() -> None:
        pass

    hub.service.hub.summary = broken  # type: ignore[method-assign, assignment]
    hub.service._derive = nothing  # type: ignore[method-assign]
    answer = await asked(hub, "GET", "/api/summary")
    assert (answer.status_code, shares(answer)) == (500, True)
    del hub.service.hub.summary


async def test_nothing_is_changed_and_nothing_private_read(hub: Served) -> None:
    work = await hub.outside()
    job = f"/api/jobs/{work.id}"
    for method, path in (
        ("POST", "/api/jobs"), ("DELETE", job), ("POST", f"{job}/cancel"), ("POST", f"{job}/report"),
        ("GET", f"{job}/traceback"), ("GET", f"{job}/stack"), ("GET", f"{job}/artifacts/x"), ("GET", "/metrics"),
        ("GET", "/openapi.json"), ("GET", "/healthz"),
    ):  # fmt: skip
        answer = await asked(hub, method, path)
        assert (answer.status_code, shares(answer)) == (403, True), (method, path)
        assert answer.json()["type"] == "/errors/forbidden"
    assert (await hub.job(work.id))["cancel"] is None


async def test_a_preflight_is_answered(hub: Served) -> None:
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    answer = await asked(hub, "OPTIONS", "/api/jobs/x/stream", **asks)
    assert (answer.status_code, shares(answer)) == (204, True)
    assert "authorization" in answer.headers["access-control-allow-headers"]
    refused = await asked(hub, "OPTIONS", "/api/jobs", **{"Access-Control-Request-Method": "POST"})
    assert refused.status_code == 403


async def test_a_page_that_was_not_named_learns_nothing(hub: Served) -> None:
    for foreign in FOREIGN:
        for path in ("/api/jobs", "/api/summary", "/api/stream"):
            answer = await asked(hub, "GET", path, foreign)
            assert answer.status_code == 403, (foreign, path)
            assert "access-control-allow-origin" not in answer.headers


# ── The socket ────────────────────────────────────────────────────────────────


async def test_a_socket_watches_and_is_told_that_it_may_no_more(hub: Served) -> None:
    work = await hub.outside(title="Nightly sync")
    watching = await viewer(hub)
    await watching.say("hello")
    welcome = await watching.next("welcome")
    assert welcome["may"] == {"view": True, "control": False, "report": False, "tracebacks": False}
    for topic in ("jobs", f"job:{work.id}"):
        assert (await watching.ask("subscribe", topic=topic))["type"] == "subscribed"
    await work.report(done=5)
    assert (await watching.job(work.id, done=5))["title"] == "Nightly sync"


@pytest.mark.parametrize(("type_", "fields"), CONTROLS)
async def test_a_socket_that_watches_changes_nothing(hub: Served, type_: str, fields: dict[str, Any]) -> None:
    work = await hub.outside()
    watching = await viewer(hub)
    answer = await watching.ask(type_, **({} if type_ == "start" else {"job": work.id}), **fields)
    assert (answer["type"], answer["code"]) == ("error", "forbidden")
    assert (await watching.ask("ping"))["type"] == "pong"
    listed = (await hub.http.get("/api/jobs")).json()["jobs"]
    assert [(job["id"], job["status"], job["cancel"]) for job in listed] == [(work.id, "running", None)]


@pytest.mark.parametrize(("path", "origin"), [("/ws/worker", SHOP), *[("/ws", foreign) for foreign in FOREIGN]])
async def test_no_other_socket_and_no_other_page_is_let_in(hub: Served, path: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await hub.socket(path, additional_headers={"Origin": origin})
    assert refused.value.response.status_code == 403


async def test_the_hubs_own_page_still_may_everything(hub: Served) -> None:
    own = await viewer(hub, hub.base)
    await own.say("hello")
    assert (await own.next("welcome"))["may"]["control"] is True
    assert (await own.ask("start", kind="inside"))["type"] == "ok"
