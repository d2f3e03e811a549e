"""The server: where it listens, and how it stops."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest

from shared.errors import SettingsError
from shared.face.connection import Limits
from shared.face.server import Server, bind, serve
from shared.fleet_settings import HttpSettings
from tests.shared.face.faces import DEADLINE_SECONDS, Line, ToySubject, face, free_port, request


def test_a_taken_port_is_told_before_anything_starts() -> None:
    """The error names setting, port and host, and what to do; the other goes on listening."""
    with bind(HttpSettings(), 0) as taken:
        port = taken.getsockname()[1]
        expected = rf"`http\.port`: expected {port} free at 127\.0\.0\.1, found: Address already in use; stop"
        with pytest.raises(SettingsError, match=expected):
            bind(HttpSettings(port=port), 0)
        with pytest.raises(SettingsError, match=expected):
            bind(HttpSettings(), port)


def test_a_port_can_be_taken_again_at_once() -> None:
    """After a stop, connections of the past do not keep it."""
    port = free_port()
    for _ in range(2):
        bind(HttpSettings(port=port), 0).close()


def test_an_address_of_no_machine_is_told() -> None:
    """A name that cannot be looked up, and an address that is another machine's."""
    with pytest.raises(SettingsError, match=r"`http\.host`: expected an address of this machine, found"):
        bind(HttpSettings(host="no such host"), 0)
    with pytest.raises(SettingsError, match=r"free at 192\.0\.2\.1, found: Cannot assign"):
        bind(HttpSettings(host="192.0.2.1"), 0)


def test_it_serves_until_told_to_stop_and_leaves_signals_alone() -> None:
    """Afterwards nobody listens, and who handles signals is who did before."""

    async def run() -> None:
        subject, stop = ToySubject(), asyncio.Event()
        listener = bind(HttpSettings(), 0)
        port = listener.getsockname()[1]
        before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        serving = asyncio.create_task(serve(face(subject), subject, listener, stop))
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200
            assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
            stop.set()
            await asyncio.wait_for(serving, DEADLINE_SECONDS)
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/health")

    asyncio.run(run())


def test_a_request_at_hand_is_finished_when_it_stops() -> None:
    """The answer arrives whole, with the notice that the connection ends."""

    async def run() -> bytes:
        subject, released = ToySubject(), asyncio.Event()

        async def slow(limit: int) -> list[tuple[int, object]]:
            released.set()
            await asyncio.wait_for(stopping.wait(), DEADLINE_SECONDS)
            return [][:limit]

        vars(subject)["dead_letters"] = slow
        stopping = asyncio.Event()
        server = Server(face(subject), subject)
        listener = bind(HttpSettings(), 0)
        port = listener.getsockname()[1]
        await server.start(listener)
        line = await Line.to(port)
        line.send(request("/v1/dead-letters"))
        await asyncio.wait_for(released.wait(), DEADLINE_SECONDS)
        ending = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        stopping.set()
        answer = await line.rest()
        await line.close()
        await ending
        return answer

    answer = asyncio.run(run())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer


def test_clients_that_stall_do_not_hold_up_the_stop() -> None:
    """After the time of grace they are cut off."""

    async def run() -> None:
        subject = ToySubject()
        server = Server(face(subject), subject, limits=Limits(grace_seconds=0.2))
        listener = bind(HttpSettings(), 0)
        port = listener.getsockname()[1]
        await server.start(listener)
        idle, stalled = await Line.to(port), await Line.to(port)
        idle.send(request())
        await idle.answer()
        stalled.send(request("/v1/sum", "POST", "content-type: application/json", "content-length: 99"))
        other = await Line.to(port)
        other.send(request("/health"))
        await other.answer()
        await asyncio.wait_for(server.stop(), DEADLINE_SECONDS)
        assert server.connections == []
        await server.stop()
        for line in (idle, stalled, other):
            assert await line.rest() == b""
            await line.close()

    asyncio.run(run())
