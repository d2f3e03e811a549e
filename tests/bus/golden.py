"""The golden bytes: what each event and each record looked like when it was first published.

Examples only ever come to ``tests/reference/bus/golden_bytes.json``, they never change: the first of a type
keeps the promise to those who wrote it, the last is what today's code writes. To add one, write it without
its ``hex`` and run ``python -m tests.bus.golden``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from bus import codec, frames
from bus.envelope import AnyEvent, Cause, Event
from bus.frames import Header
from bus.records import KINDS, Array, Records
from bus.topics import TOPICS

PATH: Final = Path(__file__).resolve().parent.parent / "reference" / "bus" / "golden_bytes.json"


class Example(msgspec.Struct, kw_only=True):
    """One message in plain words and its bytes."""

    content: dict[str, Any]
    hex: str = ""

    @property
    def data(self) -> bytes:
        """The bytes."""
        return bytes.fromhex(self.hex)


class Golden(msgspec.Struct, kw_only=True):
    """The whole file."""

    about: str
    events: dict[str, list[Example]]
    records: dict[str, list[Example]]
    frame_headers: list[Example]


def load() -> Golden:
    """Read the file."""
    return msgspec.json.decode(PATH.read_bytes(), type=Golden)


def event_of(name: str, example: Example) -> AnyEvent:
    """The event that an example tells in plain words; bytes are written in base 64."""
    content = dict(example.content)
    payload = msgspec.convert(content.pop("payload"), TOPICS[name].payload)
    cause = content.pop("cause")
    return Event(**content, cause=Cause(**cause) if cause else None, payload=payload)


def record_of(kind: str, example: Example) -> Array:
    """The record that an example tells in plain words, as an array of one."""
    record = np.zeros(1, KINDS[kind])
    for name, value in example.content.items():
        record[name] = value.encode() if isinstance(value, str) else value
    return record


def header_of(example: Example) -> bytes:
    """The frame header that an example tells in plain words."""
    header = Header(**example.content)
    clock = np.zeros(header.n_records, KINDS["clock"])
    clock["sequence"] = np.arange(header.first_sequence, header.last_sequence + 1)
    fields = frames.encode(
        Records({"clock": clock}),
        epoch=header.epoch,
        watermark=header.watermark,
        ts_publish=header.ts_publish,
    )
    return bytes(fields["h"])


def fill(golden: Golden) -> int:
    """Write the bytes of examples that have none; returns how many."""
    missing = [(example, codec.encode(event_of(name, example))) for name, example in _open(golden.events)]
    missing += [(example, record_of(kind, example).tobytes()) for kind, example in _open(golden.records)]
    missing += [(example, header_of(example)) for example in golden.frame_headers if not example.hex]
    for example, data in missing:
        example.hex = data.hex()
    return len(missing)


def _open(examples: dict[str, list[Example]]) -> list[tuple[str, Example]]:
    return [(name, example) for name, found in examples.items() for example in found if not example.hex]


def main() -> int:
    """Fill the file."""
    golden = load()
    count = fill(golden)
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(golden), indent=1) + b"\n")
    sys.stdout.write(f"{count} examples got their bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
