"""The whole fleet live in one process: the same services over a bus in memory, each with its HTTP face.

There is no server that could keep anything, so a stop ends the session; only the recording stays.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, Final

from bus.memory import DEFAULT_BOUND, MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.topics import Bus
from knotmeter.fleet.folder import FleetFile, FleetFolder, MemberFile
from knotmeter.recorder.face import build as build_recorder_face
from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording
from knotmeter.recorder.runner import terms_of
from knotmeter.recorder.trimmer import Trimmer, Usage
from shared.clock import wall_ns
from shared.engine_subject import EngineSubject
from shared.face.app import build
from shared.face.server import bind
from shared.fleet_settings import RECORDER, HttpSettings
from shared.process import make_service, members, required_readers, serving, with_token
from shared.service import Service
from shared.warming import warm_one

_BYTES_A_RECORD: Final = 72
_FEWEST_FRAMES: Final = 64
_POLL_SECONDS: Final = 0.02


class SingleFleet:
    """Every engine and the recorder as tasks of one event loop."""

    def __init__(self, folder: FleetFolder, settings: Mapping[str, Any], ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.specs = members(settings["fleet"])
        self.members: list[MemberFile] = []
        self._settings = settings
        self._ports = ports
        self._stopping = False
        self._transport = MemoryTransport(_bounds(settings["fleet"]))

    def stop(self) -> None:
        """Have `run` return."""
        self._stopping = True

    async def run(self, is_done: Callable[[], bool], on_ready: Callable[[], None]) -> bool:
        """Run until told to stop (False) or done (True); whatever ends a part is raised."""
        http: HttpSettings = with_token(self._settings["http"])
        async with AsyncExitStack() as stack:
            services = [await self._engine(stack, spec.name, spec.port, http) for spec in self.specs]
            recorder = await self._recorder(stack, http)
            for spec in self.specs:
                await asyncio.to_thread(warm_one, spec.name)
            parts: list[Service | RecorderProcess] = [*services, recorder]
            tasks = [asyncio.get_running_loop().create_task(part.run()) for part in parts]
            try:
                self._tell()
                on_ready()
                return await self._watch(tasks, is_done)
            finally:
                for part in parts:
                    part.stop()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, tasks: list[asyncio.Task[None]], is_done: Callable[[], bool]) -> bool:
        while not self._stopping:
            if is_done():
                return True
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _engine(self, stack: AsyncExitStack, name: str, port: int, http: HttpSettings) -> Service:
        listener = stack.enter_context(closing(bind(http, self._port(name, "engine", http, port))))
        service = make_service(name, self._settings, MemoryCourier(self._transport))
        subject = EngineSubject(service)
        await stack.enter_async_context(serving(build(subject, http), subject, listener))
        return service

    async def _recorder(self, stack: AsyncExitStack, http: HttpSettings) -> RecorderProcess:
        own = self._settings[RECORDER]
        listener = stack.enter_context(closing(bind(http, self._port(RECORDER, RECORDER, http, own.port))))
        recording = stack.enter_context(closing(Recording.open(Path(own.folder), terms_of(self._settings))))
        readers = {bus: required_readers(self.specs, bus) for bus in Bus}
        process = RecorderProcess(
            MemoryCourier(self._transport),
            Recorder(recording),
            Trimmer(readers, self._settings["fleet"].keep_seconds),
            own.flush_seconds,
            self._usage,
        )
        await stack.enter_async_context(serving(build_recorder_face(process, http), None, listener))
        return process

    async def _usage(self) -> dict[Bus, Usage]:
        """How full the streams are, in entries."""
        return {bus: Usage(self._transport.length(bus), self._transport.bounds[bus]) for bus in Bus}

    def _port(self, name: str, kind: str, http: HttpSettings, port: int) -> int:
        chosen = self._ports.get(name, port)
        self.members.append(MemberFile(name=name, kind=kind, host=http.host, port=chosen, pid=os.getpid()))
        return chosen

    def _tell(self) -> None:
        self.folder.write_fleet(
            FleetFile(
                pid=os.getpid(),
                started_ns=wall_ns(),
                mode=self._settings["fleet"].mode,
                members=tuple(self.members),
                buses={},
                recording=self._settings[RECORDER].folder,
                api_token=with_token(self._settings["http"]).api_token,
            )
        )


def _bounds(fleet: Any) -> dict[Bus, int]:
    """Entries that the streams may hold: about the memory that a server of market data would get."""
    frames = fleet.market_data_memory_mb * 1024 * 1024 // (fleet.frame_size * _BYTES_A_RECORD)
    return {Bus.MARKET_DATA: max(frames, _FEWEST_FRAMES), Bus.ENGINE_LOGIC: DEFAULT_BOUND}
