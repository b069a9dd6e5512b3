"""`name=value` becomes what a kind's schema asks for, or an error that names the parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.arguments import pairs, parameter, parameters, types_of
from hub.errors import Invalid

TEXT: dict[str, Any] = {"type": "string"}
OPTIONAL_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}]}
NUMBER_OR_TEXT = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
CHOICE = {"enum": ["1", "2"]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (TEXT, "5", "5"),
        (TEXT, "", ""),
        (TEXT, "a=b", "a=b"),
        (OPTIONAL_TEXT, "null", "null"),
        (CHOICE, "1", "1"),
        ({"enum": [1, 2]}, "1", 1),
        ({"type": "integer"}, "5", 5),
        ({"type": "boolean"}, "true", True),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"type": "array"}, '["a"]', ["a"]),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        (NUMBER_OR_TEXT, "5", 5),
        (NUMBER_OR_TEXT, "five", "five"),
        ({}, "5", 5),
        ({}, "five", "five"),
        ({"anyOf": [{}, {"type": "integer"}]}, "five", "five"),
    ],
)
def test_a_value_is_of_the_type_that_is_asked_for(schema: dict[str, Any], text: str, value: object) -> None:
    assert parameter("p", text, schema) == value


@pytest.mark.parametrize("text", ["", "five", "{", "[" * 100_000])
def test_what_is_no_json_is_refused_where_json_is_asked_for(text: str) -> None:
    with pytest.raises(Invalid, match=r"^p: expected array or integer as JSON, got"):
        parameter("p", text, {"anyOf": [{"type": "integer"}, {"type": "array"}]})


@pytest.mark.parametrize("text", ["9007199254740992", '[1, {"a": 1e308000}]', "-9007199254740992"])
def test_numbers_that_json_cannot_carry_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"^p: expected "):
        parameter("p", text, {"type": "array"})


@pytest.mark.parametrize(
    ("text", "meant"), [("a.csv", "/here/a.csv"), ("/there/a.csv", "/there/a.csv"), ("../a", "/here/../a"), ("", "")]
)
def test_a_relative_path_is_meant_from_here(text: str, meant: str) -> None:
    schema = {"type": "string", "format": "path"}
    assert parameter("p", text, schema, Path("/here")) == meant
    assert parameter("p", text, schema) == text


def test_a_path_in_the_home_folder_is_found_there() -> None:
    schema = {"type": "string", "format": "path"}
    assert parameter("p", "~/a", schema, Path("/here")) == str(Path.home() / "a")


def test_a_path_in_the_home_of_somebody_unknown_is_refused() -> None:
    with pytest.raises(Invalid, match="~nobody-of-that-name/a"):
        parameter("p", "~nobody-of-that-name/a", {"type": "string", "format": "path"}, Path("/here"))


def test_parameters_are_found_by_name() -> None:
    schema = {"properties": {"a": TEXT, "b": {"type": "integer"}}}
    assert parameters(["b=2", "a=1"], schema) == {"a": "1", "b": 2}
    assert parameters([], {}) == {}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match=r"^expected one of a, b, got 'c'$"):
        parameters(["c=1"], {"properties": {"a": TEXT, "b": TEXT}})
    with pytest.raises(Invalid, match=r"^expected one of no parameters, got 'c'$"):
        parameters(["c=1"], {})


@pytest.mark.parametrize("argument", ["a", "=1", ""])
def test_an_argument_without_name_or_value_is_refused(argument: str) -> None:
    with pytest.raises(Invalid, match=r"^expected name=value, got"):
        pairs([argument])


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(Invalid, match=r"^a: expected one value, got two$"):
        pairs(["a=1", "a=2"])


def test_types_of_nothing_are_anything() -> None:
    assert types_of({}) == set()


@pytest.mark.parametrize(
    "arguments",
    [["\udcff" * 90], ["\U000e0001" * 90], ["x" * 5_000 + "=\udcff"], ["x" * 5_000 + "=1"] * 2],
    ids=["bytes that are no text", "signs that cannot be shown", "a name of a wrong value", "a name that comes twice"],
)
def test_however_long_it_is_a_refusal_stays_short(arguments: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        pairs(arguments)
    assert len(str(refused.value)) < 200
