"""What is told over HTTP, by a thread of its own: to a hub that listens, refuses, breaks, or is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any

import pytest

from workers import announce
from workers.announce import MOST, TRIES, Announcer, Notice

PATIENCE_S = 10.0


class Played(HTTPServer):
    """The other side of HTTP: answers with the statuses that it is given, then with 200, and keeps what it is told."""

    def __init__(self, *statuses: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.statuses = list(statuses)
        self.told: Queue[tuple[str, dict[str, Any], str | None]] = Queue()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Played

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        answer = b'{"id": "j 1"}'
        self.send_header("content-length", str(len(answer)))
        if status == 429:
            self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(answer)
        self.server.told.put((self.path, body, self.headers["authorization"]))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "PAUSE_S", 0.01)


@pytest.fixture
def played(request: pytest.FixtureRequest) -> Iterator[Played]:
    server = Played(*getattr(request, "param", ()))
    yield server
    server.close()


@pytest.fixture
def announcer(played: Played) -> Iterator[Announcer]:
    one = Announcer(lambda: played.url, "secret")
    one.start()
    yield one
    one.close()
    one._thread.join(PATIENCE_S)


def notice(n: int = 1, **fields: Any) -> Notice:
    return Notice(start={"kind": "add", "key": str(n)}, **fields)


def test_a_job_is_opened_from_outside_with_the_token(played: Played, announcer: Announcer) -> None:
    announcer.tell(notice())
    path, body, token = played.told.get(timeout=PATIENCE_S)
    assert (path, token) == ("/api/jobs", "Bearer secret")
    assert body == {"kind": "add", "key": "1", "external": True}


def test_what_is_said_of_it_goes_to_the_job_that_was_answered(played: Played, announcer: Announcer) -> None:
    announcer.tell(notice(then="finish", body={"outcome": "failed"}))
    played.told.get(timeout=PATIENCE_S)
    path, body, _ = played.told.get(timeout=PATIENCE_S)
    assert (path, body) == ("/api/jobs/j%201/finish", {"outcome": "failed"})


@pytest.mark.parametrize("played", [(429, 503)], indirect=True)
def test_a_hub_that_asks_to_wait_is_told_again(played: Played, announcer: Announcer) -> None:
    announcer.tell(notice())
    assert [played.told.get(timeout=PATIENCE_S)[1]["key"] for _ in range(3)] == ["1", "1", "1"]


@pytest.mark.parametrize("played", [(400,)], indirect=True)
def test_what_the_hub_refuses_is_told_once(played: Played, announcer: Announcer) -> None:
    announcer.tell(notice(1))
    announcer.tell(notice(2))
    assert [played.told.get(timeout=PATIENCE_S)[1]["key"] for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("played", [(500,) * TRIES], indirect=True)
def test_what_breaks_the_hub_each_time_is_given_up(played: Played, announcer: Announcer) -> None:
    announcer.tell(notice(1))
    announcer.tell(notice(2))
    assert [played.told.get(timeout=PATIENCE_S)[1]["key"] for _ in range(TRIES + 1)] == ["1"] * TRIES + ["2"]


def test_a_hub_that_is_away_is_told_when_it_is_back() -> None:
    before = Played()
    announcer = Announcer(lambda: before.url, None)
    announcer.start()
    announcer.tell(notice(1))
    before.told.get(timeout=PATIENCE_S)
    before.close()
    announcer.tell(notice(2))
    after = Played(port=before.server_port)
    try:
        assert after.told.get(timeout=PATIENCE_S)[1]["key"] == "2"
    finally:
        announcer.close()
        announcer._thread.join(PATIENCE_S)
        after.close()


def test_without_a_hub_nobody_waits_and_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Played()
    nobody.close()
    monkeypatch.setenv("BARCAST_URL", nobody.url)
    for n in range(MOST + 10):
        announce.announce(notice(n))
    announcer = announce._announcers[nobody.url, None]
    assert len(announcer._waiting) <= MOST
    assert announce.ask(notice()) is None
    announce.close_all()
    announcer._thread.join(PATIENCE_S)
    assert not announcer._thread.is_alive()


@pytest.mark.parametrize("url", ["gopher://hub", "http://127.0.0.1:port", "nonsense"])
def test_a_wrong_address_disturbs_nobody(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARCAST_URL", url)
    assert announce.ask(notice()) is None
