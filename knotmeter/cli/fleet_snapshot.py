"""A fleet at one moment: every process by its HTTP face, both buses by their servers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from bus.topics import Bus
from knotmeter.cli.bus_reader import BusSnapshot, look_at_bus
from knotmeter.client import AsyncClient, Awaiting, ClientError, Engine, UnavailableError
from knotmeter.client.answers import RecorderVitals
from knotmeter.client.process import Process
from knotmeter.fleet.folder import FleetFile, MemberFile
from shared import registry
from shared.clock import monotonic_ns, wall_ns
from shared.fleet_settings import RECORDER
from shared.latency import LatencySnapshot

ANSWER_SECONDS: Final = 3.0
"""A process that takes longer over an answer is shown as not answering."""

DOWN: Final = "down"
SILENT: Final = "silent"
"""Phases of a process that tells none: nobody is there, or nobody answers as expected."""

_METRIC: Final = r"^knotmeter_process_{name}(?:\{{[^}}]*\}})? (\S+)$"
_MEMORY: Final = re.compile(_METRIC.format(name="resident_memory_bytes"), re.MULTILINE)
_PROCESSOR: Final = re.compile(_METRIC.format(name="cpu_seconds_total"), re.MULTILINE)


class ProcessSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How a process stands; figures that it does not tell are None."""

    name: str
    kind: str
    url: str
    port: int
    pid: int | None
    phase: str
    ready: bool
    reason: str | None = None
    n_handled: int | None = None
    now: int | None = None
    """Engine time, ns."""
    lag_seconds: float | None = None
    """Live: wall time less engine time. In a replay: how far behind the engine that is furthest, in the
    feed's time."""
    n_dead_letters: int | None = None
    n_missing: int | None = None
    checkpoint_age_seconds: float | None = None
    memory_bytes: float | None = None
    processor_seconds: float | None = None


class RecordingSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded."""

    place: str
    n_bytes: int
    n_segments: int
    n_records: int
    n_events: int
    complete: bool


class FleetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment."""

    mode: str
    pid: int
    up_seconds: float
    monotonic_seconds: float
    """When; only differences mean anything."""
    processes: tuple[ProcessSnapshot, ...]
    buses: tuple[BusSnapshot, ...]
    recording: RecordingSnapshot | None
    """None where the recorder does not answer."""

    @property
    def ready(self) -> bool:
        """Whether every process is ready and every server answers."""
        return all(process.ready for process in self.processes) and all(bus.is_up for bus in self.buses)


def watching(fleet: FleetFile) -> AsyncClient:
    """A client that waits for nobody: a process that is down or slow is shown so."""
    urls = {member.name: member.url for member in fleet.members}
    return AsyncClient(urls, timeout=ANSWER_SECONDS, patience=0.0)


async def look(fleet: FleetFile, client: AsyncClient) -> FleetSnapshot:
    """A fleet as it is now; everybody is asked at once."""
    now, seconds = wall_ns(), monotonic_ns() / 1e9
    engines = [member for member in fleet.members if member.kind != RECORDER]
    recorders = [member for member in fleet.members if member.kind == RECORDER]
    shown, recorded, buses = await asyncio.gather(
        asyncio.gather(*(_engine(member, client.engine(member.name)) for member in engines)),
        asyncio.gather(*(_recorder(member, client) for member in recorders)),
        asyncio.gather(
            *(asyncio.to_thread(look_at_bus, Bus(name), url) for name, url in fleet.buses.items())
        ),
    )
    state = next((state for _, state in recorded if state is not None), None)
    held = {} if state is None else state.held_back_by
    return FleetSnapshot(
        mode=fleet.mode,
        pid=fleet.pid,
        up_seconds=(now - fleet.started_ns) / 1e9,
        monotonic_seconds=seconds,
        processes=(*_behind(shown, fleet.mode), *(process for process, _ in recorded)),
        buses=tuple(msgspec.structs.replace(bus, held_back_by=held.get(bus.bus)) for bus in buses),
        recording=None if state is None else _recording(fleet.recording, state),
    )


async def latencies(fleet: FleetFile, client: AsyncClient) -> dict[str, LatencySnapshot]:
    """Latencies of all engines that answer, by name."""
    names = [member.name for member in fleet.members if member.kind != RECORDER]
    found = await asyncio.gather(*(_latency(client.engine(name)) for name in names))
    return {name: latency for name, latency in zip(names, found, strict=True) if latency is not None}


async def _engine(member: MemberFile, engine: Engine[Awaiting]) -> ProcessSnapshot:
    try:
        state = await engine.state(summary=False)
    except ClientError as error:
        return _absent(member, error)
    return ProcessSnapshot(
        **_identity(member),
        phase=state.phase,
        ready=state.ready,
        reason=state.reason,
        n_handled=state.n_handled,
        now=state.now,
        lag_seconds=state.lag_seconds,
        n_dead_letters=state.n_dead_letters,
        n_missing=state.n_missing,
        checkpoint_age_seconds=_age(state.vitals.checkpoint_ts_ns),
        **await _resources(engine),
    )


async def _recorder(member: MemberFile, client: AsyncClient) -> tuple[ProcessSnapshot, RecorderVitals | None]:
    recorder = client.recorder
    try:
        readiness, state = await asyncio.gather(recorder.ready(), recorder.state())
    except ClientError as error:
        return _absent(member, error), None
    process = ProcessSnapshot(
        **_identity(member),
        phase=readiness.phase,
        ready=readiness.ready,
        reason=readiness.reason,
        n_handled=sum(state.n_records.values()) + sum(state.n_events.values()),
        n_dead_letters=state.n_dead_letters,
        n_missing=state.n_missing,
        checkpoint_age_seconds=_age(state.checkpoint_ts_ns),
        **await _resources(recorder),
    )
    return process, state


async def _latency(engine: Engine[Awaiting]) -> LatencySnapshot | None:
    try:
        return await engine.latency()
    except ClientError:
        return None


async def _resources(process: Process[Awaiting]) -> dict[str, Any]:
    """Memory and processor time of a process, as its metrics tell them."""
    try:
        text = await process.metrics()
    except ClientError:
        return {}
    found = {"memory_bytes": _MEMORY.search(text), "processor_seconds": _PROCESSOR.search(text)}
    return {name: float(match[1]) for name, match in found.items() if match is not None}


def _identity(member: MemberFile) -> dict[str, Any]:
    return {
        "name": member.name,
        "kind": member.kind,
        "url": member.url,
        "port": member.port,
        "pid": member.pid,
    }


def _absent(member: MemberFile, error: ClientError) -> ProcessSnapshot:
    phase = DOWN if isinstance(error, UnavailableError) else SILENT
    reason = error.reason if isinstance(error, UnavailableError) else str(error)
    return ProcessSnapshot(**_identity(member), phase=phase, ready=False, reason=reason)


def _behind(processes: Iterable[ProcessSnapshot], mode: str) -> list[ProcessSnapshot]:
    """Engines of a replay with how far each is behind the furthest; the wall clock tells nothing there.

    The source has no lag: nothing is ahead of it.
    """
    listed = list(processes)
    times = [process.now for process in listed if process.now is not None]
    if mode != "replay" or not times:
        return listed
    furthest, source = max(times), registry.source().name
    return [
        msgspec.structs.replace(
            process,
            lag_seconds=None
            if process.now is None or process.name == source
            else (furthest - process.now) / 1e9,
        )
        for process in listed
    ]


def _recording(place: str, state: RecorderVitals) -> RecordingSnapshot:
    return RecordingSnapshot(
        place=place,
        n_bytes=state.n_bytes,
        n_segments=state.n_segments,
        n_records=sum(state.n_records.values()),
        n_events=sum(state.n_events.values()),
        complete=state.complete,
    )


def _age(then: int | None) -> float | None:
    return None if then is None else (wall_ns() - then) / 1e9
