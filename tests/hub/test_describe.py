"""The descriptions say all that the hub says, and say it correctly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from starlette.routing import Route

from hub.api import REPORTS, Api
from hub.calls import CALLS
from hub.describe import asyncapi, openapi
from hub.protocol import FromViewer, FromWorker, HttpStart, ToViewer, ToWorker
from hub.service import Service
from hub.settings import Settings

DIRECTIONS = {
    "from_viewer": ("receive", "/ws", FromViewer),
    "to_viewer": ("send", "/ws", ToViewer),
    "from_worker": ("receive", "/ws/worker", FromWorker),
    "to_worker": ("send", "/ws/worker", ToWorker),
}


def api_routes() -> list[Route]:
    """The routes of a service that is never run."""

    def make_launcher(*_: object) -> Any:
        raise AssertionError("nothing is started here")

    return Api(Service(Path("never.db"), Settings(), make_launcher, None)).routes()


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def found(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for name in reference[2:].split("/"):
        document = document[name]
    return document


def test_openapi_is_valid_by_the_official_schema() -> None:
    validate(openapi(), cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize("describe", [openapi, asyncapi])
def test_every_reference_leads_somewhere(describe: Any) -> None:
    document = describe()
    targets = {reference: found(document, reference) for reference in references(document)}
    assert len(targets) > 30
    assert all(targets.values())


@pytest.mark.parametrize("describe", [openapi, asyncapi])
def test_a_description_is_made_once_and_is_plain_json(describe: Any) -> None:
    assert describe() is describe()
    assert json.loads(json.dumps(describe())) == describe()
    describe_again = describe.__wrapped__()
    assert json.dumps(describe_again) == json.dumps(describe())


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_message_of_a_direction_stands_in_asyncapi_with_its_fields(direction: str) -> None:
    action, address, union = DIRECTIONS[direction]
    document = asyncapi()
    operation = document["operations"][direction]
    channel = found(document, operation["channel"]["$ref"])
    messages = [found(document, found(document, one["$ref"])["$ref"]) for one in operation["messages"]]
    assert (operation["action"], channel["address"]) == (action, address)
    assert [one["name"] for one in messages] == [one.__struct_config__.tag for one in get_args(union)]
    for struct, message in zip(get_args(union), messages, strict=True):
        schema = found(document, message["payload"]["$ref"])
        assert schema["properties"]["type"] == {"enum": [message["name"]]}
        assert set(schema["properties"]) == {"type", *struct.__struct_encode_fields__}


def test_asyncapi_has_no_other_directions_or_channels() -> None:
    assert set(asyncapi()["operations"]) == set(DIRECTIONS)
    assert {one["address"] for one in asyncapi()["channels"].values()} == {"/ws", "/ws/worker"}


def test_every_http_route_stands_in_openapi_and_nothing_that_is_none() -> None:
    described = {(method.upper(), path) for path, item in openapi()["paths"].items() for method in item}
    routed = {
        (method, route.path.replace(":path", ""))
        for route in api_routes()
        for method in route.methods or ()
        if method != "HEAD"
    }
    beside = {"/api/stream", "/api/jobs/{id}/stream"} | {
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/asyncapi.json",
    }
    assert described - routed == {("GET", path) for path in beside}
    assert routed <= described


def test_each_call_has_a_name_of_its_own() -> None:
    names = [call.name for call in CALLS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_over_http_says_neither_job_nor_type_and_may_leave_out_numbers(name: str) -> None:
    document = openapi()
    body = document["paths"][f"/api/jobs/{{id}}/{name}"]["post"]["requestBody"]
    schema = found(document, body["content"]["application/json"]["schema"]["$ref"])
    assert not {"type", "job"} & set(schema["properties"])
    assert not {"type", "job", "attempt", "n"} & set(schema["required"])
    assert body["required"] is bool(schema["required"])


def test_a_start_over_http_needs_a_body_with_a_kind() -> None:
    body = openapi()["paths"]["/api/jobs"]["post"]["requestBody"]
    schema = found(openapi(), body["content"]["application/json"]["schema"]["$ref"])
    assert body["required"] is True
    assert schema["required"] == ["kind"]
    assert set(schema["properties"]) == set(msgspec.structs.asdict(HttpStart(kind="k")))
