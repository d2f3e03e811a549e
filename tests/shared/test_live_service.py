"""Live engines: what was published is a fact, and a crash reaches the state that stood behind it."""

from __future__ import annotations

import asyncio
import random

import pytest

from bus import codec, frames
from bus.arrival import Arrival
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.records import Records
from bus.topics import Bus
from bus.transport import BEGINNING
from shared import order_log
from shared.clock import FixedClock
from shared.event_log import line
from shared.fleet_settings import FleetSettings
from shared.runtime import Runtime
from shared.state import encode
from shared.wiring import lanes
from tests.fleet import toys
from tests.fleet.flow import ListFeed, input_flow
from tests.fleet.test_two_buses import N_RECORDS
from tests.shared.hosting import Host, identities, sequences
from tests.shared.test_service import ENGINES, MAKERS

LIVE = FleetSettings(mode="live", frame_size=16, checkpoint_seconds=0.05, speed="120x")


class LostFeed(ListFeed):
    """A feed that cannot be read again: what was read by a process that died is gone."""

    rereadable = False

    def seek(self, sequence: int) -> None:
        """Nobody may ask for it."""
        message = "Expected a live feed to be left alone, got a seek"
        raise AssertionError(message)


class Remembering(MemoryTransport):
    """A transport that keeps every note, also those that a checkpoint covers."""

    def __init__(self) -> None:
        super().__init__()
        self.all_notes: dict[str, list[bytes]] = {}

    def add_note(self, key: str, data: bytes) -> None:
        """Keep a note twice."""
        super().add_note(key, data)
        self.all_notes.setdefault(key.split("/")[1], []).append(data)


async def live_session(transport: Remembering, seed: int, n_kills: int) -> Host:
    """A live fleet of which services are killed now and then, until everything is quiet."""
    feed = LostFeed(input_flow(N_RECORDS))
    fleet = Host(MAKERS, lambda _: MemoryCourier(transport), lambda: feed, LIVE)
    fleet.start()
    chance = random.Random(seed)
    for _ in range(n_kills):
        await asyncio.sleep(chance.uniform(0.0, 0.15))
        await fleet.restart(chance.choice(["source", *ENGINES]))

    def is_quiet() -> bool:
        said = {name: service.runtime.outputs.sequence for name, service in fleet.services.items()}
        heard = [
            (cursor.sequence, said["source" if source == "" else source])
            for name in ENGINES
            for source, cursor in fleet.services[name].runtime.inputs.cursors.positions.items()
        ]
        is_up = all(fleet.services[name].phase == "ready" for name in ENGINES)
        return is_up and fleet.services["source"].finished and all(there == here for there, here in heard)

    await fleet.until(is_quiet)
    return fleet


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_live_engine_goes_on_from_its_notes(seed: int) -> None:
    """Engines that take all their inputs by their notes say what was said, and stand where they stand."""

    async def script() -> None:
        transport = Remembering()
        fleet = await live_session(transport, seed, n_kills=8)
        courier = MemoryCourier(transport)
        for name in ENGINES:
            found = await identities(courier, name)
            assert found == [(1, number) for number in range(1, len(found) + 1)]
            again = await by_notes(name, transport)
            assert await told(courier, name) == [
                line(codec.decode_envelope(item.fields["e"], name)) for item in again.take() if item.sequence
            ]
            assert encode(again.engine.state) == encode(fleet.services[name].engine.state)
        records = await sequences(courier)
        assert records == list(range(1, len(records) + 1))
        await fleet.stop()

    asyncio.run(script())


def test_a_live_source_publishes_what_its_notes_hold() -> None:
    """A source that was killed has published exactly what comes of the input it had in safety."""

    async def script() -> None:
        transport = Remembering()
        fleet = await live_session(transport, 5, n_kills=6)
        fresh = runtime_of("source")
        for note in transport.all_notes["source"]:
            await order_log.take_again(note, MemoryCourier(transport), fresh)
        fresh.finish()
        made = [frames.decode(item.fields, "made")[1] for item in fresh.take() if item.bus is Bus.MARKET_DATA]
        entries = await transport.read(Bus.MARKET_DATA, BEGINNING, 100_000)
        sent = [frames.decode(entry.fields, "sent")[1] for entry in entries]
        assert _bytes(Records.joined(made)) == _bytes(Records.joined(sent))
        await fleet.stop()

    asyncio.run(script())


def test_an_emptied_server_gives_a_counted_gap() -> None:
    """What a live MarketData server lost before an engine read it is counted and told, never passed over."""

    async def script() -> None:
        transport = Remembering()
        feed = LostFeed(input_flow(N_RECORDS))
        fleet = Host(MAKERS, lambda _: MemoryCourier(transport), lambda: feed, LIVE)
        fleet.start("source", "answerer")
        await fleet.until(lambda: fleet.services["source"].runtime.outputs.sequence > 100)
        await fleet.until(lambda: fleet.services["source"].n_checkpoints > 2)
        transport.restart(Bus.MARKET_DATA, lost=10**9)
        fleet.start("asker")
        await fleet.until(lambda: fleet.services["source"].finished)
        asker = fleet.services["asker"].runtime
        await fleet.until(
            lambda: (
                asker.inputs.cursors.positions[""].sequence
                == fleet.services["source"].runtime.outputs.sequence
            )
        )
        records = await sequences(MemoryCourier(transport))
        assert asker.n_missing == records[0] - 1 > 0
        await fleet.stop()

    asyncio.run(script())


def runtime_of(name: str) -> Runtime:
    """A fresh live runtime."""
    specs = [spec for spec, _ in MAKERS]
    (spec, make) = next((spec, make) for spec, make in MAKERS if spec.name == name)
    return Runtime(spec, make(), lanes(spec, specs), FixedClock(), 16, Arrival)


async def by_notes(name: str, transport: Remembering) -> Runtime:
    """A fresh engine that took everything its notes say, in their order."""
    runtime = runtime_of(name)
    for note in transport.all_notes.get(name, []):
        await order_log.take_again(note, MemoryCourier(transport), runtime)
    return runtime


async def told(courier: MemoryCourier, name: str) -> list[bytes]:
    """Lines of what an engine said on the wire."""
    entries = await courier.read(Bus.ENGINE_LOGIC, BEGINNING, 1_000_000)
    events = [codec.decode_envelope(entry.fields["e"], "wire") for entry in entries]
    kinds = (toys.ASK.name, toys.ANSWER.name)
    return [line(event) for event in events if event.source == name and event.type in kinds]


def _bytes(records: Records) -> dict[str, bytes]:
    return {kind: array.tobytes() for kind, array in records}
