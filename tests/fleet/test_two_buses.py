"""Two engines on both buses in a loop: one result, whatever is done to the wire or the processes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.envelope import AnyEvent
from bus.memory import MemoryTransport
from bus.outbox import Outbox
from bus.records import Records
from bus.topics import Bus
from bus.transport import Entry, EntryId
from shared.clock import FixedClock
from shared.driver import Driver
from shared.event_log import line
from shared.fleet import Fleet
from shared.runtime import Runtime
from shared.wiring import lanes
from tests.fleet import toys
from tests.fleet.flow import ListFeed, input_flow

N_RECORDS = 500
DELAY = 250_000_000


class Log:
    """Observer that keeps everything."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.sequences: list[int] = []

    def event(self, event: AnyEvent) -> None:
        """Keep a line."""
        self.lines.append(line(event))

    def records(self, records: Records) -> None:
        """Keep sequences."""
        self.sequences.extend(records.sequences().tolist())


class Twice(MemoryTransport):
    """A transport that delivers every entry twice, the second time later."""

    async def read(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """Entries, then the same again."""
        entries = await super().read(bus, after, limit)
        return entries + entries


class Driven(Fleet):
    """A fleet that calls back at each turn."""

    def __init__(
        self, transport: MemoryTransport, frame_size: int, each: Callable[[Driven, int], Any]
    ) -> None:
        super().__init__(toys.members(), ListFeed(input_flow(N_RECORDS)), transport, FixedClock(), frame_size)
        for driver in self.drivers:  # servers may lose their tail here, so outboxes keep theirs
            driver.outbox = Outbox(driver.runtime.spec.name)
        self.transport = transport
        self.each = each
        self.turns = 0

    async def _turn(self, observer: Any) -> bool:
        self.turns += 1
        await self.each(self, self.turns)
        return await super()._turn(observer)


def fleet(transport: MemoryTransport, frame_size: int = 64) -> Fleet:
    """A fresh toy fleet."""
    return Fleet(toys.members(), ListFeed(input_flow(N_RECORDS)), transport, FixedClock(), frame_size)


def replay(transport: MemoryTransport, frame_size: int = 64) -> Log:
    """The log of one undisturbed run."""
    log = Log()
    assert asyncio.run(fleet(transport, frame_size).run(log))
    return log


@pytest.fixture(scope="module")
def expected() -> Log:
    """The log every other run must give."""
    return replay(MemoryTransport())


def simulate() -> list[tuple[Any, ...]]:
    """An independent simulation: one heap of single messages by (visible_at, source, sequence)."""
    inputs: list[tuple[int, str, int, str, Any]] = []
    records = _source_numbers(input_flow(N_RECORDS))
    for sequence, time, price in records:
        for engine in ("answerer", "asker"):
            heapq.heappush(inputs, (time, "", sequence, engine, price))
    state = {name: {"n_trades": 0, "n": 0, "last": 0, "price": 0} for name in ("asker", "answerer")}
    numbers = {"asker": 0, "answerer": 0}
    log: list[tuple[Any, ...]] = []
    while inputs:
        time, source, sequence, engine, content = heapq.heappop(inputs)
        mine = state[engine]
        if source == "":
            fell = content < mine["price"]
            mine["n_trades"] += 1
            mine["price"] = content
            if engine == "asker" and fell:
                numbers["asker"] += 1
                payload = {"n_trades": mine["n_trades"], "n_answers": mine["n"], "last_answer": mine["last"]}
                log.append((time, "asker", numbers["asker"], sequence, payload))
                heapq.heappush(
                    inputs, (time, "asker", numbers["asker"], "answerer", (payload["n_trades"], sequence))
                )
        elif engine == "answerer":
            mine["n"] += 1
            numbers["answerer"] += 1
            payload = {"n_trades": mine["n_trades"], "n_asks": mine["n"]}
            log.append((time, "answerer", numbers["answerer"], content[1], payload))
            late = (time + DELAY, "answerer", numbers["answerer"], "asker", mine["n_trades"])
            heapq.heappush(inputs, late)
        else:
            mine["n"] += 1
            mine["last"] = content
    return sorted(log, key=lambda item: item[:3])


def _source_numbers(flow: Records) -> list[tuple[int, int, int]]:
    """(sequence on the bus, time, price) of each trade; the source adds a clock after every tenth record."""
    return [
        (
            int(trade["sequence"]) + (int(trade["sequence"]) - 1) // 10,
            int(trade["ts_init"]),
            int(trade["price"]),
        )
        for trade in flow.trade
    ]


def test_the_fleet_is_a_discrete_event_simulation(expected: Log) -> None:
    """The log equals that of an independent simulation that handles one message at a time."""
    simulated = simulate()
    lines = [
        f'"source":"{source}","sequence":{number},"ts_event":{time}'
        for time, source, number, _, _ in simulated
    ]

    assert len(expected.lines) == len(simulated) > 100
    for found, wanted, (_, _, _, trace, payload) in zip(expected.lines, lines, simulated, strict=True):
        text = found.decode()
        assert wanted in text
        assert f'"trace":{trace}' in text
        assert all(f'"{name}":{value}' in text for name, value in payload.items())


@pytest.mark.parametrize("frame_size", [1, 7, 4096])
def test_frame_lengths_leave_no_trace(expected: Log, frame_size: int) -> None:
    """Frames of any length give the same log."""
    assert replay(MemoryTransport(), frame_size).lines == expected.lines


def test_everything_delivered_twice_changes_nothing(expected: Log) -> None:
    """Redelivery of every entry to every engine and to the log changes nothing."""
    assert replay(Twice()).lines == expected.lines


@settings(max_examples=10)
@given(
    stops=st.lists(st.integers(1, N_RECORDS), min_size=1, max_size=4).map(sorted),
    frame_size=st.sampled_from([1, 50]),
)
def test_stop_and_restore_at_any_record_changes_nothing(
    expected: Log, stops: list[int], frame_size: int
) -> None:
    """A fleet stopped anywhere and restored in fresh engines goes on with the same log, nothing twice."""
    log, transport = Log(), MemoryTransport()

    async def script(transport: MemoryTransport, stop: int | None) -> bytes:
        part = fleet(transport, frame_size)
        await part.resume()
        await part.run(log, stop_after=stop)
        await part.checkpoint()
        return transport.image()

    for stop in [*stops, None]:
        transport = MemoryTransport.from_image(asyncio.run(script(transport, stop)))

    assert log.lines == expected.lines
    assert log.sequences == expected.sequences


@settings(max_examples=10)
@given(
    kills=st.lists(st.tuples(st.integers(2, 60), st.integers(0, 2)), min_size=1, max_size=6),
    every=st.integers(3, 20),
)
def test_killed_engines_go_on_with_the_same_log(
    expected: Log, kills: list[tuple[int, int]], every: int
) -> None:
    """Any engine, the source too, replaced by a fresh one on its last checkpoint: nothing lost or doubled."""
    wanted = dict(kills)

    async def disturb(driven: Driven, turn: int) -> None:
        if turn % every == 0:
            await driven.checkpoint()
        if turn in wanted:
            await kill(driven, wanted[turn])

    log = Log()
    assert asyncio.run(Driven(MemoryTransport(), 32, disturb).run(log))
    assert log.lines == expected.lines
    assert log.sequences == expected.sequences


@settings(max_examples=10)
@given(
    restarts=st.lists(
        st.tuples(st.integers(2, 60), st.sampled_from(list(Bus)), st.integers(0, 40)), max_size=5
    )
)
def test_restarted_servers_lose_nothing(expected: Log, restarts: list[tuple[int, Bus, int]]) -> None:
    """A server that comes back without its newest entries is given them again from the outboxes."""
    wanted = {turn: (bus, lost) for turn, bus, lost in restarts}

    async def disturb(driven: Driven, turn: int) -> None:
        if turn in wanted:
            bus, lost = wanted[turn]
            driven.transport.restart(bus, lost=lost)
        for driver in driven.drivers:
            await driver.recover()

    log = Log()
    assert asyncio.run(Driven(MemoryTransport(), 32, disturb).run(log))
    assert log.lines == expected.lines


async def kill(driven: Driven, index: int) -> None:
    """Replace an engine by a fresh one that knows nothing but its last checkpoint."""
    spec, engine = toys.members()[index]
    specs = [spec for spec, _ in toys.members()]
    runtime = Runtime(spec, engine, lanes(spec, specs), FixedClock(), 32)
    driver = Driver(runtime, driven.transport, FixedClock())
    await driver.resume()
    driven.drivers[index] = driver
    if spec.is_source:
        driven.rewind()
