"""DBN files of trades, best quotes (mbp-1, tbbo) and bars (ohlcv), plain or under zstd.

A record of ``trades`` is a trade. A record of ``mbp-1`` or ``tbbo`` is a quote where the best bid or ask has
changed in price or size since the instrument's last one, and a trade where its action is ``T``; the quote
goes first, for its book is the one the trade met. ``side`` is the aggressor's: ``B`` a buyer, ``A`` a seller,
``N`` none. A price that is not there makes its side absent. ``ts_init`` is ``ts_recv``. Bars are stamped with
their open in the file, with their close here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bus.records import BAR, QUOTE, TRADE, Array, Records
from services.marketdata.adapter import bars, dbn_metadata, fixed_point
from services.marketdata.adapter.dbn_layout import BAR_USES, KINDS, LAYOUTS, SECONDS, USES
from services.marketdata.adapter.dbn_metadata import Mapping, Metadata
from services.marketdata.adapter.faults import Place, check_order, fault, first_true
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings, Kind
from services.marketdata.adapter.source import BLOCK_ROWS, ColumnUse, Description, Source
from services.marketdata.adapter.streams import AGAIN, read_buffer, unpacked
from services.marketdata.kernel import dbn as kernel

_MOST_METADATA: Final = 64 << 20

NEVER: Final = -1
"""Size of a side of which no quote has been."""


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
        row, last, best = 1, 0, np.zeros((0, 4), np.int64)
        for rows in self._rows():
            codes = self._codes(rows)
            if "bar" in self._kinds:
                block = Records({"bar": self._bars(rows, codes, row, last)})
            elif "quote" in KINDS[self.metadata.schema]:
                more = len(self.roster.ids) - len(best)
                best = np.append(best, np.full((more, 4), NEVER, np.int64), axis=0)
                block = self._quotes(rows, codes, row, last, best)
            else:
                block = self._trades(rows, codes, row, last)
            row, last = row + len(rows), int(rows[self._order][-1])
            if len(block):
                yield block

    def _wanted(self, found: tuple[Kind, ...]) -> tuple[Kind, ...]:
        kind = self.settings.kind
        if kind is None:
            return found
        if kind not in found:
            advice = "Leave out `marketdata.kind`."
            raise fault(self.path, f"records of kind {kind}", " and ".join(found), advice)
        return (kind,)

    def _rows(self) -> Iterator[Array]:
        """Records as they are in the file, a block at a time."""
        width = self._dtype.itemsize
        size = Path(self.path).stat().st_size
        row = 1
        with pa.OSFile(self.path) as file:
            stream = unpacked(file)
            _metadata(self.path, stream)
            while len(data := read_buffer(self.path, stream, BLOCK_ROWS * width)):
                whole = len(data) // width
                row += whole
                self.progress = file.tell() / size
                if whole:
                    yield np.frombuffer(data, self._dtype, whole)
                if len(data) % width:
                    found = f"the first {len(data) % width} of them"
                    raise fault(self.path, f"a record of {width} bytes", found, AGAIN, row=row)

    def _codes(self, rows: Array) -> kernel.Codes:
        """Code of each record's instrument; an id can stand for another symbol on another day."""
        ids = rows["instrument_id"]
        if (ids == ids[0]).all():
            distinct, inverse = ids[:1], np.zeros(len(ids), np.intp)
        else:
            distinct, inverse = np.unique(ids, return_inverse=True)
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

    def _trades(self, rows: Array, codes: kernel.Codes, row: int, last: int) -> Records:
        trades = np.zeros(len(rows), TRADE)
        wrong = kernel.trades(rows, codes, self._form, last, trades)
        self._check(rows, wrong, row, last)
        self._complete(trades, ("size",), "price")
        return Records({"trade": trades})

    def _quotes(self, rows: Array, codes: kernel.Codes, row: int, last: int, best: Array) -> Records:
        quotes = np.zeros(len(rows) if "quote" in self._kinds else 0, QUOTE)
        trades = np.zeros(len(rows) if "trade" in self._kinds else 0, TRADE)
        n_quotes, n_trades, wrong = kernel.best_quotes(rows, codes, self._form, last, best, quotes, trades)
        self._check(rows, wrong, row, last)
        quotes, trades = quotes[:n_quotes], trades[:n_trades].copy()
        self._complete(quotes, ("bid_size", "ask_size"), "bid_price")
        self._complete(trades, ("size",), "price")
        return Records({"quote": quotes, "trade": trades})

    def _check(self, rows: Array, wrong: int, row: int, last: int) -> None:
        """Explain what the kernel found wrong, if anything."""
        if wrong < 0:
            return
        found = rows[wrong]
        rtype, words = self._form
        if (found["rtype"], found["length"]) != (rtype, words):
            shown = f"type {found['rtype']} of {int(found['length']) * 4} bytes"
            expected = f"a record of type {rtype} of {words * 4} bytes"
            raise fault(self.path, expected, shown, AGAIN, row=row + wrong)
        if found[self._order] < 0:
            raise fault(self.path, "a receipt time", "none", "Remove the record.", row=row + wrong)
        before = int(rows[self._order][wrong - 1]) if wrong else last
        check_order(self.path, rows[self._order][wrong : wrong + 1], before, row + wrong)
        raise Place(self.path, "price", row).fault(wrong, "a price", "none", "Remove the record.")

    def _complete(self, records: Array, sizes: tuple[str, ...], price: str) -> None:
        """Count sizes in the increments agreed for their instruments, and learn price steps; in place."""
        if not len(records):
            return
        increments = self.roster.size_increments(records["instrument"])
        if not np.array_equal(increments, fixed_point.SIZE_SCALE):
            for field in sizes:
                values = records[field].astype(np.float64)
                place = Place(self.path, field, 1)
                records[field] = fixed_point.sizes(values, 1.0, increments, place)
        self.roster.learn_steps(records["instrument"], records[price])

    def _bars(self, rows: Array, codes: kernel.Codes, row: int, last: int) -> Array:
        records = np.zeros(len(rows), BAR)
        rtype, words = self._form
        falls = np.diff(rows["ts_event"], prepend=last) < 0
        wrong = first_true(falls | (rows["rtype"] != rtype) | (rows["length"] != words))
        self._check(rows, -1 if wrong is None else wrong, row, last)
        step = SECONDS[self.metadata.schema] * 1_000_000_000
        records["sequence"] = np.arange(len(rows))
        records["instrument"] = codes
        records["ts_open"] = rows["ts_event"]
        records["ts_event"] = records["ts_init"] = rows["ts_event"] + step
        for name in (*bars.PRICES, "volume"):
            records[name] = rows[name]
        bars.check_range(self.path, records, row, dict(zip(bars.PRICES, bars.PRICES, strict=True)))
        bars.complete(records, step)
        self._complete(records, ("volume",), "close")
        return records


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
