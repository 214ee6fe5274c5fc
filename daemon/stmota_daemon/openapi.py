"""The OpenAPI 3.1 document, from the table of routes and the messages' own types."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from stmota_daemon.api_routes import Route
from stmota_protocol.api import API_VERSION, Problem

ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
"""Refusals that any route may answer."""
_JSON = "application/json"


def openapi(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document."""
    used = [kind for route in routes for kind in (route.answer, route.body) if kind not in (None, bytes)]
    types = list(dict.fromkeys([*used, Problem]))
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    api_version = ".".join(map(str, API_VERSION))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stmotad",
            "version": version,
            "description": f"API version {api_version}. Every answer has a Stmota-Version header.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{re.sub('[^a-z0-9]+', '_', route.path.lower()).rstrip('_')}",
        "responses": _responses(route, schema_of),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [
        {
            "name": parameter.name,
            "in": "query",
            "schema": parameter.schema,
            "description": parameter.description,
        }
        for parameter in route.parameters
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is bytes:
        content: dict[str, Any] = {"application/octet-stream": {}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema_of[route.body]}}}
    return operation


def _responses(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": route.status.phrase}
    if route.is_stream:
        events = "server-sent events: `id` is the message's number, `data` one message of this schema as JSON"
        good["description"] = events
        good["content"] = {"text/event-stream": {"schema": schema_of[route.answer]}}
    elif route.answer is bytes:
        good["content"] = {route.media_type: {}}
    elif route.answer is not None:
        good["content"] = {_JSON: {"schema": schema_of[route.answer]}}
    responses = {str(int(route.status)): good}
    for status in sorted({*ALWAYS, *route.refusals}):
        content = {_JSON: {"schema": schema_of[Problem]}}
        responses[str(int(status))] = {"description": status.phrase, "content": content}
    return responses
