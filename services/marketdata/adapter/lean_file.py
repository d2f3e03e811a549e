"""Lean tick zips: one day of one symbol's trades or quotes, one CSV without a header inside.

===============  ==========================================================================
equity trades    ms since midnight, price in 1e-4, size, exchange, condition, suspicious
equity quotes    ms since midnight, bid in 1e-4, bid size, ask in 1e-4, ask size, exchange,
                 condition, suspicious; a row tells one side, the other is 0
forex quotes     ms since midnight, bid, ask; no sizes
===============  ==========================================================================

The rows of an equity quote file are the consolidated best quotes themselves: bid and ask rows take turns,
each naming the exchange that sets that side of the national best then. (Read as each exchange's own quotes
they would be crossed for most of the day, for no row says that an exchange has left.) So the last bid and the
last ask are the quote; a bid row and the ask row behind it of the same time are one update; and a quote is
given where price or size has changed. Rows marked as suspicious are kept and flagged. Every forex row is a
quote.

Equity times are New York's. Forex times are UTC, but FXCM's are UTC-5 in summer and winter.
"""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Iterator
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from bus.record_codes import Flag
from bus.records import QUOTE, TRADE, Array, Records
from services.marketdata.adapter import fixed_point, quotes
from services.marketdata.adapter.csv_file import explained
from services.marketdata.adapter.faults import Place, check_order, fault, first_failure, first_true
from services.marketdata.adapter.lean_name import ZIP_ERRORS, tick_file
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings
from services.marketdata.adapter.source import ColumnUse, Description, Source
from services.marketdata.adapter.times import in_utc

BLOCK_BYTES: Final = 2 << 20
"""Bytes of text that are read at a time."""

_WORDS: Final = ("exchange", "condition")
_FIELDS: Final = {"time": "ts_event", **dict.fromkeys((*_WORDS, "suspicious"))}
_DAY_MS: Final = 86_400_000
_EQUITY_PRICE: Final = 1e-4
_MEND: Final = "Mend or remove the row."

Values = dict[str, NDArray[np.float64]]
"""Columns of some rows by name."""


class LeanSource(Source):
    """A Lean tick zip."""

    def __init__(self, settings: FileSettings) -> None:
        self._tick = tick_file(settings.path)
        session_zone = self._tick.time_zone if self._tick.is_equity else "UTC"
        super().__init__(settings, Roster(settings, self._tick.venue, session_zone))
        if settings.kind not in (None, self._tick.kind):
            advice = "Leave out `marketdata.kind`."
            raise fault(self.path, f"records of kind {settings.kind}", f"{self._tick.kind}s", advice)
        self._zone = settings.time_zone or self._tick.time_zone
        self._code = self.roster.code(self._tick.symbol)
        self.has_all_instruments = True

    @property
    def description(self) -> Description:
        """What the file was found to be."""
        kind, zone = self._tick.kind, self._zone
        uses = (
            ColumnUse(name, "text" if name in _WORDS else "number", _FIELDS.get(name, name))
            for name in self._tick.columns
        )
        return Description(
            format="lean",
            kind=kind,
            columns=tuple(uses),
            time_zone=zone,
            is_naive=True,
            settings=msgspec.structs.replace(self.settings, format="lean", kind=kind, time_zone=zone),
        )

    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning; see `Source.blocks`."""
        row, last, sides = 1, None, BestSides()
        decode = self._trades if self._tick.kind == "trade" else self._quotes
        for values in self._rows():
            records = decode(values, row)
            check_order(self.path, records["ts_init"], last, row)
            row, last = row + len(records), int(records["ts_init"][-1])
            if self._tick.kind == "quote" and self._tick.is_equity:
                records = sides.join(records)
            if len(records):
                yield self._block(records)
        if len(records := sides.finish()):
            yield self._block(records)

    def _block(self, records: Array) -> Records:
        records["sequence"] = np.arange(len(records))
        return Records({self._tick.kind: records})

    def _rows(self) -> Iterator[Values]:
        """Numbers of the rows, a block at a time."""
        columns = self._tick.columns
        wanted = [name for name in columns if name not in _WORDS]
        read = arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=list(columns))
        types = dict.fromkeys(wanted, pa.float64())
        convert = arrow_csv.ConvertOptions(column_types=types, include_columns=wanted)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._tick.member) as member:
                size = archive.getinfo(self._tick.member).file_size
                for batch in arrow_csv.open_csv(pa.PythonFile(member, "r"), read, convert_options=convert):
                    self.progress = member.tell() / size
                    yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in wanted}
        except (pa.ArrowException, *ZIP_ERRORS) as error:
            raise explained(self.path, columns, error, has_header=False) from error

    def _trades(self, values: Values, row: int) -> Array:
        records = np.zeros(len(values["time"]), TRADE)
        self._stamp(records, values, row)
        records["price"] = self._price(values, "price", row)
        records["size"] = self._size(values, "size", row)
        self.roster.learn_steps(records["instrument"], records["price"])
        return records

    def _quotes(self, values: Values, row: int) -> Array:
        records = np.zeros(len(values["time"]), QUOTE)
        self._stamp(records, values, row)
        for side in ("bid", "ask"):
            records[f"{side}_price"] = self._price(values, f"{side}_price", row)
            if self._tick.is_equity:
                records[f"{side}_size"] = self._size(values, f"{side}_size", row)
        if not self._tick.is_equity:
            quotes.settle(records, has_sizes=False)
        both = np.concatenate([records["bid_price"], records["ask_price"]])
        self.roster.learn_steps(np.tile(records["instrument"], 2), both)
        return records

    def _stamp(self, records: Array, values: Values, row: int) -> None:
        records["instrument"] = self._code
        records["ts_event"] = records["ts_init"] = self._times(values["time"], row)
        if "suspicious" in values:
            records["flags"] = np.where(values["suspicious"] == 1, Flag.SUSPICIOUS, 0)

    def _times(self, milliseconds: NDArray[np.float64], row: int) -> NDArray[np.int64]:
        wrong = first_true(~((milliseconds >= 0) & (milliseconds < _DAY_MS)))
        place = Place(self.path, "time", row)
        if wrong is not None:
            expected = f"ms since midnight, 0 to below {_DAY_MS}"
            raise place.fault(wrong, expected, milliseconds[wrong], _MEND)
        local = pa.array(np.rint(milliseconds * 1e6).astype(np.int64) + self._tick.midnight)
        try:
            stamps = self._in_utc(local)
        except pa.ArrowInvalid as error:
            index = first_failure(local, self._in_utc)
            expected = f"a time in {self._zone}"
            raise place.fault(index, expected, milliseconds[index], _MEND) from error
        times: NDArray[np.int64] = stamps.view(pa.int64()).to_numpy()
        return times

    def _in_utc(self, local: pa.Array) -> pa.Array:
        return in_utc(local.view(pa.timestamp("ns")), self._zone)

    def _price(self, values: Values, name: str, row: int) -> NDArray[np.int64]:
        unit = _EQUITY_PRICE if self._tick.is_equity else 1.0
        place = Place(self.path, name, row)
        return fixed_point.prices(values[name], unit * (self.settings.price_multiplier or 1.0), place)

    def _size(self, values: Values, name: str, row: int) -> NDArray[np.int64]:
        increment, place = self.roster.size_increment(self._code), Place(self.path, name, row)
        return fixed_point.sizes(values[name], self.settings.size_multiplier or 1.0, increment, place)


class BestSides:
    """Makes quotes of rows that tell one side each, over the blocks of a file."""

    def __init__(self) -> None:
        self._held = np.zeros(0, QUOTE)
        """A bid row at the end of a block, whose ask may begin the next."""
        self._last = np.zeros(1, QUOTE)
        """Both sides as they stood last."""
        self._changes = quotes.Changes()

    def join(self, rows: Array) -> Array:
        """Quotes of the next rows; an absent side is 0 in a row and stays as it was."""
        rows = np.concatenate([self._held, rows])
        tells_bid, tells_ask = rows["bid_price"] != 0, rows["ask_price"] != 0
        bid_only = tells_bid & ~tells_ask
        goes_on = np.append(bid_only[:-1] & (tells_ask & ~tells_bid)[1:], bid_only[-1])
        goes_on[:-1] &= rows["ts_init"][:-1] == rows["ts_init"][1:]
        self._held = rows[-1:] if goes_on[-1] else rows[:0]
        return self._updates(rows, ~goes_on)

    def finish(self) -> Array:
        """The quote of a row that waits for its other side in vain."""
        held, self._held = self._held, self._held[:0]
        return self._updates(held, np.ones(len(held), bool))

    def _updates(self, rows: Array, is_end: NDArray[np.bool_]) -> Array:
        known = np.concatenate([self._last, rows])
        found = known.copy()
        found["flags"] = 0
        for side in ("bid", "ask"):
            tells = known[f"{side}_price"] != 0
            tells[0] = True
            latest = np.maximum.accumulate(np.where(tells, np.arange(len(known)), 0))
            for field in (f"{side}_price", f"{side}_size"):
                found[field] = known[field][latest]
            found["flags"] |= known["flags"][latest]
        self._last = found[-1:].copy()
        updates = found[1:][is_end]
        quotes.settle(updates, has_sizes=True)
        return updates[self._changes.mask(updates)]
