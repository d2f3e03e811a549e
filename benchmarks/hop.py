"""How long is a message on its way through a Redis stream, one at a time?

Topology: a process that appends, a server on a Unix socket, a process that waits in a blocking read. A
message is stamped where it is made, before anything is encoded, and its age is taken first thing where it is
handled; both read one clock. It is sent either a millisecond after the last was confirmed (as events are:
everything has gone cold meanwhile), or as the answer to one from the other side (everything is warm, and both
share the cores with the server). Every sample is checked as a whole.

The floor is C at both ends. Between it and the transport stand a bare uvloop protocol, which is what the
language and its loop cost without any of the transport's promises, and the transport's own commands on
blocking sockets. The peers are what a user would take instead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks import latency, native
from benchmarks.bench import Bench
from benchmarks.courier import ENDPOINTS, MESSAGE_BYTES, Courier, Route
from benchmarks.harness import MissingError
from benchmarks.latency import Quantiles
from benchmarks.peer import SOURCES
from benchmarks.report import Goal
from benchmarks.servers import free_port, nats_server
from benchmarks.wakefulness import cores_awake
from bus.errors import BusError
from bus.server import ADMIN, EmbeddedServers, ServerSettings
from bus.topics import Bus

QUESTION: Final = "How long is one message on its way from process to process through a Redis stream?"

N_MESSAGES: Final = 1_000
N_QUICK: Final = 60
PAUSE: Final = 0.001

OURS: Final = "knotmeter, event loop"
LOGGED: Final = "knotmeter, event loop, log on"
BLOCKING: Final = "knotmeter, blocking sockets"
BARE: Final = "bare uvloop protocol"
FLOOR: Final = "C"
HIREDIS: Final = "C with hiredis"

PEERS: Final = {
    "redis-py": 0.45,
    "redis-py asyncio": 0.45,
    "FastStream": 0.15,
    "nautilus_trader": 0.40,
    "NATS": 0.45,
    "ZeroMQ": 0.90,
    "ZeroMQ asyncio": 0.90,
}
"""Name of a peer, and the share of its time that ours may take at most."""

Options = Mapping[str, Any]


def run(bench: Bench) -> None:
    """Start the servers, then measure with the cores as they are, warm, and kept awake."""
    n = N_QUICK if bench.options.quick else N_MESSAGES
    bench.workload("hop", f"{n} messages of {MESSAGE_BYTES} bytes a sample, every 20th first and not counted")
    with ExitStack() as held:
        try:
            own, others = routes(bench, held)
        except BusError as error:
            bench.missing("Redis server", str(error))
            return
        couriers = [_courier(bench, route) for route in (*own, *others)]
        for courier in couriers:
            held.callback(courier.close)
        started = latency.ready(bench, couriers, n)
        _paced(bench, started, n)
        _answering(bench, started, n)
        _awake(bench, started, n)


def routes(bench: Bench, held: ExitStack) -> tuple[list[Route], list[Route]]:
    """Ours and the floor, then the peers, on two fresh servers: the one keeps a log, the other does not.

    Raises:
        BusError: no server can be started.
    """
    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="knotmeter-"))
    port = free_port()
    settings = {Bus.MARKET_DATA: ServerSettings(port=port)}
    servers = held.enter_context(EmbeddedServers(Path(folder), (), settings))
    plain, logged = (_options(servers, bus) for bus in (Bus.MARKET_DATA, Bus.ENGINE_LOGIC))
    own = [
        Route(OURS, ENDPOINTS / "engine_loop.py", plain),
        Route(LOGGED, ENDPOINTS / "engine_loop.py", logged),
        Route(BLOCKING, ENDPOINTS / "blocking.py", {**plain, "streams": ("b0", "b1")}),
        Route(BARE, ENDPOINTS / "bare_loop.py", {**plain, "streams": ("u0", "u1")}),
        Route(FLOOR, ENDPOINTS / "floor.py", {**plain, "client": "resp", "streams": ("c0", "c1")}),
        Route(HIREDIS, ENDPOINTS / "floor.py", {**plain, "client": "hiredis", "streams": ("h0", "h1")}),
    ]
    for floor in ("hop", "hop_hiredis"):
        _compile(floor)  # once, before two processes want it at the same time
    plain = {**plain, "port": port, "nats_port": _nats(bench, held)}
    tasks = {
        "redis-py": ("redis", {"kind": "blocking"}),
        "redis-py asyncio": ("redis", {"kind": "asyncio"}),
        "FastStream": ("faststream", {}),
        "nautilus_trader": ("nautilus", {}),
        "NATS": ("nats", {}),
        "ZeroMQ": ("zeromq", {"kind": "blocking"}),
        "ZeroMQ asyncio": ("zeromq", {"kind": "asyncio"}),
    }
    peers = [
        Route(name, SOURCES / f"{environment}_hop.py", {**plain, **more}, environment)
        for name, (environment, more) in tasks.items()
    ]
    return own, peers


def _paced(bench: Bench, couriers: list[Courier], n: int) -> None:
    title = "A message a millisecond"
    pause = 0.0 if bench.options.quick else PAUSE
    found = latency.in_turn(bench, title, couriers, lambda courier: courier.carry(n, pause))
    _against_floor(bench, title, found)
    for name, share in PEERS.items():
        goal = Goal(kind="at_most", ratio=share)
        _compare(bench, f"{title}, p50: knotmeter against {name}?", found, (OURS, name), 50, goal)
    goal = Goal(kind="at_most", ratio=1.15)
    _compare(bench, f"{title}, p50: what does an append-only log cost?", found, (LOGGED, OURS), 50, goal)
    _absolute(bench, f"{title}, cores as they are", found)


def _answering(bench: Bench, couriers: list[Courier], n: int) -> None:
    title = "A message for a message"
    bouncing = [courier for courier in couriers if courier.name in (OURS, BLOCKING, BARE, FLOOR)]
    found = latency.in_turn(bench, title, bouncing, lambda courier: courier.bounce(n))
    _against_floor(bench, title, found)


def _awake(bench: Bench, couriers: list[Courier], n: int) -> None:
    title = "A message a millisecond, cores kept awake"
    pause = 0.0 if bench.options.quick else PAUSE
    chosen = [courier for courier in couriers if courier.name in (OURS, LOGGED, BARE, FLOOR)]
    try:
        with cores_awake():
            found = latency.in_turn(bench, title, chosen, lambda courier: courier.carry(n, pause))
    except MissingError as error:
        bench.missing(title, str(error))
        return
    _against_floor(bench, title, found)
    _absolute(bench, title, found)


def _against_floor(bench: Bench, title: str, found: Mapping[str, Quantiles]) -> None:
    goals = {
        (OURS, 50): Goal(kind="at_most", ratio=1.30),
        (OURS, 99): Goal(kind="at_most", ratio=1.35),
        (BLOCKING, 50): Goal(kind="at_most", ratio=1.15),
        (BARE, 50): None,
        (HIREDIS, 50): None,
    }
    for (name, quantile), goal in goals.items():
        question = f"{title}, p{quantile}: {name} against C?"
        _compare(bench, question, found, (name, FLOOR), quantile, goal)


def _absolute(bench: Bench, title: str, found: Mapping[str, Quantiles]) -> None:
    for name, target in ((OURS, 100_000.0), (LOGGED, 50_000.0)):
        if name in found:
            bus = "MarketData" if name == OURS else "Engine Logic"
            bench.found(latency.against(f"{title}, p50: {bus}'s target?", name, found[name], 50, target))


def _compare(
    bench: Bench,
    question: str,
    found: Mapping[str, Quantiles],
    names: tuple[str, str],
    quantile: int,
    goal: Goal | None,
) -> None:
    """Tell of two that both have figures; who has none was named before."""
    if all(name in found for name in names):
        bench.found(latency.finding(question, found, names, quantile, goal))


def _courier(bench: Bench, route: Route) -> Courier:
    return Courier(route, install=not bench.options.quick, versions=bench.report.versions)


def _options(servers: EmbeddedServers, bus: Bus) -> dict[str, Any]:
    address = servers.addresses(ADMIN)[bus]
    return {"path": address.path, "user": address.user, "secret": address.secret}


def _nats(bench: Bench, held: ExitStack) -> int:
    try:
        return held.enter_context(nats_server(install=not bench.options.quick))
    except MissingError:
        return 0  # who needs it says so


def _compile(name: str) -> None:
    try:
        native.load(name)
    except (MissingError, OSError):
        return  # who needs it says so
