"""The descriptions say all that the hub says, and say it correctly."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from starlette.routing import BaseRoute, Route, WebSocketRoute

from hub.app import WEB, routes
from hub.calls import CALLS
from hub.describe import asyncapi, openapi
from hub.outside import REPORTS
from hub.page import packs_of
from hub.protocol import FromViewer, FromWorker, HttpStart, ToViewer, ToWorker
from hub.service import Service
from hub.settings import Settings
from tests.hub.served import served

PAGES = {"/jobs/{id}", *packs_of(WEB)}
DIRECTIONS = {
    "from_viewer": ("receive", "/ws", FromViewer),
    "to_viewer": ("send", "/ws", ToViewer),
    "from_worker": ("receive", "/ws/worker", FromWorker),
    "to_worker": ("send", "/ws/worker", ToWorker),
}


def all_routes() -> list[BaseRoute]:
    """The routes of a service that is never run."""

    def make_launcher(*_: object) -> Any:
        raise AssertionError("nothing is started here")

    return [*routes(Service(Path("never.db"), Settings(), make_launcher, None))]


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


def test_asyncapi_has_no_other_directions() -> None:
    assert set(asyncapi()["operations"]) == set(DIRECTIONS)


def test_openapi_has_every_http_route_but_the_pages_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, item in openapi()["paths"].items() for method in item}
    routed = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in all_routes()
        if isinstance(route, Route)
        for method in route.methods or ("GET",)
        if method != "HEAD"
    }
    assert described == routed - {("GET", path) for path in PAGES}


def test_asyncapi_has_every_socket_and_nothing_else() -> None:
    sockets = {route.path for route in all_routes() if isinstance(route, WebSocketRoute)}
    assert {one["address"] for one in asyncapi()["channels"].values()} == sockets


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


def answered(url: str, method: str, path: str, body: object = None) -> tuple[int, str, Any]:
    """Status, content type and body of a call; refused ones too."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, method=method)) as answer:
            return answer.status, answer.headers["content-type"], json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], json.loads(error.read())


def check(url: str, method: str, path: str, described: str, body: object = None) -> Any:
    """A call whose answer must be as described; the answer."""
    status, media_type, value = answered(url, method, path, body)
    response = openapi()["paths"][described][method.lower()]["responses"][str(status)]
    schema = response["content"][media_type]["schema"] | {"components": openapi()["components"]}
    OAS31Validator(schema).validate(value)
    return value


def test_what_a_hub_answers_is_as_described(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        job = check(hub.url, "POST", "/api/jobs", "/api/jobs", {"kind": "fail"})["id"]
        assert hub.run("watch", job)[0] == 1
        one = f"/api/jobs/{job}"
        check(hub.url, "GET", "/api/jobs", "/api/jobs")
        check(hub.url, "GET", "/api/jobs?status=done", "/api/jobs")
        check(hub.url, "GET", "/api/kinds", "/api/kinds")
        check(hub.url, "GET", "/api/kinds/fail/history", "/api/kinds/{kind}/history")
        check(hub.url, "GET", "/api/summary", "/api/summary")
        check(hub.url, "GET", one, "/api/jobs/{id}")
        check(hub.url, "GET", "/api/jobs/none", "/api/jobs/{id}")
        for part in ("log", "samples", "traceback"):
            check(hub.url, "GET", f"{one}/{part}", f"/api/jobs/{{id}}/{part}")
        check(hub.url, "POST", f"{one}/pause", "/api/jobs/{id}/pause")
        check(hub.url, "POST", f"{one}/retry", "/api/jobs/{id}/retry")


def test_reports_over_http_are_as_described(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        order = {"kind": "outside", "external": True, "total": 3}
        job = check(hub.url, "POST", "/api/jobs", "/api/jobs", order)["id"]
        bodies: dict[str, dict[str, object]] = {
            "report": {"done": 1},
            "phase": {"name": "Load"},
            "entry": {"text": "said"},
            "checkpoint": {"data": 1},
            "artifact": {"name": "a", "url": "http://example.com/"},
            "finish": {"outcome": "succeeded"},
        }
        for name, body in bodies.items():
            post = openapi()["paths"][f"/api/jobs/{{id}}/{name}"]["post"]
            schema = post["requestBody"]["content"]["application/json"]["schema"]
            OAS31Validator(schema | {"components": openapi()["components"]}).validate(body)
            check(hub.url, "POST", f"/api/jobs/{job}/{name}", f"/api/jobs/{{id}}/{name}", body)
        assert answered(hub.url, "POST", f"/api/jobs/{job}/report", {})[0] == 410
