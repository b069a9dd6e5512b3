"""Messages to bytes and back, in the two encodings of the wire, with errors that name the field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from hub.errors import Invalid, Malformed, PeerError, TooLarge, UnknownType
from hub.protocol import FromViewer, FromWorker, ToViewer, ToWorker
from hub.view import DATA_BYTES, SAFE, RequestId

T = TypeVar("T")
Encoding = Literal["json", "msgpack"]
SUBPROTOCOLS: dict[str, Encoding] = {"barcast.v1.json": "json", "barcast.v1.msgpack": "msgpack"}
JSON_DEPTH = 64  # no message of ours nests deeper; a decoder's stack ends at about a thousand
DATA_DEPTH = JSON_DEPTH - 4  # of free data, which a log, a snapshot or `opened` wraps further
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # a JSON string, closed or not: each byte is looked at once
STEP = re.compile(r"[^.\[\]]+")  # of a path such as `phases[0].name`
FREE_DATA = ("params", "data", "result")  # fields that hold whatever a user put there


class _Envelope(msgspec.Struct):
    """What can be told of a message that is wrong elsewhere."""

    id: RequestId | None = None


class Codec(Generic[T]):
    """Decodes one direction of the wire in one encoding.

    Args:
        messages: the tagged union to decode.
        encoding: `json` (text frames) or `msgpack` (binary frames).
    """

    def __init__(self, messages: Any, encoding: Encoding) -> None:
        module = msgspec.json if encoding == "json" else msgspec.msgpack
        self._module: Any = module
        self._decoder = module.Decoder(messages)
        self._envelope = module.Decoder(_Envelope)
        self._deep = encoding == "json"

    def decode(self, data: bytes | str) -> T:
        """The message in `data`.

        Raises:
            Malformed: not of this encoding, not an object, no text in `type`, nested too deep.
            UnknownType: a `type` that this direction does not have.
            Invalid: a field is missing, of the wrong type or beyond its limit; names it.
            TooLarge: free data over its limit.
        """
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if self._deep and too_deep(raw):
            raise Malformed(f"expected at most {JSON_DEPTH} levels of nesting, got more")
        try:
            message: T = self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise explain(error, lambda: self._module.decode(raw)) from None
        check_free_data(message)
        return message

    def request_id(self, data: bytes | str) -> int | str | None:
        """The `id` of a message that did not decode, so that its error can be answered to it."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        if self._deep and too_deep(raw):
            return None
        try:
            envelope: _Envelope = self._envelope.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return envelope.id


class Frame:
    """One message, encoded once for all who are sent it.

    Attributes:
        payload: the message's bytes.
        binary: whether it goes as a binary WebSocket frame.
        wire: the whole unmasked WebSocket frame (RFC 6455, 5.2), ready to be written to a socket.
    """

    __slots__ = ("binary", "payload", "wire")

    def __init__(self, payload: bytes, encoding: Encoding) -> None:
        self.payload = payload
        self.binary = encoding == "msgpack"
        self.wire = frame_header(len(payload), self.binary) + payload


def frame_header(length: int, binary: bool) -> bytes:
    """Header of a final, unmasked text or binary frame (RFC 6455, 5.2)."""
    first = 0x82 if binary else 0x81
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def encode(message: Any, encoding: Encoding) -> bytes:
    """Bytes of one frame's payload."""
    return msgspec.json.encode(message) if encoding == "json" else msgspec.msgpack.encode(message)


def too_deep(raw: bytes) -> bool:
    """Whether JSON nests deeper than any message of ours does."""
    if raw.count(b"[") + raw.count(b"{") <= JSON_DEPTH:
        return False
    depth = 0
    for byte in TEXT.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            if depth > JSON_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def explain(error: Exception, decode_freely: Callable[[], Any]) -> PeerError:
    """The cause behind one of msgspec's three families of decoding errors, with what came in its place."""
    if not isinstance(error, msgspec.ValidationError):
        return Malformed(f"expected one encoded object, got something else: {error}")
    reason, separator, path = str(error).rpartition(" - at ")
    if not separator:
        reason, path = path, ""
    field = field_of(path)
    missing = "Object missing required field `"
    if reason.startswith(missing):
        name = reason.removeprefix(missing).rstrip("`")
        if name == "type" and not field:
            return Malformed("expected text in `type`, got nothing", "type")
        return Invalid("expected a value, got nothing", f"{field}.{name}" if field else name)
    if not field:
        return Malformed(lower_first(reason.replace("`", "")))
    try:
        what_came = came(decode_freely(), field)
    except msgspec.ValidationError:  # a number beyond all bounds, here or further on
        what_came = "one out of range"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as other:  # it ends before it is whole
        return Malformed(f"expected one encoded object, got something else: {other}")
    return _wrong(reason, field, what_came)


def _wrong(reason: str, field: str, what_came: str) -> PeerError:
    """The cause of a value that is there, but not as it should be."""
    if field == "type" and not reason.startswith("Invalid value "):
        return Malformed("expected text in `type`", field)
    if field == "type":
        return UnknownType(f"expected a known type, got {what_came}", field)
    if reason.startswith("Invalid enum value "):  # it goes on with the value, however long
        return Invalid(f"expected one of the known values, got {what_came}", field)
    expected = lower_first(reason.replace("`", "")).partition(", got ")[0]
    return Invalid(f"{expected.replace('number out of range', 'expected a number')}, got {what_came}", field)


def came(value: Any, field: str) -> str:
    """What stands in `field` of a message, short enough for an error's text."""
    for name in STEP.findall(field):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:80]}…"


def field_of(path: str) -> str:
    """`at `$.a.b[...]`` to `a.b`; an error in a mapping's key is an error of that mapping."""
    start = path.find("$")
    return path[start + 1 :].rstrip("`").replace("[...]", "").lstrip(".") if start >= 0 else ""


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def check_free_data(message: Any) -> None:
    """Refuse, in what users may fill freely, what other readers of JSON would change or could not read.

    Raises:
        Invalid: NaN, an infinity or an integer beyond 2^53 - 1, too many levels, or no JSON; names the field.
        TooLarge: more than 64 KiB in one field.
    """
    for name in FREE_DATA:
        value = getattr(message, name, None)
        if value is not None and value is not msgspec.UNSET:
            _check_free(value, name)


def _check_free(value: Any, name: str) -> None:
    if nested_deeper(value, DATA_DEPTH):
        raise Invalid(f"expected at most {DATA_DEPTH} levels of nesting, got more", name)
    bad = unsafe_number(value)
    if bad is not None:
        raise Invalid(f"expected finite numbers up to {SAFE}, got {bad}", name)
    try:
        size = len(msgspec.json.encode(value))
    except (TypeError, ValueError) as error:  # MessagePack has keys and types that JSON lacks
        raise Invalid(f"expected what JSON can hold, got other: {error}", name) from None
    if size > DATA_BYTES:
        raise TooLarge(f"expected at most {DATA_BYTES} bytes, got {size}", name)


def nested_deeper(value: Any, most: int) -> bool:
    """Whether lists and mappings stand in one another more than `most` levels deep."""
    level = [value]
    for _ in range(most):
        level = [
            child
            for item in level
            if isinstance(item, dict | list | tuple)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, dict | list | tuple) for item in level)


def unsafe_number(value: Any) -> float | int | None:
    """The first number in nested data that JSON cannot carry exactly, or None."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, bool):
            continue
        if isinstance(item, int | float) and not (math.isfinite(item) and abs(item) <= SAFE):
            return item
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return None


def viewer_codec(encoding: Encoding) -> Codec[FromViewer]:
    """Decodes what viewers say."""
    return Codec(FromViewer, encoding)


def worker_codec(encoding: Encoding) -> Codec[FromWorker]:
    """Decodes what workers say."""
    return Codec(FromWorker, encoding)


def to_viewer_codec(encoding: Encoding) -> Codec[ToViewer]:
    """Decodes what the hub says to viewers."""
    return Codec(ToViewer, encoding)


def to_worker_codec(encoding: Encoding) -> Codec[ToWorker]:
    """Decodes what the hub says to workers."""
    return Codec(ToWorker, encoding)
