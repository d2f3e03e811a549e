"""Bodies of requests: bounded while they arrive, decoded once, refused with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request

from shared.face.answer import JSON
from shared.face.answers import FieldProblem
from shared.face.aside import decode_long
from shared.face.diagnosis import explain
from shared.face.problem import ProblemError

T = TypeVar("T")

BODIES_AT_ONCE: Final = 8
"""Largest bodies that are held at one time; further ones are turned away."""

DEEPEST: Final = 32
"""Levels of a document whose content is of any type."""


class Bodies:
    """Reads bodies within a bound for each and one for all together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._most_held = BODIES_AT_ONCE * limit
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts as held until the context ends.

        Raises:
            ProblemError: too large, too many at once, or of another form than JSON.
        """
        self._check_head(request)
        body = bytearray()
        try:
            async for chunk in request.stream():
                if len(body) + len(chunk) > self.limit:
                    raise self._too_large(len(body) + len(chunk))
                self._hold(len(chunk))
                body += chunk
            if body:
                _check_form(request)
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _check_head(self, request: Request) -> None:
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self.limit:
            raise self._too_large(int(declared))
        if declared != "0":
            _check_form(request)

    def _too_large(self, n_bytes: int) -> ProblemError:
        remedy = "send less, or raise `http.max_body_bytes`"
        detail = f"expected a body of at most {self.limit} bytes, found {n_bytes}; {remedy}"
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"connection": "close"})

    def _hold(self, n_bytes: int) -> None:
        if self._held + n_bytes > self._most_held:
            detail = (
                f"expected at most {self._most_held} bytes of bodies at once, found more; try again later"
            )
            headers = {"retry-after": "1", "connection": "close"}
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers)
        self._held += n_bytes


def decode(data: bytes, kind: type[T]) -> T:
    """A JSON document of a type.

    Raises:
        ProblemError: it is none; the value, what was expected and what was found are named.
    """
    try:
        return decode_long(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError.of_values(explain(error, data, kind)) from error


def check_depth(value: Any, levels: int = DEEPEST) -> None:
    """Refuse content of any type that is nested too deep.

    Raises:
        ProblemError: it is.
    """
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if members and levels == 0:
        raise ProblemError.of_values(
            FieldProblem(field="body", expected=f"at most {DEEPEST} levels", found="more")
        )
    for member in members:
        check_depth(member, levels - 1)


def _check_form(request: Request) -> None:
    form = request.headers.get("content-type", "none")
    packing = request.headers.get("content-encoding", "identity")
    if form.split(";")[0].strip().lower() != JSON:
        detail = f"expected a body of type `{JSON}`, found `{form}`; set the header `content-type`"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"accept": JSON})
    if packing.lower() != "identity":
        detail = f"expected a body that is not compressed, found `{packing}`"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"accept-encoding": "identity"})
