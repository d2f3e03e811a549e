"""DBN files of orders (mbo), levels (mbp-10), trades, best quotes (mbp-1, tbbo) and bars (ohlcv).

A record of ``trades`` is a trade. A record of ``mbp-1`` or ``tbbo`` is a quote where the best bid or ask has
changed in price or size since the instrument's last one, and a trade where its action is ``T``; the quote
goes first, for its book is the one the trade met. ``side`` is the aggressor's: ``B`` a buyer, ``A`` a seller,
``N`` none. A price that is not there makes its side absent. ``ts_init`` is ``ts_recv``. Bars are stamped with
their open in the file, with their close here. How orders and levels are read is told in `dbn_books`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bus.records import BAR, QUOTE, TRADE, Array, Records
from services.marketdata.adapter import bars, dbn_metadata
from services.marketdata.adapter.chunks import Chunks
from services.marketdata.adapter.dbn_books import LevelDecoder, OrderDecoder, Part
from services.marketdata.adapter.dbn_layout import BAR_USES, KINDS, LAYOUTS, SECONDS, USES
from services.marketdata.adapter.dbn_metadata import Mapping, Metadata
from services.marketdata.adapter.faults import check_order, fault, first_true
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings, Kind
from services.marketdata.adapter.source import BLOCK_ROWS, ColumnUse, Description, Source
from services.marketdata.adapter.streams import AGAIN, read_buffer, unpacked
from services.marketdata.adapter.whole_sizes import complete
from services.marketdata.kernel import dbn as kernel
from services.marketdata.kernel import dbn_ids

_MOST_METADATA: Final = 64 << 20

_RECORDS_SHARE: Final = 8
"""Fewer rows are decoded at a time, by this much, where each can become many records."""

_FIRST_IDS: Final = 64

NEVER: Final = -1
"""Size of a side of which no quote has been."""


Decoder = Callable[[Part], tuple[Records, int]]
"""From a block to its records, and how many rows of it were used."""


class DbnSource(Source):
    """A DBN file."""

    def __init__(self, settings: FileSettings) -> None:
        with pa.OSFile(settings.path) as file:
            self.metadata = _metadata(settings.path, unpacked(file))
        super().__init__(settings, Roster(settings, self.metadata.dataset.split(".")[0] or None))
        schema = self.metadata.schema
        if schema not in LAYOUTS:
            advice = "Fetch the data in one of these schemas."
            raise fault(self.path, f"DBN of schema {', '.join(LAYOUTS)}", schema, advice)
        rtype, fields = LAYOUTS[schema]
        self._dtype = np.dtype([*fields, ("ts_out", "<i8")] if self.metadata.ts_out else fields)
        self._form = (rtype, self._dtype.itemsize // 4)
        self._order = "ts_event" if schema in SECONDS else "ts_recv"
        self._kinds = self._wanted(KINDS[schema])
        self._ids = _blank(_FIRST_IDS)
        self._symbols: dict[int, list[Mapping]] = {}
        for mapping in self.metadata.mappings:
            self._symbols.setdefault(mapping.instrument_id, []).append(mapping)

    @property
    def description(self) -> Description:
        """What the file was found to be."""
        fields = BAR_USES if "bar" in self._kinds else USES
        names = self._dtype.names or ()
        kind = self._kinds[0] if len(self._kinds) == 1 else self.settings.kind
        return Description(
            format="dbn",
            kind=" and ".join(self._kinds),
            columns=tuple(ColumnUse(name, str(self._dtype[name]), fields.get(name)) for name in names),
            time_zone="UTC",
            is_naive=False,
            settings=msgspec.structs.replace(self.settings, format="dbn", kind=kind),
        )

    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning; see `Source.blocks`."""
        width, size = self._dtype.itemsize, Path(self.path).stat().st_size
        decoder = self._decoder()
        row, last, n_left = 1, 0, 0
        with pa.OSFile(self.path) as file:
            stream = unpacked(file)
            _metadata(self.path, stream)
            n_rows = max(BLOCK_ROWS // _RECORDS_SHARE, 1) if "level" in self._kinds else BLOCK_ROWS
            chunks = Chunks(self.path, stream, n_rows * width)
            while len(data := chunks.read(n_left)):
                self.progress = file.tell() / size
                rows = data[: len(data) // width * width].view(self._dtype)
                part = Part(rows, self._codes(rows), row, last, chunks.at_end)
                block, n_used = decoder(part) if len(rows) else (Records({}), 0)
                if n_used:
                    row, last = row + n_used, int(rows[self._order][n_used - 1])
                if len(block):
                    yield block
                n_left = len(data) - n_used * width
                if chunks.at_end and n_left:
                    found = f"the first {n_left} of them"
                    raise fault(self.path, f"a record of {width} bytes", found, AGAIN, row=row)

    def _decoder(self) -> Decoder:
        """What decodes one reading of the file."""
        schema = self.metadata.schema
        if "order" in KINDS[schema]:
            return self._books(OrderDecoder(self._form, self._kinds))
        if "level" in KINDS[schema]:
            return self._books(LevelDecoder(self._form, self._kinds))
        if "bar" in self._kinds:
            return lambda part: (Records({"bar": self._bars(part)}), len(part.rows))
        if "quote" in KINDS[schema]:
            return self._quotes()
        return lambda part: (self._trades(part), len(part.rows))

    def _books(self, decoder: OrderDecoder | LevelDecoder) -> Decoder:
        def decode(part: Part) -> tuple[Records, int]:
            found = decoder.decode(part, len(self.roster.ids))
            if found.wrong >= 0:
                self._check(part, found.wrong, decoder)
            for _, array in found.records:
                complete(self.path, self.roster, array, ("size",), "price")
            return found.records, found.n_used

        return decode

    def _wanted(self, found: tuple[Kind, ...]) -> tuple[Kind, ...]:
        kind = self.settings.kind
        if kind is None:
            return found
        if kind not in found:
            advice = "Leave out `marketdata.kind`."
            raise fault(self.path, f"records of kind {kind}", " and ".join(found), advice)
        return (kind,)

    def _codes(self, rows: Array) -> kernel.Codes:
        """Code of each record's instrument; an id can stand for another symbol on another day."""
        codes: kernel.Codes = np.empty(len(rows), np.uint32)
        index = dbn_ids.codes(rows, self._ids, 0, codes)
        while index >= 0:
            number = int(rows["instrument_id"][index])
            name = self._one_symbol(number)
            if name is None:
                return self._codes_by_day(rows)
            self._put(number, self.roster.code(name))
            index = dbn_ids.codes(rows, self._ids, index, codes)
        return codes

    def _put(self, number: int, code: int) -> None:
        """Remember the code of an id; the table is doubled when it is half full."""
        known = self._ids[self._ids["code"] != dbn_ids.NONE]
        if 2 * len(known) >= len(self._ids):
            self._ids = _blank(2 * len(self._ids))
            for one in known:
                dbn_ids.put(self._ids, one["id"], one["code"])
        dbn_ids.put(self._ids, number, code)

    def _codes_by_day(self, rows: Array) -> kernel.Codes:
        """The same where it depends on the day."""
        distinct, inverse = np.unique(rows["instrument_id"], return_inverse=True)
        symbols = [self._one_symbol(int(number)) for number in distinct]
        table = np.array([0 if name is None else self.roster.code(name) for name in symbols], np.uint32)
        codes: kernel.Codes = table[inverse]
        for place, name in enumerate(symbols):
            if name is None:
                self._code_by_day(rows, np.flatnonzero(inverse == place), codes)
        return codes

    def _one_symbol(self, number: int) -> str | None:
        """Symbol of an instrument id, its number if it has none; None if that depends on the day."""
        symbols = {mapping.symbol for mapping in self._symbols.get(number, ())}
        return None if len(symbols) > 1 else next(iter(symbols), str(number))

    def _code_by_day(self, rows: Array, places: NDArray[np.intp], codes: kernel.Codes) -> None:
        """Code records of one instrument id by the symbols it has on their days; in place."""
        number = int(rows["instrument_id"][places[0]])
        times = rows[self._order][places]
        left = np.ones(len(places), bool)
        for mapping in self._symbols[number]:
            inside = (times >= mapping.start) & (times < mapping.end)
            if inside.any():
                codes[places[inside]] = self.roster.code(mapping.symbol)
                left &= ~inside
        if left.any():
            codes[places[left]] = self.roster.code(str(number))

    def _trades(self, part: Part) -> Records:
        trades = np.zeros(len(part.rows), TRADE)
        wrong = kernel.trades(part.rows, part.codes, self._form, part.previous, trades)
        self._check(part, wrong)
        complete(self.path, self.roster, trades, ("size",), "price")
        return Records({"trade": trades})

    def _quotes(self) -> Decoder:
        best = np.zeros((0, 4), np.int64)

        def decode(part: Part) -> tuple[Records, int]:
            nonlocal best
            n_rows, more = len(part.rows), len(self.roster.ids) - len(best)
            best = np.append(best, np.full((more, 4), NEVER, np.int64), axis=0)
            quotes = np.zeros(n_rows if "quote" in self._kinds else 0, QUOTE)
            trades = np.zeros(n_rows if "trade" in self._kinds else 0, TRADE)
            n_quotes, n_trades, wrong = kernel.best_quotes(
                part.rows, part.codes, self._form, part.previous, best, quotes, trades
            )
            self._check(part, wrong)
            quotes, trades = quotes[:n_quotes], trades[:n_trades].copy()
            complete(self.path, self.roster, quotes, ("bid_size", "ask_size"), "bid_price")
            complete(self.path, self.roster, trades, ("size",), "price")
            return Records({"quote": quotes, "trade": trades}), n_rows

        return decode

    def _check(self, part: Part, wrong: int, decoder: OrderDecoder | LevelDecoder | None = None) -> None:
        """Explain what was found wrong, if anything."""
        if wrong < 0:
            return
        times, found, row = part.rows[self._order], part.rows[wrong], part.first_row + wrong
        rtype, words = self._form
        if (found["rtype"], found["length"]) != (rtype, words):
            shown = f"type {found['rtype']} of {int(found['length']) * 4} bytes"
            expected = f"a record of type {rtype} of {words * 4} bytes"
            raise fault(self.path, expected, shown, AGAIN, row=row)
        if times[wrong] < 0:
            raise fault(self.path, "a receipt time", "none", "Remove the record.", row=row)
        before = int(times[wrong - 1]) if wrong else part.previous
        check_order(self.path, times[wrong : wrong + 1], before, row)
        told = ("price", "a price", "none") if decoder is None else decoder.fault(found)
        column, expected, shown = told
        raise fault(self.path, expected, shown, "Remove the record.", row=row, column=column)

    def _bars(self, part: Part) -> Array:
        rows, codes = part.rows, part.codes
        records = np.zeros(len(rows), BAR)
        rtype, words = self._form
        falls = np.diff(rows["ts_event"], prepend=part.previous) < 0
        wrong = first_true(falls | (rows["rtype"] != rtype) | (rows["length"] != words))
        self._check(part, -1 if wrong is None else wrong)
        step = SECONDS[self.metadata.schema] * 1_000_000_000
        records["sequence"] = np.arange(len(rows))
        records["instrument"] = codes
        records["ts_open"] = rows["ts_event"]
        records["ts_event"] = records["ts_init"] = rows["ts_event"] + step
        for name in (*bars.PRICES, "volume"):
            records[name] = rows[name]
        bars.check_range(self.path, records, part.first_row, dict(zip(bars.PRICES, bars.PRICES, strict=True)))
        bars.complete(records, step)
        complete(self.path, self.roster, records, ("volume",), "close")
        return records


def _blank(n_places: int) -> Array:
    """A table of ids with none in it."""
    table = np.zeros(n_places, dbn_ids.ENTRY)
    table["code"] = dbn_ids.NONE
    return table


def _metadata(path: str, stream: pa.NativeFile) -> Metadata:
    """Read the head of a stream and leave the stream behind it."""
    prefix = read_buffer(path, stream, dbn_metadata.PREFIX_BYTES).to_pybytes()
    if len(prefix) < dbn_metadata.PREFIX_BYTES or prefix[3] not in dbn_metadata.VERSIONS:
        is_short = len(prefix) < dbn_metadata.PREFIX_BYTES
        found = f"{len(prefix)} bytes" if is_short else f"version {prefix[3]}"
        versions = ", ".join(map(str, dbn_metadata.VERSIONS))
        raise fault(path, f"DBN of version {versions}", found, AGAIN)
    length = int.from_bytes(prefix[4:8], "little")
    if length > _MOST_METADATA:
        raise fault(path, f"metadata of at most {_MOST_METADATA} bytes", f"{length}", AGAIN)
    data = read_buffer(path, stream, length).to_pybytes()
    try:
        return dbn_metadata.parse(prefix[3], data)
    except ValueError as error:
        raise fault(path, f"metadata of {length} bytes", str(error), AGAIN) from error
