"""The face of an engine with state, as its process serves it; nothing happens on its buses meanwhile.

It is served three ways at ports of their own: as it is; with every answer made anew, as if the engine had
handled something between any two requests; and without the fast path, through the whole application.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.replay import replayed, sample, session
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from shared import registry
from shared.clock import WallClock
from shared.engine import Engine
from shared.engine_subject import EngineSubject
from shared.face.app import build, routes_of_engine
from shared.face.server import Server, bind
from shared.fleet import DEFAULT_FRAME_SIZE
from shared.fleet_settings import FleetSettings, HttpSettings
from shared.service import Service

DISTRIBUTIONS = ("uvicorn", "uvloop", "httptools")
WAYS = ("as it is", "made anew", "no fast path")


class Worker:
    """One process of an engine; its event loop has a thread to itself, beside one that waits for requests."""

    def open(self, engine: str, n_trades: int) -> dict[str, Any]:
        """Let an engine see so many sample trades, and serve it; gives the ports and what has to be answered.

        The answer is the engine's own word, asked for without HTTP.
        """
        prepared = _prepared(engine, n_trades)
        listeners = {way: bind(HttpSettings(), 0) for way in WAYS}
        work = _serve(engine, prepared, listeners)
        threading.Thread(target=uvloop.run, args=(work,), daemon=True).start()
        spec = registry.engines()[engine]
        routes = registry.part(engine, "api").router(prepared)
        return {
            "ports": {way: listener.getsockname()[1] for way, listener in listeners.items()},
            "path": spec.main_query,
            "body": routes.views[spec.main_query].json().decode(),
            "versions": {name: version(name) for name in DISTRIBUTIONS},
        }


def _prepared(name: str, n_trades: int) -> Engine[Any]:
    with tempfile.TemporaryDirectory() as folder:
        used = session(sample(Path(folder), n_trades), DEFAULT_FRAME_SIZE)
        replayed(used)
    return next(driver.runtime.engine for driver in used.drivers if driver.runtime.spec.name == name)


async def _serve(name: str, engine: Engine[Any], listeners: dict[str, socket.socket]) -> None:
    fleet = list(registry.engines().values())
    courier = MemoryCourier(MemoryTransport())
    service = Service(registry.engines()[name], lambda: engine, fleet, courier, WallClock(), FleetSettings())
    subject = EngineSubject(service)
    async with AsyncExitStack() as stack:
        for way, listener in listeners.items():
            app = build(subject, HttpSettings(), routes=routes_of_engine(subject))
            if way == "made anew":
                app.declared.keep_until(object)  # no object equals the one before
            server = Server(app, subject, fast_path=way != "no fast path")
            await server.start(listener)
            stack.push_async_callback(server.stop)
        await asyncio.shield(service.run())
