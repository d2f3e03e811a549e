"""Who may change something: whoever holds the token, and never a page of another origin."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from shared.face.problem import ProblemError

_SCHEME: Final = "bearer"

Guard = Callable[[Request], Awaitable[None]]
"""Refuses a request by raising."""


def guard(token: str | None) -> Guard:
    """A guard for routes that change something.

    Without a token everybody on this machine may, but not the web page that a browser here shows: a request
    that names another origin is refused.
    """

    async def check(request: Request) -> None:
        if token is not None:
            _check_token(request, token)
        else:
            _check_origin(request)

    return check


def _check_token(request: Request, token: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Digests have one length, so that neither the time nor the length of the comparison tells the token's.
    # Headers are bytes, which the framework shows as Latin-1.
    same = hmac.compare_digest(_digest(given.strip().encode("latin-1")), _digest(token.encode()))
    if scheme.lower() != _SCHEME or not same:
        found = "another one" if given else "none"
        detail = f"expected the header `authorization: Bearer TOKEN` with this fleet's token, found {found}"
        raise ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": "Bearer"})


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        detail = f"expected a request of this host, found one of a page of `{origin}`; set `http.api_token`"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
