"""What each registered engine hears in one session of the fleet, to be played to it in other ways."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from bus import codec, frames
from bus.envelope import AnyEvent
from bus.memory import MemoryTransport
from bus.records import END_OF_TIME, Records
from bus.topics import TOPICS, Bus
from bus.transport import BEGINNING, Entry, EntryId
from shared import config, registry
from shared.capture import capture, restore
from shared.clock import FixedClock
from shared.driver import Driver
from shared.engine import Engine
from shared.fleet import Fleet
from shared.runtime import Runtime
from shared.spec import EngineSpec
from shared.wiring import lanes
from tests.fleet.flow import ListFeed, input_flow

N_RECORDS = 1_500
"""Records of the session's feed, besides the instrument definitions."""


class Variant(NamedTuple):
    """One engine under one set of settings; the settings stand in its test folder's ``contract.py``."""

    engine: str
    name: str
    settings: tuple[str, ...]

    def make(self) -> Runtime:
        """A fresh runtime around a fresh engine."""
        specs = registry.engines()
        spec = specs[self.engine]
        return Runtime(
            spec, create(self.engine, self.settings), lanes(spec, specs.values()), FixedClock(), 64
        )


class Said(NamedTuple):
    """Everything an engine said, without what may differ from run to run."""

    events: list[bytes]
    records: dict[str, bytes]
    n_dead_letters: int


def variants() -> list[Variant]:
    """Every registered engine under each of its settings."""
    found = []
    for engine in registry.engines():
        module = importlib.import_module(f"tests.services.{engine}.contract")
        found += [Variant(engine, name, tuple(settings)) for name, settings in module.VARIANTS.items()]
    return found


def create(engine: str, settings: Iterable[str]) -> Engine[Any]:
    """A fresh engine with these settings."""
    types = {name: registry.config_type(name) for name in registry.engines()}
    return registry.create(
        engine, config.load(types, flags=list(settings), environment={}, file=None)[engine]
    )


@cache
def heard() -> tuple[Records, list[Entry]]:
    """The record flow and the Engine Logic entries of one session of all engines."""
    first = {variant.engine: variant for variant in reversed(variants())}
    members = [(spec, create(name, first[name].settings)) for name, spec in registry.engines().items()]
    transport = MemoryTransport()
    log = _Flow()
    asyncio.run(Fleet(members, ListFeed(input_flow(N_RECORDS)), transport, FixedClock()).run(log))
    entries = asyncio.run(transport.read(Bus.ENGINE_LOGIC, BEGINNING, 1_000_000))
    return Records.joined(log.slices), entries


def flow_of(spec: EngineSpec) -> Records:
    """The record flow an engine reads: a source its feed, the others MarketData."""
    return input_flow(N_RECORDS) if spec.is_source else heard()[0]


def pieces(records: Records, lengths: Iterator[int]) -> Iterator[Records]:
    """The flow cut into slices of these lengths."""
    rest = records
    while len(rest):
        head, rest = rest.split_at_sequence(rest.first_sequence + next(lengths))
        yield head


def deliver(runtime: Runtime, piece: Records) -> None:
    """Give a slice to an engine the way its driver does, and let it handle what it can."""
    if runtime.spec.is_source:
        runtime.feed(piece)
    else:
        fields = frames.encode(piece, epoch=1, watermark=piece.last_ts_init - 1, ts_publish=0)
        runtime.receive(Bus.MARKET_DATA, Entry(EntryId(1, piece.last_sequence), fields))
    runtime.step()


def begin(runtime: Runtime) -> None:
    """Let everything the other engines said arrive first."""
    for entry in heard()[1] if runtime.inputs.merge.sources - {""} else []:
        runtime.receive(Bus.ENGINE_LOGIC, entry)


def finish(runtime: Runtime) -> Said:
    """Handle what still waits, and tell everything the engine has said."""
    for source in runtime.inputs.merge.sources:
        runtime.inputs.merge.advance(source, END_OF_TIME)
    runtime.step()
    return told(runtime)


def told(runtime: Runtime) -> Said:
    """What the engine has said since it was asked last."""
    said = [_normal(item.fields) for item in runtime.take()]
    events = [event for event, _ in said if event]
    flow = [records for _, records in said if records]
    joined = Records.joined(flow) if flow else Records({})
    return Said(events, {kind: array.tobytes() for kind, array in joined}, runtime.n_dead_letters)


def play(variant: Variant, slices: Iterable[Records]) -> Said:
    """What an engine says to this flow."""
    runtime = variant.make()
    begin(runtime)
    for piece in slices:
        deliver(runtime, piece)
    return finish(runtime)


def play_flow(runtime: Runtime, feed: Records) -> None:
    """Give an engine a longer session: a source the feed itself, the others what the source makes of it."""
    if runtime.spec.is_source:
        deliver(runtime, feed)
        return
    source = next(variant for variant in variants() if variant.engine == registry.source().name).make()
    source.feed(feed)
    source.step()
    for item in source.take():
        runtime.receive(Bus.MARKET_DATA, Entry(EntryId(1, item.sequence), item.fields))
    finish(runtime)


def reborn(variant: Variant, runtime: Runtime) -> Runtime:
    """A fresh runtime restored from a checkpoint of this one."""
    driver = Driver(runtime, MemoryTransport(), FixedClock())
    fresh = variant.make()
    restore(fresh, capture(runtime, driver.outbox), driver.outbox, 0)
    return fresh


def around(records: Records, kind: str, row: int) -> list[Records]:
    """The flow before and after one record."""
    sequence = int(records[kind]["sequence"][row])
    parts = [records.split_at_sequence(sequence)[0], records.split_at_sequence(sequence + 1)[1]]
    return [part for part in parts if len(part)]


def with_unknown_instrument(records: Records, kind: str, row: int) -> Records:
    """The flow with one record of an instrument that was never defined."""
    changed = records[kind].copy()
    changed["instrument"][row] = 4_000_000_000
    return Records({name: changed if name == kind else array for name, array in records})


def _normal(fields: frames.Fields) -> tuple[bytes | None, Records | None]:
    if "h" in fields:
        return None, frames.decode(fields, "test")[1]
    event: AnyEvent = codec.decode_envelope(fields["e"], "test")
    if TOPICS[event.type].operational:
        return None, None
    return codec.encode(msgspec.structs.replace(event, ts_publish=0)), None


class _Flow:
    """Observer that keeps the record flow."""

    def __init__(self) -> None:
        self.slices: list[Records] = []

    def event(self, event: AnyEvent) -> None:
        """Events are read from the transport instead."""

    def records(self, records: Records) -> None:
        """Keep a slice."""
        self.slices.append(records)
