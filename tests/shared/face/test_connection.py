"""Clients that misbehave: each is told so or cut off, and none delays another."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.face.connection import Limits
from shared.latency import Measure
from tests.shared.face.faces import Line, ToySubject, request, serving

BRIEF = Limits(
    connections=4,
    head_bytes=4_096,
    request_seconds=1.5,
    idle_seconds=0.7,
    send_seconds=0.5,
    sweep_seconds=0.05,
)
"""Bounds that a test does not wait long for."""

SUM = request("/v1/sum", "POST", "content-type: application/json", "content-length: 9")
"""Head of a request that has a body."""

LARGE = 100_000_000
"""Bytes of a body that nobody wants."""


def status(answer: bytes) -> int:
    """Status of an answer."""
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> str:
    """Detail of the problem that an answer is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    detail: str = json.loads(body)["detail"]
    return detail


async def healthy(port: int) -> None:
    """Another client is served."""
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\x16\x03\x01" * 20,
        b"hello\r\n\r\n",
        b"GET /v1/tally HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
    ],
)
@pytest.mark.parametrize("fast_path", [True, False])
def test_garbage_is_refused(garbage: bytes, *, fast_path: bool) -> None:
    """400 as a problem, and the connection is closed."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(garbage)
        answer = await line.rest()
        await line.close()
        assert (status(answer), problem(answer)) == (
            400,
            "expected a request of HTTP/1.1, found something else",
        )
        await healthy(port)

    serving(script, fast_path=fast_path)


def test_garbage_behind_a_request_does_not_spoil_its_answer() -> None:
    """What came before is answered, then the connection ends."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request("/v1/sum?x") + b"\x00garbage\r\n\r\n")
        answers = await line.rest()
        await line.close()
        assert status(answers) in (400, 405)

    serving(script)


def test_a_head_without_end_is_cut_off() -> None:
    """431 once it is longer than any that is meant."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(b"GET /health HTTP/1.1\r\nhost: toy\r\n")
        for number in range(10):
            line.send(b"x-more-%d: " % number + b"y" * 1_000 + b"\r\n")
            await line.drain()
        answer = await line.rest()
        await line.close()
        assert (status(answer), problem(answer)) == (
            431,
            "expected at most 4096 bytes of headers, found more",
        )

    serving(script, limits=BRIEF)


@pytest.mark.parametrize("part", [b"", b"GET /v1/tal", SUM + b"{"])
def test_a_client_that_stalls_is_cut_off_and_delays_nobody(part: bytes) -> None:
    """Before, within and behind the head: others are served meanwhile, and at last it is told and closed."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(part)
        await healthy(port)
        answer = await line.rest()
        await line.close()
        if part:
            assert (status(answer), problem(answer)) == (
                408,
                "expected a whole request within 1.5 s, found a part of one",
            )
        else:
            assert answer == b""

    serving(script, limits=BRIEF)


def test_a_client_that_stalls_in_a_body_that_was_refused_is_cut_off() -> None:
    """It has its answer; no second one comes for the same request."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request("/v1/sum", "POST", "content-type: text/plain", "content-length: 9") + b"{")
        answer = await line.rest()
        await line.close()
        assert status(answer) == 415
        assert answer.count(b"HTTP/1.1") == 1

    serving(script, limits=BRIEF)


def test_a_client_that_does_not_read_is_cut_off() -> None:
    """Its requests are not answered without end; others are served meanwhile."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)

        async def flood() -> None:
            while True:
                line.send(request("/spec") * 10)
                await line.drain()

        flooding = asyncio.create_task(flood())
        await healthy(port)
        with pytest.raises(ConnectionError):
            await flooding
        await line.close()
        await healthy(port)

    serving(script, limits=Limits(send_seconds=0.5, sweep_seconds=0.05))


def test_requests_ahead_of_their_answers_are_few() -> None:
    """A handful is answered in order; of a flood only that handful, and then the connection ends."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request("/v1/tally/a") * 5 + request("/health", "GET", "connection: close"))
        assert (await line.rest()).count(b'"name":"a"') == 5
        await line.close()
        flood = await Line.to(port)
        flood.send(request("/v1/tally/a") * 5_000)
        assert 16 <= (await flood.rest()).count(b'"name":"a"') <= 18
        await flood.close()

    serving(script)


def test_an_idle_connection_is_closed() -> None:
    """After its answer, when nothing more is asked for."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request())
        assert status(await line.answer()) == 200
        assert await line.rest() == b""
        await line.close()

    serving(script, limits=BRIEF)


def test_there_are_only_so_many_connections() -> None:
    """One more is told so at once; those there are go on."""

    async def script(port: int, _: ToySubject) -> None:
        lines = [await Line.to(port) for _ in range(4)]
        for line in lines:
            line.send(request())
            assert status(await line.answer()) == 200
        late = await Line.to(port)
        answer = await late.rest()
        assert (status(answer), problem(answer)) == (
            503,
            "expected at most 4 connections, found as many; try again later",
        )
        lines[0].send(request())
        assert status(await lines[0].answer()) == 200
        for line in (*lines, late):
            await line.close()

    serving(script, limits=BRIEF)


async def pieces() -> AsyncIterator[bytes]:
    """A large body, a piece at a time."""
    for _ in range(LARGE // 100_000):
        yield b"1" * 100_000


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_body_is_refused_without_being_held(*, chunked: bool) -> None:
    """413 before it is read whole, also where its length is not told; the process grows by no such body."""

    async def script(port: int, _: ToySubject) -> httpx.Response:
        headers = {"content-type": "application/json"}
        if not chunked:
            headers["content-length"] = str(LARGE)
        async with httpx.AsyncClient() as client:
            return await client.post(
                f"http://127.0.0.1:{port}/v1/sum", content=pieces(), headers=headers, timeout=20
            )

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = serving(script, max_body_bytes=65_536)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024

    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert "expected a body of at most 65536 bytes" in answer.json()["detail"]
    assert grown < LARGE / 2


def test_a_body_that_waits_to_be_wanted_is_refused_before_it_is_sent() -> None:
    """A client that expects to be told to go on is told not to."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        head = request(
            "/v1/sum",
            "POST",
            "content-type: application/json",
            f"content-length: {LARGE}",
            "expect: 100-continue",
        )
        line.send(head)
        assert status(await line.answer()) == 413
        await line.close()

    serving(script)


def test_a_chunked_body_is_taken() -> None:
    """In pieces of any length."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request("/v1/sum", "POST", "content-type: application/json", "transfer-encoding: chunked"))
        for piece in (b'{"num', b'bers": [1', b", 2]}", b""):
            line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await line.drain()
        assert (await line.answer()).endswith(b'{"total":3.0}')
        await line.close()

    serving(script)


def test_an_offer_of_another_protocol_is_passed_over() -> None:
    """The request is answered in HTTP/1.1, and the connection ends with it."""

    async def script(port: int, _: ToySubject) -> None:
        line = await Line.to(port)
        line.send(request("/v1/tally", "GET", "connection: upgrade", "upgrade: h2c"))
        answer = await line.rest()
        assert status(answer) == 200
        assert b"connection: close" in answer
        await line.close()

    serving(script)


@pytest.mark.parametrize("fast_path", [True, False])
def test_the_main_query_is_timed(*, fast_path: bool) -> None:
    """Each answer to it counts once, whichever way it goes; no other request counts."""

    async def script(port: int, subject: ToySubject) -> int:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for path in ("/v1/tally", "/v1/tally", "/v1/tally?scale=2", "/v1/tally/a", "/health", "/nowhere"):
                await client.get(path)
            await client.get("/v1/tally", headers={"accept": "application/msgpack"})
            await client.post("/v1/tally")
        counts = {one.measure: one.n_observations for one in subject.runtime.recorder.snapshot().measures}
        return counts[Measure.HTTP_LATENCY]

    assert serving(script, fast_path=fast_path) == 4
