"""A toy engine with a face: it counts trades, adds up numbers that it is sent, and fails when asked to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Final, TypeVar

import httpx
import msgspec
import numpy as np
import uvloop
from msgspec import Meta
from starlette.responses import Response

from bus.messages.control import DeadLetter
from bus.records import TRADE, Records
from bus.topics import TRADE as TRADE_TOPIC
from shared.clock import FixedClock
from shared.engine import Emit, Engine
from shared.errors import ConstraintError
from shared.face.app import Face, build
from shared.face.connection import Limits
from shared.face.exchange import Exchange
from shared.face.routes import Routes
from shared.face.server import Server, bind
from shared.face.subject import CommandReceipt, Readiness, Vitals
from shared.fleet_settings import HttpSettings
from shared.instruments import Instrument
from shared.runtime import Runtime
from shared.spec import CommandSpec, EngineSpec, Metric, Rungs

T = TypeVar("T")

DEADLINE_SECONDS: Final = 20.0
"""No test waits longer for anything."""

NOW: Final = 1_700_000_060_000_000_000
"""Wall time of the toy."""

LAST: Final = 1_700_000_000_000_000_000
"""Time of its last trade."""


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of the command ``limit``."""

    most: Annotated[int, Meta(ge=0)]


SPEC: Final = EngineSpec(
    name="tally",
    question="How many trades were there?",
    port=0,
    consumes=(TRADE_TOPIC,),
    metrics=(
        Metric(name="knotmeter_tally_trades_total", kind="counter", help="Trades counted."),
        Metric(name="knotmeter_tally_names", kind="gauge", help="Names known."),
    ),
    rungs=Rungs(baseline=1000, kernel=100, accelerated=10, algorithm=1, ultimate=0.1),
    unit_of_work="trade counted",
    memory_mb=64,
    main_query="/v1/tally",
    commands=(
        CommandSpec(name="limit", about="Count no further than this.", arguments=Limit),
        CommandSpec(name="clear", about="Begin anew."),
    ),
)


class Counts(msgspec.Struct):
    """State of the toy."""

    n_trades: int = 0


class Tally(Engine[Counts]):
    """Counts trades."""

    def on_records(self, records: Records) -> Iterable[Emit]:
        """Count."""
        self.state.n_trades += len(records.trade)
        return ()

    def measure(self) -> dict[str, float]:
        """What the spec declares."""
        return {"knotmeter_tally_trades_total": self.state.n_trades, "knotmeter_tally_names": 2}

    def summary(self) -> list[dict[str, Any]]:
        """One row."""
        return [{"trades": self.state.n_trades}]


class Count(msgspec.Struct, frozen=True):
    """What the toy answers."""

    name: str
    n_trades: int


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the toy adds up."""

    numbers: Annotated[list[Annotated[float, Meta(ge=0)]], Meta(min_length=1, max_length=1_000)]


class Sum(msgspec.Struct, frozen=True):
    """What that comes to."""

    total: float


def routes_of(engine: Tally) -> Routes:
    """Routes of the toy."""
    routes = Routes()

    @routes.view("/v1/tally", Count, summary="How many trades were there?")
    def everything(*, scale: int = 1) -> Count:
        return Count("all", engine.state.n_trades * scale)

    @routes.view("/v1/tally/{name}", Count, summary="The same under a name")
    def one(name: str) -> Count:
        if name not in ("a", "b"):
            field = "name"
            raise ConstraintError(field, "a or b", repr(name))
        return Count(name, engine.state.n_trades)

    @routes.view("/v1/failure", Count, summary="Fails")
    def failure() -> Count:
        message = "expected nothing, got a secret of the process"
        raise RuntimeError(message)

    @routes.computation(
        "/v1/sum", Sum, summary="Sum of numbers", request=Numbers, example=Numbers([1.0, 2.5])
    )
    async def total(exchange: Exchange) -> Response:
        numbers = exchange.document(Numbers).numbers
        return exchange.answer(Sum(await exchange.compute(sum, numbers)))

    return routes


class ToySubject:
    """A process around the toy, whose readiness, commands and dead letters a test sets."""

    def __init__(self) -> None:
        self.spec = SPEC
        self.engine = Tally(None, Counts())
        self.engine.instruments.add(0, Instrument(instrument_id="A.X"))
        self.runtime = Runtime(SPEC, self.engine, [("", 0)], FixedClock(NOW), 64)
        self.standing = Readiness(ready=True, phase="ready")
        self.health = Vitals(checkpoint_ts_ns=NOW - 5_000_000_000, n_checkpoints=3, outbox_entries=7)
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.reply: CommandReceipt | Exception = CommandReceipt(
            source="tally.face", epoch=1, sequence=4, ts_event=LAST, outcome="applied"
        )
        self.letters: dict[int, DeadLetter] = {}

    def readiness(self) -> Readiness:
        """What was set."""
        return self.standing

    def vitals(self) -> Vitals:
        """What was set."""
        return self.health

    async def command(self, name: str, arguments: dict[str, Any]) -> CommandReceipt:
        """Note the command and answer as was set."""
        self.said.append((name, arguments))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    async def dead_letters(self, limit: int) -> list[tuple[int, DeadLetter]]:
        """Those that were set, newest first."""
        return sorted(self.letters.items(), reverse=True)[:limit]

    async def dead_letter(self, number: int) -> DeadLetter | None:
        """One of them."""
        return self.letters.get(number)

    async def forget_dead_letter(self, number: int) -> None:
        """Drop one of them."""
        self.letters.pop(number, None)

    def hear(self, n_trades: int) -> None:
        """Let so many trades be handled, the last at `LAST`."""
        trades = np.zeros(n_trades, TRADE)
        trades["sequence"] = 1 + self.runtime.n_handled + np.arange(n_trades)
        trades["ts_event"] = trades["ts_init"] = LAST
        self.engine.on_records(Records({"trade": trades}))
        self.runtime.n_handled += n_trades
        self.runtime.now = LAST


def face(subject: ToySubject, **settings: Any) -> Face:
    """The application of the toy."""
    return build(subject, HttpSettings(**settings), routes=routes_of(subject.engine), clock=FixedClock(NOW))


def ask(app: Face, script: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """Result of a script that asks an application without a server."""

    async def run() -> T:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
            return await script(client)

    return asyncio.run(run())


def get(app: Face, path: str, **headers: str) -> httpx.Response:
    """Answer to one GET."""
    return ask(app, lambda client: client.get(path, headers=headers))


def post(app: Face, path: str, **request: Any) -> httpx.Response:
    """Answer to one POST."""
    return ask(app, lambda client: client.post(path, **request))


def serving(
    script: Callable[[int, ToySubject], Awaitable[T]],
    *,
    limits: Limits | None = None,
    fast_path: bool = True,
    **settings: Any,
) -> T:
    """Result of a script that is given the port of a running server and the process behind it."""

    async def run() -> T:
        subject = ToySubject()
        subject.hear(3)
        async with running(face(subject, **settings), subject, limits=limits, fast_path=fast_path) as port:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await script(port, subject)

    return uvloop.run(run())  # the loop of every process


@asynccontextmanager
async def running(
    app: Face, subject: ToySubject, *, limits: Limits | None = None, fast_path: bool = True
) -> AsyncIterator[int]:
    """A server on a free port."""
    listener = bind(HttpSettings(), 0)
    port = int(listener.getsockname()[1])
    server = Server(app, subject, limits=limits, fast_path=fast_path)
    await server.start(listener)
    try:
        yield port
    finally:
        await server.stop()


class Line:
    """A client's end of a connection, for all that a well-behaved client does not do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Line:
        """A new connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        """Send without waiting."""
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until what was sent is on its way."""
        await self._writer.drain()

    async def answer(self) -> bytes:
        """One whole answer, head and body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self._reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        return head + body

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, which may be abrupt."""
        data = b""
        with suppress(ConnectionError):
            while more := await self._reader.read(65_536):
                data += more
        return data

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def request(path: str = "/v1/tally", method: str = "GET", *headers: str, body: bytes = b"") -> bytes:
    """Bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: toy", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
