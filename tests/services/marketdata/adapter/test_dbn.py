"""DBN files of every version and of the schemas that are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bus.record_codes import BarBasis, BarOrigin, Flag, SideOrigin
from services.marketdata.adapter.dbn_layout import LAYOUTS
from services.marketdata.adapter.dbn_metadata import parse
from services.marketdata.kernel.dbn import UNDEFINED_PRICE
from shared.errors import DataError
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    definitions,
    feed,
    read,
    write_dbn,
)

POINT = 1_000_000_000


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("name", ["t.dbn", "t.dbn.zst"])
@pytest.mark.parametrize("ts_out", [False, True])
def test_trades_of_every_version(tmp_path: Path, version: int, name: str, ts_out: bool) -> None:
    """Versions differ in their metadata, live data in a send time behind each record; trades are the same."""
    rows = dbn_rows("trades", 3, ts_out=ts_out)
    rows["price"] = [5_500 * POINT, 5_500 * POINT + POINT // 4, -POINT]
    rows["size"] = [3, 1, 2**32 - 1]
    rows["side"] = [ord("B"), ord("A"), ord("N")]
    rows["flags"] = [0, 0b1000, 0b1000_0000]
    path = write_dbn(tmp_path / name, dbn_head("trades", version, ts_out=ts_out), rows)

    records = read(path)

    assert [(d.instrument_id, d.price_increment) for d in definitions(records)] == [("ESU4.GLBX", POINT // 4)]
    trades = records.trade
    assert trades["sequence"].tolist() == [2, 3, 4]
    assert trades["price"].tolist() == rows["price"].tolist()
    assert trades["size"].tolist() == [3, 1, 2**32 - 1]
    assert trades["ts_event"].tolist() == [START, START + 1_000, START + 2_000]
    assert trades["ts_init"].tolist() == [START + 500, START + 1_500, START + 2_500]
    assert trades["aggressor_side"].tolist() == [1, -1, 0]
    assert trades["side_origin"].tolist() == [SideOrigin.REPORTED, SideOrigin.REPORTED, SideOrigin.NONE]
    assert trades["flags"].tolist() == [0, Flag.SUSPICIOUS, 0]


def test_quotes_and_trades_of_mbp_1(tmp_path: Path) -> None:
    """A quote where the best prices or sizes change, a trade for action T, the quote before the trade."""
    rows = dbn_rows("mbp-1", 5)
    rows["action"] = np.frombuffer(b"ATTCM", np.uint8)
    rows["side"] = np.frombuffer(b"NBNNN", np.uint8)
    rows["price"] = [0, 11 * POINT, 11 * POINT, 0, 0]
    rows["size"] = [9, 2, 3, 9, 9]
    rows["bid_price"] = [10 * POINT, 10 * POINT, 10 * POINT, UNDEFINED_PRICE, 11 * POINT]
    rows["bid_size"] = [5, 5, 4, 4, 4]
    rows["ask_price"] = 11 * POINT
    rows["ask_size"] = [6, 6, 6, 6, 6]
    path = write_dbn(tmp_path / "q.dbn", dbn_head("mbp-1"), rows)

    records = read(path)

    assert records.quote["sequence"].tolist() == [2, 4, 6, 7]
    assert records.trade["sequence"].tolist() == [3, 5]
    assert records.trade[["price", "size", "aggressor_side"]].tolist() == [
        (11 * POINT, 2, 1),
        (11 * POINT, 3, 0),
    ]
    assert records.quote[["bid_price", "bid_size", "ask_price", "ask_size"]].tolist() == [
        (10 * POINT, 5, 11 * POINT, 6),
        (10 * POINT, 4, 11 * POINT, 6),
        (0, 0, 11 * POINT, 6),
        (11 * POINT, 4, 11 * POINT, 6),
    ]
    assert records.quote["flags"].tolist() == [0, 0, 0, Flag.CROSSED]


@pytest.mark.parametrize(("kind", "n_quotes", "n_trades"), [("quote", 1, 0), ("trade", 0, 4)])
def test_quotes_or_trades_alone(tmp_path: Path, kind: str, n_quotes: int, n_trades: int) -> None:
    """With a kind set, the other is left out."""
    path = write_dbn(tmp_path / "q.dbn", dbn_head("tbbo"), dbn_rows("tbbo", 4))

    records = read(path, kind=kind)

    assert (len(records.quote), len(records.trade)) == (n_quotes, n_trades)


@pytest.mark.parametrize("size", [1, 300_000])
def test_changes_are_told_per_instrument_over_blocks(tmp_path: Path, size: int) -> None:
    """Instruments that take turns have a quote each, however many records and blocks there are."""
    rows = dbn_rows("mbp-1", 2 * size)
    rows["action"] = ord("A")
    rows["instrument_id"] = np.tile([7, 9], size)
    rows["bid_price"], rows["bid_size"] = rows["instrument_id"].astype(np.int64) * POINT, 1
    rows["ask_price"], rows["ask_size"] = 20 * POINT, 1
    mappings = [("A", [(20231101, 20231201, "7")])]
    path = write_dbn(tmp_path / "q.dbn.zst", dbn_head("mbp-1", 3, mappings), rows)

    records = read(path)

    assert [d.instrument_id for d in definitions(records)] == ["A.GLBX", "9.GLBX"]
    assert records.quote[["sequence", "bid_price", "instrument"]].tolist() == [
        (2, 7 * POINT, 0),
        (4, 9 * POINT, 1),
    ]


def test_an_id_may_stand_for_another_symbol_on_another_day(tmp_path: Path) -> None:
    """Mappings hold for their days; outside them the number is the name."""
    days = ["2023-11-13", "2023-11-14", "2023-11-15"]
    rows = dbn_rows("trades", 3)
    rows["ts_event"] = rows["ts_recv"] = np.array(days, "M8[ns]").astype(np.int64)
    mappings = [("OLD", [(20231113, 20231114, "118")]), ("NEW", [(20231114, 20231115, "118")])]
    path = write_dbn(tmp_path / "t.dbn", dbn_head("trades", 3, mappings), rows)

    records = read(path)

    assert records.trade["instrument"].tolist() == [0, 1, 2]
    assert [d.instrument_id for d in definitions(records)] == ["OLD.GLBX", "NEW.GLBX", "118.GLBX"]


@pytest.mark.parametrize(
    ("schema", "seconds"), [("ohlcv-1s", 1), ("ohlcv-1m", 60), ("ohlcv-1h", 3_600), ("ohlcv-1d", 86_400)]
)
def test_bars(tmp_path: Path, schema: str, seconds: int) -> None:
    """Bars are stamped with their open in the file and seen at their close."""
    rows = dbn_rows(schema, 1)
    rows["open"], rows["high"], rows["low"], rows["close"], rows["volume"] = (
        POINT,
        3 * POINT,
        POINT,
        2 * POINT,
        9,
    )

    bars = read(write_dbn(tmp_path / "b.dbn", dbn_head(schema), rows)).bar

    step = seconds * 1_000_000_000
    assert bars[["ts_open", "ts_event", "ts_init", "step"]].tolist() == [
        (START, START + step, START + step, step)
    ]
    assert bars[["open", "high", "low", "close", "volume"]].tolist() == [
        (POINT, 3 * POINT, POINT, 2 * POINT, 9)
    ]
    assert bars[["basis", "origin"]].tolist() == [(BarBasis.TIME, BarOrigin.IMPORTED)]


def test_sizes_are_counted_as_in_the_other_files(tmp_path: Path) -> None:
    """A size increment that is set or comes from another file holds for DBN too."""
    rows = dbn_rows("mbp-1", 1)
    rows["size"], rows["bid_size"], rows["ask_size"], rows["bid_price"] = 3, 4, 5, POINT
    rows["ask_price"] = POINT
    path = write_dbn(tmp_path / "q.dbn", dbn_head("mbp-1"), rows)

    records = read(path, size_increment=0.1)

    assert records.trade["size"].tolist() == [30]
    assert records.quote[["bid_size", "ask_size"]].tolist() == [(40, 50)]


@pytest.mark.parametrize("schema", ["imbalance", "cmbp-1", "definition", "bbo-1m"])
def test_schemas_that_are_not_read_are_named(tmp_path: Path, schema: str) -> None:
    """Other schemas are refused with those that are read."""
    path = write_dbn(tmp_path / "t.dbn", dbn_head(schema), np.zeros(0, np.uint8))

    with pytest.raises(
        DataError, match=rf"expected DBN of schema {', '.join(LAYOUTS)}, found {schema}\. Fetch"
    ):
        feed(path)


def test_a_stream_of_several_schemas_is_refused(tmp_path: Path) -> None:
    """A live recording may mix schemas; its metadata names none."""
    head = bytearray(dbn_head("trades"))
    head[24:26] = b"\xff\xff"
    path = write_dbn(tmp_path / "t.dbn", bytes(head), dbn_rows("trades", 1))

    with pytest.raises(DataError, match="found mixed"):
        feed(path)


def test_a_kind_that_a_schema_has_not_is_refused(tmp_path: Path) -> None:
    """Trades have no quotes."""
    path = write_dbn(tmp_path / "t.dbn", dbn_head("trades"), dbn_rows("trades", 1))

    with pytest.raises(
        DataError, match=r"expected records of kind quote, found trade\. Leave out `marketdata.kind`"
    ):
        feed(path, kind="quote")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rtype", 1, "expected a record of type 0 of 48 bytes, found type 1 of 48 bytes"),
        ("length", 14, "expected a record of type 0 of 48 bytes, found type 0 of 56 bytes"),
        ("ts_recv", -1, "expected a receipt time, found none"),
        ("ts_recv", START, "expected times that never decrease, .*2023-11-14T22:13:20.000001500Z"),
        ("price", UNDEFINED_PRICE, "column `price`: expected a price, found none"),
    ],
)
def test_a_wrong_record_is_named_with_its_row(tmp_path: Path, field: str, value: int, message: str) -> None:
    """A record that cannot be is refused: its row, what was expected, what was found."""
    rows = dbn_rows("trades", 5)
    rows[field][2] = value
    path = write_dbn(tmp_path / "t.dbn", dbn_head("trades"), rows)

    with pytest.raises(DataError, match=rf"t\.dbn, row 3.*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rtype", 1, "expected a record of type 33 of 56 bytes"),
        ("ts_event", START - 1, "expected times that never decrease"),
        ("high", -1, "column `high`: expected low ≤ open ≤ high"),
        ("low", 1, "column `low`: expected low ≤ open ≤ high"),
    ],
)
def test_a_wrong_bar_is_named_with_its_row(tmp_path: Path, field: str, value: int, message: str) -> None:
    """The same holds for bars."""
    rows = dbn_rows("ohlcv-1m", 3)
    rows[field][2] = value
    path = write_dbn(tmp_path / "b.dbn", dbn_head("ohlcv-1m"), rows)

    with pytest.raises(DataError, match=rf"b\.dbn, row 3.*{message}"):
        read(path)


def test_metadata_that_end_too_early_are_refused() -> None:
    """However short the metadata are cut, they are refused and not read beyond."""
    data = dbn_head("trades")[8:]

    for length in range(len(data)):
        with pytest.raises(ValueError, match="metadata of"):
            parse(3, data[:length])
