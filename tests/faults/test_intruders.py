"""Strangers before a real hub: foreign pages and names, guessed ids, paths that lead outside, secrets in logs.

There are no tokens for people yet, so what is about them cannot be tried: none, forged, expired, for another job, for
viewing but used to cancel, expiring on a live socket. Whoever reaches a hub may see and change all jobs; it binds
addresses of its own machine only. Tokens that do exist are a worker's and a report's: they are tried here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.peer import Peer, handshake
from tests.faults.scene import Scene, opened_worker, scene

EVIL = "https://evil.example"
STATIC = ["/", "/page.css", "/page.js", "/later.js", "/barcast.js", "/job-progress.js", "/web/app.js", "/jobs/x"]
FOREIGN_ORIGINS = [
    "null",
    EVIL,
    "http://localhost:1",
    "http://127.0.0.1.evil.example",
    "file://",
    "",
    "http://127.0.0.1",
]
FOREIGN_HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2", "[::2]", "", "0"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One hub for all of it, which says all that it would ever say in its log."""
    folder = tmp_path_factory.mktemp("intruders")
    (folder / "secret.js").write_text("never to be seen")
    with scene(folder, "--log-level", "debug", requests_per_minute=100_000) as made:
        yield made
        made.check()


def request(stage: Scene, method: str, path: str, *lines: str, host: str | None = None) -> tuple[int, bytes]:
    """An answer's status and body to a request as it is written here."""
    name = f"127.0.0.1:{stage.hub.port}" if host is None else host
    with Peer(stage.hub.port) as peer:
        peer.send("\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {name}", *lines, "", ""]).encode())
        return peer.answer()


def routes(stage: Scene) -> list[tuple[str, str]]:
    """Every method and path that the hub says it has, and those of its page."""
    described = stage.hub.get("/openapi.json")["paths"]
    calls = [
        (method.upper(), path) for path, methods in described.items() for method in methods if method != "parameters"
    ]
    filled = [(method, re.sub(r"\{[^}]*\}", stage.job, path)) for method, path in calls]
    return filled + [("GET", path) for path in STATIC]


def refused_upgrade(stage: Scene, path: str, *lines: str, host: str) -> int:
    with Peer(stage.hub.port) as peer:
        peer.send(handshake(path, *lines, host=host))
        return int(peer.head().split()[1])


# ── Other pages, other names ──────────────────────────────────────────────────


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_page_of_another_origin_is_refused_on_every_route(stage: Scene, origin: str) -> None:
    every = routes(stage)
    assert len(every) > 30
    for method, path in every:
        status, body = request(stage, method, path, f"Origin: {origin}")
        assert status == 403, (method, path, body)
    for path in ("/ws", "/ws/worker"):
        assert refused_upgrade(stage, path, f"Origin: {origin}", host=f"127.0.0.1:{stage.hub.port}") == 403
    stage.is_well()


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_name_that_leads_here_is_refused_on_every_route(stage: Scene, host: str) -> None:
    for method, path in routes(stage):
        status, body = request(stage, method, path, host=host)
        assert status == 400, (method, path, body)
    for path in ("/ws", "/ws/worker"):
        assert refused_upgrade(stage, path, host=host) == 400
    stage.is_well()


def test_a_rebound_page_that_names_itself_in_both_headers_is_refused(stage: Scene) -> None:
    host = f"evil.example:{stage.hub.port}"
    assert request(stage, "GET", "/api/jobs", f"Origin: http://{host}", host=host)[0] == 400
    assert refused_upgrade(stage, "/ws", f"Origin: http://{host}", host=host) == 400


def test_an_address_in_the_request_line_does_not_replace_the_name(stage: Scene) -> None:
    status, _ = request(stage, "GET", "http://127.0.0.1/api/jobs", host="evil.example")
    assert status == 400


def test_no_preflight_is_answered_with_a_permission(stage: Scene) -> None:
    asks = (f"Origin: {EVIL}", "Access-Control-Request-Method: POST")
    with Peer(stage.hub.port) as peer:
        head = ["OPTIONS /api/jobs HTTP/1.1", f"Host: 127.0.0.1:{stage.hub.port}", *asks, "", ""]
        peer.send("\r\n".join(head).encode())
        answer = peer.head()
    assert b" 403 " in answer
    assert b"access-control" not in answer.lower()


# ── Guessing ──────────────────────────────────────────────────────────────────


def test_ids_that_are_guessed_are_all_answered_alike(stage: Scene) -> None:
    gone = str(stage.hub.post("/api/jobs", {"kind": "sync", "external": True})["id"])
    assert "acked" in stage.hub.post(f"/api/jobs/{gone}/finish", {"outcome": "succeeded"})
    stage.hub.call("DELETE", f"/api/jobs/{gone}")
    near = stage.job[:-1] + ("0" if stage.job[-1] != "0" else "1")
    guesses = [gone, near, stage.job.lower(), "1", "x" * 64, "..", "%00", "jobs"]
    for rest in ("", "/log", "/samples", "/traceback", "/stack", "/stream", "/artifacts/a"):
        answers = {request(stage, "GET", f"/api/jobs/{guess}{rest}") for guess in guesses}
        assert {status for status, _ in answers} == {404}, (rest, answers)
        assert len(answers) == 1 or rest == "", answers
    with Peer(stage.hub.port).upgrade() as peer:
        told = []
        for guess in guesses:
            peer.say("subscribe", id=1, topic=f"job:{guess}")
            told.append(peer.until("error"))
    assert all(one == told[0] for one in told), told
    stage.is_well()


def test_a_report_token_is_for_its_job_alone_and_is_told_to_nobody_else(stage: Scene) -> None:
    mine, other = (stage.hub.post("/api/jobs", {"kind": "sync", "external": True}) for _ in range(2))
    token = mine["report_token"]
    for path in ("/api/jobs", f"/api/jobs/{mine['id']}", f"/api/jobs/{mine['id']}/log"):
        assert token not in json.dumps(stage.hub.get(path)), path
    for wrong in (other["report_token"], token[:-1], token + "0", "x", token.upper(), "é"):
        lines = (f"Authorization: Bearer {wrong}", "Content-Length: 0")
        status, _ = request(stage, "POST", f"/api/jobs/{mine['id']}/report", *lines)
        assert status == 403, wrong
    right = (f"Authorization: Bearer {token}", "Content-Length: 0")
    assert request(stage, "POST", f"/api/jobs/{mine['id']}/report", *right)[0] == 200
    assert token not in stage.hub.log()
    stage.is_well()


# ── Paths that lead outside ───────────────────────────────────────────────────

OUTSIDE = [
    "../hub/settings.py", "../../etc/passwd", "..%2fhub%2fsettings.py", "%2e%2e/hub/settings.py",
    "%2e%2e%2fhub/settings.py", "..\\hub\\settings.py", "..%5chub%5csettings.py", "....//hub/settings.py",
    "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "./../hub/settings.py", "app.js/../../hub/settings.py",
    "app.js%00.css", "%00", "..%00/hub/settings.py", "%252e%252e%252fhub%252fsettings.py", "~root",
    "..%c0%afhub%c0%afsettings.py", "file:///etc/passwd", ".", "..", "%ff", "a" * 5_000, "/".join(["a"] * 2_000),
]  # fmt: skip


@pytest.mark.parametrize("prefix", ["/web/", "/", "/jobs/", "/page.js/", "/barcast.js/", "/api/jobs/JOB/artifacts/"])
def test_no_static_route_leads_outside(stage: Scene, prefix: str) -> None:
    for path in OUTSIDE:
        status, body = request(stage, "GET", prefix.replace("JOB", stage.job) + path)
        page = prefix == "/jobs/" and status == 200 and b"<html" in body.lower()
        assert page or status in (400, 404), (path, status, body[:200])
        for sign in (b"Every limit and interval", b"root:", b"never to be seen", b"Traceback"):
            assert sign not in body, path
    stage.is_well()


def test_a_worker_from_outside_attaches_no_file(stage: Scene) -> None:
    with opened_worker(stage.hub) as (worker, job):
        message = {"type": "artifact", "job": job, "attempt": 1, "n": 1, "name": "a", "path": "/etc/passwd"}
        worker.send(json.dumps(message))
        answer: dict[str, Any] = json.loads(worker.recv(timeout=30))
        assert answer["type"] == "error", answer
        assert request(stage, "GET", f"/api/jobs/{job}/artifacts/a")[0] == 404
    stage.is_well()


# ── Secrets ───────────────────────────────────────────────────────────────────


def test_no_secret_of_a_request_reaches_the_log_even_of_one_that_says_all(stage: Scene) -> None:
    secret = "s3cret-of-mine"
    line = f"Authorization: Bearer {secret}"
    for path in (f"/ws?token={secret}", f"/ws/worker?token={secret}"):
        with Peer(stage.hub.port).upgrade(path, line, f"Cookie: a={secret}") as peer:
            peer.say("hello", token=secret)
            peer.say("open", id=1, job="nobody", token=secret)
        assert refused_upgrade(stage, path, line, f"Origin: {EVIL}", host="127.0.0.1") == 403
        assert refused_upgrade(stage, f"/nowhere?token={secret}", line, host="127.0.0.1") == 403
    for path in (f"/api/jobs?token={secret}", f"/nowhere?token={secret}", f"/api/jobs/{secret}"):
        request(stage, "GET", path, line)
        request(stage, "GET", path, line, host="evil.example")
    with Peer(stage.hub.port) as peer:
        peer.send(f"GET /{secret} HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header {secret}\r\n\r\n".encode())
        assert peer.answer()[0] == 400
    stage.check()
    assert secret not in stage.hub.log()
