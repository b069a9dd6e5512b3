"""A job function's parameters: a struct made of its signature, which checks them and describes them."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any, get_type_hints

import msgspec

from hub.errors import BarcastError, Invalid

DEPTH = 16  # of nested schemas; deeper ones refer to themselves


class BadSignature(BarcastError):
    """A function that cannot be a job function, and why."""


class Parameters:
    """What a job function takes after its `job`.

    Args:
        function: the job function.

    Raises:
        BadSignature: no `job` first, `*args`, `**kwargs`, positional-only parameters or a type that is no type.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        signed = _signed(function)
        hints = _hints(function, [parameter.name for parameter in signed])
        self.defaults = {p.name: p.default for p in signed if p.default is not p.empty}
        fields = [_field(p, hints.get(p.name, Any)) for p in signed]
        try:
            self._struct = msgspec.defstruct(_struct_name(function), fields, kw_only=True, forbid_unknown_fields=True)
            self.schema = _schema(_struct_name(function), [field[:2] for field in fields], self.defaults)
        except (TypeError, ValueError) as error:
            raise BadSignature(f"{function.__qualname__}: {error}") from None
        self.names = [parameter.name for parameter in signed]

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters by name, of the types in the signature, defaults filled in.

        Text stands for a number, a date or a truth value where nothing else fits, so that forms and command
        lines need not know the types.

        Raises:
            Invalid: one is missing, unknown or wrong; field `params.NAME`.
        """
        values = self._convert(dict(given))
        return {name: getattr(values, name) for name in self.names}

    def plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked parameters as JSON values."""
        return {name: _plain(value) for name, value in values.items()}

    def _convert(self, given: dict[str, Any]) -> Any:
        try:
            return msgspec.convert(given, self._struct, dec_hook=_from_plain)
        except msgspec.ValidationError as error:
            refused = _refusal(error, given)
        try:
            return msgspec.convert(given, self._struct, dec_hook=_from_plain, strict=False)
        except msgspec.ValidationError:
            raise refused from None


def _signed(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    name = function.__qualname__
    if not parameters or parameters[0].name != "job" or parameters[0].kind is not parameters[0].POSITIONAL_OR_KEYWORD:
        raise BadSignature(f"{name}: expected `job` as the first parameter")
    for parameter in parameters[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadSignature(f"{name}: expected named parameters after `job`, got `{parameter}`")
        if parameter.name.startswith("_"):
            raise BadSignature(f"{name}: expected a public name, got `{parameter.name}`")
    return parameters[1:]


def _hints(function: Callable[..., Any], names: list[str]) -> dict[str, Any]:
    """Types of the named parameters alone: `Job` itself may be imported for type checkers only."""
    noted = {name: hint for name, hint in function.__annotations__.items() if name in names}
    holder = type("Holder", (), {"__annotations__": noted, "__module__": function.__module__})
    try:
        return get_type_hints(holder, globalns=getattr(function, "__globals__", {}), include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise BadSignature(f"{function.__qualname__}: {error}") from None


def _field(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    default = parameter.default
    if isinstance(default, list | dict | set | bytearray):
        return (parameter.name, hint, msgspec.field(default_factory=lambda: copy.deepcopy(default)))
    return (parameter.name, hint, default)


def _struct_name(function: Callable[..., Any]) -> str:
    return "".join(part.capitalize() for part in function.__name__.split("_")) or "Parameters"


def _refusal(error: msgspec.ValidationError, given: dict[str, Any]) -> Invalid:
    reason, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").replace("[...]", "").lstrip(".")
    reason = reason.replace("`", "")
    for start in ("Object missing required field ", "Object contains unknown field "):
        if reason.startswith(start):
            name = reason.removeprefix(start)
            known = "a value, got nothing" if "missing" in start else "a known parameter"
            return Invalid(f"expected {known}", ".".join(["params", *([where] if where else []), name]))
    expected = (reason[:1].lower() + reason[1:]).partition(", got ")[0]
    expected = "expected one of its choices" if expected.startswith("invalid enum value") else expected
    came = repr(given.get(re.split(r"[.\[]", where)[0]))
    return Invalid(f"{expected}, got {came[:80]}", f"params.{where}" if where else "params")


def _from_plain(kind: type, value: Any) -> Any:
    if issubclass(kind, PurePath):
        return _path(kind, value)
    raise NotImplementedError(f"{kind.__name__} cannot be a parameter")


def _path(kind: type[PurePath], value: Any) -> PurePath:
    if isinstance(value, kind):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected a path")
    path = kind(value)
    return path.expanduser() if isinstance(path, Path) else path


def _to_plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be a parameter")


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=_to_plain)


# ── JSON Schema ───────────────────────────────────────────────────────────────


def _schema(name: str, fields: list[tuple[str, Any]], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """One object schema without references, a title and the default on every property."""
    struct = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    (top,), components = msgspec.json.schema_components([struct], schema_hook=_path_schema, ref_template="{name}")
    schema: dict[str, Any] = _inlined(top, components, 0)
    for name, one in schema.get("properties", {}).items():
        one.setdefault("title", name.replace("_", " ").capitalize())
        if name in defaults:
            one["default"] = _plain(defaults[name])
    schema["required"] = [name for name, _ in fields if name not in defaults]
    return schema


def _path_schema(kind: type) -> dict[str, Any]:
    if issubclass(kind, PurePath):
        return {"type": "string", "format": "path"}
    raise NotImplementedError(f"{kind.__name__} cannot be a parameter")


def _inlined(schema: Any, components: Mapping[str, Any], depth: int) -> Any:
    if depth > DEPTH:
        return {}
    if isinstance(schema, list):
        return [_inlined(one, components, depth) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(name := schema.get("$ref"), str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined(components[name], components, depth + 1) | rest
    return {key: _inlined(value, components, depth) for key, value in schema.items()}
