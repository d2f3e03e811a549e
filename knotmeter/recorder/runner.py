"""The recorder as `knotmeter recorder` runs it: courier, recording, trimmer and face put together."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import uvloop

from bus.redis import Patience
from bus.topics import Bus
from knotmeter import provenance
from knotmeter.fleet.folder import FleetFolder
from knotmeter.recorder.face import build
from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from knotmeter.recorder.server_memory import ServerMemory
from knotmeter.recorder.trimmer import Trimmer
from shared.face.server import bind
from shared.fleet_settings import RECORDER, HttpSettings
from shared.process import addresses, connect, members, required_readers, serving, stopping, with_token

_SWITCH_INTERVAL: Final = 5e-5


def run_recorder(settings: Mapping[str, Any]) -> int:
    """Record until told to stop; returns the exit status.

    Raises:
        KnotmeterError: what kept it from starting, or what it could not mend.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    http: HttpSettings = with_token(settings["http"])
    with (
        closing(bind(http, settings[RECORDER].port)) as listener,
        closing(Recording.open(Path(settings[RECORDER].folder), terms_of(settings))) as recording,
    ):
        uvloop.run(_run(settings, http, listener, recording))
    return 0


async def _run(settings: Mapping[str, Any], http: HttpSettings, listener: Any, recording: Recording) -> None:
    fleet, bus = members(settings["fleet"]), settings["bus"]
    courier = connect(bus)
    memory = ServerMemory(addresses(bus), Patience(reconnect=bus.reconnect_seconds))
    process = RecorderProcess(
        courier,
        Recorder(recording),
        Trimmer({one: required_readers(fleet, one) for one in Bus}, settings["fleet"].keep_seconds),
        settings[RECORDER].flush_seconds,
        memory.usage,
    )
    try:
        async with serving(build(process, http), None, listener):
            with stopping(process.stop):
                await process.run()
    finally:
        memory.close()
        await courier.close()


def terms_of(settings: Mapping[str, Any]) -> Terms:
    """What the settings agree about a recording."""
    fleet = members(settings["fleet"])
    session = FleetFolder(Path(settings[RECORDER].folder).parent).session()
    return Terms(
        session=None if session is None else {"mode": session.mode, "made_from": session.made_from},
        engines=tuple(spec.name for spec in fleet if not spec.is_source),
        versions=provenance.versions(),
        retention_days=settings[RECORDER].retention_days,
    )
