"""Tables of the record flow: bars and instruments with their integers decoded into what people read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bus.record_codes import BarBasis, BarOrigin
from bus.records import PRICE_SCALE, Array
from knotmeter.output.columns import TIMESTAMP
from shared.instruments import SCALE, Instruments

NANOSECONDS: Final = 1_000_000_000


def bars(records: Array, instruments: Instruments) -> pa.RecordBatch:
    """Bars with prices and volumes in units of the instrument; ``step`` in seconds, volume or currency."""
    increments = np.array([instrument.size_increment for instrument in instruments], np.int64)
    increment = increments[records["instrument"]]
    names = np.array([instrument.instrument_id for instrument in instruments], object)
    volume_step = _sizes(records["step"], increment)
    by_volume = records["basis"] == BarBasis.VOLUME
    return pa.RecordBatch.from_pydict(
        {
            **_common(records),
            "instrument_id": pa.array(names[records["instrument"]], pa.string()),
            "ts_open": pa.array(records["ts_open"].astype(np.int64), TIMESTAMP),
            **{name: _prices(records[name]) for name in ("open", "high", "low", "close")},
            "volume": pa.array(_sizes(records["volume"], increment)),
            "n_trades": pa.array(records["n_trades"].astype(np.int64)),
            "basis": _names(records["basis"], BarBasis),
            "step": pa.array(np.where(by_volume, volume_step, records["step"] / NANOSECONDS)),
            "origin": _names(records["origin"], BarOrigin),
            "flags": pa.array(records["flags"].astype(np.int64)),
        }
    )


def definitions(records: Array) -> pa.RecordBatch:
    """Instrument definitions in the order they were published; ``instrument`` is the row of the flow."""
    return pa.RecordBatch.from_pydict(
        {
            **_common(records),
            "instrument": pa.array(records["instrument"].astype(np.int64)),
            "instrument_id": _text(records["instrument_id"]),
            **{name: _prices(records[name]) for name in ("price_increment", "size_increment", "multiplier")},
            "currency": _text(records["currency"]),
            "time_zone": _text(records["time_zone"]),
        }
    )


def _common(records: Array) -> dict[str, pa.Array]:
    times = {name: pa.array(records[name].astype(np.int64), TIMESTAMP) for name in ("ts_event", "ts_init")}
    return {"sequence": pa.array(records["sequence"].astype(np.int64)), **times}


def _prices(values: NDArray[np.int64]) -> pa.Array:
    return pa.array(values / PRICE_SCALE)


def _sizes(counts: NDArray[np.int64], increment: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts of an increment in 1e-9, as numbers; one division where the increment is a whole part of one."""
    per_unit = SCALE // np.maximum(increment, 1)
    exact: NDArray[np.float64] = counts / np.maximum(per_unit, 1)
    scaled: NDArray[np.float64] = counts * (increment / SCALE)
    return np.where(per_unit * increment == SCALE, exact, scaled)


def _names(codes: Array, kind: Any) -> pa.Array:
    known = {int(member): member.name.lower() for member in kind}
    return pa.array([known.get(int(code), str(code)) for code in codes], pa.string())


def _text(values: Array) -> pa.Array:
    return pa.array([bytes(value).decode() for value in values], pa.string())
