"""From the rows of a table to records: one trade, quote or bar for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bus.record_codes import SideOrigin
from bus.records import BAR, QUOTE, TRADE, Array
from services.marketdata.adapter import bars, fixed_point, quotes
from services.marketdata.adapter.columns import Layout
from services.marketdata.adapter.faults import Place
from services.marketdata.adapter.fixed_point import Floats, Integers
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings
from services.marketdata.adapter.sides import MAKERS, SIDES, sides
from services.marketdata.adapter.times import TimeReader


class RowDecoder:
    """Decodes batches of one file; keeps nothing from one batch to the next but the roster."""

    def __init__(
        self,
        settings: FileSettings,
        layout: Layout,
        roster: Roster,
        times: tuple[TimeReader, TimeReader | None],
        bar_step: int,
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._roster = roster
        self._event_time, self._receipt_time = times
        self._bar_step = bar_step
        self._price_multiplier = settings.price_multiplier or 1.0
        self.size_multiplier = settings.size_multiplier or 1.0
        self._symbol = settings.instrument or default_symbol(settings.path)

    def decode(self, batch: pa.RecordBatch, first_row: int) -> Array:
        """Records of a batch; ``sequence`` counts from 0, ``instrument`` is the code in the roster.

        Raises:
            DataError: a value that cannot be; its row and column are named.
        """
        decoders = {"trade": self._trades, "quote": self._quotes, "bar": self._bars}
        records = decoders[self._layout.kind](batch, first_row)
        records["sequence"] = np.arange(len(records))
        return records

    def codes(self, batch: pa.RecordBatch, first_row: int) -> NDArray[np.uint32]:
        """Code of each row's instrument."""
        name = self._layout.columns.get("instrument")
        if name is None:
            return np.full(len(batch), self._roster.code(self._symbol), np.uint32)
        return self._roster.codes(batch.column(name), self._place("instrument", first_row))

    def values(self, batch: pa.RecordBatch, field: str, first_row: int) -> Floats:
        """Values of a field as doubles, NaN where there is none."""
        return fixed_point.floats(batch.column(self._layout.columns[field]), self._place(field, first_row))

    def _trades(self, batch: pa.RecordBatch, first_row: int) -> Array:
        records = np.zeros(len(batch), TRADE)
        self._stamp(records, batch, first_row)
        records["price"] = self._prices(batch, "price", first_row)
        records["size"] = self._sizes(batch, "size", first_row, records["instrument"])
        self._roster.learn_steps(records["instrument"], records["price"])
        for field, words in (("aggressor_side", SIDES), ("buyer_is_maker", MAKERS)):
            if field in self._layout.columns:
                column = batch.column(self._layout.columns[field])
                records["aggressor_side"] = sides(column, words, self._place(field, first_row))
                known = records["aggressor_side"] != 0
                records["side_origin"] = np.where(known, SideOrigin.REPORTED, SideOrigin.NONE)
                break
        return records

    def _quotes(self, batch: pa.RecordBatch, first_row: int) -> Array:
        records = np.zeros(len(batch), QUOTE)
        self._stamp(records, batch, first_row)
        has_sizes = {"bid_size", "ask_size"} <= self._layout.columns.keys()
        for side in ("bid", "ask"):
            price = np.nan_to_num(
                self.values(batch, f"{side}_price", first_row), posinf=np.inf, neginf=-np.inf
            )
            place = self._place(f"{side}_price", first_row)
            records[f"{side}_price"] = fixed_point.prices(price, self._price_multiplier, place)
            if has_sizes:
                codes = records["instrument"]
                records[f"{side}_size"] = self._sizes(batch, f"{side}_size", first_row, codes, optional=True)
        quotes.settle(records, has_sizes)
        both = np.concatenate([records["bid_price"], records["ask_price"]])
        self._roster.learn_steps(np.tile(records["instrument"], 2), both)
        return records

    def _bars(self, batch: pa.RecordBatch, first_row: int) -> Array:
        records = np.zeros(len(batch), BAR)
        self._stamp(records, batch, first_row)
        at_open = self._settings.bar_stamp != "close"
        times = records["ts_event"].copy()
        records["ts_open"] = times if at_open else times - self._bar_step
        records["ts_event"] = times + self._bar_step if at_open else times
        if self._receipt_time is None:
            records["ts_init"] = records["ts_event"]
        for field in bars.PRICES:
            records[field] = self._prices(batch, field, first_row)
        bars.check_range(self._settings.path, records, first_row, self._layout.columns)
        self._roster.learn_steps(records["instrument"], records["close"])
        if "volume" in self._layout.columns:
            records["volume"] = self._sizes(batch, "volume", first_row, records["instrument"])
        if "n_trades" in self._layout.columns:
            counts = self.values(batch, "n_trades", first_row)
            place = self._place("n_trades", first_row)
            records["n_trades"] = fixed_point.sizes(counts, 1.0, fixed_point.SIZE_SCALE, place, optional=True)
        bars.complete(records, self._bar_step)
        return records

    def _stamp(self, records: Array, batch: pa.RecordBatch, first_row: int) -> None:
        records["instrument"] = self.codes(batch, first_row)
        records["ts_event"] = self._event_time.read(batch, first_row)
        receipt = self._receipt_time
        records["ts_init"] = records["ts_event"] if receipt is None else receipt.read(batch, first_row)

    def _prices(self, batch: pa.RecordBatch, field: str, first_row: int) -> Integers:
        values, place = self.values(batch, field, first_row), self._place(field, first_row)
        return fixed_point.prices(values, self._price_multiplier, place)

    def _sizes(
        self,
        batch: pa.RecordBatch,
        field: str,
        first_row: int,
        codes: NDArray[Any],
        *,
        optional: bool = False,
    ) -> Integers:
        place, increments = self._place(field, first_row), self._roster.size_increments(codes)
        column, multiplier = batch.column(self._layout.columns[field]), self.size_multiplier
        is_whole = pa.types.is_integer(column.type) and column.type != pa.uint64() and not optional
        if is_whole and multiplier == 1.0 and np.array_equal(increments, fixed_point.SIZE_SCALE):
            return fixed_point.whole_sizes(column, place)
        values = fixed_point.floats(column, place)
        return fixed_point.sizes(values, multiplier, increments, place, optional=optional)

    def _place(self, field: str, first_row: int) -> Place:
        return Place(self._settings.path, self._layout.columns[field], first_row)


def default_symbol(path: str) -> str:
    """The symbol of a file that names none: its name without the endings.

    >>> default_symbol("data/sp500_emini.csv.gz")
    'SP500_EMINI'
    """
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return name.split(".", 1)[0].upper()[:32] or "UNNAMED"
