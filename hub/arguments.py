"""`name=value` from a command line as parameters of a kind, by the kind's JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hub.codec import unsafe_number
from hub.errors import Invalid
from hub.view import SAFE

TEXT_ONLY = frozenset({"string", "null"})
QUOTED = 80  # characters of what came, in a refusal


def pairs(arguments: Iterable[str]) -> dict[str, str]:
    """Names and texts.

    Raises:
        Invalid: one is not `name=value` or no text, or a name comes twice.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not name or not equals:
            raise Invalid(f"expected name=value, got {_quoted(argument)}")
        if not _is_text(argument):
            raise Invalid("expected text in UTF-8, got other bytes", name[:QUOTED].encode("utf-8", "replace").decode())
        if name in found:
            raise Invalid("expected one value, got two", name[:QUOTED])
        found[name] = value
    return found


def _quoted(text: str) -> str:
    """What came, short enough for a refusal: a sign that cannot be shown takes up to ten characters as an escape."""
    quoted = repr(text[:QUOTED])
    return quoted if len(quoted) <= QUOTED + 2 else f"{quoted[:QUOTED]}…"


def _is_text(argument: str) -> bool:
    """Whether a message can carry it: bytes that are no UTF-8 come from the command line as halves of characters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def parameters(arguments: Iterable[str], schema: Mapping[str, Any], *, here: Path | None = None) -> dict[str, Any]:
    """Values of the types that the kind's schema asks for.

    Args:
        arguments: each `name=value`.
        schema: of the kind's parameters.
        here: the folder that relative paths are meant from; None leaves them as they are.

    Raises:
        Invalid: a name is unknown or a value cannot be of its type; names the parameter.
    """
    known = schema.get("properties", {})
    found: dict[str, Any] = {}
    for name, value in pairs(arguments).items():
        if name not in known:
            raise Invalid(f"expected one of {', '.join(known) or 'no parameters'}, got {_quoted(name)}")
        found[name] = parameter(name, value, known[name], here)
    return found


def parameter(name: str, text: str, schema: Mapping[str, Any], here: Path | None = None) -> Any:
    """One value: text where text is asked for, else JSON.

    Raises:
        Invalid: JSON is asked for, and this is none; or a path in the home of nobody.
    """
    types = types_of(schema)
    if schema.get("format") == "path" and here is not None and text:
        return str(here / _expanded(name, text))
    if "string" in types and types <= TEXT_ONLY:
        return text
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if not types or "string" in types:
            return text
        raise Invalid(f"expected {' or '.join(sorted(types))} as JSON, got {_quoted(text)}", name) from None
    if unsafe_number(value) is not None:
        raise Invalid(f"expected finite numbers up to {SAFE}, got {_quoted(text)}", name)
    return value


def _expanded(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # whose home is not known
        raise Invalid(f"{error}, got {_quoted(text)}", name) from None


def types_of(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows; empty where it says nothing of types."""
    if isinstance(kind := schema.get("type"), str):
        return {kind}
    if "enum" in schema:
        return {"string" if isinstance(value, str) else "other" for value in schema["enum"]}
    found: set[str] = set()
    for option in schema.get("anyOf", ()):
        one = types_of(option)
        if not one:
            return set()
        found |= one
    return found
