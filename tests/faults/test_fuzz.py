"""All that reads bytes or text from outside takes any, or refuses it by a cause of its own; see `decoders.py`."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.faults.decoders import TARGETS

STEADY = settings(max_examples=40, derandomize=True, deadline=None, database=None)
SAID = """
type id job attempt n text data done total name phases counters value topic error outcome url token jobs end hello
subscribe start cancel visible ping open report phase entry checkpoint artifact finish beat opened ack log snapshot
update closing name=value number= path=~ any= 50 % 3/4 1.5MiB of = : / * , " [ ] { } - e 9
"""
WORDS = SAID.split()
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(WORDS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text()), inner, max_size=6)
    ),
    max_leaves=12,
)
ends = st.sampled_from(["9" * 5000, "[" * 70, '{"a":' * 5000, "1e999", "-0", "\ud800", "\x1b[2K", "\r", "\0", "٣", "²"])


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_msgpack(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):  # it has no larger integers, and no half characters
        return b"\xc7\x0c\xff"


said = st.lists(st.one_of(st.sampled_from(WORDS), ends, st.text(max_size=9)), max_size=12)
inputs = st.one_of(
    st.binary(max_size=80),
    anything.map(as_json),
    anything.map(as_msgpack),
    st.tuples(st.sampled_from(WORDS), anything).map(lambda pair: as_json({"type": pair[0], "data": pair[1]})),
    st.tuples(said, st.sampled_from(["", " ", "\n", "\0"])).map(
        lambda pair: pair[1].join(pair[0]).encode("utf-8", "surrogatepass")
    ),
    st.tuples(anything.map(as_json), st.integers(0, 80), st.binary(max_size=3)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]
    ),
)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused(name: str) -> None:
    @STEADY
    @given(inputs)
    @example(b'{"url":' + b"[" * 100_000)
    @example(b"number=" + b"[" * 100_000)
    @example(b"number=\xff")
    @example(b"any=\xff")
    @example(b"path=~no-such-user/file")
    @example(b"\xff" * 64 + b":")
    @example(b"9" * 5_000 + b"-j")
    def tried(raw: bytes) -> None:
        TARGETS[name](raw)

    tried()
