"""A job's title, made of a template and its parameters. Reads attributes, and evaluates nothing."""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping
from typing import Any

from hub.errors import Invalid
from workers.texts import trimmed


class TitleTemplate:
    """Such as `Import {path.name}`: fields are parameters and their public attributes.

    Args:
        text: the template.
        parameters: names that a field may begin with.

    Raises:
        Invalid: the template does not parse, or a field is anything else than names joined by dots.
    """

    def __init__(self, text: str, parameters: Collection[str]) -> None:
        self.text = text
        self._parts: list[tuple[str, list[str]]] = []
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError as error:
            raise Invalid(f"expected a template such as 'Import {{path.name}}': {error}", "title") from None
        for literal, field, form, conversion in parsed:
            if form or conversion:
                raise Invalid(f"expected plain fields, got {field!r} with a format", "title")
            self._parts.append((literal, [] if field is None else _names(field, parameters)))

    def format(self, values: Mapping[str, Any]) -> str:
        """The title. A field without a value stays as it stands in the template."""
        text = "".join(literal + _value(names, values) for literal, names in self._parts)
        return trimmed(" ".join(text.split())) or trimmed(self.text)


def _names(field: str, parameters: Collection[str]) -> list[str]:
    names = field.split(".")
    for name in names:
        if not name.isidentifier() or name.startswith("_"):
            raise Invalid(f"expected names joined by dots, got {field!r}", "title")
    if names[0] not in parameters:
        raise Invalid(f"expected one of the parameters {sorted(parameters)}, got {names[0]!r}", "title")
    return names


def _value(names: list[str], values: Mapping[str, Any]) -> str:
    if not names:
        return ""
    plain = "{" + ".".join(names) + "}"
    value = values.get(names[0])
    for name in names[1:]:
        value = getattr(value, name, None)
    return plain if value is None or callable(value) else str(value)
