"""One run of the fleet over files: settings, feed and engines put together from the registry."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec

from bus.memory import MemoryTransport
from bus.messages.control import DeadLetter
from bus.topics import Bus, Topic
from knotmeter import provenance
from knotmeter.provenance import FileFacts
from knotmeter.recorder.recorded_flow import PassOn, RecordedFlow
from shared import config, registry
from shared.clock import WallClock
from shared.dead_letters import key
from shared.driver import Driver
from shared.engine import Engine
from shared.errors import SettingsError
from shared.feed import Feed
from shared.fleet import Fleet
from shared.fleet_settings import SHARED_SETTINGS

LETTERS: Final = key("", 0).partition("/")[0]
"""Where a transport keeps dead letters."""


Letters = list[tuple[str, DeadLetter]]
"""Dead letters, each with the engine that set it aside."""


def load_settings(flags: Sequence[str] = (), file: Path | None = None) -> dict[str, Any]:
    """Settings of every engine, from the flags, the environment, the file and the defaults.

    Raises:
        SettingsError: something is wrong; every wrong setting is named.
    """
    settings = load_all_settings(flags, file)
    return {name: settings[name] for name in registry.engines()}


def load_all_settings(flags: Sequence[str] = (), file: Path | None = None) -> dict[str, Any]:
    """Settings of every engine, and of what all processes of a fleet share.

    Raises:
        SettingsError: something is wrong; every wrong setting is named.
    """
    types = {name: registry.config_type(name) for name in registry.engines()} | SHARED_SETTINGS
    return dict(config.load(types, flags=flags, environment=os.environ, file=file))


def source_files(settings: Mapping[str, Any], paths: Sequence[str], instruments: Sequence[str]) -> list[Any]:
    """Settings of each file to read: those that the settings have for it, the instrument given above them.

    Where the settings are those of one file, they serve for any other, such as that of the next day.

    Args:
        settings: of every engine.
        paths: files to read; where there are none, those of the settings.
        instruments: none, one for all files, or one for each.

    Raises:
        SettingsError: no file, a file that the settings lack, instruments that do not fit or are none.
    """
    source = registry.source().name
    listed = list(settings[source].files)
    known = {Path(file.path).resolve(): msgspec.to_builtins(file) for file in listed}
    found = [{**_known(known, path, f"{source}.files"), "path": path} for path in paths] or list(
        known.values()
    )
    if not found:
        raise SettingsError(
            [f"`FILE`: expected a data file, or `{source}.files` in the settings, found none"]
        )
    if len(instruments) not in (0, 1, len(found)):
        expected = f"none, one for all files or one for each of the {len(found)}"
        raise SettingsError([f"`--instrument`: expected {expected}, found {len(instruments)}"])
    kind = registry.part(source, "adapter").FileSettings
    names = dict(enumerate(instruments if len(instruments) != 1 else list(instruments) * len(found)))
    return [_file(kind, file, names.get(number)) for number, file in enumerate(found)]


def _known(known: Mapping[Path, dict[str, Any]], path: str, setting: str) -> dict[str, Any]:
    """What the settings say of a file."""
    place = Path(path).resolve()
    if len(known) > 1 and place not in known:
        names = ", ".join(file["path"] for file in known.values())
        raise SettingsError(
            [f"`FILE`: expected one of `{setting}` in the settings ({names}), found {path!r}"]
        )
    return known.get(place) or next(iter(known.values()), {})


def made_from(
    settings: Mapping[str, Any], files: Sequence[Any], facts: Sequence[FileFacts]
) -> dict[str, str]:
    """What a run rests on, to be held against that of the run it goes on with."""
    source = registry.source().name
    without = {**settings, source: msgspec.structs.replace(settings[source], files=())}
    return provenance.made_from(
        config.as_plain(without), [msgspec.to_builtins(file) for file in files], facts
    )


class Session:
    """Engines over one feed in this process.

    Args:
        settings: of every engine.
        files: settings of each file to read, or of the manifest of a recording.
        frame_size: records of a frame.
        image: the transport of a run to go on with.
        recording: whose records are passed on as they are, in place of files that the source reads.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        files: Sequence[Any],
        frame_size: int,
        image: bytes | None = None,
        recording: RecordedFlow | None = None,
    ) -> None:
        self.settings = settings
        self.files = files
        self.frame_size = frame_size
        self.specs = list(registry.engines().values())
        adapter = registry.part(registry.source().name, "adapter")
        self.feed: Feed = recording or adapter.open_feed(settings[registry.source().name], files)
        self.transport = MemoryTransport() if image is None else MemoryTransport.from_image(image)
        made: dict[str, Engine[Any]] = {} if recording is None else {registry.source().name: PassOn()}
        members = [
            (spec, made.get(spec.name) or registry.create(spec.name, settings[spec.name]))
            for spec in self.specs
        ]
        self.fleet = Fleet(members, self.feed, self.transport, WallClock(), frame_size)

    @property
    def drivers(self) -> list[Driver]:
        """Every engine's driver, in name order."""
        return self.fleet.drivers

    @property
    def topics(self) -> list[Topic]:
        """Topics whose events belong to the result."""
        published = {topic.name: topic for spec in self.specs for topic in spec.publishes}
        found = [topic for topic in published.values() if topic.bus is Bus.ENGINE_LOGIC]
        return sorted((topic for topic in found if not topic.operational), key=lambda topic: topic.name)

    async def letters(self) -> Letters:
        """Dead letters that are kept, each with its engine, in order."""
        found: Letters = []
        for name in await self.transport.keys(f"{LETTERS}/"):
            data = await self.transport.load(name)
            if data is not None:
                found.append((name.split("/")[1], msgspec.msgpack.decode(data, type=DeadLetter)))
        return sorted(found, key=lambda pair: (pair[0], pair[1].producer, pair[1].producer_sequence))


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C ask for a stop, and insist when it is given twice; yields whether it was asked for."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: asked
        return
    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _file(kind: Any, file: Mapping[str, Any], instrument: str | None) -> Any:
    given = {} if instrument is None else {"instrument": instrument}
    try:
        return msgspec.convert({**file, **given}, kind)
    except msgspec.ValidationError as error:
        raise SettingsError([f"file `{file['path']}`: {error}"]) from error
