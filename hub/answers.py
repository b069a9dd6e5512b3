"""HTTP's way of saying things: JSON bodies in and out, and problems (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hub.codec import check_free_data, explain, too_deep
from hub.errors import BarcastError, HubError, Invalid, Malformed, PeerError, TooLarge, TooMany

T = TypeVar("T")
TITLES = {
    "malformed": "Malformed",
    "unknown_type": "Unknown type",
    "invalid": "Invalid",
    "not_found": "Not found",
    "unauthenticated": "Not authenticated",
    "forbidden": "Forbidden",
    "conflict": "Conflict",
    "revoked": "Revoked",
    "too_large": "Too large",
    "too_many": "Too many requests",
    "out_of_order": "Out of order",
    "unavailable": "Unavailable",
    "internal": "Internal error",
}


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A struct, mapping or list as JSON."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def problem(error: BarcastError) -> Response:
    """What went wrong, as `application/problem+json`."""
    code = error.code if isinstance(error, PeerError | HubError) else "internal"
    status = error.status if isinstance(error, PeerError | HubError) else 500
    body: dict[str, Any] = {
        "type": f"/errors/{code}",
        "title": TITLES[code],
        "status": status,
        "detail": str(error),
    }
    if isinstance(error, PeerError) and error.field is not None:
        body["errors"] = [{"field": error.field, "message": error.detail}]
    headers = {"retry-after": str(max(round(error.retry_after_s), 1))} if isinstance(error, TooMany) else None
    return Response(msgspec.json.encode(body), status, headers, "application/problem+json")


async def body_of(request: Request, limit_bytes: int) -> bytes:
    """The request's body.

    Raises:
        TooLarge: over the limit; what comes after it is not read.
        Malformed: it ended before it was whole; nobody is there to be told.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit_bytes:
                raise TooLarge(f"expected a body of at most {limit_bytes} bytes, got more")
            parts.append(part)
    except ClientDisconnect:
        raise Malformed("expected the whole body, got a part of it") from None
    return b"".join(parts)


def decode(raw: bytes, type_: type[T], extra: Mapping[str, Any] | None = None) -> T:
    """A body's struct; an empty body is an empty object.

    Args:
        raw: JSON.
        type_: a struct.
        extra: fields that are told elsewhere, such as in the path; they win.

    Raises:
        Malformed, Invalid, TooLarge: as :meth:`hub.codec.Codec.decode`.
    """
    if too_deep(raw):
        raise Malformed("expected fewer levels of nesting")
    try:
        body = msgspec.json.decode(raw or b"{}")
        if not isinstance(body, dict):
            raise Malformed("expected an object")
        message = msgspec.convert({**body, **(extra or {})}, type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise explain(error, lambda: body) from None
    check_free_data(message)
    return message


def whole_number(request: Request, name: str, default: int, most: int | None = None) -> int:
    """A query parameter that is a whole number, 0 or more.

    Raises:
        Invalid: it is something else, or more than `most`.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16 or (most is not None and int(text) > most):
        bound = f" up to {most}" if most is not None else ""
        raise Invalid(f"expected a whole number{bound}, got {text[:40]!r}", name)
    return int(text)


def whether(request: Request, name: str) -> bool:
    """A query parameter that is `true` or `false`; false where it is left out.

    Raises:
        Invalid: it is something else.
    """
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise Invalid(f"expected true or false, got {text[:40]!r}", name)
    return text == "true"


def same(etag: str, known: str) -> bool:
    """Whether an If-None-Match header names this version (RFC 9110, 13.1.2: weak comparison)."""
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return etag in tags or tags == ["*"]


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows for gzip (RFC 9110, 12.5.3)."""
    for coding in accepted.lower().replace(" ", "").split(","):
        name, _, weight = coding.partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False
