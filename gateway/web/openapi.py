"""`/api/v1/openapi.json`: the published API, generated from the routes and their types."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from aiohttp import web

from gateway.schemas import schema_components
from gateway.web.responses import Problem, json_response
from gateway.web.section import Permission, QueryParameter, Route

PROBLEM_MEDIA = "application/problem+json"
TEXTS = {"type": "string"}
PROBLEMS = {
    400: "The request makes no sense",
    401: "Nobody is signed in (any more)",
    403: "Whoever is signed in may not",
    404: "Nothing here has that id",
    409: "As things are now, that cannot be done",
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of every route that has a summary."""
    published = [route for route in routes if route.summary]
    types = [t for route in published for t in _types(route) if t is not None]
    schemas, parts = schema_components([*types, Problem], "#/components/schemas/{name}")
    by_type = dict(zip(map(repr, [*types, Problem]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in published:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Yizhan 驿站", "version": version},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": parts},
    }


def _types(route: Route) -> Iterator[Any]:
    yield from (route.returns, route.accepts, *route.also.values())
    yield from (each.takes for each in route.query.values() if isinstance(each, QueryParameter))


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "x-permission": route.permission.value if route.permission else None,
        "parameters": _parameters(route, schemas),
        "responses": {
            "200": _body(route.summary, route.media, schemas.get(repr(route.returns), TEXTS)),
            **{
                str(status): _body(PROBLEMS[status], PROBLEM_MEDIA, schemas[repr(Problem)])
                for status in _problems(route)
            },
            **{
                str(status): _body("Another answer", route.media, schemas[repr(shape)])
                for status, shape in route.also.items()
            },
            "default": _body("A problem", PROBLEM_MEDIA, schemas[repr(Problem)]),
        },
    }
    if route.accepts is not None:
        content = {"application/json": {"schema": schemas[repr(route.accepts)]}}
        operation["requestBody"] = {"required": not route.bare, "content": content}
    return operation


def _name(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", route.path.removeprefix("/api/v1"))
    return "-".join([route.method.lower(), *words])


def _problems(route: Route) -> Iterator[int]:
    """The error statuses that a caller must expect here, beside `default`."""
    acts, names = route.method != "GET", "{" in route.path
    if acts or route.query:
        yield 400
    if route.permission is not Permission.PUBLIC:
        yield from (401, 403)
    if names or route.accepts is not None:
        yield 404
    if acts:
        yield 409


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": {**TEXTS, "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    behind = [
        {
            "name": name,
            "in": "query",
            "description": what if isinstance(what, str) else what.about,
            "required": isinstance(what, QueryParameter) and what.required,
            "schema": TEXTS if isinstance(what, str) else schemas[repr(what.takes)],
        }
        for name, what in route.query.items()
    ]
    return inside + behind


def _body(description: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def route(routes: Sequence[Route], version: str) -> Route:
    """The route of the document, which is made once, on the first request."""
    made = cache(lambda: document(routes, version))

    async def openapi(_request: web.Request) -> web.StreamResponse:
        return json_response(made())

    return Route(path="/api/v1/openapi.json", handler=openapi, permission=Permission.VIEW)
