"""Tables of bars and instruments: integers of the record flow decoded once and exactly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BarBasis, BarOrigin
from bus.records import BAR
from knotmeter.output.market import bars, definitions
from shared.instruments import Instrument, Instruments, to_records

TABLE = [
    Instrument(instrument_id="ES.XCME", price_increment=250_000_000, multiplier=50_000_000_000),
    Instrument(instrument_id="ETH.BIN", size_increment=1_000_000, currency="USDT", time_zone="Etc/UTC"),
]


def known() -> Instruments:
    """Both instruments."""
    instruments = Instruments()
    for row, instrument in enumerate(TABLE):
        instruments.add(row, instrument)
    return instruments


def test_bars_are_in_units_of_their_instrument() -> None:
    """Prices in currency, volumes in units, steps in seconds, units or currency."""
    records = np.zeros(3, BAR)
    records["sequence"] = [5, 6, 7]
    records["ts_event"] = records["ts_init"] = 1_381_239_000_000_000_001
    records["open"], records["close"] = 1_630_250_000_000, 1_630_500_000_000
    records["instrument"] = [0, 1, 1]
    records["volume"], records["n_trades"] = 12_345, 7
    records["basis"] = [BarBasis.TIME, BarBasis.VOLUME, BarBasis.DOLLAR]
    records["step"] = [60_000_000_000, 5_000, 2_500_000_000]
    records["origin"] = [BarOrigin.MADE, BarOrigin.IMPORTED, BarOrigin.MADE]

    table = bars(records, known())

    assert table["instrument_id"].to_pylist() == ["ES.XCME", "ETH.BIN", "ETH.BIN"]
    assert table["open"].to_pylist() == [1630.25] * 3
    assert table["volume"].to_pylist() == [12_345.0, 12.345, 12.345]
    assert table["basis"].to_pylist() == ["time", "volume", "dollar"]
    assert table["step"].to_pylist() == [60.0, 5.0, 2.5]
    assert table["origin"].to_pylist() == ["made", "imported", "made"]
    assert table["ts_event"].cast(pa.int64()).to_pylist() == [1_381_239_000_000_000_001] * 3


@given(st.integers(0, 2**53), st.sampled_from([0, 3, 8, 9]))
def test_a_volume_is_the_number_nearest_to_it(count: int, digits: int) -> None:
    """Decimal increments lose nothing beyond the one rounding to a double."""
    instruments = Instruments()
    instruments.add(0, Instrument(instrument_id="A.B", size_increment=10 ** (9 - digits)))
    records = np.zeros(1, BAR)
    records["volume"] = count

    assert bars(records, instruments)["volume"].to_pylist() == [count / 10**digits]


def test_an_increment_that_is_no_part_of_one() -> None:
    """Sizes counted in lots of 100."""
    instruments = Instruments()
    instruments.add(0, Instrument(instrument_id="A.B", size_increment=100 * 10**9))
    records = np.zeros(1, BAR)
    records["volume"] = 3

    assert bars(records, instruments)["volume"].to_pylist() == [300.0]


def test_definitions_are_readable() -> None:
    """Increments and multipliers as numbers, texts without their padding."""
    records = to_records(TABLE, 0, 5)
    records["sequence"] = [1, 2]
    rows = definitions(records).drop_columns(["ts_event", "ts_init"]).to_pylist()

    assert rows[1] == {
        "sequence": 2,
        "instrument": 1,
        "instrument_id": "ETH.BIN",
        "price_increment": 0.01,
        "size_increment": 0.001,
        "multiplier": 1.0,
        "currency": "USDT",
        "time_zone": "Etc/UTC",
    }
    assert rows[0]["multiplier"] == 50.0


def test_nothing_has_its_columns_too() -> None:
    """Empty slices give empty tables of the same types."""
    assert bars(np.zeros(0, BAR), Instruments()).schema == bars(np.zeros(1, BAR), known()).schema
