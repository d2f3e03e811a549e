"""The server: uvicorn's connections inside the loop that is running, with no signals of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from uvicorn import Config
from uvicorn.server import ServerState

from shared.clock import wall_ns
from shared.errors import SettingsError
from shared.face.app import Face
from shared.face.connection import Connection, Limits, Meter
from shared.face.fast_path import FastConnection, QuickAnswers
from shared.face.subject import Subject
from shared.fleet_settings import HttpSettings
from shared.log import get_logger

BACKLOG: Final = 256
"""Connections that wait to be taken."""


def bind(settings: HttpSettings, port: int) -> socket.socket:
    """A socket that listens at the address of the settings, so that nobody else can.

    Args:
        settings: host, and port if it is set.
        port: port of the process where none is set; 0 for any that is free.

    Raises:
        SettingsError: the port is taken, or the address is none of this machine.
    """
    wanted = port if settings.port is None else settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, wanted, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        problem = f"`http.host`: expected an address of this machine, found {settings.host!r}: {error}"
        raise SettingsError([problem]) from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        remedy = "stop what listens there, or set another port"
        problem = f"`http.port`: expected {wanted} free at {settings.host}, found: {error.strerror}; {remedy}"
        raise SettingsError([problem]) from error
    listener.setblocking(False)
    return listener


class Server:
    """A face at a port.

    Args:
        app: what answers.
        subject: the engine whose main query is measured; None where there is none.
        limits: what one client may cost the others.
        fast_path: whether views are answered before the application is asked.
    """

    def __init__(
        self, app: Face, subject: Subject | None, *, limits: Limits | None = None, fast_path: bool = True
    ) -> None:
        self._app = app
        self._limits = limits or Limits()
        recorder = None if subject is None else subject.runtime.recorder
        self._meter = Meter(recorder, None if subject is None else subject.spec.main_query)
        self._fast_path = fast_path
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._emptied = asyncio.Event()

    @property
    def connections(self) -> list[Connection]:
        """Clients of the moment."""
        return [one for one in self._state.connections if isinstance(one, Connection)]

    async def start(self, listener: socket.socket) -> None:
        """Take connections from a socket, which belongs to the server from now on."""
        _forward_log()
        loop = asyncio.get_running_loop()
        config = Config(
            self._app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=round(self._limits.idle_seconds),
        )
        config.load()
        self._stamp()
        factory = self._factory(config, loop)
        self._server = await loop.create_server(factory, sock=listener, backlog=BACKLOG)
        self._ticking = loop.create_task(self._tick())

    async def stop(self) -> None:
        """Take no more connections, let requests at hand finish for a while, and close everything."""
        if self._server is None or self._ticking is None:
            return
        self._ticking.cancel()
        self._server.close()
        for connection in self.connections:
            connection.shutdown()
        if self._state.connections:
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), self._limits.grace_seconds)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in self.connections:
            connection.abort()
        await asyncio.gather(self._ticking, *self._state.tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _factory(self, config: Config, loop: asyncio.AbstractEventLoop) -> Callable[[], Connection]:
        """Maker of connections, which share everything but their transports."""
        shared = (config, self._state, self._limits, self._meter, self._note_lost, loop)
        if not self._fast_path:
            return lambda: Connection(*shared)
        declared = self._app.declared
        others = {route.path for route in declared.routes} - declared.views.keys()
        answers = QuickAnswers(declared.views, others, self._meter)
        return lambda: FastConnection(*shared, answers)

    async def _tick(self) -> None:
        """Now and then: the date of answers, and clients whose time is up."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._limits.sweep_seconds)
            self._stamp()
            for connection in self.connections:
                connection.sweep(loop.time())

    def _stamp(self) -> None:
        date = formatdate(wall_ns() / 1e9, usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]

    def _note_lost(self) -> None:
        if not self._state.connections:
            self._emptied.set()


async def serve(
    app: Face,
    subject: Subject | None,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    limits: Limits | None = None,
    fast_path: bool = True,
) -> None:
    """Answer at a port until told to stop, or cancelled; then finish what is at hand."""
    server = Server(app, subject, limits=limits, fast_path=fast_path)
    await server.start(listener)
    try:
        await stop.wait()
    finally:
        await server.stop()


class _Forward(logging.Handler):
    """What uvicorn logs, in the log of the process."""

    def emit(self, record: logging.LogRecord) -> None:
        get_logger().log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _forward_log() -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.handlers = [_Forward()]
