"""The names on the wire are those of the protocol."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from hub.codec import viewer_codec, worker_codec
from hub.errors import Invalid
from hub.job import Job
from hub.launch import Launcher, Link
from hub.protocol import (
    CloseCode,
    Error,
    FromViewer,
    FromWorker,
    Snapshot,
    ToViewer,
    ToWorker,
)
from hub.shown import NOTHING_AROUND, view_of
from hub.view import TERMINAL, Status
from tests.hub.made import T0, plain, running

NAMES: list[tuple[Any, str]] = [
    (FromViewer, "hello subscribe unsubscribe start cancel retry pause resume visible ping"),
    (ToViewer, "welcome ok error subscribed snapshot update log summary beat gone pong closing"),
    (FromWorker, "open report phase entry checkpoint cancel_received cancel_ack artifact finish beat start stack"),
    (ToWorker, "opened ack ok cancel pause resume revoked stack child closing error"),
]
WHOLE = (
    "id kind title params tags by status attempt max_attempts seq done total unit fraction rate eta_s eta_low_s "
    "eta_high_s typical phase phases counters message stalled retry_at queue_position starts_in_s pause worker "
    "viewers cancel checkpoint result error artifacts attempts created_at started_at advanced_at heard_at "
    "finished_at elapsed_s children parent priority timeout_s"
)
CODES = {1000, 1001, 1007, 1008, 1009, 1012, 1013, 4400, 4401, 4403, 4408, 4429}


@pytest.mark.parametrize(("union", "names"), NAMES)
def test_each_direction_has_its_messages(union: Any, names: str) -> None:
    assert {message.__struct_config__.tag for message in get_args(union)} == set(names.split())
    assert {message.__struct_config__.tag_field for message in get_args(union)} == {"type"}


def test_a_whole_job_has_every_field_and_no_other() -> None:
    assert set(plain(view_of(running(), NOTHING_AROUND, T0))) == set(WHOLE.split())


def test_close_codes_are_the_protocols() -> None:
    assert {int(code) for code in CloseCode} == CODES


def test_terminal_is_what_nothing_follows_by_itself() -> None:
    assert {status for status in Status if status.terminal} == TERMINAL == {"succeeded", "failed", "cancelled"}


def test_an_error_says_nothing_of_what_it_does_not_know() -> None:
    assert plain(Error(code="invalid", message="m")) == {"type": "error", "code": "invalid", "message": "m"}


def test_a_snapshot_says_when_it_is_the_last_piece() -> None:
    assert plain(Snapshot(jobs=[])) == {"type": "snapshot", "jobs": []}
    assert plain(Snapshot(jobs=[], end=True)) == {"type": "snapshot", "jobs": [], "end": True}


@pytest.mark.parametrize("topic", ["", "job:", "job", "feed", "jobs:x", "job:" + "x" * 65])
def test_a_topic_is_the_feed_or_a_job(topic: str) -> None:
    with pytest.raises(Invalid, match="topic"):
        viewer_codec("msgpack").decode(_packed({"type": "subscribe", "id": 1, "topic": topic}))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "//example.org", ""])
def test_a_link_is_http(url: str) -> None:
    message = {"type": "artifact", "job": "j", "attempt": 1, "n": 1, "name": "a", "url": url}
    with pytest.raises(Invalid, match="url"):
        worker_codec("msgpack").decode(_packed(message))


def _packed(message: dict[str, object]) -> bytes:
    return msgspec.msgpack.encode(message)


def test_every_message_of_a_worker_about_an_attempt_is_taken_by_a_job() -> None:
    job: Job = running()
    asking = {"open", "start", "stack"}
    assert {type_.__struct_config__.tag for type_ in job._takes} == set(NAMES[2][1].split()) - asking


def test_the_face_toward_what_starts_work_is_an_interface() -> None:
    assert {name for name in vars(Launcher) if not name.startswith("_")} == {
        "kinds", "prepare", "launch", "adopt", "stop", "stack", "close",
    }  # fmt: skip
    assert {name for name in vars(Link) if not name.startswith("_")} == {"receive", "close"}
