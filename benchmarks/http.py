"""How long does an engine take to answer its main question over HTTP, and how often a second can it?

Topology: a client in this process, a server in a process of its own, TCP over the loopback interface, and
connections that stay open: one that asks after each answer, or sixteen that do so at once. The client is in
C and looks at the status and all bytes of every answer. The engine has seen sample trades; its buses are
silent.

The floor is a server in C on epoll that sends the same bytes. Between it and the face stands a bare uvloop
protocol, which is what the language and its loop cost. The face is measured as it is, when it keeps an answer
until the engine has handled something more; with every answer made anew; and without its fast path. The peers
are what a user would write with FastAPI; they answer with a dictionary that is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from statistics import median
from typing import Final, NamedTuple

import numpy as np

from benchmarks import turns
from benchmarks.answers import AnswerError
from benchmarks.bench import Bench
from benchmarks.documents import same_bytes, same_content, with_state
from benchmarks.harness import MissingError
from benchmarks.http_client import Client
from benchmarks.report import Goal, Row
from benchmarks.site import Site, Sites
from benchmarks.turns import Told
from benchmarks.wakefulness import cores_awake

QUESTION: Final = "How long does an engine take to answer its main question over HTTP?"

ENGINE: Final = "vpin"
N_TRADES: Final = 20_000
N_TRADES_QUICK: Final = 5_000
N_ONE: Final = 1_000
N_MANY: Final = 3_000
N_QUICK: Final = 40
N_LINES: Final = 16
WARM_UP: Final = 10
"""One request in so many is asked first and not counted."""

FACE: Final = "knotmeter"
ANEW: Final = "knotmeter, made anew"
SLOW: Final = "knotmeter, no fast path"
FLOOR: Final = "C on epoll"
BARE: Final = "bare uvloop protocol"
PLAIN: Final = "FastAPI, dict"
TYPED: Final = "FastAPI, dict of a declared type"
MSGSPEC: Final = "FastAPI, msgspec"

FIXED: Final = {FLOOR: "epoll", BARE: "bare_http"}
WAYS: Final = {FACE: "as it is", ANEW: "made anew", SLOW: "no fast path"}
ROUTES: Final = {PLAIN: "plain", TYPED: "typed", MSGSPEC: "encoded"}
TOLD: Final = Told("request", "status 200 and every byte of the body, each time")
Pairs = Sequence[tuple[str, str, Goal | None]]


class Latency(NamedTuple):
    """Quantiles of one sample, ns."""

    p50: float
    p99: float


class Cost(NamedTuple):
    """What a request of one sample took, ns: of the clock, and of the client's core."""

    whole: float
    client: float


def run(bench: Bench) -> None:
    """Start and check the servers, then ask over one connection, and over sixteen."""
    with ExitStack() as held:
        try:
            client = Client()
            sites = _checked(bench, held.enter_context(closing(Sites(bench.report.versions))))
        except MissingError as error:
            bench.missing("client in C", str(error))
        except AnswerError as error:
            bench.wrong("Does every server answer the same?", str(error))
        else:
            _one(bench, client, sites, "One connection")
            _awake(bench, client, sites)
            _many(bench, client, sites)


def _checked(bench: Bench, started: Sites) -> dict[str, Site]:
    """Every server, started and asked once.

    Raises:
        AnswerError: one does not start, or answers something else.
    """
    n_trades = N_TRADES_QUICK if bench.options.quick else N_TRADES
    ways, path, expected = started.faces(ENGINE, n_trades)
    with_state(expected)
    told = f"GET {path} of {ENGINE} after {n_trades:,} trades: {len(expected):,} bytes of JSON"
    bench.workload("http", told)
    sites = {name: ways[way] for name, way in WAYS.items()}
    for name in WAYS:
        sites[name].check(name, expected, same_bytes)
    for name, server in FIXED.items():
        try:
            sites[name] = started.fixed(server, path, sites[FACE].head + sites[FACE].body)
        except MissingError as error:
            bench.missing(name, str(error))
        else:
            sites[name].check(name, expected, same_bytes)
    peers = started.fastapi(path, expected)
    for name, route in ROUTES.items():
        sites[name] = peers[route]
        # Only msgspec writes every number as msgspec does.
        sites[name].check(name, expected, same_bytes if name == MSGSPEC else same_content)
    return sites


def _one(bench: Bench, client: Client, sites: Mapping[str, Site], title: str) -> None:
    n = N_QUICK if bench.options.quick else N_ONE

    def take(site: Site) -> Latency:
        n_first = n // WARM_UP
        with client.connected(site.port, 1) as (line,):
            latencies = client.one_at_a_time(line, site.asked, n_first + n)
        return Latency(*np.percentile(latencies[n_first:], (50, 99)).tolist())

    samples = turns.in_turn(bench, title, _each(sites, take))
    p50 = {name: turns.row(name, [one.p50 for one in found], n) for name, found in samples.items()}
    p99 = {name: turns.row(name, [one.p99 for one in found], n) for name, found in samples.items()}
    floor, share = Goal(kind="at_most", ratio=1.4), Goal(kind="at_most", ratio=0.35)
    _tell(bench, f"{title}, p50", p50, [(FACE, FLOOR, floor), (ANEW, FLOOR, floor), (BARE, FLOOR, None)])
    _tell(bench, f"{title}, p50", p50, [(FACE, PLAIN, share), (ANEW, PLAIN, share), (FACE, TYPED, share)])
    _tell(bench, f"{title}, p50", p50, [(FACE, MSGSPEC, None), (FACE, SLOW, None)])
    _tell(bench, f"{title}, p99", p99, [(FACE, FLOOR, None), (FACE, PLAIN, None)])


def _awake(bench: Bench, client: Client, sites: Mapping[str, Site]) -> None:
    title = "Cores kept awake"
    chosen = {name: site for name, site in sites.items() if name in (FACE, ANEW, FLOOR, BARE, PLAIN)}
    try:
        with cores_awake():
            _one(bench, client, chosen, title)
    except MissingError as error:
        bench.missing(title, str(error))


def _many(bench: Bench, client: Client, sites: Mapping[str, Site]) -> None:
    title = f"{N_LINES} connections"
    n = N_QUICK if bench.options.quick else N_MANY

    def take(site: Site) -> Cost:
        with client.connected(site.port, N_LINES) as lines:
            client.at_once(lines, site.asked, n // WARM_UP)
            flood = client.at_once(lines, site.asked, n)
        return Cost(flood.elapsed_ns / n, flood.own_ns / n)

    samples = turns.in_turn(bench, title, _each(sites, take))
    rows = {name: turns.row(name, [one.whole for one in found], n) for name, found in samples.items()}
    times = Goal(kind="at_least", ratio=10.0)
    _tell(bench, title, rows, [(FACE, PLAIN, times), (ANEW, PLAIN, times), (FACE, TYPED, times)])
    _tell(bench, title, rows, [(FACE, MSGSPEC, None), (FACE, SLOW, None), (FACE, FLOOR, None)])
    print("  requests a second, and how much of that time the client itself was busy:")
    for name, found in samples.items():
        busy = median(one.client / one.whole for one in found)
        print(f"    {name:<34}{1e9 / rows[name].ns_per_unit.median:>10,.0f}{busy:>7.0%}")
    print()


def _each(
    sites: Mapping[str, Site], take: Callable[[Site], turns.Sample]
) -> dict[str, Callable[[], turns.Sample]]:
    return {name: partial(take, site) for name, site in sites.items()}


def _tell(bench: Bench, title: str, rows: Mapping[str, Row], pairs: Pairs) -> None:
    """Tell of pairs that both have figures; who has none was named before."""
    for ours, other, goal in pairs:
        if ours in rows and other in rows:
            question = f"{title}: {ours} against {other}?"
            bench.found(turns.pair(question, TOLD, rows[ours], rows[other], goal))
