"""Peers that vanish, stop reading, dawdle, crowd in or take every descriptor; workers that repeat and contradict.

The intervals are small here. With the defaults a half-open viewer is gone 40 s after its last sign at the latest (a
ping every 20 s, 20 s to answer it), one that takes nothing 31 s after its buffer was full (30 s, looked at each
second).
"""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import psutil
import pytest
from websockets.sync.client import ClientConnection

from hub.settings import Settings
from tests.faults.aftermath import check_aftermath
from tests.faults.peer import TEXT, Peer, frame, handshake
from tests.faults.scene import Scene, heard, opened_worker, scene
from tests.serving import PATIENCE_S

PING_S, PONG_S, STUCK_S, HEADER_S, BODY_S, BEAT_S = 0.2, 1.2, 0.8, 0.6, 0.6, 0.3
SLACK_S = 5.0  # of a busy machine, and of a hub that looks once a second
SMALL = 4 * 1024  # of a peer's kernel buffer
LINE = "x" * 4_000
MIB = 1024 * 1024
HASTY = {
    "ping_s": PING_S,
    "pong_s": PONG_S,
    "stuck_s": STUCK_S,
    "header_s": HEADER_S,
    "body_s": BODY_S,
    "heartbeat_s": BEAT_S,
    "write_buffer_bytes": 16 * 1024,
    "send_buffer_bytes": 4 * 1024,
    "report_bytes_per_s": 64 * MIB,
    "reports_per_s": 100_000,
    "log_entries_per_job": 100_000,
}


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene on a hub that waits for nobody long."""
    with scene(tmp_path_factory.mktemp("hasty"), **HASTY) as made:
        yield made


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene on a hub with its defaults, but for the deadline of headers."""
    with scene(tmp_path_factory.mktemp("usual"), header_s=HEADER_S) as made:
        yield made


def watching(stage: Scene, receive_bytes: int | None = None) -> Peer:
    """A viewer of the job that has all there is to know."""
    peer = Peer(stage.hub.port, receive_bytes).upgrade()
    peer.say("subscribe", id=1, topic=f"job:{stage.job}")
    peer.until("subscribed")
    return peer


def rss_bytes(stage: Scene) -> int:
    return int(psutil.Process(stage.hub.process.pid).memory_info().rss)


# ── Viewers that vanish or dawdle ─────────────────────────────────────────────


def test_with_the_default_limits_a_half_open_viewer_is_gone_within_40_s() -> None:
    assert Settings().ping_s + Settings().pong_s <= 40


def test_a_viewer_that_vanished_without_a_word_is_gone_in_spite_of_the_beats_that_its_kernel_takes(
    hasty: Scene,
) -> None:
    with watching(hasty) as peer:
        begin_s = time.monotonic()
        assert peer.close_code() is None, "nobody is there to be told"
        assert time.monotonic() - begin_s < PING_S + PONG_S + SLACK_S
    hasty.check()


def test_a_viewer_that_says_nothing_but_answers_pings_stays_and_is_told_nothing_but_beats(hasty: Scene) -> None:
    with Peer(hasty.hub.port).upgrade() as peer:
        messages, begin_s = peer.messages(), time.monotonic()
        while time.monotonic() - begin_s < PING_S + PONG_S + BEAT_S:
            assert next(messages)["type"] == "beat"
        hasty.is_well()
    hasty.check()


def test_viewers_that_stopped_reading_are_dropped_and_cost_nobody_else_anything(hasty: Scene) -> None:
    with ExitStack() as leaving:
        stopped = [leaving.enter_context(watching(hasty, SMALL)) for _ in range(20)]
        before_bytes, begin_s = rss_bytes(hasty), time.monotonic()
        slowest_s = 0.0
        for _ in range(20):
            hasty.tell(*[LINE] * 20)
            slowest_s = max(slowest_s, hasty.is_well())
        owed_bytes = 20 * 20 * 20 * len(LINE)
        assert rss_bytes(hasty) - before_bytes < owed_bytes / 2, "each would be owed all of it"
        hasty.watched_by(1)
        for peer in stopped:
            assert b"snapshot" in peer.rest(), "what the kernel had taken is there, and then the end"
        print(
            f"\n20 stopped readers: gone after {time.monotonic() - begin_s:.1f} s, slowest delivery {slowest_s:.3f} s"
        )
        assert slowest_s < SLACK_S
    hasty.check()


def test_a_stopped_reader_of_a_stream_is_dropped_too(hasty: Scene) -> None:
    with Peer(hasty.hub.port, SMALL) as peer:
        peer.send(f"GET /api/jobs/{hasty.job}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        peer.head()
        hasty.watched_by(2)
        for _ in count():
            hasty.tell(*[LINE] * 50)
            if hasty.witness.state["viewers"] == 1:
                break
        assert b"data:" in peer.rest()
    hasty.check()


def test_a_stopped_reader_of_a_long_answer_is_let_go_of_by_the_kernel(hasty: Scene) -> None:
    with Peer(hasty.hub.port, SMALL) as peer:
        peer.send(f"GET /api/jobs/{hasty.job}/log?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        peer.head()
        hasty.check()  # while the peer still has its end


def test_a_slow_reader_that_still_reads_stays_and_ends_up_right(hasty: Scene) -> None:
    with watching(hasty, SMALL) as peer:
        messages = peer.messages()
        begin_s = time.monotonic()
        while time.monotonic() - begin_s < 2 * STUCK_S:
            hasty.tell(*[LINE] * 5)  # faster than it reads
            assert next(messages)
        hasty.is_well()
        done = next(job["done"] for message in messages for job in message.get("jobs", ()) if job["done"] == hasty.done)
        assert done == hasty.done
    hasty.check()


def test_a_reader_of_a_byte_at_a_time_costs_only_itself(hasty: Scene) -> None:
    """To the hub it takes nothing for long: a kernel tells of room in pieces of some size only. So it is dropped."""
    with watching(hasty) as peer:
        hasty.tell(*[LINE] * 200)
        bytes_read = 0
        while peer.socket.recv(1):
            bytes_read += 1
            hasty.is_well()
            if hasty.witness.state["viewers"] == 1:
                break
        print(f"\na byte at a time: {bytes_read} bytes until it was dropped")
    hasty.check()


# ── Handshakes and bodies without end ─────────────────────────────────────────


def test_500_handshakes_of_a_byte_at_a_time_end_at_the_deadline(hasty: Scene) -> None:
    with ExitStack() as leaving:
        begin_s = time.monotonic()
        peers = [leaving.enter_context(Peer(hasty.hub.port)) for _ in range(500)]
        whole = handshake("/ws")
        for byte in range(5):
            for peer in peers:
                peer.send(whole[byte : byte + 1])
            hasty.is_well()
        for peer in peers:
            peer.rest()
        print(f"\n500 beginnings were over after {time.monotonic() - begin_s:.1f} s")
    hasty.check()


BEGINNINGS = {
    "nothing": "",
    "an empty line": "\r\n",
    "a letter": "G",
    "a line": "GET / HTTP/1.1\r\n",
    "half a header": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "half a body": 'POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"kind":',
    "half a piece": "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
}


def test_requests_that_never_end_are_refused_at_the_deadline(hasty: Scene) -> None:
    with ExitStack() as leaving:
        peers = {name: leaving.enter_context(Peer(hasty.hub.port)) for name in BEGINNINGS}
        for name, beginning in BEGINNINGS.items():
            peers[name].send(beginning.encode())
        hasty.is_well()
        for name, peer in peers.items():
            assert b" 408 " in peer.rest(), name
    hasty.check()
    assert "Traceback" not in hasty.hub.log()


def test_a_body_whose_sender_hangs_up_is_no_failure_of_the_hub(hasty: Scene) -> None:
    with Peer(hasty.hub.port) as peer:
        peer.send(b'POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"kind":')
    hasty.check()
    assert "Traceback" not in hasty.hub.log()


# ── Crowds ────────────────────────────────────────────────────────────────────


def test_300_tabs_are_all_right_and_leave_nothing_behind(usual: Scene) -> None:
    with ExitStack() as leaving:
        tabs = [leaving.enter_context(Peer(usual.hub.port).upgrade()) for _ in range(300)]
        for tab in tabs:
            tab.say("subscribe", id=1, topic="jobs")
            tab.say("subscribe", id=2, topic=f"job:{usual.job}")
        usual.watched_by(301)
        slowest_s = max(usual.is_well() for _ in range(5))
        for tab in tabs:
            jobs = (job for message in tab.messages() for job in message.get("jobs", ()))
            assert next(job for job in jobs if job["done"] == usual.done)
        print(f"\n300 tabs: slowest delivery {slowest_s:.3f} s")
    usual.check()


@contextmanager
def few_descriptors(stage: Scene, more: int) -> Iterator[psutil.Process]:
    """The hub may have only so many more descriptors than it has."""
    process = psutil.Process(stage.hub.process.pid)
    usual_limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + more, usual_limits[1]))
    try:
        yield process
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, usual_limits)


def test_a_hub_out_of_descriptors_serves_those_who_are_there_and_lets_others_in_when_it_can(usual: Scene) -> None:
    already = len(usual.hub.log())
    with few_descriptors(usual, more=40) as process, ExitStack() as leaving:
        begin_s, busy_s = time.monotonic(), cpu_s(process)
        peers = [leaving.enter_context(Peer(usual.hub.port)) for _ in range(150)]  # they wait in the kernel
        slowest_s = 0.0
        while time.monotonic() - begin_s < 2 * HEADER_S:
            slowest_s = max(slowest_s, usual.is_well())
            usual.tell(LINE)
        peers[0].rest()  # the deadline made room for others meanwhile
        shortage = usual.hub.log()[already:]
        assert shortage.count("no file descriptors left") >= 1
        assert len(shortage) < 2_000, shortage[:2_000]
        share = (cpu_s(process) - busy_s) / (time.monotonic() - begin_s)
        print(f"\nout of descriptors: slowest delivery {slowest_s:.3f} s, {share:.0%} of a core")
        assert slowest_s < SLACK_S
        leaving.close()
        begin_s = time.monotonic()
        assert usual.hub.get("/api/summary")
        print(f"let in again after {time.monotonic() - begin_s:.1f} s")
    usual.check()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_a_hub_out_of_descriptors_can_still_read_its_files_and_start_work(usual: Scene) -> None:
    with Peer(usual.hub.port) as kept, ExitStack() as leaving:
        kept.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert kept.answer()[0] == 200
        with few_descriptors(usual, more=40):
            for _ in range(100):
                leaving.enter_context(Peer(usual.hub.port))
            usual.is_well()
            kept.send(b"GET /web/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert kept.answer()[0] == 200
            leaving.close()
    usual.check()


# ── A flood of what does not count as a request ───────────────────────────────


@pytest.mark.parametrize("what", ["pings", "subscriptions"])
def test_a_flood_from_one_viewer_delays_nobody(usual: Scene, what: str) -> None:
    said = b'{"type":"ping","id":1}' if what == "pings" else b'{"type":"subscribe","id":1,"topic":"job:nobody"}'
    with Peer(usual.hub.port).upgrade() as peer:
        flood = frame(TEXT, said) * 2_000
        slowest_s, sent = 0.0, 0
        for _ in range(6):
            sent += peer.push(flood)
            peer.scraps()
            slowest_s = max(slowest_s, usual.is_well())
        print(f"\n{what}: {sent // len(frame(TEXT, said))} said, slowest delivery {slowest_s:.3f} s")
        assert slowest_s < SLACK_S
    usual.check()


# ── Workers ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", [1, 2])
def test_a_worker_that_repeats_and_reorders_what_it_says_is_heard_once_and_in_order(usual: Scene, seed: int) -> None:
    chance = random.Random(seed)
    with opened_worker(usual.hub) as (worker, job):
        texts = [f"line {n}" for n in range(1, 41)]
        entries = [{"type": "entry", "job": job, "attempt": 1, "n": n, "text": text} for n, text in enumerate(texts, 1)]
        acked = 0
        while acked < len(texts):
            said = chance.choices(entries[max(acked - 5, 0) : acked + 6], k=10)  # old ones, the next, some too early
            for message in said:
                worker.send(json.dumps(message))
            acked = max(acked, caught_up(worker))
        check_aftermath(usual.hub, acknowledged={job: texts})
    usual.check()


def caught_up(worker: ClientConnection) -> int:
    """The largest number acknowledged among all that was answered so far; several may share an answer."""
    worker.send(json.dumps({"type": "start", "id": "mark", "kind": "nobody"}))
    largest = 0
    while (answer := json.loads(worker.recv(timeout=PATIENCE_S))).get("id") != "mark":
        assert answer.get("code", "out_of_order") == "out_of_order", answer
        largest = max(largest, answer.get("n", 0))
    return largest


def test_what_a_worker_says_after_its_end_changes_nothing(usual: Scene) -> None:
    with opened_worker(usual.hub) as (worker, job):
        worker.send(json.dumps({"type": "finish", "job": job, "attempt": 1, "n": 1, "outcome": "succeeded"}))
        assert heard(worker, "ack")["n"] == 1
        ended = usual.hub.get(f"/api/jobs/{job}")
        for late in (
            {"type": "report", "done": 7},
            {"type": "entry", "n": 2, "text": "late"},
            {"type": "finish", "n": 2, "outcome": "failed"},
            {"type": "finish", "n": 2, "outcome": "cancelled"},
        ):
            worker.send(json.dumps({"job": job, "attempt": 1, **late}))
            assert heard(worker, "revoked")["status"] == "succeeded"
        assert usual.hub.get(f"/api/jobs/{job}") == ended
        check_aftermath(usual.hub, seen={job: ended})
    usual.check()


def test_of_two_workers_that_claim_one_job_the_last_has_it_and_each_end_is_told_once(usual: Scene) -> None:
    with opened_worker(usual.hub) as (first, job), opened_worker(usual.hub, job=job, attempt=1) as (second, _):
        assert heard(first, "revoked")["job"] == job
        first.send(json.dumps({"type": "finish", "job": job, "attempt": 1, "n": 1, "outcome": "failed"}))
        assert heard(first, "revoked")["job"] == job
        second.send(json.dumps({"type": "entry", "job": job, "attempt": 1, "n": 1, "text": "mine"}))
        second.send(json.dumps({"type": "finish", "job": job, "attempt": 1, "n": 2, "outcome": "succeeded"}))
        while heard(second, "ack")["n"] < 2:
            pass
        ended = usual.hub.get(f"/api/jobs/{job}")
        assert ended["status"] == "succeeded"
        check_aftermath(usual.hub, acknowledged={job: ["mine"]}, seen={job: ended})
    usual.check()


def test_a_worker_that_comes_back_with_an_old_attempt_is_sent_away(usual: Scene) -> None:
    with opened_worker(usual.hub, key="again", max_attempts=2) as (old, job):
        ending = {"type": "finish", "job": job, "attempt": 1, "n": 1, "outcome": "failed", "retry_in_s": 0}
        old.send(json.dumps(ending))
        assert heard(old, "ack")["n"] == 1
        with opened_worker(usual.hub, key="again", max_attempts=2) as (new, same_job):
            assert same_job == job
            for late in ({"type": "open", "id": 2}, {"type": "entry", "n": 2, "text": "late"}, ending):
                old.send(json.dumps({**late, "job": job, "attempt": 1}))
                assert heard(old, "revoked")["job"] == job
            new.send(json.dumps({"type": "finish", "job": job, "attempt": 2, "n": 1, "outcome": "succeeded"}))
            assert heard(new, "ack")["n"] == 1
        ended = usual.hub.get(f"/api/jobs/{job}")
        assert (ended["status"], ended["attempt"], len(ended["attempts"])) == ("succeeded", 2, 2)
        check_aftermath(usual.hub, seen={job: ended})
    usual.check()
