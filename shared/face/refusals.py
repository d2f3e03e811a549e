"""Every failure of a request, whoever found it, as a problem; and HEAD as GET without its body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import ConstraintError
from shared.face.answers import FieldProblem
from shared.face.diagnosis import shown
from shared.face.parting import PartingResponse
from shared.face.problem import MEDIA_TYPE, ProblemError, encode_problem
from shared.log import get_logger

_SHOULD: Final = "Input should be "


def install(app: FastAPI) -> None:
    """Answer every failure in an application with a problem."""
    app.add_exception_handler(ProblemError, _known)
    app.add_exception_handler(ConstraintError, _constraint)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _routing)
    app.add_middleware(LastResort)


class LastResort:
    """Outermost layer: a failure that nobody foresaw is logged and answered, and HEAD gets no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        is_head = scope["method"] == "HEAD"

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            if is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            # A copy, for the server itself must go on to see a HEAD.
            await self._app({**scope, "method": "GET"} if is_head else scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            path = scope["path"]
            get_logger().error("request failed", path=path, method=scope["method"], exc_info=error)
            if started:
                raise
            detail = "expected an answer, found a failure of ours; the log of this process tells it"
            failure = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
            await _response(failure, path)(scope, receive, watched)


def _response(error: ProblemError, path: str) -> Response:
    """A problem as an answer; where the connection is to be closed, in a way that lets it arrive."""
    kind = PartingResponse if error.headers.get("connection") == "close" else Response
    return kind(encode_problem(error, path), error.status, headers=error.headers, media_type=MEDIA_TYPE)


async def _known(request: Request, error: Any) -> Response:
    return _response(error, request.url.path)


async def _constraint(request: Request, error: Any) -> Response:
    """A constraint that an engine found violated; if it is of a name in the path, there is no such thing."""
    if error.name in request.path_params:
        problem = ProblemError(HTTPStatus.NOT_FOUND, str(error))
    else:
        problem = ProblemError.of_constraint(error)
    return _response(problem, request.url.path)


async def _parameters(request: Request, error: Any) -> Response:
    """Parameters that are not what they are declared to be."""
    errors = [
        FieldProblem(
            field=".".join(map(str, one["loc"][1:])),
            expected=one["msg"].removeprefix(_SHOULD),
            found=shown(one.get("input")),
        )
        for one in error.errors()
    ]
    return _response(ProblemError.of_values(*errors), request.url.path)


async def _routing(request: Request, error: Any) -> Response:
    """A path or a method that there is not."""
    path = request.url.path
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"expected a path that /docs lists, found {path}"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        headers["allow"] = allowed
        detail = f"expected {allowed} for {path}, found {request.method}"
    return _response(ProblemError(error.status_code, detail, headers=headers), path)


def _methods(request: Request) -> list[str]:
    """Methods that some route takes for the path of a request."""
    found: set[str] = set()
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
