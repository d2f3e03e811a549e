"""The recorder as a process, over streams in memory: readiness, positions, trimming, a full disk, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bus import positions
from bus.errors import BusError
from bus.memory_courier import MemoryCourier
from bus.positions import Position
from bus.redis import AccessRefusedError, ConnectionLostError, ServerUnavailableError
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from knotmeter.recorder import process as processes
from knotmeter.recorder import recorder as recorders
from knotmeter.recorder.batch import Batch
from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from knotmeter.recorder.trimmer import Trimmer, Usage
from shared.errors import OutputError
from shared.face.subject import Readiness
from tests.knotmeter.recorder.contents import content, sorted_letters
from tests.knotmeter.recorder.disks import FullDisk, QuickDisk, StepDisk
from tests.knotmeter.recorder.streams import DEADLINE, Shaky, Streams, until
from tests.knotmeter.recorder.traffic import SOURCES, clean, expected, traffic

FLUSH_SECONDS = 0.01


def process(
    place: Path,
    courier: MemoryCourier,
    disk: StepDisk | None = None,
    keep_seconds: float = 0.0,
    usage: Mapping[Bus, Usage] | None = None,
) -> RecorderProcess:
    """A recorder whose fleet has two engines, of which one reads market data."""
    recording = Recording.open(place, Terms(engines=SOURCES), disk or QuickDisk())
    readers = {Bus.MARKET_DATA: ("alpha", "recorder"), Bus.ENGINE_LOGIC: ("alpha", "beta", "recorder")}

    async def used() -> Mapping[Bus, Usage]:
        return usage or {}

    return RecorderProcess(
        courier, Recorder(recording), Trimmer(readers, keep_seconds), FLUSH_SECONDS, used if usage else None
    )


@asynccontextmanager
async def running(made: RecorderProcess) -> AsyncIterator[RecorderProcess]:
    """Run a process for a while and stop it in order."""
    task = asyncio.create_task(made.run())
    try:
        yield made
        made.stop()
        await asyncio.wait_for(task, DEADLINE)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.recorder.recording.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a recording may be."""
    return tmp_path / "recording"


def test_all_of_a_session_is_recorded(place: Path) -> None:
    """What was there before and what comes; then it is ready, and finished once everybody has promised."""
    streams, sent = Streams(), clean(1)
    first = {bus: entries[:5] for bus, entries in sent.items()}

    async def script() -> None:
        streams.put(first)
        made = process(place, MemoryCourier(streams))
        assert made.readiness() == Readiness(ready=False, phase="starting")
        async with running(made):
            await until(lambda: made.readiness().phase == "ready")
            streams.put(sent)
            await until(lambda: made.readiness().phase == "finished")
            assert made.readiness().ready
        assert made.readiness().phase == "draining"

    asyncio.run(script())
    assert content(place) == expected(sent)


def test_a_stop_loses_nothing_that_was_received(place: Path) -> None:
    """What came last is flushed, and its position is saved."""
    streams, sent = Streams(), traffic(3)

    async def script() -> Position | None:
        made = process(place, MemoryCourier(streams))
        async with running(made):
            streams.put(sent)
            await until(lambda: all(made.recorder.positions[bus] == sent[bus][-1].id for bus in Bus))
        return await positions.load(streams, "recorder")

    position = asyncio.run(script())
    assert sorted_letters(content(place)) == sorted_letters(expected(sent))
    assert position is not None
    assert position.places == {bus.value: entries[-1].id for bus, entries in sent.items()}
    assert position.records is not None
    assert position.records.epoch == 2


def test_a_position_is_told_before_anything_is_read(place: Path) -> None:
    """A recorder whose folder was replaced needs everything again, and says so at once."""
    streams = Streams()

    async def script() -> Position | None:
        await positions.save(streams, "recorder", Position(places={"md": EntryId(9, 9)}))
        made = process(place, MemoryCourier(streams))
        async with running(made):
            await until(lambda: made.n_flushes > 1)
            return await positions.load(streams, "recorder")

    found = asyncio.run(script())
    assert found == Position(places={"md": BEGINNING, "logic": BEGINNING})


def test_streams_are_trimmed_below_everybody(place: Path) -> None:
    """As readers move on, and never above what is recorded; who holds a bus back is told."""
    streams, sent = Streams(), clean(2)
    last = {bus.value: entries[-1].id for bus, entries in sent.items()}

    async def script() -> None:
        made = process(place, MemoryCourier(streams))
        async with running(made):
            streams.put(sent)
            await until(lambda: made.manifest.complete)
            await until(lambda: made.vitals().held_back_by == {"md": "alpha", "logic": "alpha"})
            assert {bus: streams.n_entries(bus) for bus in Bus} == {bus: len(sent[bus]) for bus in Bus}
            await positions.save(streams, "alpha", Position(places=last))
            await until(lambda: streams.n_entries(Bus.MARKET_DATA) == 0)
            await until(lambda: made.vitals().held_back_by == {"md": None, "logic": "beta"})
            half = sent[Bus.ENGINE_LOGIC][9].id
            await positions.save(streams, "beta", Position(places={"logic": half}))
            await until(lambda: streams.n_entries(Bus.ENGINE_LOGIC) == len(sent[Bus.ENGINE_LOGIC]) - 10)

    asyncio.run(script())
    assert content(place) == expected(sent)


@pytest.mark.parametrize("is_short", [False, True])
def test_entries_are_kept_unless_memory_is_short(place: Path, is_short: bool) -> None:
    """For whoever looks in, as long as there is room."""
    streams, sent = Streams(), clean(2)
    last = {bus.value: entries[-1].id for bus, entries in sent.items()}
    usage = dict.fromkeys(Bus, Usage(80 if is_short else 10, 100))

    async def script() -> int:
        for name in ("alpha", "beta"):
            await positions.save(streams, name, Position(places=last))
        made = process(place, MemoryCourier(streams), keep_seconds=600, usage=usage)
        async with running(made):
            streams.put(sent)
            await until(lambda: made.manifest.complete)
            flushes = made.n_flushes
            await until(lambda: made.n_flushes > flushes + 3)
        return streams.n_entries(Bus.MARKET_DATA)

    assert asyncio.run(script()) == (0 if is_short else len(sent[Bus.MARKET_DATA]))


def test_a_full_disk_stops_everything_visibly(place: Path) -> None:
    """Not ready, with the reason; nothing is promised, read or trimmed; with room again it goes on."""
    streams, sent, disk = Streams(), clean(4), FullDisk("open")
    last = {bus.value: entries[-1].id for bus, entries in sent.items()}
    first = {bus: entries[:4] for bus, entries in sent.items()}

    async def script() -> None:
        for name in ("alpha", "beta"):
            await positions.save(streams, name, Position(places=last))
        made = process(place, MemoryCourier(streams), disk)
        async with running(made):
            await until(lambda: made.readiness().ready)
            disk.is_full = True
            streams.put(first)
            await until(lambda: disk.n_refused > 2)
            said = made.readiness()
            assert (said.ready, said.phase) == (False, "recovering")
            assert "expected room for the recording, found none left" in str(said.reason)
            taken = dict(made.recorder.positions)
            streams.put(sent)
            refused = disk.n_refused
            await until(lambda: disk.n_refused > refused + 2)
            assert made.recorder.positions == taken
            assert streams.n_entries(Bus.MARKET_DATA) == len(sent[Bus.MARKET_DATA])
            assert made.manifest.n_records == {}
            assert made.vitals().stalled_seconds > 0
            disk.is_full = False
            await until(lambda: made.readiness().phase == "finished")
            await until(lambda: streams.n_entries(Bus.MARKET_DATA) == 0)

    asyncio.run(script())
    assert content(place) == expected(sent)


def test_a_stop_with_a_full_disk_says_so(place: Path) -> None:
    """What was not written is still on the buses; the next start reads it again."""
    streams, sent, disk = Streams(), clean(4), FullDisk("write")

    async def script() -> None:
        made = process(place, MemoryCourier(streams), disk)

        async def stopped() -> None:
            async with running(made):
                await until(lambda: made.readiness().ready)
                disk.is_full = True
                streams.put(sent)
                await until(lambda: made.readiness().reason)

        with pytest.raises(OutputError, match="expected room for the recording"):
            await stopped()
        assert made.readiness().phase == "failed"
        again = process(place, MemoryCourier(streams))
        async with running(again):
            await until(lambda: again.manifest.complete)

    asyncio.run(script())
    assert content(place) == expected(sent)


def test_it_takes_no_more_than_a_batch_holds(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When enough was collected it is flushed at once, and reading waits for it."""
    monkeypatch.setattr(recorders, "LARGEST_BATCH", 1_000)
    monkeypatch.setattr(processes, "READ_LIMIT", 1)
    streams, sent = Streams(), clean(5)
    largest = 0

    async def script() -> None:
        nonlocal largest
        made = process(place, MemoryCourier(streams))
        made._flush_seconds = 3_600.0
        write = made.recorder.recording.write

        def watched(batch: Batch) -> None:
            nonlocal largest
            largest = max(largest, batch.n_bytes)
            write(batch)

        monkeypatch.setattr(made.recorder.recording, "write", watched)
        async with running(made):
            streams.put(sent)
            await until(lambda: made.recorder.positions[Bus.ENGINE_LOGIC] == sent[Bus.ENGINE_LOGIC][-1].id)

    asyncio.run(script())
    assert content(place) == expected(sent)
    assert 1_000 <= largest < 4_000


def test_a_lost_server_is_looked_for(place: Path) -> None:
    """It asks who the server is, and goes on from the same place; the other bus goes on meanwhile."""
    streams, sent = Streams(), clean(6)

    async def script() -> None:
        courier = Shaky(streams)
        made = process(place, courier)
        async with running(made):
            await until(lambda: made.readiness().ready)
            courier.errors = [ConnectionLostError("cut"), ConnectionLostError("cut again")]
            streams.put(sent)
            await until(lambda: made.manifest.complete)
            assert (made.n_recoveries, courier.errors) == (1, [])
            assert made.vitals().n_recoveries == 1

    asyncio.run(script())
    assert content(place) == expected(sent)


@pytest.mark.parametrize("is_refused", [True, False])
def test_what_cannot_be_mended_ends_it(place: Path, is_refused: bool) -> None:
    """A server that refuses us or stays away: what was received is kept, and the error tells why."""
    streams, sent = Streams(), clean(7)
    market = sent[Bus.MARKET_DATA]
    error = AccessRefusedError("who are you") if is_refused else ServerUnavailableError("nobody there")

    async def script() -> None:
        courier = Shaky(streams)
        made = process(place, courier)

        async def ended() -> None:
            async with running(made):
                await until(lambda: made.readiness().ready)
                streams.put({Bus.MARKET_DATA: market})
                await until(lambda: made.recorder.positions[Bus.MARKET_DATA] == market[-1].id)
                courier.errors = [error] if is_refused else [ConnectionLostError("cut"), error]
                streams.put(sent)
                await until(lambda: made.readiness().phase == "failed")

        with pytest.raises(BusError, match=str(error)):
            await ended()
        assert made.readiness() == Readiness(ready=False, phase="failed")

    asyncio.run(script())
    kept = {name: rows for name, rows in expected(sent).items() if name.startswith("market/")}
    assert {name: rows for name, rows in content(place).items() if name.startswith("market/")} == kept


def test_a_server_that_lost_its_tail_gives_its_ids_again(place: Path) -> None:
    """Engine Logic came back without its newest entries; what takes their ids is recorded all the same."""
    streams, sent = Streams(), clean(8)
    logic = sent[Bus.ENGINE_LOGIC]

    async def script() -> None:
        courier = Shaky(streams)
        made = process(place, courier)
        async with running(made):
            streams.put({Bus.MARKET_DATA: sent[Bus.MARKET_DATA], Bus.ENGINE_LOGIC: logic[:20]})
            await until(lambda: made.manifest.position(Bus.ENGINE_LOGIC) == logic[19].id)
            streams.restart(Bus.ENGINE_LOGIC, lost=10)
            courier.errors = [ConnectionLostError("restarted")]
            courier._wake()
            await until(lambda: made.recorder.positions[Bus.ENGINE_LOGIC] == logic[9].id)
            for one in logic[10:]:
                streams.append(
                    Bus.ENGINE_LOGIC, one.fields, EntryId(1_011, streams.n_entries(Bus.ENGINE_LOGIC))
                )
            await until(lambda: made.manifest.complete)
            assert made.manifest.n_gaps == 0

    asyncio.run(script())
    assert content(place) == expected(sent)


def test_vitals_tell_what_is_recorded(place: Path) -> None:
    """In the shape that every process of a fleet has, and what only a recorder knows."""
    streams, sent = Streams(), clean(9)

    async def script() -> None:
        made = process(place, MemoryCourier(streams))
        async with running(made):
            streams.put(sent)
            await until(lambda: made.manifest.complete)
            said = made.vitals()
            assert said.positions == {bus.value: str(entries[-1].id) for bus, entries in sent.items()}
            assert said.cursors["md"] == (1, 60)
            assert sum(said.n_records.values()) == 60
            assert said.n_events == {"remark": 40}
            assert (said.complete, said.n_missing, said.n_dead_letters) == (True, 0, 0)
            assert said.n_segments > 0
            assert said.n_bytes == sum(path.stat().st_size for path in place.rglob("*.parquet"))
            assert said.n_checkpoints == made.n_flushes
            assert said.checkpoint_ts_ns is not None
            assert set(said.run_ids) == {"md", "logic"}

    asyncio.run(script())
