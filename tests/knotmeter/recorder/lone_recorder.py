"""A recorder in a process of its own, to be killed: ``python -m tests.knotmeter.recorder.lone_recorder``.

Arguments: URL of MarketData, URL of Engine Logic, folder of the recording. SIGTERM stops it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from bus.redis import Address, RedisTransport
from bus.topics import Bus
from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from knotmeter.recorder.server_memory import ServerMemory
from knotmeter.recorder.trimmer import Trimmer
from tests.bus.redis_servers import BRIEF


async def record(addresses: dict[Bus, Address], folder: Path) -> None:
    """Record until told to stop; nobody else reads, so everything that is recorded is trimmed."""
    courier, memory = RedisTransport(addresses, BRIEF), ServerMemory(addresses, BRIEF)
    recording = Recording.open(folder, Terms(engines=()))
    trimmer = Trimmer(dict.fromkeys(Bus, ("recorder",)), 0.0)
    process = RecorderProcess(courier, Recorder(recording), trimmer, 0.02, memory.usage)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.stop)
    try:
        await process.run()
    finally:
        memory.close()
        await courier.close()
        recording.close()


if __name__ == "__main__":
    market_data, engine_logic, place = sys.argv[1:]
    asyncio.run(
        record(
            {Bus.MARKET_DATA: Address.parse(market_data), Bus.ENGINE_LOGIC: Address.parse(engine_logic)},
            Path(place),
        )
    )
