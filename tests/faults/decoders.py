"""Whatever reads bytes or text from outside, given any: it takes them, or refuses them by a cause of its own.

`TARGETS` are the readers, each as a function of bytes that ends well or raises what it must not. Hypothesis tries them
with every run of the tests (`test_fuzz.py`), and atheris by command (`fuzz.py`).
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hub import auth
from hub.answers import decode, same, takes_gzip
from hub.arguments import parameters
from hub.codec import Codec, Encoding, encode, to_viewer_codec, to_worker_codec, viewer_codec, worker_codec
from hub.errors import PeerError
from hub.outside import REPORTS, HttpNumbers
from hub.protocol import HttpControl, HttpStart
from hub.reader import Reader
from hub.settings import Settings, load
from hub.stream import since_of
from workers import address, afterwards, spool
from workers.bars import Bars
from workers.desk import BUFFER_BYTES, bar_of
from workers.meter import Meter
from workers.patterns import Patterns
from workers.printed import LINE_LENGTH, Printed
from workers.reading import number

Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}
BETWEEN = b"\0"  # of the parts of one input
LONGEST = 400  # characters of a refusal
KINDS: Mapping[str, Any] = {
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "number"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "path": {"type": "string", "format": "path"},
        "any": {},
        "choice": {"enum": ["a", "b"]},
    }
}
OWN = (r"(?P<done>\S+) of (?P<total>\S+)(?P<unit>.*)", r"(?P<percent>.+)")


def target(function: Target) -> Target:
    """Have a function tried."""
    TARGETS[function.__name__] = function
    return function


def text_of(raw: bytes) -> str:
    """Text as it comes from the system's arguments, variables and file names: bytes that are no UTF-8 are kept."""
    return raw.decode("utf-8", "surrogateescape")


def _taken(read: Callable[[], Any]) -> Any:
    """What was read; None where it was refused, in a sentence for people."""
    refusal = ""
    try:
        return read()
    except PeerError as error:
        refusal = str(error)
    assert 0 < len(refusal) < LONGEST
    return None


# ── Messages ──────────────────────────────────────────────────────────────────


def _message(codec: Codec[Any], encoding: Encoding, raw: bytes) -> None:
    """What is taken stays the same, however often it is passed on."""
    codec.request_id(raw)
    message = _taken(lambda: codec.decode(raw))
    if message is not None:
        again = encode(message, encoding)
        assert encode(codec.decode(again), encoding) == again


def _messages(name: str, make: Callable[[Encoding], Codec[Any]], encoding: Encoding) -> None:
    codec = make(encoding)
    TARGETS[f"{name}_{encoding}"] = lambda raw: _message(codec, encoding, raw)


for _encoding in ("json", "msgpack"):
    _messages("viewer", viewer_codec, _encoding)
    _messages("worker", worker_codec, _encoding)
    _messages("to_viewer", to_viewer_codec, _encoding)
    _messages("to_worker", to_worker_codec, _encoding)


@target
def bodies(raw: bytes) -> None:
    """HTTP bodies; every kind of them is made of the same bytes."""
    extra = {"job": "j", "attempt": 1, "n": 1}
    structs: list[type[msgspec.Struct]] = [HttpStart, HttpControl, HttpNumbers, *REPORTS.values()]
    for struct in structs:
        told = extra if struct in REPORTS.values() else None
        body = _taken(lambda struct=struct, told=told: decode(raw, struct, told))  # type: ignore[misc]
        if body is not None:
            again = msgspec.json.encode(body)
            assert msgspec.json.encode(decode(again, struct)) == again


# ── Text around messages ──────────────────────────────────────────────────────


@target
def headers(raw: bytes) -> None:
    """Headers, as Starlette gives them."""
    text = raw.decode("latin-1")
    first, _, second = text.partition("\0")
    auth.token_of(text)
    since_of(text)
    same('"e-1"', text)
    takes_gzip(text)
    checks: list[Callable[[], None]] = [
        lambda: auth.check_host(text),
        lambda: auth.check_origin(first, second, "http"),
        lambda: auth.check_embedded(first, second, text),
        lambda: auth.check_token(text, "expected", needed=True),
    ]
    for check in checks:
        with contextlib.suppress(PeerError):
            check()


@target
def cursors(raw: bytes) -> None:
    """The `after` of a list."""

    async def nothing(sql: str, values: Mapping[str, Any]) -> list[Any]:
        assert -(2**63) <= values["created_at"] < 2**63
        return []

    listing = Reader(nothing).jobs(after=raw.decode("utf-8", "replace"))
    with contextlib.suppress(StopIteration, PeerError):
        listing.send(None)
    listing.close()


@target
def settings(raw: bytes) -> None:
    """Variables of the environment: one for all, each of another type."""
    text = text_of(raw.replace(b"\0", b""))
    for name in Settings.__struct_fields__:
        _taken(lambda name=name: load({}, {f"BARCAST_{name.upper()}": text}))  # type: ignore[misc]


@target
def arguments(raw: bytes) -> None:
    """`name=value` on a command line."""
    parts = [text_of(part) for part in raw.split(BETWEEN)]
    found = _taken(lambda: parameters(parts, KINDS, here=Path("/")))
    assert found is None or msgspec.json.encode(found)


# ── What workers read ─────────────────────────────────────────────────────────


@target
def printed(raw: bytes) -> None:
    """A program's output: the same lines wherever its blocks end, without control codes, and bounded."""
    whole, pieces = Printed(), Printed()
    at_once = whole.feed(raw)[1]
    in_parts = [line for byte in raw[:LINE_LENGTH] for line in pieces.feed(bytes([byte]))[1]]
    lines = [*at_once, *in_parts, whole.rest, pieces.rest]
    assert all(len(line) <= LINE_LENGTH and not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line) for line in lines)
    assert len(raw) > LINE_LENGTH or at_once == in_parts


@target
def patterns(raw: bytes) -> None:
    """Lines of any program: a reading is one that the hub takes."""
    every = [Patterns(), *(Patterns([one]) for one in OWN)]
    for line in raw.decode("utf-8", "replace").split("\n"):
        number(line)
        for reader in every:
            reading = reader.read(line)
            if reading is not None:
                assert 0 <= reading.done <= (reading.total or reading.done)


@target
def own_patterns(raw: bytes) -> None:
    """Regular expressions of one's own; they are not tried on anything, because they may take for ever."""
    with contextlib.suppress(PeerError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Patterns([raw.decode("utf-8", "replace")])


class _Board:
    def phase(self, name: str, total: Any, unit: str | None) -> Meter:
        assert 0 < len(name) <= 256
        return Meter(total, unit, 0)

    def message(self, text: str) -> None:
        assert isinstance(text, str)


@target
def bars(raw: bytes) -> None:
    """What a script tells of its bars."""
    shown = Bars(_Board())
    for line in raw[:BUFFER_BYTES].split(b"\n"):
        if (bar := bar_of(line)) is not None:
            shown.show(bar)


@target
def files(raw: bytes) -> None:
    """What stands in files that other processes left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(raw)
        address.from_file(path)()
        spool.read(path)
        afterwards._attempt(path)
