"""The long run of `make soak`: a thousand seeded disturbances, every one of them without a trace."""

from __future__ import annotations

import asyncio
import random

import pytest

from bus.memory import MemoryTransport
from bus.topics import Bus
from shared import registry
from tests.fleet import recording
from tests.fleet.recording import N_RECORDS, deliver, flow_of
from tests.fleet.test_contract import VARIANTS, whole
from tests.fleet.test_two_buses import Driven, Log, kill, replay

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_sessions_of_ten_kills_and_lost_tails(seed: int) -> None:
    """Engines die, servers lose their newest entries; the log is that of a quiet run.

    One session in two spares the source and hits both servers, the others spare MarketData: only a feed
    that can be re-read from before its checkpoint would survive both.
    """
    generator = random.Random(seed)
    spared, servers = (0, [Bus.ENGINE_LOGIC]) if seed % 2 else (1, list(Bus))
    turns = {generator.randint(2, 400): generator.random() for _ in range(10)}
    every = generator.randint(2, 40)

    async def disturb(driven: Driven, turn: int) -> None:
        if turn % every == 0:
            await driven.checkpoint()
        choice = turns.get(turn)
        if choice is None:
            pass
        elif choice < 0.6:
            await kill(driven, generator.randrange(spared, len(driven.drivers)))
        else:
            driven.transport.restart(generator.choice(servers), lost=generator.randint(0, 20))
        for driver in driven.drivers:
            await driver.recover()

    log = Log()

    assert asyncio.run(Driven(MemoryTransport(), generator.choice([1, 16, 300]), disturb).run(log))
    assert log.lines == replay(MemoryTransport()).lines


@pytest.mark.parametrize("variant", VARIANTS, ids=[f"{v.engine}-{v.name}" for v in VARIANTS])
@pytest.mark.parametrize("seed", range(25))
def test_every_engine_is_restored_at_random_records(variant: recording.Variant, seed: int) -> None:
    """Every engine, restored again and again in mid-session, says what it says undisturbed."""
    generator = random.Random(seed)
    stops = sorted(generator.sample(range(1, N_RECORDS), 12))
    rest = flow_of(registry.engines()[variant.engine])
    runtime = variant.make()
    events: list[bytes] = []
    for stop in stops:
        deliver(runtime, rest.split_at_sequence(stop + 1)[0])
        fresh = recording.reborn(variant, runtime)
        events += recording.told(runtime).events
        runtime = fresh
    deliver(runtime, rest)

    assert events + recording.finish(runtime).events == whole(variant).events
