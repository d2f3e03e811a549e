"""A process of the fleet: one engine, its courier to both servers, its HTTP face, and its orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from bus.errors import BusError
from bus.redis import Address, Patience, RedisTransport
from bus.topics import Bus
from bus.transport import Courier
from shared import registry
from shared.clock import WallClock
from shared.engine_subject import EngineSubject
from shared.errors import SettingsError
from shared.face.app import Face, build
from shared.face.app import warm as warm_face
from shared.face.server import Server, bind
from shared.face.subject import Subject
from shared.fleet_settings import RECORDER, BusSettings, FleetSettings, HttpSettings
from shared.log import get_logger
from shared.service import Service
from shared.source_service import SourceService
from shared.spec import EngineSpec
from shared.warming import warm_one

TOKEN_VARIABLE: Final = "KNOTMETER_API_TOKEN"
"""Environment variable of the API token."""

OWNER_VARIABLE: Final = "KNOTMETER_OWNED"
"""Set by a supervisor that holds the other end of our standard input: when that closes, we stop."""

_SWITCH_INTERVAL: Final = 5e-5


def members(settings: FleetSettings) -> list[EngineSpec]:
    """Engines of the fleet.

    Raises:
        SettingsError: one is named that there is not, or the source is left out.
    """
    known = registry.engines()
    names = settings.engines or tuple(known)
    if unknown := [name for name in names if name not in known]:
        raise SettingsError(
            [f"`fleet.engines`: expected engines of {', '.join(known)}, found {', '.join(unknown)}"]
        )
    return [spec for name, spec in known.items() if name in names]


def required_readers(fleet: Sequence[EngineSpec], bus: Bus) -> list[str]:
    """Who must have read an entry of a bus before it may be dropped."""
    engines = [spec.name for spec in fleet if bus is Bus.ENGINE_LOGIC or _reads_records(spec)]
    return [*engines, RECORDER]


def addresses(settings: BusSettings) -> dict[Bus, Address]:
    """Where both servers are, with the secret.

    Raises:
        SettingsError: an address is none, or the file of the secret cannot be read.
    """
    secret = settings.secret
    if secret is None and settings.secret_file is not None:
        try:
            secret = Path(settings.secret_file).read_text("utf-8").strip()
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(
                [f"`bus.secret_file`: expected a readable file, found {settings.secret_file!r}: {reason}"]
            ) from error
    places = {Bus.MARKET_DATA: "market_data", Bus.ENGINE_LOGIC: "engine_logic"}
    return {bus: _address(name, getattr(settings, name), secret) for bus, name in places.items()}


def connect(settings: BusSettings) -> RedisTransport:
    """A courier to both servers; must be made inside the event loop."""
    return RedisTransport(addresses(settings), Patience(reconnect=settings.reconnect_seconds))


def with_token(settings: HttpSettings) -> HttpSettings:
    """HTTP settings with the token of the environment where they name none."""
    token = settings.api_token or os.environ.get(TOKEN_VARIABLE) or None
    return msgspec.structs.replace(settings, api_token=token)


def make_service(name: str, settings: Mapping[str, Any], courier: Courier) -> Service:
    """The service of an engine.

    Raises:
        SettingsError: the engine is not of the fleet, or the source has nothing to read.
        DataError: a file of the feed cannot be read as what it is said to be.
    """
    fleet = members(settings["fleet"])
    spec = next((spec for spec in fleet if spec.name == name), None)
    if spec is None:
        names = ", ".join(spec.name for spec in fleet)
        raise SettingsError([f"`fleet.engines`: expected `{name}` among the engines, found {names}"])

    def make() -> Any:
        return registry.create(name, settings[name])

    if not spec.is_source:
        return Service(spec, make, fleet, courier, WallClock(), settings["fleet"])
    files = settings[name].files
    if not files:
        raise SettingsError([f"`{name}.files`: expected at least one file to read, found none"])
    return SourceService(
        spec,
        make,
        fleet,
        courier,
        WallClock(),
        settings["fleet"],
        feed=registry.part(name, "adapter").open_feed(settings[name], files),
        readers=required_readers([other for other in fleet if not other.is_source], Bus.MARKET_DATA),
    )


def run_engine(name: str, settings: Mapping[str, Any]) -> int:
    """Run one engine until it is told to stop; returns the exit status.

    Raises:
        KnotmeterError: what kept it from starting, or what it could not mend.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    http = with_token(settings["http"])
    with closing(bind(http, registry.engines()[name].port)) as listener:
        uvloop.run(_run_engine(name, settings, http, listener))
    return 0


async def _run_engine(
    name: str, settings: Mapping[str, Any], http: HttpSettings, listener: socket.socket
) -> None:
    courier = connect(settings["bus"])
    try:
        service = make_service(name, settings, courier)
        subject = EngineSubject(service)
        async with serving(build(subject, http), subject, listener):
            with stopping(service.stop):
                await asyncio.to_thread(warm_one, name)
                # What only requests need comes later, so that an engine that was killed is soon back.
                asking = asyncio.get_running_loop().run_in_executor(None, warm_face, name)
                await service.run()
                await asking
    finally:
        await courier.close()


@asynccontextmanager
async def serving(app: Face, subject: Subject | None, listener: socket.socket) -> AsyncIterator[None]:
    """Answer HTTP as long as the context lasts."""
    server = Server(app, subject)
    await server.start(listener)
    try:
        yield
    finally:
        await server.stop()


@contextmanager
def stopping(stop: Any) -> Iterator[None]:
    """Have SIGTERM, SIGINT and the end of a supervisor call ``stop``."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    owned = os.environ.get(OWNER_VARIABLE) == "1"
    if owned:
        loop.add_reader(sys.stdin.fileno(), _orphaned, stop)
    try:
        yield
    finally:
        if owned:
            loop.remove_reader(sys.stdin.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _address(name: str, text: str, secret: str | None) -> Address:
    try:
        return Address.parse(text, secret)
    except BusError as error:
        raise SettingsError([f"`bus.{name}`: {error}"]) from error


def _orphaned(stop: Any) -> None:
    if os.read(sys.stdin.fileno(), 1) == b"":
        get_logger().warning("the supervisor has gone: stopping")
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop()


def _reads_records(spec: EngineSpec) -> bool:
    return bool(spec.record_kinds) and not spec.is_source
