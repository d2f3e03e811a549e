"""The ledger: files go only after the manifest that no longer names them is on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from knotmeter.recorder.ledger import Ledger
from knotmeter.recorder.manifest import Manifest, Segment, read_manifest
from tests.knotmeter.recorder.disks import FullDisk

FOLDER = "events/date=2024-01-02"
SEGMENT = Segment(number=7, n_rows=1, n_bytes=4)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger that names one file, beside another that it does not name."""
    (tmp_path / FOLDER).mkdir(parents=True)
    for number in (7, 9):
        (tmp_path / FOLDER / f"{number:08}.parquet").write_bytes(b"rows")
    return Ledger(tmp_path, FullDisk("sync"), Manifest(session_id="s", segments={FOLDER: (SEGMENT,)}))


def names(ledger: Ledger) -> list[str]:
    """Files that are there."""
    return sorted(path.name for path in (ledger.folder / FOLDER).glob("*"))


def test_nothing_goes_while_a_power_cut_could_bring_it_back(ledger: Ledger) -> None:
    """A manifest that has its name and could not be synced may be gone after a power cut; its files stay."""
    ledger.commit(ledger.manifest)
    ledger.sweep()
    assert names(ledger) == ["00000007.parquet"]

    changed = msgspec.structs.replace(ledger.manifest, segments={})
    disk = ledger.disk
    assert isinstance(disk, FullDisk)
    replace = disk.replace

    def then_full(former: Path, path: Path) -> None:
        replace(former, path)
        disk.is_full = True

    disk.replace = then_full  # type: ignore[method-assign]  # full from the rename on
    with pytest.raises(OSError, match="No space left"):
        ledger.commit(changed, [f"{FOLDER}/{SEGMENT.name}"])
    assert (ledger.manifest, ledger.is_durable) == (changed, False)
    assert read_manifest(ledger.folder) == changed
    ledger.sweep()
    assert names(ledger) == ["00000007.parquet"]

    disk.replace, disk.is_full = replace, False  # type: ignore[method-assign]
    ledger.commit(changed)
    ledger.sweep()
    assert not (ledger.folder / FOLDER).exists()


def test_a_number_is_given_once(ledger: Ledger) -> None:
    """Not even that of a file nobody names: it may still have to be removed."""
    assert [ledger.next_number() for _ in range(3)] == [10, 11, 12]
