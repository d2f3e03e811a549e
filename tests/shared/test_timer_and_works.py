"""Timers and works: what an engine is called for and asks for, at instants that its inputs alone decide."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from bus.envelope import AnyEvent, Event
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.messages.control import Result
from bus.records import Records
from bus.topics import TRADE, Bus, Topic
from shared.clock import FixedClock
from shared.engine import Emit, Engine, Work
from shared.event_log import line
from shared.fleet import Fleet
from shared.fleet_settings import FleetSettings
from shared.spec import EngineSpec
from tests.fleet import toys
from tests.fleet.flow import START, ListFeed, input_flow
from tests.shared.hosting import Host, canonical_log, identities

N_RECORDS = 300
SECOND = 1_000_000_000


class Beat(msgspec.Struct, frozen=True):
    """What was known at a multiple of the interval."""

    n_trades: int
    n_results: int
    last_result: int


BEAT = Topic(name="beat", bus=Bus.ENGINE_LOGIC, payload=Beat, about="A beat.")
PULSE = EngineSpec(
    name="pulse",
    question="How many by now?",
    port=4,
    consumes=(TRADE,),
    publishes=(BEAT,),
    rungs=toys.RUNGS,
    unit_of_work="beat",
    memory_mb=1,
)


class Pulse(Engine[toys.Counts]):
    """Beats every half second, and has every fourth beat squared by a worker."""

    timer_seconds = 0.5

    def on_records(self, records: Records) -> Iterable[Emit]:
        """Count trades."""
        self.state.n_trades += len(records.trade)
        return ()

    def on_timer(self, now: int) -> Iterable[Emit | Work]:
        """Tell the count, and now and then ask for its square."""
        assert now % (SECOND // 2) == 0
        yield Emit(Beat(self.state.n_trades, self.state.n_messages, self.state.last))
        if now // (SECOND // 2) % 4 == 0:
            yield Work("square", {"n": self.state.n_trades}, delay_seconds=0.7)

    def work(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Square, but for a multiple of seven."""
        if arguments["n"] % 7 == 0:
            message = f"{name}: expected no multiple of seven, got {arguments['n']}"
            raise ValueError(message)
        return {"square": arguments["n"] ** 2}

    def on_result(self, event: Event[Result]) -> Iterable[Emit]:
        """Remember a square; what failed counts as well."""
        self.state.n_messages += 1
        self.state.last = -1 if event.payload.error else event.payload.arguments["square"]
        return ()


MAKERS = (
    (toys.SOURCE, lambda: toys.PassOn(None, toys.Counts())),
    (PULSE, lambda: Pulse(None, toys.Counts())),
)


class _Log:
    """Observer that keeps lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def event(self, event: AnyEvent) -> None:
        """Keep a line."""
        self.lines.append(line(event))

    def records(self, records: Records) -> None:
        """Not needed."""


def replay(frame_size: int) -> list[bytes]:
    """The log of a replay in one process."""
    log = _Log()
    members = [(spec, make()) for spec, make in MAKERS]
    feed = ListFeed(input_flow(N_RECORDS))
    assert asyncio.run(Fleet(members, feed, MemoryTransport(), FixedClock(), frame_size).run(log))
    return log.lines


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """The log for long frames."""
    return replay(4096)


def test_timers_are_called_between_the_inputs_they_lie_between(expected: list[bytes]) -> None:
    """Each beat tells the trades at or before it, as counted from the flow itself; silence has one beat."""
    flow, half, due = input_flow(N_RECORDS), SECOND // 2, []
    times = sorted(int(time) for _, array in flow for time in array["ts_init"])
    while times:  # an input at a time; a result is one too
        now = heapq.heappop(times)
        first = -(-now // half) * half
        if not times or first < times[0]:
            due.append(first)
            if first // half % 4 == 0:
                heapq.heappush(times, first + 7 * SECOND // 10)
    beats = [msgspec.json.decode(text) for text in expected]
    assert [beat["ts_event"] for beat in beats] == due
    assert [beat["payload"]["n_trades"] for beat in beats] == [
        int((flow.trade["ts_init"] <= time).sum()) for time in due
    ]
    assert due[0] >= START


def test_works_take_effect_at_their_time(expected: list[bytes]) -> None:
    """A result is seen by the first beat after its time and by none before; a failure is told as one."""
    beats = [msgspec.json.decode(text) for text in expected]
    asked = [
        (beat["ts_event"] + 7 * SECOND // 10, beat["payload"]["n_trades"])
        for beat in beats
        if beat["ts_event"] // (SECOND // 2) % 4 == 0
    ]
    for beat in beats:
        known = [n for effective, n in asked if effective <= beat["ts_event"]]
        assert beat["payload"]["n_results"] == len(known)
        if known:
            assert beat["payload"]["last_result"] == (known[-1] ** 2 if known[-1] % 7 else -1)
    assert any(n % 7 == 0 for _, n in asked)


@pytest.mark.parametrize("frame_size", [1, 7])
def test_frames_of_any_length_beat_alike(expected: list[bytes], frame_size: int) -> None:
    """Neither timers nor works depend on how the flow is cut."""
    assert replay(frame_size) == expected


@pytest.mark.parametrize("seed", range(3))
def test_services_that_are_killed_beat_alike(expected: list[bytes], seed: int) -> None:
    """Killed at any moment, also while a work is under way: the log is the same, nothing is said twice."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        settings = FleetSettings(frame_size=16, checkpoint_seconds=0.05, speed="80x")
        feed = input_flow(N_RECORDS)
        fleet = Host(MAKERS, lambda _: MemoryCourier(transport), lambda: ListFeed(feed), settings)
        fleet.start()
        chance = random.Random(seed)
        for _ in range(6):
            await asyncio.sleep(chance.uniform(0.0, 0.15))
            await fleet.restart(chance.choice(["source", "pulse", "pulse"]))
        await fleet.finish()
        found = await identities(MemoryCourier(transport), "pulse")
        assert found == [(1, number) for number in range(1, len(found) + 1)]
        log = await canonical_log(MemoryCourier(transport), ["pulse"])
        await fleet.stop()
        return log

    assert asyncio.run(script()) == expected
