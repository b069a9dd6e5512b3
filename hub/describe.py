"""OpenAPI and AsyncAPI, made from the message structs and the table of calls; nothing is written twice."""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import Any, get_args

import msgspec

from hub.calls import CALLS, EVENTS, EVERYWHERE, JSON, ONE, Call, Given, Problem, title_of
from hub.codec import SUBPROTOCOLS
from hub.errors import TooMany
from hub.protocol import VERSION, Beat, FromViewer, FromWorker, Ok, Pong, ToViewer, ToWorker, Welcome

Json = dict[str, Any]
SCHEMAS = "#/components/schemas/"
ADDRESS = "127.0.0.1:8600"  # where a hub listens unless told otherwise
LICENSE = {"name": "MIT", "identifier": "MIT"}
TOLD_ELSEWHERE = ("type", "job")  # a report over HTTP has them in its path
MAY_BE_LEFT_OUT = ("attempt", "n")
NEVER_STREAMED = (Welcome, Ok, Pong, Beat)  # a beat is a comment; the others answer what no stream asks
EVENT: Json = {
    "type": "object",
    "properties": {
        "event": {"enum": [one.__struct_config__.tag for one in get_args(ToViewer) if one not in NEVER_STREAMED]},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
RETRY_AFTER = {"description": "Seconds", "required": True, "schema": {"type": "integer", "minimum": 1}}
ABOUT = (
    "Progress of jobs. Times are milliseconds since 1970 UTC in fields that end in `_at`, durations seconds in fields "
    "that end in `_s`, unknown is null. Unknown fields are ignored."
)
SOCKETS = {
    "viewer": ("/ws", FromViewer, ToViewer, "Watch and control jobs."),
    "worker": ("/ws/worker", FromWorker, ToWorker, "Do work and report on it."),
}


# ── OpenAPI ───────────────────────────────────────────────────────────────────


@cache
def openapi() -> Json:
    """The HTTP calls, as OpenAPI 3.1. The same object each time: not to be changed."""
    paths: dict[str, Json] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Barcast", "version": str(VERSION), "description": ABOUT, "license": LICENSE},
        "servers": [{"url": f"http://{ADDRESS}"}],
        "paths": paths,
        "components": {
            "schemas": _http_schemas(),
            "securitySchemes": {"report_token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call) -> Json:
    operation: Json = {"operationId": call.name, "summary": call.about, "responses": _responses(call)}
    parameters = [*_path_parameters(call.path), *(_parameter(given) for given in call.given)]
    if parameters:
        operation["parameters"] = parameters
    if call.body is not None:
        operation["requestBody"] = _body(call, call.body)
    if call.reports:
        operation["security"] = [{}, {"report_token": []}]
    return operation


def _body(call: Call, struct: type[msgspec.Struct]) -> Json:
    told = TOLD_ELSEWHERE + MAY_BE_LEFT_OUT if call.reports else ()
    needed = any(field.required and field.name not in told for field in msgspec.structs.fields(struct))
    name = f"Http{struct.__name__}" if call.reports else struct.__name__
    return {"required": needed, "content": _json(_ref(name))}


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _parameter(given: Given) -> Json:
    schema = {"type": "array", "items": given.schema} if given.repeats else given.schema
    return {"name": given.name, "in": given.where, "description": given.about, "schema": schema}


def _responses(call: Call) -> Json:
    responses: Json = {str(status): _answer(body) for status, body in call.answers.items()}
    titles: dict[int, list[str]] = {}
    for refusal in (*call.refuses, *EVERYWHERE):
        titles.setdefault(refusal.status, []).append(title_of(refusal))
    refusals = {str(status): _problem(" or ".join(told)) for status, told in sorted(titles.items())}
    if TooMany in call.refuses:
        refusals[str(TooMany.status)]["headers"] = {"Retry-After": RETRY_AFTER}
    if call.makes:
        responses = {status: answer | {"links": _links()} for status, answer in responses.items()}
    return responses | refusals


def _links() -> Json:
    """What can be asked for with the id of the job that was just made."""
    ways = [call.name for call in CALLS if call.path.startswith(ONE)]
    return {name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in ways}


def _answer(body: type[msgspec.Struct] | str | None) -> Json:
    if body is None:
        return {"description": "Nothing more to say"}
    if body == EVENTS:
        return {"description": "Events, each with a message of the viewer socket", "content": {body: {"schema": EVENT}}}
    if isinstance(body, str):
        schema = {"type": "object" if body == JSON else "string"}
        return {"description": "As it is", "content": {body: {"schema": schema}}}
    return {"description": _first_line(body), "content": _json(_ref(body.__name__))}


def _problem(title: str) -> Json:
    return {"description": title, "content": {"application/problem+json": {"schema": _ref(Problem.__name__)}}}


def _http_schemas() -> Json:
    structs = {Problem} | {call.body for call in CALLS if call.body}
    for call in CALLS:
        structs.update(body for body in call.answers.values() if isinstance(body, type))
    schemas = _schemas(list(structs))
    for call in CALLS:
        if call.reports and call.body is not None:
            name = call.body.__name__
            schemas[f"Http{name}"] = _without_address(schemas.pop(name), f"Http{name}")
    return schemas


def _without_address(schema: Json, title: str) -> Json:
    """A worker's message as the body of a call that says in its path which job and what it is."""
    body = copy.deepcopy(schema) | {"title": title}
    for name in TOLD_ELSEWHERE:
        del body["properties"][name]
    for name in MAY_BE_LEFT_OUT:
        if name in body["properties"]:
            body["properties"][name] = {"anyOf": [body["properties"][name], {"type": "null"}]}
    body["required"] = [name for name in body["required"] if name not in TOLD_ELSEWHERE + MAY_BE_LEFT_OUT]
    return body


# ── AsyncAPI ──────────────────────────────────────────────────────────────────


@cache
def asyncapi() -> Json:
    """Both sockets, as AsyncAPI 3.0, seen from the hub. The same object each time: not to be changed."""
    messages = [message for _, come, go, _ in SOCKETS.values() for message in (*get_args(come), *get_args(go))]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Barcast",
            "version": str(VERSION),
            "description": f"{ABOUT} Subprotocols: {', '.join(SUBPROTOCOLS)}.",
            "license": {"name": LICENSE["name"]},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": ADDRESS, "protocol": "ws"}},
        "channels": {name: _channel(name) for name in SOCKETS},
        "operations": {title: operation for name in SOCKETS for title, operation in _directions(name).items()},
        "components": {
            "messages": {message.__name__: _message(message) for message in messages},
            "schemas": _schemas(messages),
        },
    }


def _channel(name: str) -> Json:
    address, come, go, about = SOCKETS[name]
    names = [message.__name__ for message in (*get_args(come), *get_args(go))]
    return {
        "address": address,
        "summary": about,
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in names},
        "bindings": {"ws": {"method": "GET"}},
    }


def _directions(name: str) -> Json:
    _, come, go, _ = SOCKETS[name]
    return {
        f"from_{name}": _direction(name, "receive", come, f"What a {name} may say."),
        f"to_{name}": _direction(name, "send", go, f"What the hub says to a {name}."),
    }


def _direction(name: str, action: str, messages: object, about: str) -> Json:
    return {
        "action": action,
        "summary": about,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{one.__name__}"} for one in get_args(messages)],
    }


def _message(message: type[msgspec.Struct]) -> Json:
    tag = message.__struct_config__.tag
    return {"name": tag, "title": message.__name__, "payload": _ref(message.__name__)}


# ── Parts ─────────────────────────────────────────────────────────────────────


def _schemas(structs: list[type[msgspec.Struct]]) -> Json:
    """JSON Schemas of these structs and of all that they are made of, by name."""
    ordered = sorted(set(structs), key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=SCHEMAS + "{name}")
    return {name: schemas[name] for name in sorted(schemas)}


def _ref(name: str) -> Json:
    return {"$ref": SCHEMAS + name}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _first_line(struct: type[msgspec.Struct]) -> str:
    return (struct.__doc__ or struct.__name__).partition("\n")[0]
