"""Messages to bytes and back, in both encodings, and what is said of bytes that are no message."""

from __future__ import annotations

import json
import struct
from typing import Any, get_args

import msgspec
import pytest

from hub.codec import (
    DATA_DEPTH,
    Codec,
    Encoding,
    Frame,
    check_free_data,
    encode,
    frame_header,
    nested_deeper,
    to_viewer_codec,
    to_worker_codec,
    too_deep,
    unsafe_number,
    viewer_codec,
    worker_codec,
)
from hub.errors import Invalid, Malformed, PeerError, TooLarge, UnknownType
from hub.protocol import Entry, FromViewer, FromWorker, Log, Opened, Ping, Report, SavedCheckpoint, Snapshot, Visible
from hub.shown import NOTHING_AROUND, view_of
from hub.view import SAFE, LogEntry, Status
from tests.hub.made import T0, running

ENCODINGS = get_args(Encoding)
ENTRY: dict[str, Any] = {"type": "entry", "job": "j", "attempt": 1, "n": 1, "text": "x"}


def entry_with(data: Any) -> bytes:
    return msgspec.msgpack.encode(ENTRY | {"data": data})


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


def refused(codec: Codec[Any], raw: bytes | str) -> PeerError:
    with pytest.raises(PeerError) as caught:
        codec.decode(raw)
    assert len(str(caught.value)) < 300
    return caught.value


# ── What is right ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_message_comes_back_as_it_was(encoding: Encoding) -> None:
    ping = Ping(id="é")
    assert viewer_codec(encoding).decode(encode(ping, encoding)) == ping
    report = Report(job="j", attempt=1, done=0.5, total=None)
    assert worker_codec(encoding).decode(encode(report, encoding)) == report


def test_text_frames_come_as_text() -> None:
    assert viewer_codec("json").decode('{"type":"ping","id":1}') == Ping(id=1)


def test_unknown_fields_are_ignored() -> None:
    assert viewer_codec("json").decode(b'{"type":"visible","value":true,"more":[1]}') == Visible(value=True)


def test_what_a_report_leaves_out_is_not_null() -> None:
    report = worker_codec("json").decode(b'{"type":"report","job":"j","attempt":1,"total":null}')
    assert report == Report(job="j", attempt=1, total=None)
    assert encode(report, "json") == b'{"type":"report","job":"j","attempt":1,"total":null}'


@pytest.mark.parametrize(("union", "codec"), [(FromViewer, viewer_codec), (FromWorker, worker_codec)])
def test_every_type_of_the_protocol_is_known(union: Any, codec: Any) -> None:
    for struct_type in get_args(union):
        tag = struct_type.__struct_config__.tag
        raw = json.dumps({"type": tag, "id": [], "visible": []})  # wrong in any of them
        assert not isinstance(refused(codec("json"), raw), UnknownType)


# ── What is wrong ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"nonsense", b"[]", b"5", b"null", b'"x"', b"{}", b'{"type":null}', b'{"type":5}', b'{"id":1}',
     b"\xff", b'{"type":"\xff"}', b'{"type":"\\ud800"}', '{"type":"\ud800"}', b'{"type":"ping","id":1} x',
     b'{"type":"visible","value":3', b'{"type":"visible","value":3} trailing', b'{"type":"ping","id":NaN}'],
)  # fmt: skip
def test_what_is_no_message_is_malformed(raw: bytes | str) -> None:
    assert isinstance(refused(viewer_codec("json"), raw), Malformed)


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x90", b"\x05", b"\x81\xa4type\xa1\xff", entry_with(1)[:-1]])
def test_what_is_no_message_in_messagepack_is_malformed(raw: bytes) -> None:
    assert isinstance(refused(worker_codec("msgpack"), raw), Malformed)


@pytest.mark.parametrize("type_", ["", "nonsense", "report", "x - at `$.y", "x" * 60_000])
def test_a_type_that_nobody_knows_is_an_unknown_type(type_: str) -> None:
    error = refused(viewer_codec("json"), json.dumps({"type": type_}))
    assert isinstance(error, UnknownType)
    assert error.field == "type"


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"done": -1}, "done", "expected int >= 0, got -1"),
        ({"done": "many"}, "done", 'got "many"'),
        ({"done": SAFE + 1}, "done", f"got {SAFE + 1}"),
        ({"done": True}, "done", "got true"),
        ({"attempt": 0}, "attempt", "expected int >= 1, got 0"),
        ({"job": ""}, "job", 'got ""'),
        ({"job": None}, "job", "got null"),
        ({"counters": {"a": "b"}}, "counters", 'got {"a": "b"}'),
        ({"counters": {str(n): n for n in range(101)}}, "counters", "length <= 100"),
        ({"message": "x" * 4097}, "message", "length <= 4096"),
        ({"phase": 0.5}, "phase", "got 0.5"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected_and_came(fields: dict[str, Any], field: str, text: str) -> None:
    raw = json.dumps({"type": "report", "job": "j", "attempt": 1} | fields)
    error = refused(worker_codec("json"), raw)
    assert (type(error), error.field) == (Invalid, field)
    assert text in error.detail


def test_a_missing_field_is_named() -> None:
    error = refused(worker_codec("json"), b'{"type":"entry","job":"j","attempt":1,"text":"x"}')
    assert str(error) == "n: expected a value, got nothing"


def test_a_field_inside_a_field_is_named() -> None:
    opening = b'{"type":"open","id":1,"phases":[{"name":"a"},%s]}'
    assert str(refused(worker_codec("json"), opening % b'{"name":""}')).startswith("phases[1].name: ")
    assert str(refused(worker_codec("json"), opening % b"{}")) == "phases[1].name: expected a value, got nothing"
    failure = b'{"type":"finish","job":"j","attempt":1,"n":1,"outcome":"failed","error":{"type":5,"message":"m"}}'
    assert str(refused(worker_codec("json"), failure)) == "error.type: expected str, got 5"


def test_a_field_that_stands_there_twice_is_named_all_the_same() -> None:
    raw = b'{"type":"open","id":1,"phases":[{"name":5}],"phases":7}'
    assert str(refused(worker_codec("json"), raw)) == "phases[0].name: expected str, got 7"


def test_a_value_that_is_none_of_the_known_ones_is_invalid() -> None:
    raw = json.dumps({"type": "finish", "job": "j", "attempt": 1, "n": 1, "outcome": "q" * 500})
    error = refused(worker_codec("json"), raw)
    assert (type(error), error.field) == (Invalid, "outcome")
    assert error.detail.startswith("expected one of the known values, got ")


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" * 400])
def test_a_number_beyond_all_bounds_is_invalid(number: bytes) -> None:
    error = refused(worker_codec("json"), b'{"type":"report","job":"j","attempt":1,"done":%s}' % number)
    assert (type(error), error.field) == (Invalid, "done")


def test_a_number_beyond_all_bounds_further_on_hides_no_mistake() -> None:
    raw = b'{"type":"report","job":5,"attempt":1,"done":1e400}'
    assert str(refused(worker_codec("json"), raw)) == "job: expected str, got one out of range"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinities_are_refused_in_messagepack_too(number: float) -> None:
    for fields in ({"done": number}, {"rate": number}, {"counters": {"a": number}}):
        raw = msgspec.msgpack.encode({"type": "report", "job": "j", "attempt": 1} | fields)
        assert isinstance(refused(worker_codec("msgpack"), raw), Invalid)
    assert refused(worker_codec("msgpack"), entry_with({"a": [number]})).field == "data"


def test_what_came_is_named_even_when_json_has_no_word_for_it() -> None:
    raw = msgspec.msgpack.encode(ENTRY | {"text": {b"key": 1}})
    assert str(refused(worker_codec("msgpack"), raw)) == "text: expected str, got dict"


# ── Free data ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [SAFE + 1, -SAFE - 1, float("nan"), [1, {"a": (float("inf"),)}]])
def test_numbers_that_other_readers_would_change_are_refused(data: Any) -> None:
    with pytest.raises(Invalid, match="data: expected finite numbers"):
        check_free_data(Entry(job="j", attempt=1, n=1, text="x", data=data))


def test_numbers_that_all_readers_hold_are_taken() -> None:
    assert unsafe_number([True, SAFE, -SAFE, 0.1, "x", None, {"a": ()}]) is None


def test_free_data_is_bounded() -> None:
    check_free_data(Entry(job="j", attempt=1, n=1, text="x", data="x" * 65_534))
    with pytest.raises(TooLarge, match="data: expected at most 65536 bytes, got 65537"):
        check_free_data(Entry(job="j", attempt=1, n=1, text="x", data="x" * 65_535))


@pytest.mark.parametrize("data", [msgspec.msgpack.Ext(5, b"x"), {None: 1}, {(1, 2): 1}])
def test_data_that_json_cannot_hold_is_refused(data: Any) -> None:
    error = refused(worker_codec("msgpack"), entry_with(data))
    assert (type(error), error.field) == (Invalid, "data")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_data_nests_as_deep_in_either_encoding(encoding: Encoding) -> None:
    codec = worker_codec(encoding)
    taken = codec.decode(encode(ENTRY | {"data": nested(DATA_DEPTH)}, encoding))
    assert isinstance(taken, Entry)
    error = refused(codec, encode(ENTRY | {"data": nested(DATA_DEPTH + 1)}, encoding))
    assert str(error) == f"data: expected at most {DATA_DEPTH} levels of nesting, got more"
    assert nested_deeper({"a": [{}]}, 2)
    assert not nested_deeper({"a": [{}]}, 3)


def test_data_that_was_taken_can_be_read_by_all_who_are_sent_it() -> None:
    deep = nested(DATA_DEPTH)
    line = LogEntry(n=1, at=0, attempt=1, level="info", event="entry", text="x", data=deep)
    view = msgspec.structs.replace(view_of(running(), NOTHING_AROUND, T0), result=deep)
    saved = SavedCheckpoint(at=0, done=None, fraction=None, data=deep)
    opened = Opened(
        id=1, job="j", attempt=1, status=Status.RUNNING, acked=0, lease_s=1, report_interval_s=1, checkpoint=saved,
        cancel=None, history=None,
    )  # fmt: skip
    for message in (Log(job="j", entries=[line]), Snapshot(jobs=[view])):
        assert to_viewer_codec("json").decode(encode(message, "json")) == message
    assert to_worker_codec("json").decode(encode(opened, "json")) == opened


# ── Depth ─────────────────────────────────────────────────────────────────────


def test_only_what_nests_is_deep() -> None:
    assert not too_deep(b"[" * 64)
    assert too_deep(b"[" * 65)
    assert not too_deep(b"[]" * 5_000)
    assert not too_deep(b'"' + b"[" * 5_000 + b'"')
    assert not too_deep(b'"\\"' + b"[{" * 5_000 + b'"')
    assert not too_deep(b"[" + b"{}," * 5_000 + b"]")
    assert too_deep(b'{"a":' * 65)


@pytest.mark.parametrize("raw", [b"[" * 60_000, b'{"type":"ping","id":1,"x":' + b"[" * 60_000])
def test_json_that_nests_too_deep_is_malformed_and_never_decoded(raw: bytes) -> None:
    assert "levels of nesting" in str(refused(viewer_codec("json"), raw))
    assert viewer_codec("json").request_id(raw) is None


def test_messagepack_that_nests_too_deep_is_refused() -> None:
    raw = entry_with(None)[:-1] + b"\x91" * 60_000 + b"\xc0"
    assert isinstance(refused(worker_codec("msgpack"), raw), Malformed)
    assert worker_codec("msgpack").request_id(raw) is None


def test_quotes_that_never_end_are_looked_at_once() -> None:
    assert too_deep(b"[" * 65 + b'"' + b'\\"' * 500_000)  # quadratic, this would take an hour
    assert not too_deep(b'"' + b'\\"' * 500_000 + b"[" * 65)
    assert not too_deep(b'"\\\n' + b"[" * 65 + b'"')


# ── The id of what was wrong ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        (b'{"type":"nonsense","id":7}', 7),
        ('{"id":"a","topic":5}', "a"),
        (b'{"id":[]}', None),
        (b"{", None),
        (b"[]", None),
        (b'{"id":"\xff"}', None),
        ('{"id":"\ud800"}', None),
        (b'{"id":1e999}', None),
    ],
)
def test_an_error_is_answered_to_the_request_where_it_has_an_id(raw: bytes | str, id_: object) -> None:
    assert viewer_codec("json").request_id(raw) == id_


# ── Frames ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_frame_is_final_unmasked_and_says_its_length(length: int, encoding: Encoding) -> None:
    frame = Frame(b"x" * length, encoding)
    assert frame.binary is (encoding == "msgpack")
    assert frame.wire[0] == (0x82 if frame.binary else 0x81)
    short = frame.wire[1]
    size, header = {126: (">H", 4), 127: (">Q", 10)}.get(short, (">B", 2))
    assert struct.unpack(size, frame.wire[2 if header > 2 else 1 : header])[0] == length
    assert frame.wire[header:] == frame.payload
    assert frame_header(length, frame.binary) == frame.wire[:header]
