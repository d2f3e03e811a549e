"""A fleet of toy faces in a folder, as the commands that operate a fleet find it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from knotmeter.fleet.folder import FleetFile, FleetFolder, MemberFile
from knotmeter.recorder.vitals import RecorderVitals
from shared.face.answer import answer
from shared.face.app import Face
from shared.face.routes import Routes
from shared.face.server import Server, bind
from shared.face.subject import Readiness
from shared.fleet_settings import RECORDER, HttpSettings
from shared.spec import CommandSpec
from tests.knotmeter.client.serving import DEADLINE_SECONDS, served
from tests.shared.face.faces import NOW, SPEC, ToySubject, free_port

RECORDED = RecorderVitals(
    n_records={"trade": 900, "clock": 100},
    n_events={"toxicity": 7},
    n_segments=3,
    n_bytes=2_048,
    held_back_by={"md": "slow", "logic": None},
    checkpoint_ts_ns=NOW,
)


def toy(name: str, *commands: str) -> ToySubject:
    """A toy process of this name that has counted three trades and takes these commands."""
    made = ToySubject()
    taken = tuple(CommandSpec(name=command, about=f"Does {command}.") for command in commands)
    made.spec = msgspec.structs.replace(SPEC, name=name, commands=taken)
    made.hear(3)
    return made


@contextmanager
def fake_fleet(place: Path, *subjects: ToySubject, down: tuple[str, ...] = ()) -> Iterator[FleetFolder]:
    """A folder in which these processes and a recorder run, and others should; its buses are not there."""
    folder = FleetFolder(place)
    folder.lock()
    try:
        with ExitStack() as stack:
            urls = {subject.spec.name: stack.enter_context(served(subject)) for subject in subjects}
            urls[RECORDER] = stack.enter_context(_recorder())
            ports = {name: int(url.rpartition(":")[2]) for name, url in urls.items()}
            ports |= {name: free_port() for name in down}
            folder.write_fleet(_file(place, ports))
            yield folder
    finally:
        folder.unlock()


def _file(place: Path, ports: Mapping[str, int]) -> FleetFile:
    members = tuple(
        MemberFile(
            name=name, kind=RECORDER if name == RECORDER else "engine", host="127.0.0.1", port=port, pid=4_711
        )
        for name, port in ports.items()
    )
    buses = {name: f"unix://reader:secret@{place}/{name}.sock" for name in ("md", "logic")}
    return FleetFile(
        pid=4_710,
        started_ns=NOW,
        mode="replay",
        members=members,
        buses=buses,
        recording=str(place / "recording"),
    )


@contextmanager
def _recorder() -> Iterator[str]:
    """A face that answers what a recorder's does."""
    routes = Routes()

    @routes.query("/ready", Readiness, summary="Whether it records")
    async def ready(request: Request) -> Response:
        return answer(request, Readiness(ready=True, phase="ready"))

    @routes.query("/state", RecorderVitals, summary="How far it has got")
    async def state(request: Request) -> Response:
        return answer(request, RECORDED)

    app = Face(RECORDER, "What has happened?", HttpSettings(), [routes])
    started, ended = threading.Event(), asyncio.Event()
    told: dict[str, Any] = {}

    async def run() -> None:
        listener = bind(HttpSettings(), 0)
        told["port"], told["loop"] = listener.getsockname()[1], asyncio.get_running_loop()
        server = Server(app, None)
        await server.start(listener)
        started.set()
        await ended.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert started.wait(DEADLINE_SECONDS)
        yield f"http://127.0.0.1:{told['port']}"
    finally:
        told["loop"].call_soon_threadsafe(ended.set)
        thread.join(DEADLINE_SECONDS)
