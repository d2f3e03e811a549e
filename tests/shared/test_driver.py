"""Between a runtime and a transport."""

from __future__ import annotations

import asyncio
import json
import sys
from io import StringIO

import msgspec
import pytest
import structlog

from bus import checkpoint as checkpoints
from bus.errors import CheckpointError
from bus.memory import MemoryTransport
from bus.messages.control import DeadLetter
from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from shared import dead_letters
from shared.clock import FixedClock
from shared.driver import Driver
from shared.engine import Engine
from shared.log import configure
from shared.runtime import Runtime
from tests.fleet import toys
from tests.fleet.flow import input_flow
from tests.shared.test_runtime import corrupted, frame


def drive(transport: MemoryTransport, engine: Engine[toys.Counts] | None = None) -> Driver:
    """A driver of an asker without an answerer."""
    lanes = [("", 0)]
    runtime = Runtime(toys.ASKER, engine or toys.Asker(None, toys.Counts()), lanes, FixedClock(), 64)
    return Driver(runtime, transport, FixedClock())


async def run(driver: Driver) -> None:
    """Let the driver do all it can."""
    while await driver.pull():
        driver.runtime.step()
        await driver.push()


async def offer(transport: MemoryTransport, n_records: int, bad: list[int] | None = None) -> None:
    """Put a flow on MarketData, in frames."""
    records = corrupted(input_flow(n_records), bad or [])
    for cut in range(0, n_records + 3, 50):
        piece = records.split_at_sequence(cut + 1)[1].split_at_sequence(cut + 51)[0]
        item = frame(piece, watermark=END_OF_TIME)
        await transport.publish(Bus.MARKET_DATA, item.fields, item.id)


def test_a_restored_engine_says_nothing_twice() -> None:
    """A fresh engine on an old checkpoint gives the same numbers to the same events again."""

    async def script() -> tuple[list[bytes], list[bytes]]:
        transport = MemoryTransport()
        driver = drive(transport)
        await offer(transport, 200)
        await driver.pull()
        driver.runtime.step()
        await driver.push()
        await driver.checkpoint()
        await offer_more(transport)
        await run(driver)
        once = [
            bytes(entry.fields["e"]) for entry in await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 9_999)
        ]
        again = drive(transport)
        assert await again.resume()
        await run(again)
        both = [
            bytes(entry.fields["e"]) for entry in await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 9_999)
        ]
        return once, both[len(once) :]

    async def offer_more(transport: MemoryTransport) -> None:
        rest = frame(input_flow(400).split_at_sequence(204)[1], watermark=END_OF_TIME)
        await transport.publish(Bus.MARKET_DATA, rest.fields, rest.id)

    once, repeated = asyncio.run(script())

    assert repeated
    assert [event for event in repeated if b"ask" in event] == [
        e for e in once[-len(repeated) :] if b"ask" in e
    ]


def test_without_a_checkpoint_there_is_nothing_to_resume() -> None:
    """A first start is told apart from a restart."""
    assert asyncio.run(drive(MemoryTransport()).resume()) is False


def test_a_checkpoint_says_what_may_be_trimmed() -> None:
    """Below the checkpointed cursor nothing is needed any more; what still waits is."""

    async def script() -> tuple[dict[str, EntryId], dict[str, EntryId]]:
        transport = MemoryTransport()
        driver = drive(transport)
        await offer(transport, 100)
        before = dict(driver.trim_below)
        await run(driver)
        await driver.checkpoint()
        return before, dict(driver.trim_below)

    before, after = asyncio.run(script())

    assert before == {}
    assert after[Bus.MARKET_DATA] == EntryId(1, 103)


def test_dead_letters_are_kept_to_be_listed() -> None:
    """Each dead letter is kept under its engine, readable, oldest overwritten first."""

    async def script() -> list[DeadLetter]:
        transport = MemoryTransport()
        driver = drive(transport)
        await offer(transport, 100, bad=[1, 5])
        await run(driver)
        keys = await transport.keys("dead-letter/asker/")
        blobs = [await transport.load(key) for key in keys]
        return [msgspec.msgpack.decode(blob, type=DeadLetter) for blob in blobs if blob]

    letters = asyncio.run(script())
    sequences = input_flow(100).trade["sequence"][[1, 5]].tolist()

    assert [letter.producer_sequence for letter in letters] == sequences
    assert dead_letters.key("asker", 3) == dead_letters.key("asker", 3 + dead_letters.KEPT)


def test_a_state_of_another_version_is_migrated_or_refused() -> None:
    """Another version goes through `migrate`; without a way the checkpoint is refused."""

    class Newer(toys.Asker):
        state_version = 2

    class Migrating(toys.Asker):
        state_version = 2

        @classmethod
        def migrate(cls, version: int, state: dict[str, object]) -> dict[str, object]:
            """Keep the old counts and mark the migration."""
            return {**state, "last": -version}

    async def script() -> int:
        transport = MemoryTransport()
        await drive(transport).checkpoint()
        with pytest.raises(CheckpointError, match="in version 2, got version 1 that cannot be migrated"):
            await drive(transport, Newer(None, toys.Counts())).resume()
        migrating = drive(transport, Migrating(None, toys.Counts()))
        await migrating.resume()
        return int(migrating.runtime.engine.state.last)

    assert asyncio.run(script()) == -1


def test_a_changed_state_type_is_refused() -> None:
    """The same version with other fields is no state of this engine."""

    class Wider(toys.Counts):
        more: int = 0

    async def script() -> None:
        transport = MemoryTransport()
        await drive(transport).checkpoint()
        with pytest.raises(CheckpointError, match="fingerprint"):
            await drive(transport, toys.Asker(None, Wider())).resume()
        blob = await transport.load(checkpoints.key("asker"))
        assert blob is not None

    asyncio.run(script())


def test_dead_letters_and_resumptions_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator would ask about is a structured line with the engine's name."""
    lines = StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    configure("info", clock=FixedClock())

    async def script() -> None:
        transport = MemoryTransport()
        driver = drive(transport)
        await offer(transport, 100, bad=[1])
        await run(driver)
        await driver.checkpoint()
        await drive(transport).resume()

    try:
        asyncio.run(script())
    finally:
        structlog.reset_defaults()
    found = [json.loads(line) for line in lines.getvalue().splitlines()]

    assert [(line["level"], line["engine"], line["event"]) for line in found] == [
        ("info", "asker", "dead letter"),
        ("info", "asker", "resumed from checkpoint"),
    ]
    assert "Expected sizes of 0 or more" in found[0]["error"]
