"""Any bytes at either socket's door, or behind it, or as a body: the hub goes on, others are served, nothing is left.

What is sent is a request or a frame as it should be, with some bytes changed, left out or put in, or no such thing at
all. The sender then says that no more comes (behind a body the hub knows) and waits for the hub to hang up. By command:

    FUZZ_EXAMPLES=20000 FUZZ_SEED=random python -m pytest tests/faults/test_first_bytes.py
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection, connect

from hub.outside import REPORTS
from tests.faults.aftermath import check_process, standing
from tests.serving import PATIENCE_S, HubProcess, hub_process

BUDGET = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")),
    derandomize=os.environ.get("FUZZ_SEED") != "random",
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: barcast.v1.json\r\n\r\n"
)
DOORS = (b"/ws", b"/ws/worker")
MASKED = b"\x80"  # of a frame's second byte
SAID = [
    {"type": "hello"},
    {"type": "subscribe", "id": 1, "topic": "jobs"},
    {"type": "ping", "id": 2},
    {"type": "open", "id": 3, "kind": "k"},
    {"type": "report", "job": "j", "attempt": 1, "done": 1},
]
BODY = b"POST /api/jobs%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
PLACES = [b"", b"/none/cancel", *(b"/none/" + name.encode() for name in REPORTS)]


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """One frame of a client, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + b"\0\0\0\0" + payload


@st.composite
def changed(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes of it are others, are missing, or are too many."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(raw)))
        raw[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(raw)


doors = st.sampled_from(DOORS)
requests = doors.flatmap(lambda door: changed(UPGRADE % door))
texts = st.sampled_from([json.dumps(said).encode() for said in SAID])
frames = st.one_of(
    st.binary(max_size=40),
    st.tuples(texts, st.sampled_from([0x81, 0x82, 0x80, 0x01, 0x88, 0x89, 0x8A, 0xC1, 0x83])).flatmap(
        lambda said: changed(frame(*said))
    ),
    texts.flatmap(changed).map(frame),
)
bodies = st.tuples(st.sampled_from(PLACES), st.one_of(st.binary(max_size=60), texts.flatmap(changed)))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder: Path = tmp_path_factory.mktemp("first-bytes")
    with hub_process(folder / "hub.db", BARCAST_REPORTS_PER_S="1000000") as running:
        yield running
    assert "Traceback" not in running.log()


def sent(hub: HubProcess, raw: bytes, *, says_so: bool) -> bytes:
    """Send it and no more, and perhaps say so; all that the hub answers until it hangs up."""
    answer = b""
    with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S) as peer, suppress(ConnectionError):
        peer.sendall(raw)
        if says_so:
            peer.shutdown(socket.SHUT_WR)
        while block := peer.recv(65_536):
            answer += block
    return answer


def serves(onlooker: ClientConnection, number: int) -> None:
    """Somebody who was there before is answered."""
    onlooker.send(json.dumps({"type": "ping", "id": number}))
    while json.loads(onlooker.recv(timeout=PATIENCE_S))["type"] != "pong":
        pass


@pytest.mark.parametrize("what", ["nothing known", "a request", "frames", "a body"])
def test_any_bytes_leave_the_hub_as_it_was(hub: HubProcess, what: str) -> None:
    before = standing(hub)
    inputs = {
        "nothing known": st.binary(max_size=80),
        "a request": requests,
        "frames": st.tuples(doors, st.lists(frames, min_size=1, max_size=4)).map(
            lambda told: UPGRADE % told[0] + b"".join(told[1])
        ),
        "a body": bodies.map(lambda told: BODY % (told[0], len(told[1]), told[1])),
    }[what]
    with connect(f"{hub.socket_url}/ws") as onlooker:

        @BUDGET
        @given(inputs)
        def tried(raw: bytes) -> None:
            answer = sent(hub, raw, says_so=what != "a body")
            assert not answer.startswith(b"HTTP/1.1 5"), answer
            assert what != "a body" or answer.startswith(b"HTTP/1.1 "), "no answer"
            serves(onlooker, len(raw))

        tried()
    check_process(hub, before)
