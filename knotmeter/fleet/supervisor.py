"""Who starts the servers and processes of a fleet, watches over them, and ends them in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from bus.redis import Address
from bus.server import EmbeddedServers, ServerError, ServerSettings, stop_leftover
from bus.topics import Bus
from knotmeter.fleet.accounts import READER, accounts
from knotmeter.fleet.folder import FleetError, FleetFile, FleetFolder, MemberFile
from knotmeter.fleet.member import UNUSABLE, Member
from shared.clock import monotonic_ns, wall_ns
from shared.config import as_toml
from shared.fleet_settings import RECORDER
from shared.log import get_logger
from shared.process import OWNER_VARIABLE, TOKEN_VARIABLE, members
from shared.setting_sources import PREFIX
from shared.spec import EngineSpec

POLL_SECONDS: Final = 0.05
READY_SECONDS: Final = 120.0
"""Every process must be ready within this; the first start on a machine compiles kernels."""

_ENGINE: Final = "engine"


class Supervisor:
    """The owner of a fleet: everything it starts, it ends."""

    def __init__(self, folder: FleetFolder, settings: Mapping[str, Any], ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.specs: list[EngineSpec] = members(settings["fleet"])
        self.started_ns = wall_ns()
        self._settings = settings
        self._ports = ports
        self._log = get_logger(part="supervisor")
        self._servers = EmbeddedServers(folder.servers, accounts(self.specs), _server_settings(settings))
        self._members: list[Member] = []
        self._stop = asyncio.Event()

    @property
    def members(self) -> list[MemberFile]:
        """Processes of the fleet: the engines, then the recorder."""
        return [member.file for member in self._members]

    async def run(self, is_done: Callable[[], bool], on_ready: Callable[[], None]) -> bool:
        """Run the fleet until told to stop (False) or done (True); it is gone afterwards in any case."""
        try:
            await self.start()
            if not self.stopping:
                on_ready()
            return await self.watch(is_done)
        finally:
            await self.end()

    def stop(self) -> None:
        """Have `watch` return."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked for a stop."""
        return self._stop.is_set()

    async def start(self) -> None:
        """Start the servers, then all processes at once, and wait until each is ready.

        Raises:
            FleetError: a process cannot start; its own words say why.
            ServerError: a server cannot start.
        """
        await asyncio.to_thread(stop_leftover, self.folder.servers)
        await asyncio.to_thread(self._servers.start)
        self.folder.settings.write_text(as_toml(self._own_settings()), "utf-8")
        self.folder.settings.chmod(0o600)
        self._members = [self._member(spec.name, _ENGINE, spec.port) for spec in self.specs]
        self._members.append(self._member(RECORDER, RECORDER, self._settings[RECORDER].port))
        for member in self._members:
            await member.start()
        self._tell()
        await self._until_ready()

    async def watch(self, is_done: Callable[[], bool]) -> bool:
        """Start again whatever crashes; returns once told to stop (False) or when it is done (True).

        Raises:
            FleetError: a process ended because of something that a new start does not mend.
        """
        while not self._stop.is_set():
            if is_done():
                return True
            await self._see_to_servers()
            for member in self._members:
                self._refuse_unusable(member)
                if await member.restart_if_due():
                    self._log.warning("started again", process=member.name, n_starts=member.n_starts)
                    self._tell()
            await self._pause(POLL_SECONDS)
        return False

    async def end(self) -> None:
        """End every process, then the servers; whatever had to be killed is logged."""
        engines = [member for member in self._members if member.file.kind == _ENGINE]
        others = [member for member in self._members if member.file.kind != _ENGINE]
        for group in (engines, others):
            ended = await asyncio.gather(*(member.stop() for member in group))
            for member, in_order in zip(group, ended, strict=True):
                if not in_order:
                    self._log.warning("had to be killed", process=member.name)
        try:
            await asyncio.to_thread(self._servers.stop)
        except ServerError as error:
            self._log.warning("a server had to be killed", error=str(error))
        self.folder.settings.unlink(missing_ok=True)

    def server_pids(self) -> dict[str, int | None]:
        """Process id of each bus' server."""
        return {bus.value: self._servers[bus].pid for bus in Bus}

    async def _see_to_servers(self) -> None:
        for bus in Bus:
            if self._servers[bus].pid is None:
                self._log.warning("a server has ended: started again", bus=bus.value)
                await asyncio.to_thread(self._restart_server, bus)

    def _restart_server(self, bus: Bus) -> None:
        self._servers[bus].stop()
        self._servers.restart(bus)

    async def _until_ready(self) -> None:
        deadline = monotonic_ns() + round(READY_SECONDS * 1e9)
        waiting = list(self._members)
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while waiting and not self._stop.is_set():
                for member in list(waiting):
                    if member.pid is None:
                        message = (
                            f"Expected `{member.name}` to start, it ended with status {member.status}: "
                            f"{member.last_words()}"
                        )
                        raise FleetError(message)
                    if await _is_ready(client, member):
                        waiting.remove(member)
                if waiting and monotonic_ns() > deadline:
                    names = ", ".join(member.name for member in waiting)
                    message = (
                        f"Expected every process ready within {READY_SECONDS:g} s, {names} is not; "
                        f"see the logs in {self.folder.logs}"
                    )
                    raise FleetError(message)
                await self._pause(POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _refuse_unusable(self, member: Member) -> None:
        if member.status == UNUSABLE:
            message = f"Expected `{member.name}` to go on, it refused: {member.last_words()}"
            raise FleetError(message)

    def _member(self, name: str, kind: str, port: int) -> Member:
        arguments = [_ENGINE, name] if kind == _ENGINE else [RECORDER]
        file = MemberFile(
            name=name, kind=kind, host=self._settings["http"].host, port=self._ports.get(name, port)
        )
        log = self.folder.logs / f"{name}.log"
        settings = ["--settings", str(self.folder.settings)]
        return Member(file, [*arguments, *settings], self._environment(file), log)

    def _environment(self, file: MemberFile) -> dict[str, str]:
        """What the process is told besides the settings file: its port, and who it is on the buses."""
        inherited = {key: value for key, value in os.environ.items() if not _is_setting(key)}
        own = self._servers.addresses(file.name)
        return {
            **inherited,
            OWNER_VARIABLE: "1",
            f"{PREFIX}HTTP__PORT": str(file.port),
            f"{PREFIX}BUS__MARKET_DATA": _url(own[Bus.MARKET_DATA], secret=False),
            f"{PREFIX}BUS__ENGINE_LOGIC": _url(own[Bus.ENGINE_LOGIC], secret=False),
            f"{PREFIX}BUS__SECRET": own[Bus.MARKET_DATA].secret or "",
            "KNOTMETER_LOG": os.environ.get("KNOTMETER_LOG", "info"),
        }

    def _own_settings(self) -> dict[str, Any]:
        """Settings that all processes share; where the buses are is told to each by itself."""
        return {name: table for name, table in self._settings.items() if name != "bus"}

    def _tell(self) -> None:
        reader = self._servers.addresses(READER)
        self.folder.write_fleet(
            FleetFile(
                pid=os.getpid(),
                started_ns=self.started_ns,
                mode=self._settings["fleet"].mode,
                members=tuple(
                    MemberFile(
                        name=member.name,
                        kind=member.file.kind,
                        host=member.file.host,
                        port=member.file.port,
                        pid=member.pid,
                    )
                    for member in self._members
                ),
                buses={bus.value: _url(address, secret=True) for bus, address in reader.items()},
                recording=str(self._settings[RECORDER].folder),
                api_token=self._settings["http"].api_token or os.environ.get(TOKEN_VARIABLE),
            )
        )


def _server_settings(settings: Mapping[str, Any]) -> dict[Bus, ServerSettings]:
    memory: int = settings["fleet"].market_data_memory_mb
    return {Bus.MARKET_DATA: ServerSettings(max_memory=memory * 1024 * 1024)}


def _is_setting(variable: str) -> bool:
    return variable.startswith(PREFIX) and "__" in variable


def _url(address: Address, *, secret: bool) -> str:
    login = f"{address.user}:{address.secret}" if secret else address.user
    return f"unix://{login}@{quote(address.path or '')}"


async def _is_ready(client: httpx.AsyncClient, member: Member) -> bool:
    try:
        return (await client.get(f"{member.file.url}/ready")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
