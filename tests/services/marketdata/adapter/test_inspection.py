"""What `inspect` says of a file, and the settings it writes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from services.marketdata.adapter import FileSettings, inspect
from services.marketdata.adapter.inspection import N_GAPS
from shared.errors import DataError
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    read,
    rows_of,
    write_csv,
    write_dbn,
    write_lean,
    write_parquet,
)

SECOND = 1_000_000_000


def written(text: str) -> FileSettings:
    """The one file of a settings text."""
    (table,) = tomllib.loads(text)["marketdata"]["files"]
    return msgspec.convert(table, FileSettings)


def test_what_a_file_is(tmp_path: Path) -> None:
    """Format, kind, columns, times, silences, instruments and increments are told."""
    path = write_csv(
        tmp_path / "t.csv",
        "when,ticker,px,qty,note",
        "2023-11-14 22:13:20,A,10.25,0.5,x",
        "2023-11-14 22:13:21,B,20.5,2,x",
        "2023-11-14 22:14:21,A,10.5,1,x",
    )

    found = inspect(str(path), FileSettings(path="-", columns={"ts_event": "when"}))

    assert (found.format, found.kind, found.n_records) == ("csv", "trade", 3)
    assert (found.first_time, found.last_time) == (START, START + 61 * SECOND)
    assert (found.time_zone, found.is_naive) == ("UTC", True)
    assert [(use.name, use.field) for use in found.columns] == [
        ("when", "ts_event"),
        ("ticker", "instrument"),
        ("px", "price"),
        ("qty", "size"),
        ("note", None),
    ]
    assert [(gap.start, gap.seconds) for gap in found.gaps] == [(START + SECOND, 60.0), (START, 1.0)]
    assert [msgspec.structs.astuple(instrument) for instrument in found.instruments] == [
        ("A.FILE", 2, 250_000_000, 100_000_000),
        ("B.FILE", 1, 500_000_000, SECOND),
    ]
    assert found.problems == ()
    assert len(found.notes) == 2


def test_the_settings_it_writes_read_the_file_alike(tmp_path: Path) -> None:
    """The text is TOML, it says what was found, and reading with it gives the same records."""
    day = "2023-11-14"
    files = [
        write_csv(
            tmp_path / 'od"d ☃.csv', "time,price,volume", f"{day} 22:13:20,10,0.5", f"{day} 22:13:21,11,1"
        ),
        write_parquet(tmp_path / "q.parquet", ts_event=[START, START], bid=[1.0, 1.0], ask=[2.0, 2.0]),
        write_csv(tmp_path / "b.csv", "date,open,high,low,close", "2023-11-14,1,2,1,2", "2023-11-15,2,2,1,1"),
        write_dbn(tmp_path / "m.dbn", dbn_head("mbp-1"), dbn_rows("mbp-1", 3)),
        write_dbn(tmp_path / "t.dbn", dbn_head("trades"), dbn_rows("trades", 3)),
        write_lean(tmp_path, "ibm_20131008_trade.zip", "20131008_ibm_Trade_Tick.csv", "0,1,1,P,0,0"),
    ]

    for path in files:
        found = inspect(str(path))
        explicit = written(found.settings_toml())
        assert explicit == found.settings
        assert explicit.format == found.format
        assert rows_of(read(explicit)) == rows_of(read(path))


def test_settings_say_what_was_found(tmp_path: Path) -> None:
    """Names, zone, instrument and increments stand in the settings, so that they can be corrected there."""
    path = write_csv(tmp_path / "t.csv", "time,price,volume", "2023-11-14 22:13:20,10,0.5")

    assert written(inspect(str(path)).settings_toml()) == FileSettings(
        path=str(path),
        instrument="T.FILE",
        format="csv",
        kind="trade",
        columns={"price": "price", "size": "volume", "ts_event": "time"},
        time_zone="UTC",
        size_increment=0.1,
    )


def test_problems_are_told_and_the_rest_is_too(tmp_path: Path) -> None:
    """A bad row is a problem; what stands in the blocks before it is still told."""
    times = START + np.arange(70_000)
    times[-1] = 0
    path = write_parquet(tmp_path / "t.parquet", ts_event=times, price=np.ones(70_000), size=[1] * 70_000)

    found = inspect(str(path))

    assert found.n_records == 65_536
    assert len(found.problems) == 1
    assert "row 70000: expected times that never decrease" in found.problems[0]


def test_columns_of_nothing_known_are_a_problem(tmp_path: Path) -> None:
    """A file that cannot be mapped is still named, with its problem."""
    found = inspect(str(write_csv(tmp_path / "t.csv", "a,b", "1,2")))

    assert (found.format, found.kind, found.n_records) == ("csv", None, 0)
    assert "The file's columns are `a`, `b`" in found.problems[0]


def test_the_longest_silences_over_all_blocks(tmp_path: Path) -> None:
    """Silences are found inside blocks and between them, and only the longest are kept."""
    steps = np.ones(140_000, np.int64)
    steps[[5, 65_536, 131_072, 139_999]] = [50, 40, 60, 30]
    times = START + np.cumsum(steps)
    path = write_parquet(
        tmp_path / "t.parquet", ts_event=times, price=np.ones(len(times)), size=np.ones(len(times), int)
    )

    gaps = inspect(str(path)).gaps

    assert [gap.end - gap.start for gap in gaps] == [60, 50, 40, 30, 1]
    assert len(gaps) == N_GAPS


def test_a_file_that_is_not_there_is_an_error() -> None:
    """There is nothing to say of a file that does not exist."""
    with pytest.raises(DataError, match="found no such file"):
        inspect("nowhere.csv")
