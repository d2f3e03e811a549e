"""The manifest: one truth, readable by people and by later versions."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from bus.cursors import Cursor
from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from knotmeter.recorder.manifest import NAME, Manifest, Promise, Segment, encode, read_manifest
from shared.errors import DataError

MANIFEST = Manifest(
    session_id="s1",
    positions={"md": "1-500", "logic": "1700000000000-3"},
    cursors={"md": Cursor(1, 500), "alpha": Cursor(2, 7)},
    watermarks={"md": Promise(1, END_OF_TIME), "alpha": Promise(2, 99)},
    engines=("alpha",),
    segments={
        "events/date=2024-01-03": (Segment(number=12, n_rows=5, n_bytes=900),),
        "events/date=2024-01-02": (
            Segment(number=11, n_rows=100, n_bytes=9_000, level=1),
            Segment(number=13, n_rows=1, n_bytes=90),
        ),
        "market/trade/date=2024-01-02": (Segment(number=3, n_rows=8, n_bytes=800),),
    },
)


def test_a_manifest_is_plain_json(tmp_path: Path) -> None:
    """Any program can follow a recording: positions as the server writes them, cursors by producer."""
    (tmp_path / NAME).write_bytes(encode(MANIFEST))
    plain = json.loads((tmp_path / NAME).read_text("utf-8"))

    assert plain["format"] == 1
    assert plain["positions"] == {"md": "1-500", "logic": "1700000000000-3"}
    assert plain["cursors"]["alpha"] == {"epoch": 2, "sequence": 7}
    assert plain["watermarks"]["md"] == {"epoch": 1, "watermark": END_OF_TIME}
    assert plain["complete"] is False
    assert read_manifest(tmp_path) == MANIFEST


def test_fields_that_are_added_later_are_ignored(tmp_path: Path) -> None:
    """A manifest of the same layout is read by older versions too."""
    plain = json.loads(encode(MANIFEST))
    (tmp_path / NAME).write_text(json.dumps({**plain, "news": 1}), "utf-8")

    assert read_manifest(tmp_path) == MANIFEST


def test_what_it_says_of_its_files() -> None:
    """Paths, days in order, rows, and where to read on."""
    assert [name for name, _ in MANIFEST.files()] == [
        "events/date=2024-01-03/00000012.parquet",
        "events/date=2024-01-02/00000011.parquet",
        "events/date=2024-01-02/00000013.parquet",
        "market/trade/date=2024-01-02/00000003.parquet",
    ]
    assert MANIFEST.partitions("events") == ["events/date=2024-01-02", "events/date=2024-01-03"]
    assert (MANIFEST.n_rows("events"), MANIFEST.n_rows("market/bar")) == (106, 0)
    assert MANIFEST.position(Bus.ENGINE_LOGIC) == EntryId(1_700_000_000_000, 3)
    assert msgspec.structs.replace(MANIFEST, positions={}).position(Bus.MARKET_DATA) == BEGINNING


@pytest.mark.parametrize(
    ("engines", "unfinished"),
    [((), []), (("alpha",), ["alpha"]), (("alpha", "beta"), ["alpha", "beta"])],
)
def test_who_has_not_promised_the_end(engines: tuple[str, ...], unfinished: list[str]) -> None:
    """Every engine that has not; silence is no promise."""
    assert MANIFEST.unfinished(engines) == unfinished


def test_a_folder_without_one_is_no_recording(tmp_path: Path) -> None:
    """It is named, and what to do."""
    with pytest.raises(DataError, match=r"expected a recording with a `manifest.json`, found: No such file"):
        read_manifest(tmp_path)
