"""Real trades of the S&P 500 E-mini, 1 to 3 September 2013: figures known from outside the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.knotmeter.conftest import Knotmeter

SETTINGS = (
    *("--instrument", "ES.XCME", "--set", "vpin.bucket_volume=9220"),
    *("--set", "vpin.n_buckets=50", "--set", "vpin.classification=tick_rule"),
)


@pytest.fixture
def trades(market_data: Path) -> Path:
    """Half a million trades."""
    return market_data / "es_futures" / "sp500_emini_2013-09_ticks_500k.parquet"


def payloads(folder: str) -> list[dict[str, Any]]:
    """Payloads of the event log."""
    lines = Path(folder, "events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["payload"] for line in lines]


def test_toxicity_of_real_trades(knotmeter: Knotmeter, trades: Path) -> None:
    """Two hundred buckets, null until the fiftieth, and the three known values."""
    done = knotmeter("replay", trades, *SETTINGS, "--output", "OUT")

    assert (done.status, done.error) == (0, "")
    found = payloads("OUT")
    assert [payload["bucket_index"] for payload in found] == list(range(200))
    values = [payload["vpin"] for payload in found]
    assert values[:49] == [None] * 49
    known = [value for value in values if value is not None]
    assert known[0] == pytest.approx(0.152919740, abs=1e-9)
    assert known[-1] == pytest.approx(0.200321041, abs=1e-9)
    assert max(known) == pytest.approx(0.218637744, abs=1e-9)
    table = pq.read_table("OUT/toxicity.parquet")
    assert table["vpin"].to_pylist() == values
    assert table["ts_close"].cast("int64").to_pylist() == [payload["ts_close"] for payload in found]
    assert [dict(reasons) for reasons in table["reasons"].to_pylist()] == [p["reasons"] for p in found]


def test_neither_frames_nor_stops_change_the_log(knotmeter: Knotmeter, trades: Path) -> None:
    """Frames of 977 and of 65536 records, and two stops in the middle, give the same bytes."""
    knotmeter("replay", trades, *SETTINGS, "--output", "A", "--frame-size", 977)
    stop = ("replay", trades, *SETTINGS, "--output", "B", "--frame-size", 65_536)
    assert knotmeter(*stop, "--stop-after", 123_457).status == 0
    assert knotmeter(*stop, "--stop-after", 300_000, "--resume").status == 0
    assert knotmeter(*stop, "--resume").status == 0

    for name in ("events.jsonl", "toxicity.parquet", "bar.parquet", "instrument.parquet"):
        assert Path("A", name).read_bytes() == Path("B", name).read_bytes()


@pytest.mark.parametrize("classification", ["lee_ready", "bulk_normal", "bulk_student_t"])
def test_every_classification_is_as_steady(knotmeter: Knotmeter, trades: Path, classification: str) -> None:
    """The same bytes at another frame size and after a stop."""
    given = ("replay", trades, *SETTINGS[:-1], f"vpin.classification={classification}")
    knotmeter(*given, "--output", "A")
    knotmeter(*given, "--output", "B", "--frame-size", 977, "--stop-after", 222_222)
    knotmeter(*given, "--output", "B", "--frame-size", 977, "--resume")

    log = Path("A/events.jsonl").read_bytes()
    assert log == Path("B/events.jsonl").read_bytes()
    assert {payload["classification"] for payload in payloads("A")} == {classification}
    values = [payload["vpin"] for payload in payloads("A") if payload["vpin"] is not None]
    assert len(values) > 100
    assert 0 <= min(values) < max(values) <= 1


def test_reported_sides_are_taken_as_reported(knotmeter: Knotmeter, market_data: Path) -> None:
    """Trades of ESH4 with the side of the aggressor: buckets of 100 contracts, all volume classified."""
    trades = market_data / "es_mbo" / "derived_esh4_20231225_trades_with_bbo.parquet"
    volume = ("--set", "vpin.bucket_volume=100", "--set", "vpin.classification=reported")
    done = knotmeter("replay", trades, "--instrument", "ESH4.XCME", *volume, "--output", "OUT")

    assert done.status == 0, done.error
    table = pq.read_table(trades, columns=["size", "side"])
    sided = sum(size for size, side in zip(*map(list, table.to_pydict().values()), strict=True) if side)
    found = payloads("OUT")
    assert len(found) == sided // 100
    assert all(payload["buy_volume"] + payload["sell_volume"] == 100 for payload in found)


@pytest.mark.parametrize("kind", ["trades", "mbp-1"])
def test_dbn_files(knotmeter: Knotmeter, market_data: Path, kind: str) -> None:
    """Trades alone, and trades with quotes: 120 trades of ESU4 in both."""
    (file,) = (market_data / "es_mbo").glob(f"futures_{kind}_*.dbn.zst")
    volume = ("--set", "vpin.bucket_volume=10", "--set", "vpin.classification=reported")
    done = knotmeter("replay", file, *volume, "--output", "OUT")

    assert done.status == 0, done.error
    (instrument,) = pq.read_table("OUT/instrument.parquet")["instrument_id"].to_pylist()
    assert instrument.startswith("ESU4.")
    summary = " ".join(done.out.split())
    assert "trades 120 " in summary
    assert ("quotes 0 " in summary) == (kind == "trades")


def test_several_files_are_merged(knotmeter: Knotmeter, market_data: Path) -> None:
    """Trades of IBM and BAC with IBM's quotes: one flow, every trade counted, sides by the quote rule."""
    folder = market_data / "us_equity_ticks"
    files = [folder / f"{name}_20131008_{kind}.zip" for name, kind in FILES]
    done = knotmeter(
        *("replay", *files, "--output", "OUT", "--set", "vpin.bucket_volume=100000"),
        *("--set", "vpin.classification=lee_ready"),
    )

    assert done.status == 0, done.error
    assert {payload["instrument_id"] for payload in payloads("OUT")} == {"IBM.USA", "BAC.USA"}
    run = json.loads(Path("OUT/run.json").read_text("utf-8"))
    assert len(run["files"]) == 3
    assert sum(run["dead_letters"].values()) == 0
    assert max(len(line) for line in done.out.splitlines() if "/" not in line) <= 80


FILES = (("ibm", "trade"), ("bac", "trade"), ("ibm", "quote"))
