"""One connection: uvicorn's protocol with bounds on time and size, and the stopwatch of the main query.

What a client may do to others is bounded here: how long it may take over a request or over reading its
answer, how large the head of a request may be, and how long a connection may lie idle. Each failure that no
application is asked about is answered with a problem too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import httptools
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from shared.face.problem import MEDIA_TYPE, ProblemError, encode_problem
from shared.latency import Measure, Recorder, stopwatch


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may cost the others."""

    connections: int = 512
    """Connections at one time."""
    head_bytes: int = 32_768
    """Request line and headers."""
    requests_ahead: int = 16
    """Requests on one connection that wait for the answer to one before them."""
    request_seconds: float = 30.0
    """From the first byte of a request to its last; from the connection to its first request too."""
    send_seconds: float = 30.0
    """How long an answer may wait for a client that does not read."""
    idle_seconds: float = 75.0
    """Between two requests on one connection."""
    grace_seconds: float = 5.0
    """How long requests at hand may take when the server stops."""
    sweep_seconds: float = 1.0
    """Between two looks at the clock for all of these."""


class Meter:
    """The stopwatch of the main query; of a process that has none, it never runs."""

    def __init__(self, recorder: Recorder | None = None, main_query: str | None = None) -> None:
        self._recorder = recorder
        self._main_query = None if recorder is None else main_query

    def covers(self, path: str) -> bool:
        """Whether a path is that of the main query."""
        return path == self._main_query

    def note(self, began: int) -> None:
        """Count one answer, which began at this reading of the stopwatch and is out now."""
        if self._recorder is not None:
            self._recorder.observe(Measure.HTTP_LATENCY, stopwatch() - began)


_NO_DEADLINE: Final = float("inf")


class Connection(HttpToolsProtocol):
    """One client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        limits: Limits,
        meter: Meter,
        on_lost: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._limits = limits
        self._meter = meter
        self._on_lost = on_lost
        self._began = 0
        """Reading of the stopwatch at the first byte of the request at hand; 0 where it cannot be told."""
        self._since = 0.0
        """When the connection began to wait for what it waits for now, by the loop's clock."""
        self._is_fresh = True
        self._is_receiving = False
        """Whether a request has begun that has not come whole."""
        self._has_head = False
        self._n_head_bytes = 0
        self._n_open = 0
        """Requests that are not answered yet."""
        self._unread_since = _NO_DEADLINE
        self._is_broken = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Greet a client, or turn it away if there are too many."""
        self._since = self.loop.time()
        if len(self.connections) >= self._limits.connections:
            self.transport, self.flow = transport, FlowControl(transport)
            detail = (
                f"expected at most {self._limits.connections} connections, found as many; try again later"
            )
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, detail)
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say farewell."""
        super().connection_lost(exc)
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Take what a client has sent."""
        if self._is_broken:
            return
        if not self._is_receiving:
            self._begin()
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Another protocol was offered: this one goes on, and the connection ends with the answer.
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST, "expected a request of HTTP/1.1, found something else")
            return
        if self._is_receiving and not self._has_head:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > self._limits.head_bytes:
                detail = f"expected at most {self._limits.head_bytes} bytes of headers, found more"
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def on_message_begin(self) -> None:
        """Note that a request begins, if there are not too many before it."""
        if self._n_open > self._limits.requests_ahead:
            message = (
                f"Expected at most {self._limits.requests_ahead} requests ahead of their answers, got more"
            )
            raise OverflowError(message)  # the parser stops here; what came before is answered
        if not self._is_receiving:
            self._begin()
        if self._n_open:
            self._began = 0  # it was sent before the last one was answered: its wait is not ours
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head of a request is there."""
        self._has_head = True
        super().on_headers_complete()
        self._n_open += 1

    def on_message_complete(self) -> None:
        """Note that a request is there whole."""
        self._is_receiving, self._since = False, self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that a request was answered."""
        self._n_open -= 1
        scope = self.cycle.scope
        if self._began and scope["method"] == "GET" and self._meter.covers(scope["path"]):
            self._meter.note(self._began)
        if not self._is_receiving:
            self._since = self.loop.time()
        super().on_response_complete()
        if self._is_broken and not self._n_open:
            self.transport.close()

    def pause_writing(self) -> None:
        """Note that the client does not read what it is sent."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self._unread_since = _NO_DEADLINE
        super().resume_writing()

    def sweep(self, now: float) -> None:
        """End the connection if its client has used up its time."""
        limits = self._limits
        patience = limits.request_seconds if self._is_fresh else limits.idle_seconds
        if now - self._unread_since > limits.send_seconds:
            self.transport.abort()
        elif self._is_receiving and now - self._since > limits.request_seconds:
            if self._has_head and not self._n_open:  # refused already, and still being sent
                self.transport.abort()
                return
            detail = f"expected a whole request within {limits.request_seconds:g} s, found a part of one"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        elif not self._is_receiving and not self._n_open and now - self._since > patience:
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def _begin(self) -> None:
        self._began, self._since = stopwatch(), self.loop.time()
        self._is_fresh, self._is_receiving, self._has_head, self._n_head_bytes = False, True, False, 0

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer with a problem and close; where another answer has begun, close behind it."""
        if self._n_open and (self.pipeline or self.cycle.response_started):
            if self._is_broken:
                self.transport.abort()
            self._is_broken = True
            return
        self._is_broken = True
        body = encode_problem(ProblemError(status, detail), "*")
        headers = [*self.server_state.default_headers, *_headers(len(body))]
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", body]
        self.transport.write(b"".join(lines))
        self.transport.close()


def _headers(length: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"connection", b"close"),
        (b"content-length", str(length).encode()),
        (b"content-type", MEDIA_TYPE.encode()),
    ]
