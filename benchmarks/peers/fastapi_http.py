"""What a user would write with FastAPI: an `async` route that answers with a dictionary that is there.

It is served by uvicorn with uvloop and httptools, without an access log. The route returns the dictionary, as
in FastAPI's first example; or it declares its type too, which has Pydantic encode it; or it encodes it with
msgspec. Each is an application at a port of its own; one event loop serves all, since one at a time is asked.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI, Response

DISTRIBUTIONS = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools")


class Worker:
    """One process; its event loop has a thread to itself, beside one that waits for requests."""

    def open(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Answer requests for a path with a document; gives the port of each route."""
        listeners = {name: socket.create_server(("127.0.0.1", 0), backlog=256) for name in ROUTES}
        work = _serve(path, document, listeners)
        threading.Thread(target=uvloop.run, args=(work,), daemon=True).start()
        return {
            "ports": {name: listener.getsockname()[1] for name, listener in listeners.items()},
            "versions": {name: version(name) for name in DISTRIBUTIONS},
        }


async def _serve(path: str, document: dict[str, Any], listeners: dict[str, socket.socket]) -> None:
    servers = []
    for name, listener in listeners.items():
        app = FastAPI()
        app.get(path)(ROUTES[name](document))
        config = uvicorn.Config(app, http="httptools", access_log=False, log_level="warning")
        servers.append(uvicorn.Server(config).serve([listener]))
    await asyncio.gather(*servers)


def _plain(document: dict[str, Any]) -> Callable[[], Any]:
    async def route():  # type: ignore[no-untyped-def]  # noqa: ANN202 - no type, as it is often written
        return document

    return route


def _typed(document: dict[str, Any]) -> Callable[[], Any]:
    async def route() -> dict[str, Any]:
        return document

    return route


def _encoded(document: dict[str, Any]) -> Callable[[], Any]:
    async def route() -> Response:
        return Response(msgspec.json.encode(document), media_type="application/json")

    return route


ROUTES: Final = {"plain": _plain, "typed": _typed, "encoded": _encoded}
