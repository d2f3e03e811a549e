"""The OpenAPI document of a face: parameters from FastAPI, types of documents and answers from msgspec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from shared.face.answer import JSON, MSGPACK
from shared.face.answers import Problem
from shared.face.problem import MEDIA_TYPE as PROBLEM
from shared.face.routes import Effect, Route

REFERENCE: Final = "#/components/schemas/{name}"
TOKEN: Final = "token"

_PROBLEMS: Final = {
    "401": "The token is missing or another one.",
    "404": "Nothing of that name.",
    "409": "The command was refused.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "A value is not what was expected; each one is named with its place.",
    "503": "Not now: starting, stopping, or too much at once.",
}


def document(
    title: str, version: str, about: str, app_routes: Sequence[BaseRoute], routes: Iterable[Route]
) -> dict[str, Any]:
    """The whole document."""
    declared = list(routes)
    base = get_openapi(title=title, version=version, description=about, routes=app_routes)
    kinds = [kind for route in declared for kind in _kinds(route)]
    schemas, components = msgspec.json.schema_components([Problem, *kinds], ref_template=REFERENCE)
    shown = dict(zip(map(repr, [Problem, *kinds]), schemas, strict=True))
    for route in declared:
        operation = base["paths"][route.path][route.method.lower()]
        operation["parameters"] = [
            *(_path_parameter(name) for name in route.parameters),
            *(one for one in operation.get("parameters", ()) if one["in"] != "path"),
        ]
        operation["responses"] = _responses(route, shown)
        operation["x-effect"] = route.effect.value
        if route.request is not None:
            operation["requestBody"] = _body(route, shown)
        if route.effect is Effect.CHANGES:
            operation["security"] = [{TOKEN: []}]
    schemes = {TOKEN: {"type": "http", "scheme": "bearer"}}
    base["components"] = {"schemas": components, "securitySchemes": schemes}
    return base


def _kinds(route: Route) -> list[Any]:
    """Types that the documentation of a route needs a schema of."""
    named = [] if isinstance(route.answer, str) else [route.answer]
    return [*named, *([] if route.request is None else [route.request]), *route.also]


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _body(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": schemas[repr(route.request)]}
    if route.example is not None:
        content["example"] = msgspec.to_builtins(route.example)
    return {"required": True, "content": {JSON: content}}


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    """The answer and the problems of a route."""
    if isinstance(route.answer, str):
        content: dict[str, Any] = {route.answer: {"schema": {"type": "string"}}}
    else:
        schema = {"schema": schemas[repr(route.answer)]}
        content = {JSON: schema, MSGPACK: schema}
    codes = ["422"] if route.query or route.parameters or route.request is not None else []
    codes += ["404"] if route.parameters else []
    codes += ["413", "415", "503"] if route.effect is not Effect.READS else []
    codes += ["401", "409"] if route.effect is Effect.CHANGES else []
    problem = {PROBLEM: {"schema": schemas[repr(Problem)]}}
    problems = {code: {"description": _PROBLEMS[code], "content": problem} for code in sorted(codes)}
    return {"200": {"description": route.summary, "content": content}, **problems}
