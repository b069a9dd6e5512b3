"""What nobody should send, sent to a real hub: on both sockets and in HTTP bodies, while others look on undisturbed."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.faults.aftermath import standing
from tests.faults.peer import BINARY, CLOSE, CONT, PING, TEXT, Peer, frame
from tests.faults.scene import Scene, heard, opened_worker, scene
from tests.serving import PATIENCE_S

SOCKETS = ["/ws", "/ws/worker"]
SUBSCRIPTIONS = int(os.environ.get("BARCAST_SUBSCRIPTIONS", "2000"))  # a million by hand
AT_ONCE = 500  # subscriptions that are sent before an answer is read
LOOK_EVERY = max(SUBSCRIPTIONS // 100, AT_ONCE)  # of them, at the others: a look is an entry, and their log is bounded
TOPICS = 10


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One hub for all of it: what each input leaves behind would be found by the next."""
    limits = {"requests_per_minute": 100_000, "reports_per_s": 100_000, "topics_per_viewer": TOPICS}
    with scene(tmp_path_factory.mktemp("input"), **limits) as made:
        yield made
        made.check()
        assert "Traceback" not in made.hub.log()


# ── Frames ────────────────────────────────────────────────────────────────────

FRAMES: list[tuple[str, bytes, int]] = [
    ("a message over the limit", frame(TEXT, b"x" * 200_000), 1009),
    (
        "a message over the limit in two pieces",
        frame(TEXT, b"x" * 100_000, fin=False) + frame(CONT, b"x" * 100_000),
        1009,
    ),
    ("a tebibyte announced", b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4), 1009),
    ("more than can be counted announced", b"\x81\xff" + b"\xff" * 8 + bytes(4), 1009),
    ("200,000 empty pieces", frame(TEXT, fin=False) + frame(CONT, fin=False) * 200_000, 1009),
    ("a compressed frame where nothing was agreed", frame(TEXT, b"\x4a\x4c\x04\x00" * 100, bits=4), 1002),
    ("reserved bits", frame(TEXT, b"{}", bits=3), 1002),
    ("an unmasked frame", frame(TEXT, b"{}", masked=False), 1002),
    ("an unknown opcode", frame(0x3, b"{}"), 1002),
    ("a ping in pieces", frame(PING, b"x", fin=False), 1002),
    ("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    ("a piece of nothing", frame(CONT, b"x"), 1002),
    ("a message inside a message", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    ("a close frame of one byte", frame(CLOSE, b"\x03"), 1002),
    ("a close code that is none", frame(CLOSE, (999).to_bytes(2, "big")), 1002),
    ("text that is not UTF-8", frame(TEXT, b'{"type": "\xff\xfe"}'), 1007),
    ("half a character", frame(TEXT, b'{"type": "\xe2\x82"}'), 1007),
    ("a surrogate as bytes", frame(TEXT, b'{"type": "\xed\xa0\x80"}'), 1007),
    ("a reason that is not UTF-8", frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
]


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(("data", "code"), [pytest.param(*row[1:], id=row[0]) for row in FRAMES])
def test_a_frame_that_breaks_the_rules_ends_its_own_socket_and_no_other(
    stage: Scene, path: str, data: bytes, code: int
) -> None:
    with Peer(stage.hub.port).upgrade(path) as peer:
        peer.send(data)
        assert peer.close_code() == code
    stage.is_well()


# ── Messages ──────────────────────────────────────────────────────────────────

DEEP = 70_000  # levels that fit into a frame; 100,000 do not, and are 1009
JSON_WRONG: list[tuple[str, str, str]] = [
    ("nothing", "", "malformed"),
    ("no JSON", "hello", "malformed"),
    ("two objects", "{}{}", "malformed"),
    ("no object", "[]", "malformed"),
    ("a number", "1", "malformed"),
    ("an object that never ends", '{"type":"ping","id":1', "malformed"),
    ("no type", '{"id":1}', "malformed"),
    ("a type that is no text", '{"type":7,"id":1}', "malformed"),
    ("a type that is a list", '{"type":["ping"],"id":1}', "malformed"),
    ("an unknown type", '{"type":"explode","id":1}', "unknown_type"),
    ("a type of a million characters cut to what fits", f'{{"type":"{"x" * 150_000}"}}', "unknown_type"),
    ("a type with a nought in it", '{"type":"ping\\u0000","id":1}', "unknown_type"),
    ("half a pair of surrogates", '{"type":"ping","id":"\\ud800"}', "malformed"),
    ("many lists in lists", "[" * DEEP, "malformed"),
    ("many objects in objects", '{"a":' * 30_000, "malformed"),
    ("many levels in a field that is ignored", f'{{"type":"ping","id":1,"x":{"[" * DEEP}{"]" * DEEP}}}', "malformed"),
    ("NaN", '{"type":"report","job":"JOB","attempt":1,"done":NaN}', "malformed"),
    ("an infinity", '{"type":"report","job":"JOB","attempt":1,"done":-Infinity}', "malformed"),
]
NUMBERS = ["-1", "-0.5", "1e999", "-1e999", "9007199254740992", "1" + "0" * 400, '"7"', "true", "[]", "{}"]


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(("text", "code"), [pytest.param(*row[1:], id=row[0]) for row in JSON_WRONG])
def test_a_message_that_is_none_is_answered_and_changes_nothing(stage: Scene, path: str, text: str, code: str) -> None:
    with Peer(stage.hub.port).upgrade(path) as peer:
        peer.send(frame(TEXT, text.replace("JOB", stage.job).encode()))
        error = peer.until("error")
        assert error["code"] == code, error
        assert len(error["message"]) < 400
        assert peer.is_open()
    stage.is_well()


VIEWER_WRONG = [
    {"type": "ping"},
    {"type": "ping", "id": None},
    {"type": "ping", "id": {}},
    {"type": "ping", "id": "x" * 257},
    {"type": "subscribe", "id": 1},
    {"type": "subscribe", "id": 1, "topic": 7},
    {"type": "subscribe", "id": 1, "topic": "job:" + "x" * 65},
    {"type": "subscribe", "id": 1, "topic": "jobs\n"},
    {"type": "subscribe", "id": 1, "topic": "jobs", "filter": {"kind": ["x"] * 33}},
    {"type": "subscribe", "id": 1, "topic": "jobs", "filter": {"status": ["'; DROP TABLE jobs; --"]}},
    {"type": "subscribe", "id": 1, "topic": "job:x", "since": {"epoch": "x", "seq": -1, "log": 0}},
    {"type": "subscribe", "id": 1, "topic": "job:x", "since": {"epoch": "x", "seq": 2**53, "log": 0}},
    {"type": "start", "id": 1},
    {"type": "start", "id": 1, "kind": ""},
    {"type": "start", "id": 1, "kind": "<script>alert(1)</script>"},
    {"type": "start", "id": 1, "kind": "k", "title": "x" * 4_097},
    {"type": "start", "id": 1, "kind": "k", "tags": {"a": "b" * 4_097}},
    {"type": "start", "id": 1, "kind": "k", "tags": {str(n): "x" for n in range(33)}},
    {"type": "start", "id": 1, "kind": "k", "priority": 1_000},
    {"type": "start", "id": 1, "kind": "k", "params": "text"},
    {"type": "start", "id": 1, "kind": "k", "params": {"n": 2**53}},
    {"type": "cancel", "id": 1},
    {"type": "cancel", "id": 1, "job": "x" * 65},
    {"type": "cancel", "id": 1, "job": "x", "reason": "x" * 4_097},
    {"type": "cancel", "id": 1, "job": "x", "force": "yes"},
    {"type": "visible", "value": 1},
]
WORKER_WRONG = [
    {"type": "open"},
    {"type": "open", "id": 1, "kind": "k", "title": 7},
    {"type": "open", "id": 1, "kind": "../../etc"},
    {"type": "open", "id": 1, "kind": "k", "total": -1},
    {"type": "open", "id": 1, "kind": "k", "phases": [{"name": "x"}] * 101},
    {"type": "open", "id": 1, "kind": "k", "key": "x" * 257},
    {"type": "report", "job": "JOB"},
    {"type": "report", "job": "JOB", "attempt": 0, "done": 1},
    {"type": "report", "job": "JOB", "attempt": 1, "unit": "x" * 4_097},
    {"type": "report", "job": "JOB", "attempt": 1, "message": "x" * 4_097},
    {"type": "report", "job": "JOB", "attempt": 1, "counters": {str(n): n for n in range(101)}},
    {"type": "entry", "job": "JOB", "attempt": 1, "n": 0, "text": "x"},
    {"type": "entry", "job": "JOB", "attempt": 1, "n": 2**53, "text": "x"},
    {"type": "entry", "job": "JOB", "attempt": 1, "n": 1, "text": "x" * 4_097},
    {"type": "entry", "job": "JOB", "attempt": 1, "n": 1, "text": "x", "level": "loud"},
    {"type": "checkpoint", "job": "JOB", "attempt": 1, "n": 1},
    {"type": "artifact", "job": "JOB", "attempt": 1, "n": 1, "name": "x", "url": "javascript:alert(1)"},
    {"type": "artifact", "job": "JOB", "attempt": 1, "n": 1, "name": "x", "url": "file:///etc/passwd"},
    {"type": "finish", "job": "JOB", "attempt": 1, "n": 1, "outcome": "perhaps"},
    {"type": "finish", "job": "JOB", "attempt": 1, "n": 1, "outcome": "failed", "error": "text"},
    {"type": "finish", "job": "JOB", "attempt": 1, "n": 1, "outcome": "failed", "retry_in_s": -1},
]
WRONG = [("/ws", one) for one in VIEWER_WRONG] + [("/ws/worker", one) for one in WORKER_WRONG]


def in_short(value: Any) -> str:
    return str(value)[:90]


@pytest.mark.parametrize(("path", "message"), WRONG, ids=in_short)
def test_a_wrong_field_is_named_and_changes_nothing(stage: Scene, path: str, message: dict[str, Any]) -> None:
    with Peer(stage.hub.port).upgrade(path) as peer:
        peer.send(frame(TEXT, json.dumps(message).replace("JOB", stage.job).encode()))
        error = peer.until("error")
        assert error["code"] == "invalid", error
        assert error["field"], error
        assert peer.is_open()
    stage.is_well()


def test_a_number_that_is_none_or_beyond_bounds_is_refused_wherever_it_stands(stage: Scene) -> None:
    with opened_worker(stage.hub) as (worker, job):
        for field in ("done", "total", "rate", "eta_s", "phase"):
            for number in NUMBERS:
                worker.send(f'{{"type":"report","job":"{job}","attempt":1,"{field}":{number}}}')
                error = json.loads(worker.recv(timeout=PATIENCE_S))
                assert (error["type"], error["field"]) == ("error", field), (field, number, error)
        worker.send(json.dumps({"type": "report", "job": job, "attempt": 1, "done": 30, "total": 10}))
        seen = stage.hub.get(f"/api/jobs/{job}")
        while seen["done"] != 30:
            seen = stage.hub.get(f"/api/jobs/{job}")
        assert (seen["total"], seen["fraction"]) == (10, 1.0), "more done than there is is shown as all of it"
    stage.is_well()


# ── HTTP bodies ───────────────────────────────────────────────────────────────

BODIES: list[tuple[str, bytes, int]] = [
    ("nothing", b"", 422),
    ("no JSON", b"hello", 400),
    ("no object", b"[]", 400),
    ("not UTF-8", b'{"kind": "\xff"}', 400),
    ("half a pair of surrogates", b'{"kind": "\\ud800"}', 400),
    ("100,000 levels of lists", b"[" * 60_000, 400),
    ("100,000 levels of objects", b'{"a":' * 13_000, 400),
    ("NaN", b'{"kind": "k", "params": {"x": NaN}}', 400),
    ("a million characters", b'{"kind": "k", "title": "' + b"x" * 1_000_000 + b'"}', 413),
    ("a title that is too long", b'{"kind": "k", "title": "' + b"x" * 5_000 + b'"}', 422),
    ("a kind that is none", b'{"kind": "\'; DROP TABLE jobs; --"}', 422),
    ("a wrong type", b'{"kind": 7}', 422),
    ("a huge number", b'{"kind": "k", "priority": 1' + b"0" * 400 + b"}", 422),
]


@pytest.mark.parametrize(("body", "status"), [pytest.param(*row[1:], id=row[0]) for row in BODIES])
def test_a_body_that_is_wrong_is_a_problem(stage: Scene, body: bytes, status: int) -> None:
    with Peer(stage.hub.port) as peer:
        peer.send(b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answered, problem = peer.answer()
        assert answered == status, problem
        assert len(json.loads(problem)["detail"]) < 400
    stage.is_well()


@pytest.mark.parametrize(
    "data",
    [
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\x00" * 1_000 + b"\r\n\r\n",
        bytes(range(128, 256)) * 10 + b"\r\n\r\n",
    ],
    ids=in_short,
)
def test_what_is_no_request_is_refused_and_harms_nobody(stage: Scene, data: bytes) -> None:
    with Peer(stage.hub.port) as peer:
        peer.send(data)
        assert peer.head().split()[1].startswith(b"4")
    stage.is_well()


# ── Nasty texts ───────────────────────────────────────────────────────────────

NASTY = "<img src=x onerror=alert(1)>\u202e\u0007\x1b[2J\x1b]0;x\x07\r\n\x00 '; DROP TABLE jobs; -- \" %s {0} 💥 \ufeff"


def test_every_text_comes_back_as_it_was_and_none_is_taken_for_anything_else(stage: Scene) -> None:
    tags, data = {NASTY: NASTY}, {NASTY: [NASTY, {"x": NASTY}]}
    opening = {"title": NASTY, "params": data, "tags": tags, "unit": NASTY, "key": NASTY}
    with opened_worker(stage.hub, **opening, phases=[{"name": NASTY, "unit": NASTY}]) as (worker, job):
        told: list[dict[str, Any]] = [
            {"type": "report", "unit": NASTY, "message": NASTY, "worker": NASTY, "counters": {NASTY: 1}},
            {"type": "phase", "n": 1, "name": NASTY, "unit": NASTY},
            {"type": "entry", "n": 2, "text": NASTY, "data": data},
            {"type": "checkpoint", "n": 3, "data": data},
            {"type": "artifact", "n": 4, "name": NASTY, "url": "https://example.org/'--<b>"},
            {
                "type": "finish", "n": 5, "outcome": "failed", "message": NASTY,
                "error": {"type": NASTY, "message": NASTY, "traceback": NASTY},
            },
        ]  # fmt: skip
        for message in told:
            worker.send(json.dumps({**message, "job": job, "attempt": 1}))
        while heard(worker, "ack")["n"] < 5:
            pass
    seen = stage.hub.get(f"/api/jobs/{job}")
    assert (seen["title"], seen["tags"], seen["params"]) == (NASTY, tags, data)
    assert (seen["message"], seen["counters"], seen["worker"]) == (NASTY, {NASTY: 1}, NASTY)
    assert (seen["error"], seen["phases"][0]["name"]) == ({"type": NASTY, "message": NASTY}, NASTY)
    assert [one["name"] for one in seen["artifacts"]] == [NASTY]
    assert [(one["text"], one["data"]) for one in stage.hub.log_of(job) if one["event"] == "entry"] == [(NASTY, data)]
    assert stage.hub.get(f"/api/jobs/{job}/traceback")["traceback"] == NASTY
    log = stage.hub.log()
    assert not [sign for sign in log if ord(sign) < 32 and sign != "\n"], "no control character reaches a terminal"
    stage.check()


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE jobs; --", "' OR '1'='1", '" OR 1=1 --', "%", "_", "\\", "\x00", NASTY]
)
def test_sql_in_every_parameter_is_a_text_like_any_other(stage: Scene, text: str) -> None:
    quoted = urllib.parse.quote(text, safe="")
    for path in (
        *[f"/api/jobs?{name}={quoted}" for name in ("q", "kind", "tag", "parent", "after", "status", "limit")],
        *[f"/api/jobs/{quoted}{rest}" for rest in ("", "/log", "/samples", "/traceback", "/stream", "/artifacts/x")],
        *[f"/api/jobs/{stage.job}/log?{name}={quoted}" for name in ("after", "before", "limit")],
        f"/api/jobs/{stage.job}/artifacts/{quoted}",
        f"/api/kinds/{quoted}/history",
    ):
        status, body = asked(stage, path)
        found = status == 200 and path.startswith("/api/jobs?")
        assert found or status in (400, 404, 422), (path, status, body)
        assert not found or "nobody's" not in body
    stage.check()


def asked(stage: Scene, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(stage.hub.url + path, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# ── Too much of what is right ─────────────────────────────────────────────────


def test_subscriptions_without_end_stop_at_the_bound_of_a_viewer(stage: Scene) -> None:
    """As many as `BARCAST_SUBSCRIPTIONS` says; a million is for a quiet hour."""
    jobs = [str(stage.hub.post("/api/jobs", {"kind": "many", "external": True})["id"]) for _ in range(2 * TOPICS)]
    begin_s = time.monotonic()
    refused = taken = 0
    looks: list[tuple[float, int]] = []
    with Peer(stage.hub.port).upgrade() as peer:
        for begin in range(0, SUBSCRIPTIONS, AT_ONCE):
            peer.send(b"".join(subscription(number, jobs) for number in range(begin, begin + AT_ONCE)))
            if begin % LOOK_EVERY == 0:
                looks.append((stage.is_well(), standing(stage.hub).memory_bytes >> 20))
            answers = list(islice((one for one in peer.messages() if one.get("id") is not None), AT_ONCE))
            refused += sum(message.get("code") == "too_many" for message in answers)
            taken += sum(message["type"] == "subscribed" for message in answers)
    others_s, memory_mib = (max(one) for one in zip(*looks, strict=True))
    print(f"\n{SUBSCRIPTIONS} subscriptions in {time.monotonic() - begin_s:.0f} s: {taken} taken, {refused} refused;")
    print(f"others waited {others_s:.3f} s at most; the hub held {looks[0][1]} MiB at first, {memory_mib} at most")
    assert (taken, refused) == (SUBSCRIPTIONS // 2, SUBSCRIPTIONS // 2), "its first topics stay, others are refused"
    stage.check()


def subscription(number: int, jobs: list[str]) -> bytes:
    said = {"type": "subscribe", "id": number, "topic": f"job:{jobs[number % len(jobs)]}"}
    return frame(TEXT, json.dumps(said).encode())


def test_messagepack_that_is_none_is_refused_too(stage: Scene) -> None:
    for path in SOCKETS:
        with Peer(stage.hub.port).upgrade(path, "Sec-WebSocket-Protocol: barcast.v1.msgpack") as peer:
            for data in (b"\xc1", b"\x91" * 100_000, b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"{}"):
                peer.send(frame(BINARY, data))
            assert peer.close_code() == 4400, "five of them in a row"
    stage.check()
