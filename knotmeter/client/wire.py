"""Whoever carries out a client's steps, over httpx: one that blocks, one that awaits."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, TypeVar

import httpx

from knotmeter.client.errors import ClientError, ClientTimeoutError, UnavailableError
from knotmeter.client.request import Pause, Reply, Request, Steps
from shared.clock import pause

T = TypeVar("T")

MOST_CONNECTIONS: Final = 32


class Wire(Protocol):
    """Whoever carries out steps."""

    def perform(self, steps: Steps[Any]) -> Any:
        """The result of the steps, or an awaitable of it."""


class BlockingWire:
    """Carries out steps one after the other.

    Args:
        timeout: seconds that an answer may take.
        token: said with every request that may change something.
        transport: what takes the place of the network, in tests.
    """

    def __init__(self, timeout: float, token: str | None, transport: httpx.BaseTransport | None) -> None:
        self._timeout = timeout
        self._token = token
        self._http = httpx.Client(
            timeout=timeout, trust_env=False, limits=_limits(), transport=transport, follow_redirects=False
        )

    def perform(self, steps: Steps[T]) -> T:
        """The result of the steps."""
        reply: Reply | None = None
        error: ClientError | None = None
        while True:
            try:
                step = steps.send(reply) if error is None else steps.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = error = None
            if isinstance(step, Pause):
                pause(step.seconds)
                continue
            try:
                reply = _reply(self._http.request(**_arguments(step, self._token)))
            except httpx.RequestError as failure:
                error = _told(failure, step, self._timeout)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


class AwaitingWire:
    """Carries out steps while others go on; arguments as for `BlockingWire`."""

    def __init__(self, timeout: float, token: str | None, transport: httpx.AsyncBaseTransport | None) -> None:
        self._timeout = timeout
        self._token = token
        self._http = httpx.AsyncClient(
            timeout=timeout, trust_env=False, limits=_limits(), transport=transport, follow_redirects=False
        )

    async def perform(self, steps: Steps[T]) -> T:
        """The result of the steps."""
        reply: Reply | None = None
        error: ClientError | None = None
        while True:
            try:
                step = steps.send(reply) if error is None else steps.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = error = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                reply = _reply(await self._http.request(**_arguments(step, self._token)))
            except httpx.RequestError as failure:
                error = _told(failure, step, self._timeout)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _limits() -> httpx.Limits:
    return httpx.Limits(max_connections=MOST_CONNECTIONS)


def _arguments(request: Request, token: str | None) -> dict[str, Any]:
    """A request as httpx takes it."""
    headers = {"accept": request.accept}
    if request.body is not None:
        headers["content-type"] = "application/json"
    if token is not None and request.method != "GET":
        headers["authorization"] = f"Bearer {token}"
    return {
        "method": request.method,
        "url": request.url,
        "params": dict(request.query) or None,
        "content": request.body,
        "headers": headers,
    }


def _reply(response: httpx.Response) -> Reply:
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Reply(response.status_code, media, response.content)


def _told(failure: httpx.RequestError, request: Request, timeout: float) -> ClientError:
    """What became of a request, in our words; the library's own text is often empty."""
    if isinstance(failure, httpx.TimeoutException) and not isinstance(failure, httpx.ConnectTimeout):
        return ClientTimeoutError(str(request), timeout, is_safe=request.is_safe)
    reason = str(failure) or type(failure).__name__
    return UnavailableError(str(request), reason)
