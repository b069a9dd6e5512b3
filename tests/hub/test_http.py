"""Every call of the HTTP table, as a stranger makes it; and work that reports with nothing but `curl`."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from hub.app import routes
from hub.codec import Codec
from hub.guard import SECURITY_HEADERS
from hub.launch import KindInfo
from hub.view import JobView
from tests.hub.serving import IMPORT, INSIDE, Gate, Message, Served, serving, soon

WEB_PAGE = {"script-src 'self'", "default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"}


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> Message:
    """What an answer says went wrong, after a look at its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: Message = answer.json()
    assert said["type"].rsplit("/", 1)[-1] == code, said
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    assert [error["field"] for error in said.get("errors", [])] == ([field] if field else []), said
    return said


# ── Kinds ─────────────────────────────────────────────────────────────────────


async def test_kinds_are_listed_with_the_schema_of_their_parameters(hub: Served) -> None:
    answer = (await hub.http.get("/api/kinds")).json()
    assert [kind["kind"] for kind in answer["kinds"]] == ["import-orders", "inside"]
    assert answer["kinds"][0] == {
        "kind": "import-orders", "title": "Import {path}", "doc": "Imports orders.", "params": IMPORT.params,
        "cancel_note": None, "retries": 0, "timeout_s": None, "concurrency": None, "priority": 0, "typical": None,
        "stop_p50_s": None,
    }  # fmt: skip


async def test_the_history_of_a_kind_tells_what_runs_took(hub: Served) -> None:
    empty = (await hub.http.get("/api/kinds/import-orders/history")).json()
    assert empty == {"runs": [], "typical": None, "phases": {}, "curve": [], "stop_p50_s": None}
    jobs = []
    for _ in range(3):
        work = await hub.started()
        await work.store("phase", name="Load")
        await work.finish()
        jobs.append(work.id)
    cancelled = await hub.started()
    await hub.http.post(f"/api/jobs/{cancelled.id}/cancel")
    await cancelled.finish("cancelled")
    history = (await hub.http.get("/api/kinds/import-orders/history")).json()
    assert [run["job"] for run in history["runs"]] == [cancelled.id, *reversed(jobs)]
    assert {run["status"] for run in history["runs"]} == {"succeeded", "cancelled"}
    assert set(history["runs"][0]) == {"job", "status", "started_at", "elapsed_s"}
    assert history["typical"]["runs"] == 3
    assert set(history["phases"]) == {"Load"}
    assert history["stop_p50_s"] >= 0
    kinds = (await hub.http.get("/api/kinds")).json()["kinds"]
    assert kinds[0]["typical"] == history["typical"]


async def test_the_history_of_no_kind_is_not_found(hub: Served) -> None:
    problem(await hub.http.get("/api/kinds/unheard-of/history"), 404, "not_found")


async def test_the_summary_is_that_of_the_feed(hub: Served) -> None:
    await hub.outside()
    over_http = (await hub.http.get("/api/summary")).json()
    viewer = await hub.watching("jobs")
    over_socket = await viewer.next("summary")
    assert over_http == {name: value for name, value in over_socket.items() if name != "type"}
    assert over_http["running"] == 1


# ── Starting ──────────────────────────────────────────────────────────────────


async def test_a_start_answers_201_with_the_job(hub: Served) -> None:
    order = {"kind": "import-orders", "params": {"path": "a.csv"}, "tags": {"team": "red"}}
    answer = await hub.http.post("/api/jobs", json=order)
    assert answer.status_code == 201
    job = answer.json()
    assert (job["status"], job["title"], job["params"]) == ("queued", "Run import-orders a.csv", {"path": "a.csv"})
    assert "report_token" not in job
    assert Codec(JobView, "json").decode(answer.content).id == job["id"]


async def test_a_key_that_was_used_answers_200_with_the_job_of_then(hub: Served) -> None:
    order = {"kind": "import-orders", "key": "store 7"}
    first, again = [await hub.http.post("/api/jobs", json=order) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 422, "invalid", "kind"),
        (b"{", 400, "malformed", None),
        (b"[]", 400, "malformed", None),
        (b"null", 400, "malformed", None),
        (b"\xff\xfe", 400, "malformed", None),
        (b'{"kind": NaN}', 400, "malformed", None),
        (b"[" * 60_000, 400, "malformed", None),
        (b'{"a":' * 12_000, 400, "malformed", None),
        (b'{"params": {}}', 422, "invalid", "kind"),
        (b'{"kind": 3}', 422, "invalid", "kind"),
        (b'{"kind": "../etc"}', 422, "invalid", "kind"),
        (b'{"kind": "unheard-of"}', 404, "not_found", "kind"),
        (b'{"kind": "import-orders", "params": 3}', 422, "invalid", "params"),
        (b'{"kind": "import-orders", "params": {"path": 3}}', 422, "invalid", "params.path"),
        (b'{"kind": "import-orders", "params": {"n": 9007199254740992}}', 422, "invalid", "params"),
        (b'{"kind": "import-orders", "title": ""}', 422, "invalid", "title"),
        (b'{"kind": "import-orders", "external": "yes"}', 422, "invalid", "external"),
        (b'{"kind": "sync", "external": true, "total": -1}', 422, "invalid", "total"),
        (b'{"kind": "sync", "external": true, "phases": [{"name": ""}]}', 422, "invalid", "phases[0].name"),
        (b'{"kind": "import-orders", "title": "' + b"x" * 65_536 + b'"}', 413, "too_large", None),
    ],
)
async def test_a_wrong_start_is_a_problem_that_names_the_field(
    hub: Served, body: bytes, status: int, code: str, field: str | None
) -> None:
    problem(await hub.http.post("/api/jobs", content=body), status, code, field)
    assert (await hub.http.get("/api/jobs")).json() == {"jobs": [], "next": None}


async def test_more_starts_than_are_allowed_are_429_with_a_time_to_come_back(db: Path) -> None:
    async with serving(db, requests_per_minute=2) as hub:
        for _ in range(2):
            assert (await hub.http.post("/api/jobs", json={"kind": "inside"})).status_code == 201
        refused = await hub.http.post("/api/jobs", json={"kind": "inside"})
        problem(refused, 429, "too_many")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await hub.http.get("/api/jobs")).status_code == 200


async def test_work_from_outside_is_opened_at_the_pace_of_reports_not_of_people(db: Path) -> None:
    async with serving(db, requests_per_minute=1, reports_per_s=3) as hub:
        order = {"kind": "task", "external": True}
        for _ in range(3):
            assert (await hub.http.post("/api/jobs", json=order)).status_code == 201
        problem(await hub.http.post("/api/jobs", json=order), 429, "too_many")
        assert (await hub.http.post("/api/jobs", json={"kind": "inside"})).status_code == 201


# ── Lists ─────────────────────────────────────────────────────────────────────


async def titles(hub: Served, **query: Any) -> list[str]:
    answer = await hub.http.get("/api/jobs", params=query)
    return [job["title"] for job in answer.json()["jobs"]]


async def test_jobs_are_listed_newest_first_and_page_by_page(hub: Served) -> None:
    for number in range(5):
        await hub.outside(title=f"{number}")
    pages: list[list[str]] = []
    after: str | None = None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await hub.http.get("/api/jobs", params=query)).json()
        pages.append([job["title"] for job in page["jobs"]])
        after = page["next"]
        if after is None:
            break
    assert pages == [["4", "3"], ["2", "1"], ["0"]]


async def test_lists_are_filtered_by_status_kind_tag_and_text(hub: Served) -> None:
    await hub.outside(title="Orders of store 7", kind="one", tags={"team": "red", "store": "7"})
    done = await hub.outside(title="Stock 100% <b>", kind="two", tags={"team": "blue"})
    await done.finish()
    assert await titles(hub, status="running") == ["Orders of store 7"]
    assert len(await titles(hub, status=["running", "succeeded"])) == 2
    assert await titles(hub, kind="two") == ["Stock 100% <b>"]
    assert len(await titles(hub, kind=["one", "two"])) == 2
    assert await titles(hub, tag="team:red") == ["Orders of store 7"]
    assert len(await titles(hub, tag=["team:red", "team:blue"])) == 2
    assert await titles(hub, q="STORE") == ["Orders of store 7"]
    assert await titles(hub, q="100%") == ["Stock 100% <b>"]
    assert await titles(hub, q="'; DROP TABLE jobs; --") == []
    assert await titles(hub, status="lost") == []
    assert await titles(hub, kind="one", q="stock") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "asleep"}, "status"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"after": "never seen"}, "after"),
    ],
)
async def test_a_wrong_query_is_a_problem_that_names_the_parameter(hub: Served, query: Message, field: str) -> None:
    problem(await hub.http.get("/api/jobs", params=query), 422, "invalid", field)


# ── One job ───────────────────────────────────────────────────────────────────


async def test_a_job_has_an_etag_that_changes_with_it(hub: Served) -> None:
    work = await hub.outside()
    url = f"/api/jobs/{work.id}"
    first = await hub.http.get(url)
    etag = first.headers["etag"]
    assert etag == f'"{hub.service.hub.epoch}-{first.json()["seq"]}"'
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = await hub.http.get(url, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    await work.store("phase", name="Load")
    changed = await hub.http.get(url, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] == etag) == (200, False)


async def test_a_job_that_nobody_watches_keeps_its_etag(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    await viewer.job(work.id, viewers=1)
    await viewer.socket.close()
    await hub.until(lambda: hub.service.hub.shown_of(hub.service.hub.jobs[work.id]).view.viewers == 0)
    tags = set()
    for _ in range(2):
        tags.add((await hub.http.get(f"/api/jobs/{work.id}")).headers["etag"])
        await next_derive(hub)
    assert len(tags) == 1


async def next_derive(hub: Served) -> None:
    """The hub has looked at what only derives once more."""
    derived, derive = asyncio.Event(), hub.service.hub.derive

    def deriving() -> None:
        derive()
        derived.set()

    hub.service.hub.derive = deriving  # type: ignore[method-assign]
    await soon(derived.wait())
    hub.service.hub.derive = derive  # type: ignore[method-assign]


async def test_no_such_job_is_not_found_wherever_it_is_asked_for(hub: Served) -> None:
    one = "/api/jobs/nobody"
    for path in (one, f"{one}/log", f"{one}/samples", f"{one}/traceback", f"{one}/artifacts/a", f"{one}/stream"):
        problem(await hub.http.get(path), 404, "not_found")
    for verb in ("cancel", "retry", "pause", "resume", "reset", "report", "entry", "finish"):
        problem(await hub.http.post(f"{one}/{verb}"), 404, "not_found")
    problem(await hub.http.delete(one), 404, "not_found")


async def test_only_a_job_that_ended_can_be_deleted_and_then_it_is_gone(hub: Served) -> None:
    work = await hub.outside()
    url = f"/api/jobs/{work.id}"
    problem(await hub.http.delete(url), 409, "conflict")
    await work.finish()
    gone = await hub.http.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await hub.http.get(url), 404, "not_found")
    problem(await hub.http.delete(url), 404, "not_found")
    assert await titles(hub) == []


async def test_a_job_whose_deletion_is_under_way_cannot_be_retried(hub: Served) -> None:
    work = await hub.started()
    await work.finish("failed")
    gate = Gate(hub.service.hub.store)
    gate.shut()
    deleting = asyncio.create_task(hub.http.delete(f"/api/jobs/{work.id}"))
    await soon(gate.reached.wait())
    problem(await hub.http.post(f"/api/jobs/{work.id}/retry"), 404, "not_found")
    gate.open()
    assert (await deleting).status_code == 204


async def test_a_cancel_answers_202_and_repeating_it_changes_nothing(hub: Served) -> None:
    work = await hub.outside()
    url = f"/api/jobs/{work.id}/cancel"
    first = await hub.http.post(url, json={"reason": "wrong file"})
    again = await hub.http.post(url, json={"reason": "another"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["cancel"] == again.json()["cancel"]
    assert first.json()["status"] == "cancelling"
    await work.finish("cancelled")
    after = await hub.http.post(url)
    assert (after.status_code, after.json()["status"]) == (202, "cancelled")
    assert (await hub.events(work.id)).count("cancel_requested") == 1


async def test_what_the_status_does_not_allow_is_a_conflict(hub: Served) -> None:
    outside, started = await hub.outside(), await hub.started()
    for job in (outside.id, started.id):
        problem(await hub.http.post(f"/api/jobs/{job}/retry"), 409, "conflict")
    await outside.finish("failed")
    await started.finish()
    problem(await hub.http.post(f"/api/jobs/{outside.id}/retry"), 409, "conflict")
    problem(await hub.http.post(f"/api/jobs/{started.id}/retry"), 409, "conflict")
    for job in (outside.id, started.id):
        problem(await hub.http.post(f"/api/jobs/{job}/cancel"), 409, "conflict")
        problem(await hub.http.post(f"/api/jobs/{job}/pause"), 409, "conflict")
        problem(await hub.http.post(f"/api/jobs/{job}/resume"), 409, "conflict")


async def test_a_pause_and_a_resume_answer_202_and_repeating_them_changes_nothing(hub: Served) -> None:
    work = await hub.outside()
    for verb, status in (("pause", "paused"), ("resume", "running")):
        for _ in range(2):
            answer = await hub.http.post(f"/api/jobs/{work.id}/{verb}")
            assert (answer.status_code, answer.json()["status"]) == (202, status)
    assert await hub.events(work.id) == ["created", "started", "paused", "resumed"]


async def test_a_retry_answers_202_with_the_next_attempt(hub: Served) -> None:
    work = await hub.started()
    await work.finish("failed")
    answer = await hub.http.post(f"/api/jobs/{work.id}/retry")
    assert (answer.status_code, answer.json()["attempt"], answer.json()["status"]) == (202, 2, "queued")


async def test_a_wrong_reason_is_named(hub: Served) -> None:
    work = await hub.outside()
    problem(await hub.http.post(f"/api/jobs/{work.id}/cancel", json={"reason": 3}), 422, "invalid", "reason")
    problem(await hub.http.post(f"/api/jobs/{work.id}/cancel", json={"force": "yes"}), 422, "invalid", "force")


async def test_the_log_is_read_forward_and_backward(hub: Served) -> None:
    work = await hub.outside()
    for number in range(5):
        await work.store("entry", level="info", text=f"{number}")
    url = f"/api/jobs/{work.id}/log"

    async def numbers(**query: int) -> list[int]:
        return [entry["n"] for entry in (await hub.http.get(url, params=query)).json()["entries"]]

    assert await numbers() == [1, 2, 3, 4, 5, 6, 7]
    assert await numbers(after=5) == [6, 7]
    assert await numbers(limit=2) == [1, 2]
    assert await numbers(after=2, limit=2) == [3, 4]
    assert await numbers(before=4, limit=2) == [2, 3]
    assert await numbers(after=2, before=5) == [3, 4]
    assert await numbers(after=99) == []
    for wrong in ("-1", "x", "9" * 17):
        problem(await hub.http.get(url, params={"after": wrong}), 422, "invalid", "after")
    problem(await hub.http.get(url, params={"limit": "1001"}), 422, "invalid", "limit")


async def test_entries_that_are_no_longer_kept_are_a_gap(db: Path) -> None:
    async with serving(db, log_entries_per_job=3) as hub:
        work = await hub.outside()
        for number in range(5):
            await work.store("entry", level="info", text=f"{number}")
        for query in ({}, {"after": 1}):
            page = (await hub.http.get(f"/api/jobs/{work.id}/log", params=query)).json()
            assert [entry["n"] for entry in page["entries"]] == [5, 6, 7]
            assert (page["log_gap"]["from"], page["log_gap"]["to"]) == (query.get("after", 0) + 1, 4)
        page = (await hub.http.get(f"/api/jobs/{work.id}/log", params={"after": 4})).json()
        assert page["log_gap"] is None


async def test_samples_are_kept_for_the_chart(hub: Served) -> None:
    work = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{work.id}")
    await work.report(done=3)
    await viewer.job(work.id, done=3)
    hub.service.hub.save()
    await hub.service.hub.store.flush()
    samples = (await hub.http.get(f"/api/jobs/{work.id}/samples")).json()["samples"]
    assert set(samples[0]) == {"at", "phase", "done", "total", "fraction", "rate"}
    assert len(samples) <= 500


async def test_the_traceback_of_each_attempt_is_asked_for_apart(hub: Served) -> None:
    work = await hub.started()
    await work.finish("failed", error={"type": "E", "message": "one", "traceback": "first"})
    await hub.http.post(f"/api/jobs/{work.id}/retry")
    again = await hub.taken_up()
    await again.finish("failed", error={"type": "E", "message": "two", "traceback": "second"})
    url = f"/api/jobs/{work.id}/traceback"
    assert (await hub.http.get(url)).json() == {"attempt": 2, "traceback": "second"}
    assert (await hub.http.get(url, params={"attempt": 1})).json() == {"attempt": 1, "traceback": "first"}
    problem(await hub.http.get(url, params={"attempt": 3}), 404, "not_found")
    problem(await hub.http.get(url, params={"attempt": "x"}), 422, "invalid", "attempt")
    assert "second" not in json.dumps(await hub.job(work.id))


# ── Artifacts ─────────────────────────────────────────────────────────────────


async def test_an_attached_file_is_a_sandboxed_download(hub: Served, tmp_path: Path) -> None:
    page = tmp_path / "orders.html"
    page.write_text("<script>alert(1)</script>")
    work = await hub.started()
    await work.store("artifact", name="orders.html", path=str(page))
    [artifact] = (await hub.job(work.id))["artifacts"]
    assert artifact["url"] == f"/api/jobs/{work.id}/artifacts/orders.html"
    answer = await hub.http.get(artifact["url"])
    assert answer.text == page.read_text()
    headers = answer.headers
    assert headers["content-disposition"] == 'attachment; filename="orders.html"'
    policy = "sandbox; default-src 'none'; img-src data:; frame-ancestors 'none'"
    assert headers["content-security-policy"] == policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("name", ["a b#c?d%e.txt", "../../etc/passwd", "/etc/passwd", "x\ny: z", "ü \u202e.txt"])
async def test_a_name_is_a_name_whatever_it_looks_like(hub: Served, tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    work = await hub.started()
    await work.store("artifact", name=name, path=str(file))
    [artifact] = (await hub.job(work.id))["artifacts"]
    answer = await hub.http.get(artifact["url"])
    assert (answer.status_code, answer.text) == (200, "content")
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment")
    assert "\n" not in disposition
    assert not re.search(r"/|\.\.", disposition.removeprefix("attachment; filename*=utf-8''"))


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "file"]
)
async def test_only_what_is_in_the_list_is_served(hub: Served, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("secret")
    work = await hub.started()
    await work.store("artifact", name="other", path=str(tmp_path / "other"))
    status = await raw_get(hub, f"/api/jobs/{work.id}/artifacts/{path}")
    assert status.split()[1] == b"404"


@pytest.mark.parametrize("path", ["../hub/app.py", "..%2fhub%2fapp.py", "%2e%2e/pyproject.toml", "//etc/passwd"])
async def test_nothing_beside_the_pages_files_is_served(hub: Served, path: str) -> None:
    status = await raw_get(hub, f"/web/{path}")
    assert status.split()[1] in (b"404", b"400")


async def raw_get(hub: Served, path: str) -> bytes:
    """The status line of a request whose path nobody tidied up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    status = await soon(reader.readline())
    writer.close()
    await writer.wait_closed()
    return status


async def test_a_file_that_is_gone_is_not_found(hub: Served, tmp_path: Path) -> None:
    work = await hub.started()
    await work.store("artifact", name="gone", path=str(tmp_path / "never"))
    problem(await hub.http.get(f"/api/jobs/{work.id}/artifacts/gone"), 404, "not_found")


async def test_an_attached_link_leads_there(hub: Served) -> None:
    work = await hub.outside()
    await work.store("artifact", name="report", url="https://example.org/report")
    [artifact] = (await hub.job(work.id))["artifacts"]
    assert artifact["url"] == "https://example.org/report"
    answer = await hub.http.get(f"/api/jobs/{work.id}/artifacts/report")
    assert (answer.status_code, answer.headers["location"]) == (307, "https://example.org/report")


# ── Work that reports over HTTP ───────────────────────────────────────────────


class Curl:
    """A job that is worked off by a shell script."""

    def __init__(self, hub: Served) -> None:
        self.hub = hub
        self.url = ""
        self.token = ""

    async def open(self, **order: Any) -> Message:
        body = {"kind": "nightly", "title": "Nightly", "external": True, **order}
        status, job = await self.post("/api/jobs", body)
        assert status == 201, job
        self.url, self.token = f"/api/jobs/{job['id']}", job["report_token"]
        return job

    async def report(self, name: str, /, **body: Any) -> tuple[int, Message]:
        return await self.post(f"{self.url}/{name}", body)

    async def post(self, path: str, body: Message, token: str | None = None) -> tuple[int, Message]:
        token = token or self.token
        command = ["curl", "--silent", "--max-time", "10", "--data", json.dumps(body), "--write-out", "\n%{http_code}"]
        command += ["--header", f"Authorization: Bearer {token}"] if token else []
        process = await asyncio.create_subprocess_exec(
            *command, self.hub.base + path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await soon(process.communicate())
        text, _, status = out.decode().rpartition("\n")
        return int(status), json.loads(text)


async def test_a_job_is_opened_reported_on_and_ended_with_curl_alone(hub: Served) -> None:
    curl = Curl(hub)
    job = await curl.open(total=10, unit="files", tags={"host": "backup"})
    assert (job["status"], job["total"], job["unit"]) == ("queued", 10, "files")
    status, told = await curl.report("report", done=3, message="Third")
    assert (status, told) == (200, {"job": job["id"], "attempt": 1, "acked": 0, "cancel": None, "paused": False})
    now = await hub.job(job["id"])
    assert (now["status"], now["done"], now["message"]) == ("running", 3, "Third")
    acked = [
        (await curl.report(name, **body))[1]["acked"]
        for name, body in (
            ("phase", {"name": "Copy", "total": 5}),
            ("entry", {"level": "warning", "text": "Slow disk"}),
            ("entry", {"text": "Level may be left out"}),
            ("checkpoint", {"data": {"file": 3}, "done": 3}),
            ("artifact", {"name": "log", "url": "https://example.org/log"}),
        )
    ]
    assert acked == [1, 2, 3, 4, 5]
    status, told = await curl.report("finish", outcome="succeeded", result={"files": 5})
    assert (status, told["acked"]) == (200, 6)
    now = await hub.job(job["id"])
    assert (now["status"], now["result"], now["artifacts"][0]["name"]) == ("succeeded", {"files": 5}, "log")
    assert (now["checkpoint"]["done"], [phase["name"] for phase in now["phases"]]) == (3, ["Copy"])
    assert await hub.events(job["id"]) == [
        "created", "started", "phase", "entry", "entry", "checkpoint", "attempt_succeeded",
    ]  # fmt: skip
    for name, body in (("report", {"done": 4}), ("entry", {"text": "late"}), ("finish", {"outcome": "failed"})):
        status, said = await curl.report(name, **body)
        assert (status, said["type"].rsplit("/", 1)[-1]) == (410, "revoked")


async def test_a_curl_loop_learns_of_a_cancel_and_says_that_it_stops(hub: Served) -> None:
    curl = Curl(hub)
    job = await curl.open()
    await curl.report("report", done=1)
    await hub.http.post(f"/api/jobs/{job['id']}/cancel", json={"reason": "enough"})
    _, told = await curl.report("report", done=2)
    assert told["cancel"] == {"reason": "enough", "by": None, "grace_s": 10.0}
    assert (await hub.job(job["id"]))["cancel"]["delivered_at"] is None  # it may not have read the answer
    status, _ = await curl.report("cancel_ack", message="Tidying up")
    assert status == 200
    steps = (await hub.job(job["id"]))["cancel"]
    assert steps["delivered_at"] is not None
    assert steps["acknowledged_at"] is not None
    _, told = await curl.report("finish", outcome="cancelled")
    assert told["cancel"] is None
    assert (await hub.job(job["id"]))["status"] == "cancelled"


async def test_a_curl_loop_learns_of_a_pause(hub: Served) -> None:
    job = (await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True})).json()
    url = f"/api/jobs/{job['id']}"
    told = []
    for verb in ("pause", "resume"):
        await hub.http.post(f"{url}/report", json={"done": 1})
        await hub.http.post(f"{url}/{verb}")
        told.append((await hub.http.post(f"{url}/report", json={"done": 2})).json()["paused"])
    assert told == [True, False]


async def test_a_curl_loop_may_say_when_it_tries_again(hub: Served) -> None:
    job = (await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True})).json()
    url = f"/api/jobs/{job['id']}"
    end = {"outcome": "failed", "error": {"type": "E", "message": "no net"}, "retry_in_s": 60}
    answer = await hub.http.post(f"{url}/finish", json=end)
    assert (answer.status_code, answer.json()["attempt"], answer.json()["acked"]) == (200, 2, 0)
    waiting = await hub.job(job["id"])
    assert (waiting["status"], waiting["attempts"][0]["error"]["message"]) == ("queued", "no net")
    assert waiting["retry_at"] == waiting["attempts"][0]["finished_at"] + 60_000
    await hub.http.post(f"{url}/report", json={"done": 1})
    again = await hub.job(job["id"])
    assert (again["status"], again["attempt"], again["done"], again["retry_at"]) == ("running", 2, 1, None)


async def test_a_job_that_was_cancelled_before_its_first_report_is_over(hub: Served) -> None:
    curl = Curl(hub)
    job = await curl.open()
    answer = await hub.http.post(f"/api/jobs/{job['id']}/cancel")
    assert answer.json()["status"] == "cancelled"
    assert (await curl.report("report", done=1))[0] == 410


async def test_a_wrong_report_token_is_forbidden_and_changes_nothing(hub: Served) -> None:
    curl, other = Curl(hub), Curl(hub)
    job, others = await curl.open(), await other.open()
    for token in ("forged", others["report_token"]):
        status, said = await curl.post(f"{curl.url}/report", {"done": 9}, token)
        assert (status, said["type"].rsplit("/", 1)[-1]) == (403, "forbidden")
    assert (await hub.job(job["id"]))["status"] == "queued"


async def test_the_report_token_is_told_to_the_one_who_opened_it_alone(hub: Served) -> None:
    curl = Curl(hub)
    job = await curl.open()
    viewer = await hub.watching(f"job:{job['id']}")
    assert "report_token" not in await viewer.job(job["id"])
    assert "report_token" not in await hub.job(job["id"])


async def test_numbers_may_be_given_so_that_a_repeat_counts_once(hub: Served) -> None:
    curl = Curl(hub)
    job = await curl.open()
    for _ in range(2):
        status, told = await curl.report("entry", n=1, attempt=1, text="once")
        assert (status, told["acked"]) == (200, 1)
    assert (await hub.events(job["id"])).count("entry") == 1
    status, said = await curl.report("entry", n=5, text="fifth")
    assert (status, said["type"].rsplit("/", 1)[-1], said["errors"][0]["field"]) == (409, "out_of_order", "n")
    assert (await curl.report("entry", attempt=2, text="of the next"))[0] == 422
    for _ in range(2):
        assert (await curl.report("finish", n=2, outcome="succeeded"))[0] == 200


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("report", {"done": -1}, "done"),
        ("report", {"attempt": "x"}, "attempt"),
        ("report", {"attempt": 0}, "attempt"),
        ("entry", {}, "text"),
        ("entry", {"text": "x", "n": 0}, "n"),
        ("entry", {"text": "x", "n": 1.5}, "n"),
        ("phase", {"name": ""}, "name"),
        ("checkpoint", {}, "data"),
        ("artifact", {"name": "a", "path": "/etc/passwd"}, "path"),
        ("finish", {"outcome": "perhaps"}, "outcome"),
    ],
)
async def test_a_wrong_report_is_a_problem_that_names_the_field(
    hub: Served, name: str, body: Message, field: str
) -> None:
    opened = await hub.http.post("/api/jobs", json={"kind": "nightly", "external": True})
    job = opened.json()["id"]
    problem(await hub.http.post(f"/api/jobs/{job}/{name}", json=body), 422, "invalid", field)
    assert (await hub.job(job))["status"] == "queued"


async def test_only_work_from_outside_is_reported_on_over_http(hub: Served) -> None:
    work = await hub.started()
    problem(await hub.http.post(f"/api/jobs/{work.id}/report", json={"done": 3}), 409, "conflict")


# ── About itself ──────────────────────────────────────────────────────────────


async def test_it_is_alive_and_ready(hub: Served) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await hub.http.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_hub_that_stops_is_alive_and_not_ready(hub: Served) -> None:
    await hub.service.restart()
    assert (await hub.http.get("/healthz")).status_code == 200
    problem(await hub.http.get("/readyz"), 503, "unavailable")
    problem(await hub.http.post("/api/jobs", json={"kind": "inside"}), 503, "unavailable")
    problem(await hub.http.get("/api/stream"), 503, "unavailable")


async def test_metrics_are_prometheus_text(hub: Served) -> None:
    await hub.outside()
    answer = await hub.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'barcast_jobs{status="running"} 1.0' in lines
    assert 'barcast_connections{kind="worker"} 1.0' in lines
    assert "barcast_store_failing 0.0" in lines


async def test_both_descriptions_are_served(hub: Served) -> None:
    assert (await hub.http.get("/openapi.json")).json()["openapi"].startswith("3.1")
    assert (await hub.http.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")


async def test_the_page_is_served_under_its_own_name_and_that_of_every_job(hub: Served) -> None:
    for path in ("/", "/jobs/any"):
        answer = await hub.http.get(path)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-cache"
    assert (await hub.http.get("/web/app.js")).status_code == 200


# ── Every route ───────────────────────────────────────────────────────────────


def every_route(hub: Served) -> list[tuple[str, str]]:
    """Method and path of each route, with its parameters filled in."""
    found = []
    for route in routes(hub.service):
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        if isinstance(route, Mount):
            found.append(("GET", f"{path}/app.js"))
        elif isinstance(route, Route):
            found += [(method, path) for method in sorted(route.methods or ())]
        else:
            assert isinstance(route, WebSocketRoute)
    return found


async def test_every_route_says_what_a_browser_may_do_with_it(hub: Served) -> None:
    asked = [pair for pair in every_route(hub) if pair != ("GET", "/api/stream")]
    assert len(asked) > 40
    for method, path in asked:
        answer = await hub.http.request(method, path)
        for name in SECURITY_HEADERS:
            assert name in answer.headers, (method, path, name)
        assert set(answer.headers["content-security-policy"].split("; ")) >= WEB_PAGE, (method, path)
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_every_route_refuses_foreign_pages_and_foreign_names(hub: Served) -> None:
    for method, path in every_route(hub):
        for foreign in ("null", "https://evil.example"):
            answer = await hub.http.request(method, path, headers={"Origin": foreign})
            assert answer.status_code == 403, (method, path)
        answer = await hub.http.request(method, path, headers={"Host": "evil.example"})
        assert answer.status_code == 400, (method, path)
        assert "content-security-policy" in answer.headers, (method, path)
    assert await titles(hub) == []


async def test_the_pages_own_origin_is_let_in(hub: Served) -> None:
    answer = await hub.http.post("/api/jobs", json={"kind": "inside"}, headers={"Origin": hub.base})
    assert answer.status_code == 201


async def test_further_names_are_let_in_where_the_operator_says_so(db: Path) -> None:
    async with serving(db, hosts=("barcast.local",)) as hub:
        answer = await hub.http.get("/healthz", headers={"Host": "barcast.local:8600"})
        assert answer.status_code == 200


async def test_every_get_answers_head_without_a_body(hub: Served) -> None:
    for method, path in every_route(hub):
        if method == "HEAD":
            answer = await hub.http.head(path)
            assert answer.content == b"", path
            assert answer.status_code in (200, 404), path


async def test_an_unknown_address_is_a_problem(hub: Served) -> None:
    for path in ("/nowhere", "/api/nowhere", "/api/jobs/x/nowhere", "/web/nowhere.js", "/web/", "/ws"):
        problem(await hub.http.get(path), 404, "not_found")


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(hub: Served) -> None:
    for method, path, allowed in (
        ("PUT", "/api/jobs", {"GET", "HEAD", "POST"}),
        ("POST", "/api/kinds", {"GET", "HEAD"}),
        ("GET", "/api/jobs/x/cancel", {"POST"}),
        ("PATCH", "/api/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("POST", "/metrics", {"GET", "HEAD"}),
        ("POST", "/api/stream", {"GET", "HEAD"}),
    ):
        answer = await hub.http.request(method, path)
        problem(answer, 405, "not_found")
        assert set(answer.headers["allow"].split(", ")) == allowed, path


async def test_a_fault_of_ours_is_an_internal_problem_without_its_details(hub: Served) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a secret path")

    hub.service.hub.summary = broken  # type: ignore[method-assign, assignment]
    hub.service._derive = nothing  # type: ignore[method-assign]
    answer = await hub.http.get("/api/summary")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers
    del hub.service.hub.summary


async def test_a_fault_of_ours_in_a_call_about_a_job_is_logged_with_its_id(
    hub: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: str) -> None:
        raise ZeroDivisionError

    hub.service.hub.find = broken  # type: ignore[method-assign, assignment]
    problem(await hub.http.get("/api/jobs/01K?token=secret"), 500, "internal")
    [line] = [record for record in caplog.records if "failed at" in record.getMessage()]
    assert line.__dict__["job"] == "01K"
    assert "secret" not in line.getMessage()


async def nothing() -> None:
    pass


async def test_a_kind_with_nasty_texts_comes_through_as_it_is(db: Path) -> None:
    nasty = "<img src=x onerror=alert(1)> '; DROP TABLE jobs; -- \u202e"
    kind = KindInfo(kind="nasty", title=nasty, doc=nasty, params={"description": nasty}, cancel_note=nasty)
    async with serving(db, (kind, INSIDE)) as hub:
        [listed] = [kind for kind in (await hub.http.get("/api/kinds")).json()["kinds"] if kind["kind"] == "nasty"]
        assert (listed["title"], listed["doc"], listed["cancel_note"]) == (nasty, nasty, nasty)
