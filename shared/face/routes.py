"""Routes: what a face answers, declared once, for the application, the documentation and the fast path.

There are four sorts, and who declares a route says which:

* a **view** is a query of state by a synchronous function; the server answers it without asking anybody;
* a **query** is any other GET, such as one with parameters behind the question mark;
* a **computation** works on the data that it is sent, and changes nothing;
* a **change** publishes a command; it needs the fleet's token where there is one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.face.access import Guard
from shared.face.answer import JSON, encode, encoded, preferred
from shared.face.answers import FieldProblem
from shared.face.body import Bodies
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.turns import Computations
from shared.face.view import Progress, View

F = TypeVar("F", bound=Callable[..., Any])
Endpoint = Callable[..., Awaitable[Response]]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class Effect(StrEnum):
    """What a request does."""

    READS = "reads"
    COMPUTES = "computes"
    CHANGES = "changes"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    about: str
    """What it answers, how, and when it refuses."""
    answer: Any
    """Type of the answer; a text for an answer that is none of ours, its media type."""
    request: Any = None
    """Type of the document it is sent, None if it takes none."""
    example: Any = None
    """A document that it takes."""
    effect: Effect = Effect.READS
    also: tuple[Any, ...] = ()
    """Types that the schemas of the document and of the answer name."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the values in its path."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def query(self) -> frozenset[str]:
        """Names of its parameters behind the question mark."""
        names = inspect.signature(self.endpoint).parameters
        return frozenset(names) - {"request", *self.parameters}


class Routes:
    """A collection of routes; every part of a face that answers has one.

    >>> routes = Routes()
    >>> @routes.view("/v1/sum", int, summary="The sum so far")
    ... def total() -> int:
    ...     return 3
    >>> routes.views["/v1/sum"].json()
    b'3'
    """

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.views: dict[str, View] = {}
        """Views by their paths."""

    def view(self, path: str, answer: Any, *, summary: str) -> Callable[[F], F]:
        """Declare a view.

        Its function takes the values in the path as texts; parameters behind the question mark are those that
        it takes by keyword alone, each with a default.
        """

        def declare(function: F) -> F:
            view = View(function, tuple(_PARAMETER.findall(path)))
            self.views[path] = view
            self._add("GET", path, _of_view(view), function, answer, summary)
            return function

        return declare

    def query(self, path: str, answer: Any, *, summary: str) -> Callable[[F], F]:
        """Declare a query; its function is an endpoint of FastAPI that takes the request too."""

        def declare(function: F) -> F:
            self._add("GET", path, function, function, answer, summary)
            return function

        return declare

    def computation(
        self,
        path: str,
        answer: Any,
        *,
        summary: str,
        request: Any,
        example: Any,
        also: tuple[Any, ...] = (),
    ) -> Callable[[F], F]:
        """Declare a computation; its function takes an `Exchange`."""

        def declare(function: F) -> F:
            more = {"request": request, "example": example, "effect": Effect.COMPUTES, "also": also}
            self._add("POST", path, _of_exchange(function), function, answer, summary, **more)
            return function

        return declare

    def change(
        self, path: str, answer: Any, *, summary: str, request: Any = None, example: Any = None
    ) -> Callable[[F], F]:
        """Declare a change; its function takes an `Exchange`."""

        def declare(function: F) -> F:
            more = {"request": request, "example": example, "effect": Effect.CHANGES}
            self._add("POST", path, _of_exchange(function), function, answer, summary, **more)
            return function

        return declare

    def extend(self, others: Routes) -> None:
        """Add the routes of another part."""
        self.routes += others.routes
        self.views |= others.views

    def keep_until(self, progress: Progress) -> None:
        """Keep the answers of views for as long as the progress is the same."""
        for view in self.views.values():
            view.keep_until(progress)

    def serve_in(self, app: FastAPI, guard: Guard) -> None:
        """Add all routes to an application."""
        for route in self.routes:
            checks = [_known_parameters(route.query)]
            checks += [guard] if route.effect is Effect.CHANGES else []
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=[route.method],
                summary=route.summary,
                description=route.about,
                dependencies=[Depends(check) for check in checks],
                response_model=None,
                response_class=Response,
            )

    def _add(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        function: Callable[..., Any],
        answer: Any,
        summary: str,
        **more: Any,
    ) -> None:
        endpoint.__name__ = function.__name__
        about = inspect.cleandoc(function.__doc__ or summary)
        self.routes.append(
            Route(
                method=method,
                path=path,
                endpoint=endpoint,
                summary=summary,
                about=about,
                answer=answer,
                **more,
            )
        )


def _of_view(view: View) -> Endpoint:
    signature = inspect.signature(view.value, eval_str=True)
    options = [one for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
    defaults = {option.name: _default(option) for option in options}

    async def endpoint(request: Request, **given: Any) -> Response:
        arguments = [request.path_params[name] for name in view.parameters]
        media = preferred(request.headers.get("accept"))
        if media == JSON and given == defaults:
            return encoded(view.json(*arguments))
        return encoded(encode(view.value(*arguments, **given), media), media)

    asked = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    vars(endpoint)["__signature__"] = inspect.Signature([asked, *options])
    return endpoint


def _default(option: inspect.Parameter) -> Any:
    """Default of a parameter, which a view must have for every one behind the question mark."""
    if option.default is option.empty:
        message = f"Expected a default for the parameter `{option.name}` of a view, got none"
        raise TypeError(message)
    return option.default


def _of_exchange(function: Callable[..., Awaitable[Response]]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        bodies: Bodies = request.app.state.bodies
        computations: Computations = request.app.state.computations
        async with bodies.read(request) as data:
            return await function(Exchange(request, data, computations))

    return endpoint


def _known_parameters(names: frozenset[str]) -> Guard:
    async def check(request: Request) -> None:
        unknown = [name for name in request.query_params if name not in names]
        if unknown:
            known = ", ".join(f"`{name}`" for name in sorted(names)) or "no parameter"
            raise ProblemError.of_values(
                *(FieldProblem(field=name, expected=known, found=f"`{name}`") for name in unknown)
            )

    return check
