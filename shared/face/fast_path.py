"""The fast path: a view is answered where its request arrives, before there is a task for it.

A request that is known byte for byte costs a look into a table, the view's answer and one write. Whatever is
not surely a plain GET of a view - in several parts, several at once, with a body, an upgrade, another form of
answer, a path with anything unusual - goes the ordinary way, which gives the same bytes for the same view.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from uvicorn import Config
from uvicorn.server import ServerState

from shared.face.answer import HEADERS, JSON, preferred
from shared.face.connection import Connection, Limits, Meter
from shared.face.view import View
from shared.latency import stopwatch

Headers = list[tuple[bytes, bytes]]

LONGEST: Final = 2_048
"""Bytes of a request that is remembered."""

MOST_KNOWN: Final = 256
"""Requests that are remembered; then it begins anew."""

_END: Final = b"\r\n\r\n"
_LINE: Final = re.compile(rb"GET (/[A-Za-z0-9._~/:@-]*) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e]?[\x20-\x7e\t]*)")
_NOT_PLAIN: Final = frozenset(
    {
        *(b"content-length", b"expect", b"http2-settings", b"trailer", b"transfer-encoding"),
        *(b"proxy-connection", b"upgrade"),
    }
)
"""Headers that change how a request or its answer is read."""

_STATUS: Final = b"HTTP/1.1 200 OK\r\n"
_AFTER_LENGTH: Final = f"\r\ncontent-type: {JSON}\r\n\r\n".encode()


class Quick:
    """A request that can be answered at once; its whole response is kept until state or date change."""

    __slots__ = ("_at", "_headers", "_response", "arguments", "is_main", "view")

    def __init__(self, view: View, arguments: tuple[str, ...], is_main: bool) -> None:
        self.view, self.arguments, self.is_main = view, arguments, is_main
        self._at: object = None
        self._headers: object = None
        self._response = b""

    def response(self, answers: QuickAnswers, default_headers: Headers) -> bytes | None:
        """Everything that is written; None where it is no answer, for the ordinary way says why."""
        at = self.view.at()
        if at is None or default_headers is not self._headers or at != self._at:
            try:
                body = self.view.json(*self.arguments)
            except Exception:  # noqa: BLE001 - the ordinary way meets it again, where it is logged and answered
                return None
            begin = answers.begin(default_headers)
            self._response = b"%b%d%b%b" % (begin, len(body), _AFTER_LENGTH, body)
            self._at, self._headers = at, default_headers
        return self._response


class QuickAnswers:
    """Requests known byte for byte, and what answers them.

    Args:
        views: views by their paths.
        others: paths of other routes, which no view may answer for.
        meter: knows which one is the main query.
    """

    def __init__(self, views: Mapping[str, View], others: Collection[str], meter: Meter) -> None:
        self._fixed = {path: view for path, view in views.items() if not view.parameters}
        self._others = frozenset(others)
        # `/v1/thing/{id}` by what stands before the last slash; other forms go the ordinary way.
        self._by_name = {
            path.rpartition("/")[0]: view for path, view in views.items() if len(view.parameters) == 1
        }
        self._meter = meter
        self._known: dict[bytes, Quick] = {}
        self._begin = b""
        self._headers: object = None

    def find(self, data: bytes) -> Quick | None:
        """What answers a request; None if it is to go the ordinary way."""
        quick = self._known.get(data)
        if quick is None:
            quick = self._examined(data)
            if quick is not None:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[data] = quick
        return quick

    def begin(self, default_headers: Headers) -> bytes:
        """Everything that stands before the length of an answer; the same until the next second."""
        if default_headers is not self._headers:
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            lines = b"".join(b"%b: %b\r\n" % header for header in [*default_headers, *own])
            self._begin, self._headers = _STATUS + lines + b"content-length: ", default_headers
        return self._begin

    def _examined(self, data: bytes) -> Quick | None:
        if len(data) > LONGEST or data.find(_END) != len(data) - len(_END):
            return None
        line, *headers = data[: -len(_END)].split(b"\r\n")
        target = _LINE.fullmatch(line)
        if target is None or not _are_plain(headers):
            return None
        path = target[1].decode()
        if path in self._others:
            return None
        if (view := self._fixed.get(path)) is not None:
            return Quick(view, (), self._meter.covers(path))
        before, _, name = path.rpartition("/")
        view = self._by_name.get(before)
        return None if view is None or not name else Quick(view, (name,), self._meter.covers(path))


def _are_plain(lines: list[bytes]) -> bool:
    """Whether headers are well-formed and ask for nothing but the answer as JSON."""
    accept: str | None = None
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            return False
        name, value = header[1].lower(), header[2].strip()
        if name in _NOT_PLAIN or (name == b"connection" and value.lower() != b"keep-alive"):
            return False
        if name == b"accept" and accept is None:
            accept = value.decode()
    return preferred(accept) == JSON


class FastConnection(Connection):
    """A connection on which views are answered at once."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        limits: Limits,
        meter: Meter,
        on_lost: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        answers: QuickAnswers,
    ) -> None:
        super().__init__(config, server_state, limits, meter, on_lost, loop)
        self._answers = answers

    def data_received(self, data: bytes) -> None:
        """Answer a plain request for a view at once; hand on anything else."""
        began = stopwatch()
        if self._is_receiving or self._n_open or self.flow.write_paused or self._is_broken:
            super().data_received(data)
            return
        quick = self._answers.find(data)
        if (
            quick is None
            or (response := quick.response(self._answers, self.server_state.default_headers)) is None
        ):
            super().data_received(data)
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self.transport.write(response)
        if quick.is_main:
            self._meter.note(began)
        self.server_state.total_requests += 1
        self._since, self._is_fresh = self.loop.time(), False
