"""What people put into messages, made to fit: texts are trimmed, data is measured, mistakes name their field."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any, TypeVar

import msgspec

from hub.codec import check_free_data, encode, worker_codec
from hub.errors import Invalid, TooLarge
from hub.protocol import FromWorker
from hub.view import SAFE, TEXT_LENGTH, Number

FRAME_BYTES = 64 * 1024  # the hub takes no longer message
M = TypeVar("M")
_codec = worker_codec("msgpack")


def trimmed(text: str, length: int = TEXT_LENGTH) -> str:
    """At most `length` characters, an ellipsis at the end where some are missing; always encodable."""
    text = str(text).encode("utf-8", "replace").decode()
    return text if len(text) <= length else f"{text[: length - 1]}…"


def tail(text: str, length: int) -> str:
    """The last `length` characters: of a traceback the end says most."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= length else f"…{text[1 - length :]}"


def checked_number(value: Any, field: str) -> Any:
    """The number itself.

    Raises:
        Invalid: not a number, negative, not finite or beyond 2^53 - 1; names `field`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"expected a number, got {value!r}", field)
    if not math.isfinite(value) or not 0 <= value <= SAFE:
        raise Invalid(f"expected a finite number from 0 to {SAFE}, got {value!r}", field)
    return value


def number_or_none(value: Number | None, field: str) -> Number | None:
    """As `checked_number`, None allowed."""
    return None if value is None else checked_number(value, field)


def plain_data(data: Any, field: str) -> Any:
    """Data as JSON values: structs, dataclasses, dates, paths and the like are turned into them.

    Raises:
        Invalid: something in it has no form in JSON; names `field`.
    """
    try:
        return msgspec.to_builtins(data, str_keys=True, enc_hook=_as_text)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise Invalid(f"expected data that JSON can hold: {error}", field) from None


def _as_text(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def checked(message: FromWorker) -> None:
    """Make sure that the hub will take a message, so that a mistake is told where it was made.

    Raises:
        Invalid: a field is of the wrong type or beyond its limit; names it.
        TooLarge: its data, or the message as a whole, is over 64 KiB.
    """
    name = type(message).__name__.lower()
    try:
        check_free_data(message)
        raw = encode(message, "json"), encode(message, "msgpack")
    except UnicodeEncodeError as error:
        raise Invalid(f"expected text, got {error.object[error.start : error.end]!r}", name) from None
    except TooLarge as error:
        raise TooLarge(error.detail, f"{name} {error.field}") from None
    if (size := max(map(len, raw))) > FRAME_BYTES:
        raise TooLarge(f"expected at most {FRAME_BYTES} bytes with all its fields, got {size}", name)
    _codec.decode(raw[1])
