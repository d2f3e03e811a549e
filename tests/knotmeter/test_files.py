"""The program on real engines and files made here: what is read, what is refused, what ``inspect`` tells."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared import registry
from tests.knotmeter.conftest import Knotmeter

GOOD = """time,price,size
2024-01-02T10:00:00Z,100.5,3
2024-01-02T10:00:01Z,100.75,2
2024-01-02T10:00:01Z,100.5,7
"""

BAD = {
    "text in a price column": (
        GOOD.replace("100.75", "abc"),
        ["row 2, column `price`", "expected a number", "found 'abc'"],
    ),
    "time going backwards": (
        GOOD + "2024-01-02T09:00:00Z,100.5,3\n",
        ["row 4", "expected times that never decrease", "2024-01-02T09:00:00"],
    ),
    "negative size": (GOOD.replace(",7", ",-7"), ["row 3, column `size`", "expected", "found -7"]),
    "unknown columns": ("foo,bar,baz\n1,2,3\n", ["expected columns of trades", "`foo`, `bar`, `baz`"]),
    "nothing": ("", ["expected a file with data", "found an empty file"]),
    "a header alone": ("time,price,size\n", ["expected at least one row", "found none"]),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_whole(knotmeter: Knotmeter, text: str, words: list[str]) -> None:
    """A message with place, expectation and finding; status 2; no folder, no summary."""
    Path("bad.csv").write_text(text, "utf-8")
    done = knotmeter("replay", "bad.csv", "--output", "OUT")

    assert (done.status, done.out) == (2, "")
    assert done.error.startswith("knotmeter: bad.csv")
    assert [word for word in words if word not in done.error] == []
    assert "Traceback" not in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["bad.csv"]


def test_a_truncated_parquet_file_is_refused(knotmeter: Knotmeter) -> None:
    """It says that the file is not whole."""
    table = pa.table({"time": pa.array(range(10_000), pa.timestamp("ns", "UTC")), "price": [1.0] * 10_000})
    pq.write_table(table.append_column("size", pa.array([1] * 10_000)), "whole.parquet")
    Path("bad.parquet").write_bytes(Path("whole.parquet").read_bytes()[:-100])
    done = knotmeter("replay", "bad.parquet", "--output", "OUT")

    assert (done.status, done.out) == (2, "")
    assert "bad.parquet: expected a whole Parquet file" in done.error
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["bad.parquet", "whole.parquet"]
    assert knotmeter("replay", "whole.parquet", "--output", "OUT").status == 0


def test_a_column_that_is_not_there_is_named(knotmeter: Knotmeter) -> None:
    """With those that are."""
    Path("trades.csv").write_text(GOOD, "utf-8")
    setting = f"{registry.source().name}.columns.price=lst"
    done = knotmeter("replay", "trades.csv", "--set", setting, "--output", "OUT")

    assert done.status == 2
    assert "column `lst`" in done.error
    assert "`time`, `price`, `size`" in done.error


def test_what_inspect_writes_replays_to_the_same_log(knotmeter: Knotmeter) -> None:
    """Odd names, naive times and another zone: found once, written down, read back."""
    lines = [f"02.01.2024 10:00:{n:02d};{100 + n % 3};{n + 1}" for n in range(50)]
    Path("odd.csv").write_text("\n".join(["Zeit;last_px;qty", *lines]), "utf-8")
    name = registry.source().name
    reading = (
        *("--instrument", "ODD.XTST", "--set", f"{name}.time_zone=Europe/Berlin"),
        *("--set", f"{name}.columns.ts_event=Zeit", "--set", f"{name}.columns.price=last_px"),
        *("--set", f"{name}.delimiter=;", "--set", f"{name}.columns.size=qty"),
        *("--set", f"{name}.time_format=%d.%m.%Y %H:%M:%S"),
    )
    found = knotmeter("inspect", "odd.csv", *reading, "--settings-out", "odd.toml")
    assert (found.status, found.error) == (0, "")
    for words in ("csv, 50 records of kind trade", "last_px", "2024-01-02 09:00:00Z", "ODD.XTST"):
        assert words in found.out
    assert max(map(len, found.out.partition("Settings to read")[0].splitlines())) <= 80

    volume = ("--set", "vpin.bucket_volume=100", "--set", "vpin.classification=tick_rule")
    assert knotmeter("replay", "odd.csv", *reading, *volume, "--output", "A").status == 0
    assert knotmeter("replay", "--settings", "odd.toml", *volume, "--output", "B").status == 0
    log = Path("A/events.jsonl").read_bytes()
    assert log.count(b"\n") > 5
    assert Path("B/events.jsonl").read_bytes() == log


def test_settings_of_one_file_serve_another(knotmeter: Knotmeter) -> None:
    """The next day's file is read as this day's; of several files only those named are."""
    Path("a.csv").write_text(GOOD, "utf-8")
    Path("b.csv").write_text(GOOD.replace("-02T", "-03T"), "utf-8")
    knotmeter("inspect", "a.csv", "--instrument", "A.XTST", "--settings-out", "a.toml")

    done = knotmeter("replay", "b.csv", "--settings", "a.toml", "--output", "OUT")
    assert done.status == 0, done.error
    (file,) = json.loads(Path("OUT/run.json").read_text("utf-8"))["files"]
    assert (file["path"], file["settings"]["instrument"]) == ("b.csv", "A.XTST")

    both = Path("a.toml").read_text("utf-8")
    Path("both.toml").write_text(both + both.replace("a.csv", "c.csv"), "utf-8")
    done = knotmeter("replay", "b.csv", "--settings", "both.toml")
    assert done.status == 2
    assert "in the settings (a.csv, c.csv), found 'b.csv'" in done.error


def test_the_settings_are_those_of_the_source(knotmeter: Knotmeter) -> None:
    """A table that any TOML reader takes."""
    Path("a.csv").write_text(GOOD, "utf-8")
    knotmeter("inspect", "a.csv", "--instrument", "A.XTST", "--settings-out", "a.toml")

    table = tomllib.loads(Path("a.toml").read_text("utf-8"))
    assert list(table) == [registry.source().name]
    (file,) = table[registry.source().name]["files"]
    assert (file["path"], file["instrument"]) == ("a.csv", "A.XTST")


def test_settings_are_not_overwritten(knotmeter: Knotmeter) -> None:
    """A file that somebody may have edited is replaced by --force alone."""
    Path("a.csv").write_text(GOOD, "utf-8")
    Path("a.toml").write_text("# mine", "utf-8")
    done = knotmeter("inspect", "a.csv", "--settings-out", "a.toml")
    assert done.status == 2
    assert "`--settings-out`: expected a new file" in done.error
    assert Path("a.toml").read_text("utf-8") == "# mine"

    assert knotmeter("inspect", "a.csv", "--settings-out", "a.toml", "--force").status == 0


@pytest.mark.parametrize("name", ["s.parquet", "s.csv", "s.csv.gz"])
def test_samples_are_inspected_and_replayed(knotmeter: Knotmeter, name: str) -> None:
    """The quick start of the README, in each format."""
    assert knotmeter("sample", name, "--trades", 3_000).status == 0
    assert knotmeter("inspect", name, "--settings-out", "s.toml").status == 0
    volume = ("--set", "vpin.bucket_volume=20000")
    done = knotmeter("replay", "--settings", "s.toml", *volume, "--output", "OUT")
    assert (done.status, done.error) == (0, "")
    assert Path("OUT/events.jsonl").read_bytes().count(b"\n") > 10


def test_a_sample_of_no_known_format(knotmeter: Knotmeter) -> None:
    """The known ones are named."""
    done = knotmeter("sample", "s.xlsx")

    assert done.status == 2
    assert ".parquet" in done.error
    assert list(Path.cwd().iterdir()) == []


def test_inspect_tells_what_is_wrong(knotmeter: Knotmeter) -> None:
    """Status 1, the problem in words, and no settings that would not work."""
    Path("bad.csv").write_text(GOOD + "2024-01-02T09:00:00Z,100.5,3\n", "utf-8")
    done = knotmeter("inspect", "bad.csv", "--settings-out", "bad.toml")

    assert done.status == 1
    assert "Problems" in done.out
    assert "expected times that never decrease" in " ".join(done.out.split())
    assert not Path("bad.toml").exists()


def test_inspect_needs_a_file(knotmeter: Knotmeter) -> None:
    """One that is there."""
    done = knotmeter("inspect", "none.csv")

    assert (done.status, done.out) == (2, "")
    assert "none.csv: expected a file that can be read, found no such file" in done.error


def test_bars_are_imported_and_written(knotmeter: Knotmeter) -> None:
    """A file of bars gives a table of bars."""
    Path("bars.csv").write_text(
        "time,open,high,low,close,volume\n"
        "2024-01-02T10:00:00Z,100.5,101,100,100.75,5\n"
        "2024-01-02T10:01:00Z,100.75,102,100.5,101.5,7\n",
        "utf-8",
    )
    done = knotmeter("replay", "bars.csv", "--instrument", "A.XTST", "--output", "OUT")

    assert done.status == 0, done.error
    bars = pq.read_table("OUT/bar.parquet")
    assert bars["close"].to_pylist() == [100.75, 101.5]
    assert bars["volume"].to_pylist() == [5.0, 7.0]
    assert bars["origin"].to_pylist() == ["imported", "imported"]
    assert bars["instrument_id"].to_pylist() == ["A.XTST", "A.XTST"]


@pytest.mark.parametrize("command", ["engines", "settings"])
def test_listings_fit_80_columns(knotmeter: Knotmeter, command: str) -> None:
    """For the engines there are."""
    done = knotmeter(command)

    assert (done.status, done.error) == (0, "")
    assert [line for line in done.out.splitlines() if len(line) > 80] == []
    assert all(name in done.out for name in registry.engines())
