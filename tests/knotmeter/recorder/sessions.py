"""Sessions of a fleet in one process, recorded: what was said on both buses, and a recording of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from bus import codec
from bus.messages.control import Watermark
from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import BEGINNING, Entry
from knotmeter.output.recording import Recording as Observer
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from knotmeter.session import Session, load_settings, source_files
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.traffic import Traffic, operational


def said(paths: Sequence[Path], frame_size: int = 64) -> tuple[Traffic, tuple[str, ...]]:
    """Everything the registered engines say over some files, and the engines that are not the source."""
    settings = load_settings()
    session = Session(settings, source_files(settings, [str(path) for path in paths], []), frame_size)

    engines = tuple(spec.name for spec in session.specs if not spec.is_source)

    async def script() -> Traffic:
        assert await session.fleet.run(Observer())
        for name in engines:  # those that wait for each other have not said so in a fleet of one process
            end = operational(name, 0, Watermark(watermark=END_OF_TIME))
            session.transport.append(Bus.ENGINE_LOGIC, {"e": codec.encode(end)})
        return {bus: await session.transport.read(bus, BEGINNING, 10**6) for bus in Bus}

    return asyncio.run(script()), engines


def record(
    place: Path, sent: Traffic, engines: tuple[str, ...], generator: random.Random, **terms: object
) -> None:
    """Record a session with kills at random: what was received and not flushed is received again."""
    rest: dict[Bus, list[Entry]] = dict(sent)
    while any(rest.values()):
        recording = Recording.open(place, Terms(engines=engines, **terms), QuickDisk())  # type: ignore[arg-type]
        recorder = Recorder(recording)
        rest = {
            bus: [one for one in entries if one.id > recorder.positions[bus]] for bus, entries in sent.items()
        }
        for _ in range(generator.randint(1, 6)):
            for bus in generator.sample(list(Bus), 2):
                n_entries = generator.randint(0, 1 + len(sent[bus]) // 4)
                for one in rest[bus][:n_entries]:
                    recorder.receive(bus, one)
                del rest[bus][:n_entries]
            if generator.random() < 0.5:
                recorder.flush()
                assert recorder.recording.manifest.position(bus) == recorder.positions[bus]
        recording.close()
        rest = {
            bus: [one for one in entries if one.id > recording.manifest.position(bus)]
            for bus, entries in sent.items()
        }
