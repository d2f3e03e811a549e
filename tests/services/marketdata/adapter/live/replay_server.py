"""A venue on this machine: it replays a capture on a socket, answers subscriptions, and serves snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from services.marketdata.adapter.live.actions import Fetch, Send
from services.marketdata.adapter.live.settings import Venue
from tests.services.marketdata.adapter.live.captures import Message
from tests.services.marketdata.adapter.live.venues import TrueVenue, true_venue


class ReplayServer:
    """The flow of a capture goes on with whoever has subscribed; at its end the socket stays open and silent.

    Args:
        venue: The venue whose capture it is.
        messages: The capture; snapshots that were fetched are served on request instead.
        left_out: Places of messages that are not sent.
        cuts: Places at which the socket is cut, and how many messages go by before it can be opened again.
        slow: Messages that go by before a snapshot that is fetched is answered.
        refused: Statuses that are answered to the first requests for a snapshot.
        old: How many snapshots are answered with the first book of all, which is too old.
    """

    def __init__(
        self,
        venue: Venue,
        messages: Sequence[Message],
        *,
        left_out: frozenset[int] = frozenset(),
        cuts: dict[int, int] | None = None,
        slow: int = 0,
        refused: Sequence[HTTPStatus] = (),
        old: int = 0,
    ) -> None:
        self.venue = venue
        self.truth: TrueVenue = true_venue(venue, messages)
        self.received: list[bytes] = []
        """Messages of clients."""
        self.n_fetches = 0
        self.n_sockets = 0
        self.url = ""
        self.rest_url = ""
        self._messages = messages
        self._left_out = left_out
        self._cuts = cuts or {}
        self._slow = slow
        self._refused = list(refused)
        self._old = old
        self._place = 0
        self._moved = asyncio.Condition()

    @property
    def is_ended(self) -> bool:
        """Whether the whole capture has left."""
        return self._place == len(self._messages)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ReplayServer]:
        """Serve on a free port of this machine."""
        async with serve(
            self._serve, "127.0.0.1", 0, process_request=self._answer, ping_interval=None
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url, self.rest_url = f"ws://127.0.0.1:{port}/stream", f"http://127.0.0.1:{port}"
            yield self

    async def _serve(self, socket: ServerConnection) -> None:
        self.n_sockets += 1
        await self._hear(socket, await socket.recv())
        listener = asyncio.create_task(self._listen(socket))
        try:
            await self._replay(socket)
            await socket.wait_closed()
        except ConnectionClosed:
            return
        finally:
            listener.cancel()

    async def _replay(self, socket: ServerConnection) -> None:
        while not self.is_ended:
            place = self._place
            if (n_lost := self._cuts.pop(place, None)) is not None:
                socket.transport.abort()
                for _ in range(n_lost):
                    await self._advance()
                return
            message = await self._advance()
            if not message.fetched and place not in self._left_out:
                await socket.send(message.data, text=True)

    async def _advance(self) -> Message:
        message = self._messages[self._place]
        self.truth.advance(message)
        self._place += 1
        async with self._moved:
            self._moved.notify_all()
        return message

    async def _listen(self, socket: ServerConnection) -> None:
        async for data in socket:
            await self._hear(socket, data)

    async def _hear(self, socket: ServerConnection, data: bytes | str) -> None:
        message = data if isinstance(data, bytes) else data.encode()
        self.received.append(message)
        for answer in self.truth.answer(Send(message)):
            await socket.send(answer.data, text=True)

    async def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """A snapshot for a request that wants no socket."""
        address = urlsplit(request.path)
        if not address.path.endswith("/depth"):
            return None
        self.n_fetches += 1
        if self._refused:
            return _response(b'{"code":-1121,"msg":"Invalid symbol."}', self._refused.pop(0))
        symbol = parse_qs(address.query)["symbol"][0]
        (message,) = self.truth.answer(Fetch(symbol, request.path, 0))
        if self._old:
            self._old -= 1
            body = b'{"lastUpdateId":1,"bids":[],"asks":[]}'
            return _response(body)
        wanted = min(self._place + self._slow, len(self._messages))
        async with self._moved:
            await self._moved.wait_for(lambda: self._place >= wanted)
        return _response(message.data)


def _response(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> Response:
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)
