"""Faces of toy processes in a thread of their own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import httpx

from knotmeter.client import AsyncClient, Client
from tests.shared.face.faces import ToySubject, face, running

T = TypeVar("T")

DEADLINE_SECONDS = 30.0
"""No test waits longer for anything."""


@contextmanager
def served(subject: ToySubject, **settings: Any) -> Iterator[str]:
    """Base URL of a toy process that answers in a thread."""
    started, ended = threading.Event(), asyncio.Event()
    told: dict[str, Any] = {}

    async def run() -> None:
        async with running(face(subject, **settings), subject) as port:
            told["url"], told["loop"] = f"http://127.0.0.1:{port}", asyncio.get_running_loop()
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert started.wait(DEADLINE_SECONDS)
        yield told["url"]
    finally:
        told["loop"].call_soon_threadsafe(ended.set)
        thread.join(DEADLINE_SECONDS)


@contextmanager
def all_served(*subjects: ToySubject) -> Iterator[dict[str, str]]:
    """Base URLs of several toy processes by their names."""
    with ExitStack() as stack:
        yield {subject.spec.name: stack.enter_context(served(subject)) for subject in subjects}


def in_both(
    blocking: Callable[[Client], T],
    awaiting: Callable[[AsyncClient], Awaitable[T]],
    places: str | dict[str, str],
    **options: Any,
) -> tuple[T, T]:
    """What a call comes to with the client that blocks, and with the one to await."""

    async def run() -> T:
        async with AsyncClient(places, **options) as client:
            return await awaiting(client)

    with Client(places, **options) as client:
        return blocking(client), asyncio.run(run())


def answering(
    handler: Callable[[httpx.Request], httpx.Response], **options: Any
) -> tuple[Client, AsyncClient]:
    """Both clients of a process whose answers a function gives, without a network."""
    transport = httpx.MockTransport(handler)
    url = "http://toy:1"
    return Client(url, transport=transport, **options), AsyncClient(url, transport=transport, **options)
