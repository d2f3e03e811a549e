"""The recorder between real servers: killed servers, a killed recorder, an orderly end."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bus import codec, positions
from bus.envelope import AnyEvent
from bus.errors import BusError
from bus.messages.control import Watermark
from bus.outbox import Outbox, Publication
from bus.positions import Position
from bus.records import END_OF_TIME, Records
from bus.redis import AccessRefusedError, RedisTransport
from bus.server import ADMIN, Account, EmbeddedServers, find_binary
from bus.topics import Bus
from bus.transport import EntryId
from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from knotmeter.recorder.server_memory import ServerMemory
from knotmeter.recorder.trimmer import Trimmer
from tests.bus.redis_servers import BRIEF, connect, until_written
from tests.bus.slices import contents, flow
from tests.knotmeter.recorder.contents import content
from tests.knotmeter.recorder.streams import DEADLINE, until
from tests.knotmeter.recorder.traffic import START, event, frame

ROOT = Path(__file__).resolve().parents[3]
RECORDER = Account(
    name="recorder",
    publishes=(),
    trims=tuple(Bus),
    blobs=("position/recorder",),
    reads_blobs=("position/*",),
)
SOURCE = Account(name="source", publishes=tuple(Bus), blobs=("position/source",))
N_RECORDS = 400


@pytest.fixture
def servers() -> Iterator[EmbeddedServers]:
    """Servers of one test, which it may kill, with the rights that a fleet gives."""
    try:
        binary = find_binary()
    except BusError as error:
        pytest.skip(str(error))
    with (
        tempfile.TemporaryDirectory(prefix="knotmeter-") as folder,
        EmbeddedServers(Path(folder), (RECORDER, SOURCE), None, binary) as started,
    ):
        yield started


@asynccontextmanager
async def recording(
    servers: EmbeddedServers, place: Path, user: str = "recorder"
) -> AsyncIterator[RecorderProcess]:
    """A recorder that runs for a while; the source's position is required too."""
    taken = Recording.open(place, Terms(engines=("source",)))
    memory = ServerMemory(servers.addresses(user), BRIEF)
    trimmer = Trimmer(dict.fromkeys(Bus, ("source", "recorder")), 0.0)
    made = RecorderProcess(connect(servers, user), Recorder(taken), trimmer, 0.02, memory.usage)
    task = asyncio.create_task(made.run())
    try:
        yield made
        made.stop()
        await asyncio.wait_for(task, DEADLINE)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        memory.close()
        taken.close()


class Source:
    """A producer on both buses that keeps what it said and says it again if a server lost it."""

    def __init__(self, transport: RedisTransport) -> None:
        self.transport = transport
        self.outbox = Outbox("source")
        self.records = flow(random.Random(1).choices(["quote", "clock"], k=N_RECORDS))
        self.events: list[AnyEvent] = []
        self.n_records = 0

    async def say(self, n_records: int) -> None:
        """Publish a frame of so many records, and two events."""
        last = min(self.n_records + n_records, N_RECORDS)
        part = self.part(self.n_records + 1, last)
        made = frame(part, 1, END_OF_TIME if last == N_RECORDS else part.last_ts_init - 1)
        self.n_records = last
        await self._publish(Publication(Bus.MARKET_DATA, made.fields, 1, last))
        for _ in range(2):
            self.events.append(event("source", len(self.events) + 1, START + len(self.events)))
            fields = {"e": codec.encode(self.events[-1])}
            await self._publish(Publication(Bus.ENGINE_LOGIC, fields, 1, len(self.events)))

    async def finish(self) -> None:
        """Say the rest, and that nothing more comes."""
        while self.n_records < N_RECORDS:
            await self.say(50)
        end = event("source", len(self.events), type="watermark", payload=Watermark(watermark=END_OF_TIME))
        await self.transport.publish(Bus.ENGINE_LOGIC, {"e": codec.encode(end)})

    def part(self, first: int, last: int) -> Records:
        """Some of its records."""
        return self.records.split_at_sequence(first)[1].split_at_sequence(last + 1)[0]

    async def _publish(self, publication: Publication) -> None:
        self.outbox.add(publication, 0)
        await self.transport.publish(publication.bus, publication.fields, publication.entry_id)


def check(place: Path, source: Source) -> None:
    """Every record and every event is recorded once, in order."""
    found = content(place)
    records: dict[str, list[object]] = {}
    for name, rows in found.items():
        if name.startswith("market/"):
            records.setdefault(name.split("/")[1], []).extend(row[1:] for row in rows)
    assert records == contents(source.records)
    events = [row for name, rows in found.items() if name.startswith("events/") for row in rows]
    assert [row[4] for row in events] == list(range(1, len(source.events) + 1))


@pytest.mark.parametrize("bus", list(Bus))
def test_a_server_is_killed_again_and_again(servers: EmbeddedServers, tmp_path: Path, bus: Bus) -> None:
    """MarketData comes back empty, Engine Logic from its log: all is recorded once, without a gap."""

    async def script() -> Source:
        source = Source(connect(servers, "source"))
        await source.outbox.recover(source.transport)
        async with recording(servers, tmp_path / "recording") as made:
            for _ in range(3):
                for _ in range(3):
                    await source.say(7)
                await until(lambda: made.manifest.n_events)
                if bus is Bus.ENGINE_LOGIC:
                    await until_written(servers)
                servers[bus].kill()
                await until(lambda: not made.readiness().ready)
                servers.restart(bus)
                await source.outbox.recover(source.transport)
                await until(lambda: made.readiness().ready)
            await source.finish()
            await until(lambda: made.readiness().phase == "finished")
            assert made.n_recoveries >= 3
            assert made.manifest.n_gaps == 0
            assert made.vitals().run_ids[bus.value] == await connect(servers).run_id(bus)
        return source

    check(tmp_path / "recording", asyncio.run(script()))


def test_a_replay_begins_again_with_other_frames(servers: EmbeddedServers, tmp_path: Path) -> None:
    """After MarketData was emptied the source goes back and cuts anew: only what is new is taken."""

    async def script() -> Source:
        source = Source(connect(servers, "source"))
        async with recording(servers, tmp_path / "recording") as made:
            await source.say(100)
            await until(lambda: made.manifest.position(Bus.MARKET_DATA) == EntryId(1, 100))
            servers[Bus.MARKET_DATA].kill()
            servers.restart(Bus.MARKET_DATA)
            await source.transport.run_id(Bus.MARKET_DATA)
            for first, last in ((31, 60), (61, 130), (131, 140)):
                again = frame(source.part(first, last), 1)
                await source.transport.publish(Bus.MARKET_DATA, again.fields, again.id)
            source.n_records = 140
            await source.finish()
            await until(lambda: made.readiness().phase == "finished")
            assert made.manifest.n_gaps == 0
        return source

    check(tmp_path / "recording", asyncio.run(script()))


def test_streams_are_trimmed_on_the_servers(servers: EmbeddedServers, tmp_path: Path) -> None:
    """With the rights of a recorder and no others, below the source's position and its own."""

    async def script() -> None:
        source, watcher = Source(connect(servers, "source")), connect(servers)
        async with recording(servers, tmp_path / "recording") as made:
            for _ in range(5):
                await source.say(10)
            await until(lambda: made.vitals().held_back_by == {"md": "source", "logic": "source"})
            last = await watcher.last_id(Bus.ENGINE_LOGIC)
            places = {"md": EntryId(1, 30), "logic": last}
            await positions.save(source.transport, "source", Position(places=places))
            await until(lambda: made.vitals().held_back_by == {"md": "source", "logic": None})
            found = {bus: await watcher.read(bus, EntryId(0, 0), 100) for bus in Bus}
            assert [entry.id for entry in found[Bus.MARKET_DATA]] == [EntryId(1, 40), EntryId(1, 50)]
            assert found[Bus.ENGINE_LOGIC] == []
            own = await positions.load(watcher, "recorder")
            assert own is not None
            assert own.places == {"md": EntryId(1, 50), "logic": last}

    asyncio.run(script())


def test_a_recorder_without_its_rights_ends(servers: EmbeddedServers, tmp_path: Path) -> None:
    """It says which right it lacks, instead of recording without ever being able to trim."""

    async def script() -> None:
        async with recording(servers, tmp_path / "recording", "source") as made:
            await until(lambda: made.readiness().phase == "failed")

    with pytest.raises(AccessRefusedError, match=r"Expected `SET` to be answered by .* as `source`, got"):
        asyncio.run(script())


def urls_of(servers: EmbeddedServers) -> list[str]:
    """Where both servers are, with everything that is needed to get in."""
    addresses = servers.addresses(ADMIN)
    return [f"unix://{ADMIN}:{addresses[bus].secret}@{addresses[bus].path}" for bus in Bus]


def test_a_killed_recorder_goes_on(servers: EmbeddedServers, tmp_path: Path) -> None:
    """Killed at work and started again and again: all is recorded once; SIGTERM ends it in time."""
    place = tmp_path / "recording"

    async def start() -> asyncio.subprocess.Process:
        module = ("-m", "tests.knotmeter.recorder.lone_recorder")
        return await asyncio.create_subprocess_exec(
            sys.executable, *module, *urls_of(servers), str(place), cwd=ROOT
        )

    async def recorded(transport: RedisTransport, n_records: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                position = await positions.load(transport, "recorder")
                if position and position.records and position.records.sequence >= n_records:
                    return
                await asyncio.sleep(0.005)

    async def script() -> Source:
        source, watcher = Source(connect(servers, "source")), connect(servers)
        for n_records in (3, 60, 170):
            process = await start()
            while source.n_records < n_records:
                await source.say(3)
            await recorded(watcher, n_records - 10)
            await source.say(3)
            process.kill()
            await process.wait()
            await source.say(3)
        process = await start()
        await source.finish()
        await recorded(watcher, N_RECORDS)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5.0) == 0
        assert await watcher.read(Bus.MARKET_DATA, EntryId(0, 0), 10) == []
        return source

    check(place, asyncio.run(script()))
