"""The trimmer: never above what a reader needs, never backwards, and it says who holds a bus back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import positions
from bus.memory import MemoryTransport
from bus.positions import Position
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from knotmeter.recorder.trimmer import Trimmer, Usage
from shared.clock import FixedClock

SECOND = 1_000_000_000
READERS = {Bus.MARKET_DATA: ("alpha", "recorder"), Bus.ENGINE_LOGIC: ("alpha", "beta", "recorder")}
MARKET, LOGIC = Bus.MARKET_DATA, Bus.ENGINE_LOGIC


def at(**places: int) -> Position:
    """A position at these entries of each bus."""
    return Position(places={bus: EntryId(1, place) for bus, place in places.items()})


def trimmer(clock: FixedClock, keep_seconds: float = 0.0) -> Trimmer:
    """A trimmer over the test's readers and clock."""
    return Trimmer(READERS, keep_seconds, clock.now)


class Streams(MemoryTransport):
    """Both streams with entries 1 to 100, which remembers how far it was trimmed."""

    def __init__(self) -> None:
        super().__init__()
        self.trimmed: list[tuple[Bus, EntryId]] = []
        for bus in Bus:
            for number in range(1, 101):
                self.append(bus, {"e": b""}, EntryId(1, number))

    async def trim(self, bus: Bus, through: EntryId) -> int:
        """Drop entries, and remember it."""
        self.trimmed.append((bus, through))
        return await super().trim(bus, through)


@pytest.mark.parametrize(
    ("alpha", "beta", "through", "holder"),
    [
        (at(logic=40), at(logic=70), 40, "alpha"),
        (at(logic=90), at(logic=70), 70, "beta"),
        (at(logic=100), at(logic=100), 100, None),
        (at(logic=100), None, 0, "beta"),
        (at(md=100), at(logic=100), 0, "alpha"),  # a position that says nothing of this bus
        (None, None, 0, "alpha"),
    ],
)
def test_a_stream_is_cut_below_its_slowest_reader(
    alpha: Position | None, beta: Position | None, through: int, holder: str | None
) -> None:
    """A reader that has saved no position holds everything; who is slowest is named."""
    cutting = trimmer(FixedClock(5))
    cutting.see(LOGIC, EntryId(1, 100))
    decision = cutting.decide(LOGIC, {"alpha": alpha, "beta": beta, "recorder": at(logic=100)})

    assert decision.through == (EntryId(1, through) if through else BEGINNING)
    assert decision.held_back_by == holder


def test_entries_are_kept_for_a_while() -> None:
    """What nobody needs stays until it was seen so many seconds ago; then nobody is blamed."""
    clock = FixedClock()
    cutting = trimmer(clock, keep_seconds=60)
    everybody = dict.fromkeys(("alpha", "recorder"), at(md=100))
    found = []
    for number in range(1, 101):
        cutting.see(MARKET, EntryId(1, number))
        decision = cutting.decide(MARKET, everybody)
        assert decision.held_back_by is None
        found.append(decision.through.minor)
        clock.advance(SECOND)

    assert found == [0] * 60 + list(range(1, 41))


def test_short_memory_keeps_nothing_that_nobody_needs() -> None:
    """The slowest reader is still the bound, and is named."""
    cutting = trimmer(FixedClock(), keep_seconds=60)
    for number in (10, 100):
        cutting.see(MARKET, EntryId(1, number))
    places = {"alpha": at(md=30), "recorder": at(md=100)}

    assert cutting.decide(MARKET, places) == (BEGINNING, None)
    assert cutting.decide(MARKET, places, is_short=True) == (EntryId(1, 30), "alpha")


def test_a_server_is_short_of_memory_near_its_limit() -> None:
    """From three quarters on; one without a limit never is."""
    usages = [Usage(74, 100), Usage(75, 100), Usage(10**12, 0)]

    assert [usage.is_short for usage in usages] == [False, True, False]


def test_few_places_are_remembered() -> None:
    """However often a bus is looked at while entries are kept."""
    clock = FixedClock()
    cutting = trimmer(clock, keep_seconds=3_600)
    for number in range(1, 100_000):
        cutting.see(MARKET, EntryId(1, number))
        clock.advance(SECOND // 10)

    assert len(cutting._marks[MARKET]) <= 400


place = st.one_of(st.none(), st.builds(lambda number: at(md=number, logic=number), st.integers(0, 100)))
step = st.fixed_dictionaries(
    {
        "seen": st.integers(0, 100),
        "alpha": place,
        "beta": place,
        "recorder": st.integers(0, 100),
        "seconds": st.integers(0, 20),
        "used": st.integers(0, 100),
        "restarted": st.sampled_from([None, None, None, *Bus]),
    }
)


@given(keep_seconds=st.sampled_from([0.0, 1.0, 30.0]), steps=st.lists(step, max_size=20))
def test_it_never_cuts_what_is_needed(keep_seconds: float, steps: list[dict[str, Any]]) -> None:
    """Whatever the readers' places do: at or below the lowest of them, and upwards but after a restart."""
    clock = FixedClock()
    cutting, streams = trimmer(clock, keep_seconds), Streams()
    last = dict.fromkeys(Bus, BEGINNING)

    async def script() -> None:
        for now in steps:
            for name in ("alpha", "beta"):
                if now[name] is not None:
                    await positions.save(streams, name, now[name])
            saved = {name: await positions.load(streams, name) for name in ("alpha", "beta")}
            own = at(md=now["recorder"], logic=now["recorder"])
            for bus in Bus:
                cutting.see(bus, EntryId(1, now["seen"]))
            if now["restarted"] is not None:
                cutting.forget(now["restarted"])
                last[now["restarted"]] = BEGINNING
            streams.trimmed.clear()
            usage = dict.fromkeys(Bus, Usage(now["used"], 100))
            await cutting.trim(streams, {"recorder": own}, usage)
            for bus, through in streams.trimmed:
                places = {**saved, "recorder": own}
                assert through <= positions.lowest({name: places[name] for name in READERS[bus]}, bus)
                assert through > last[bus]
                last[bus] = through
            clock.advance(now["seconds"] * SECOND)

    asyncio.run(script())


def test_an_unreadable_position_holds_everything() -> None:
    """It is no reason to stop recording, nor to drop what it may stand for."""
    cutting, streams = trimmer(FixedClock()), Streams()

    async def script() -> dict[Bus, int]:
        await streams.save(positions.key("alpha"), b"\xc1")
        await positions.save(streams, "beta", at(logic=100))
        for bus in Bus:
            cutting.see(bus, EntryId(1, 100))
        return await cutting.trim(streams, {"recorder": at(md=100, logic=100)})

    assert asyncio.run(script()) == {}
    assert cutting.held_back_by == {"md": "alpha", "logic": "alpha"}
