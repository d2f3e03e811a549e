"""One socket of one venue, kept alive: a session is handed what arrives, and gets what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from random import Random
from typing import Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from services.marketdata.adapter.live.actions import Fetch, RefusedError, refusal
from services.marketdata.adapter.live.backoff import Backoff
from services.marketdata.adapter.live.inbox import Inbox
from services.marketdata.adapter.live.session import Session
from services.marketdata.adapter.live.settings import LiveSettings
from shared.clock import Clock, monotonic_ns
from shared.errors import DataError
from shared.log import get_logger

LARGEST_MESSAGE: Final = 64 * 2**20
"""Bytes of a message above which a socket is given up."""

_OPEN_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 1.0
_FETCH_SECONDS: Final = 20.0
_CHECKS: Final = 4
"""Times in `stall_seconds` that the socket is looked after."""

_TURN: Final = 64
"""Messages after which other tasks have their turn, however many more are there."""

_TRANSIENT: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.IM_A_TEAPOT, HTTPStatus.TOO_MANY_REQUESTS)
"""Answers of a client's kind that pass: the venues tell rate limits and bans by them."""


class StalledError(Exception):
    """Nothing came for too long."""


class Connection:
    """A session with its socket; `run` goes on until it is cancelled or the venue refuses what is asked."""

    def __init__(self, settings: LiveSettings, session: Session, inbox: Inbox, clock: Clock) -> None:
        self._settings = settings
        self._session = session
        self._inbox = inbox
        self._clock = clock
        first, longest = settings.backoff_first_seconds, settings.backoff_longest_seconds
        self._chance = Random(settings.seed)
        self._backoff = Backoff(first, longest, self._chance)
        self._log = get_logger(venue=settings.venue)
        self._was_whole = False
        self._n_received = 0
        self._waits_for_reader = False

    async def run(self) -> None:
        """Connect, and connect again, for ever.

        Raises:
            RefusedError: the venue refused before all was whole; later that is a lost connection like others.
        """
        while True:
            began = monotonic_ns()
            try:
                await self._live()
            except* (OSError, WebSocketException, httpx.HTTPError, StalledError, DataError) as group:
                error = first_error(group)
                if isinstance(error, RefusedError) and not self._was_whole:
                    raise error from None
                self._log.warning("disconnected", reason=str(error), kind=type(error).__name__)
            finally:
                self._end_life(monotonic_ns() - began)
            await asyncio.sleep(self._backoff.next())

    async def _live(self) -> None:
        """One life of the socket."""
        settings = self._settings
        async with (
            httpx.AsyncClient(base_url=settings.rest_address, timeout=_FETCH_SECONDS) as client,
            connect(
                settings.socket_address,
                max_size=LARGEST_MESSAGE,
                open_timeout=_OPEN_SECONDS,
                close_timeout=_CLOSE_SECONDS,
            ) as socket,
            asyncio.TaskGroup() as group,
        ):
            self._log.info("connected", address=settings.socket_address)
            self._tell(self._session.opened)
            group.create_task(self._watch())
            await self._receive(socket, client, group)

    async def _receive(
        self, socket: ClientConnection, client: httpx.AsyncClient, group: asyncio.TaskGroup
    ) -> None:
        """Hand over messages until the socket is gone."""
        session, inbox, now = self._session, self._inbox, self._clock.now
        await self._act(socket, client, group)
        while True:
            data = await socket.recv(decode=False)
            self._n_received += 1
            with inbox.lock:
                session.received(data, now())
                inbox.lock.notify_all()
            await self._act(socket, client, group)
            if inbox.is_full:
                await self._wait_for_reader()
            elif not self._n_received % _TURN:
                await asyncio.sleep(0)

    async def _wait_for_reader(self) -> None:
        self._waits_for_reader = True
        await self._inbox.room()
        self._waits_for_reader = False

    async def _act(
        self, socket: ClientConnection, client: httpx.AsyncClient, group: asyncio.TaskGroup
    ) -> None:
        """Do what the session asks for."""
        for action in self._session.take_actions():
            if isinstance(action, Fetch):
                group.create_task(self._fetch(action, socket, client, group))
            else:
                await socket.send(action.data, text=True)

    async def _fetch(
        self, fetch: Fetch, socket: ClientConnection, client: httpx.AsyncClient, group: asyncio.TaskGroup
    ) -> None:
        """Bring a snapshot, however often it takes."""
        attempt = fetch.attempt
        if attempt:
            await asyncio.sleep(self._backoff.wait(attempt - 1))
        while (data := await self._answer(fetch, client)) is None:
            await asyncio.sleep(self._backoff.wait(attempt))
            attempt += 1
        with self._inbox.lock:
            self._session.fetched(fetch.symbol, data, self._clock.now())
            self._inbox.lock.notify_all()
        await self._act(socket, client, group)

    async def _answer(self, fetch: Fetch, client: httpx.AsyncClient) -> bytes | None:
        """The answer to one request; None if it may be had later.

        Raises:
            RefusedError: the venue does not want to be asked this.
        """
        try:
            answer = await client.get(fetch.path)
        except httpx.HTTPError as error:
            self._log.warning(
                "no snapshot", symbol=fetch.symbol, reason=str(error), kind=type(error).__name__
            )
            return None
        if answer.is_success:
            return answer.content
        if answer.is_client_error and answer.status_code not in _TRANSIENT:
            raise refusal(self._settings.venue, f"a snapshot of {fetch.symbol}", answer.text)
        self._log.warning("no snapshot", symbol=fetch.symbol, reason=f"status {answer.status_code}")
        return None

    async def _watch(self) -> None:
        """Find out when the socket has fallen silent.

        Raises:
            StalledError: nothing came for `stall_seconds`.
        """
        pause = self._settings.stall_seconds / _CHECKS
        seen, silent = self._n_received, 0
        while silent < _CHECKS:
            await asyncio.sleep(pause)
            is_quiet = self._n_received == seen and not self._waits_for_reader
            seen, silent = self._n_received, silent + 1 if is_quiet else 0
            self._was_whole = self._was_whole or self._session.is_whole
        message = f"Expected a message within {self._settings.stall_seconds:g} s, found none"
        raise StalledError(message)

    def _end_life(self, age: int) -> None:
        """The socket is gone; if it had lived as long as any wait, ``age`` in ns, the next is a first one."""
        self._was_whole = self._was_whole or self._session.is_whole
        if age >= self._settings.backoff_longest_seconds * 1e9:
            self._backoff.reset()
        self._tell(self._session.closed)

    def _tell(self, happening: Callable[[int], None]) -> None:
        with self._inbox.lock:
            happening(self._clock.now())
            self._inbox.lock.notify_all()


def first_error(group: ExceptionGroup[Exception]) -> Exception:
    """The first error in a group of groups, the refusal of a venue before others."""
    refused = group.subgroup(RefusedError)
    error: Exception = refused or group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
