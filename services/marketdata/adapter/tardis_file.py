"""CSV files of Tardis: changes of levels, pictures of books, trades and quotes.

=======================  ==========================================================================
``incremental_book_L2``  a row sets a level, to 0 where it goes; rows of one instrument, time and local
                         time are one event; the first row of a snapshot comes after a clear
``book_snapshot_25``     (and ``_5``) a row is the whole picture, given as a snapshot each
``trades``, ``quotes``   rows of a table, read like those of any CSV
=======================  ==========================================================================

An instrument is symbol and exchange, `XBTUSD.BITMEX`. Times are in us. ``ts_init`` is the local time, when
the message arrived.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from bus.records import Records
from services.marketdata.adapter.csv_file import BLOCK_BYTES, CsvSource, explained
from services.marketdata.adapter.faults import Place, check_order, fault
from services.marketdata.adapter.fixed_point import SIZE_SCALE, decimals
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings, Format
from services.marketdata.adapter.source import ColumnUse, Description, Source
from services.marketdata.adapter.streams import unpacked
from services.marketdata.adapter.tardis_levels import Changes, Decoder, Pictures, times_of
from services.marketdata.adapter.tardis_name import CHANGES, STAMPS, TABLES, rest_of

_LONGEST_HEADER: Final = 65_536
_WORD: Final = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final = {
    **dict.fromkeys(("exchange", "symbol", "is_snapshot", "side"), _WORD),
    **dict.fromkeys(("timestamp", "local_timestamp"), pa.int64()),
}
_FIELDS: Final = {
    "symbol": "instrument",
    "timestamp": "ts_event",
    "local_timestamp": "ts_init",
    "price": "price",
    "amount": "size",
    "side": "side",
    "is_snapshot": "flags",
}


def tardis_source(settings: FileSettings) -> Source:
    """Open a file of Tardis.

    Raises:
        DataError: it has no rows, or is not what the settings say.
    """
    names, exchange = _head(settings.path)
    rest = rest_of(names)
    assert rest is not None
    if rest in TABLES:
        return TardisTable(settings, rest, exchange)
    return TardisBook(settings, names, exchange)


class TardisTable(CsvSource):
    """A file of trades or quotes."""

    format: Format = "tardis"

    def __init__(self, settings: FileSettings, rest: tuple[str, ...], exchange: str) -> None:
        kind, columns = TABLES[rest]
        _check_kind(settings, kind)
        stamps = {"instrument": "symbol", "ts_event": "timestamp", "ts_init": "local_timestamp"}
        super().__init__(
            msgspec.structs.replace(
                settings,
                venue=settings.venue or exchange.upper(),
                kind=kind,
                columns={**columns, **stamps, **settings.columns},
                time_unit="us",
            )
        )


class TardisBook(Source):
    """A file of changes or pictures of books."""

    def __init__(self, settings: FileSettings, names: tuple[str, ...], exchange: str) -> None:
        venue = settings.venue or exchange.upper()
        super().__init__(settings, Roster(settings, venue))
        _check_kind(settings, "level")
        self._venue = venue
        self._exchange = exchange
        self._names = names
        rest = names[len(STAMPS) :]
        self._decoder: type[Decoder] = Changes if rest == CHANGES else Pictures
        self._price_multiplier = settings.price_multiplier or 1.0
        self._size_multiplier = settings.size_multiplier or 1.0

    @property
    def description(self) -> Description:
        """What the file was found to be."""
        uses = (ColumnUse(name, str(_type(name)), _field(name)) for name in self._names)
        explicit = msgspec.structs.replace(self.settings, format="tardis", kind="level", venue=self._venue)
        return Description(
            format="tardis",
            kind="level",
            columns=tuple(uses),
            time_zone="UTC",
            is_naive=False,
            settings=explicit,
        )

    def surveyed_increments(self) -> Mapping[str, int]:
        """The power of ten that divides all sizes of each instrument."""
        if self.settings.size_increment is not None:
            return {}
        needed: dict[int, int] = {}
        row = 1
        for batch in self._batches():
            codes = self._codes(batch, row)
            for name in self._decoder.size_columns(self._names):
                places = decimals(batch.column(name).to_numpy(zero_copy_only=False) * self._size_multiplier)
                for code in np.unique(codes).tolist():
                    needed[code] = max(needed.get(code, 0), int(places[codes == code].max()))
            row += len(batch)
        self.has_all_instruments = True
        return {self.roster.ids[code]: SIZE_SCALE // 10**places for code, places in needed.items()}

    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning; see `Source.blocks`."""
        decoder = self._decoder(self.path, self._names, (self._price_multiplier, self._size_multiplier))
        row, last = 1, None
        for batch in self._batches():
            codes = self._codes(batch, row)
            increments = self.roster.size_increments(codes)
            times = times_of(self.path, batch, row)
            check_order(self.path, times[1], last, row)
            levels = decoder.decode(batch, row, codes, times, increments)
            row, last = row + len(batch), int(times[1][-1])
            if len(levels):
                self.roster.learn_steps(levels["instrument"], levels["price"])
                yield Records({"level": levels})
        if len(levels := decoder.finish()):
            self.roster.learn_steps(levels["instrument"], levels["price"])
            yield Records({"level": levels})

    def _codes(self, batch: pa.RecordBatch, row: int) -> NDArray[np.uint32]:
        """Codes of the rows, which are of one exchange."""
        exchanges = batch.column("exchange").cast(pa.string())
        wrong = pc.not_equal(exchanges, self._exchange).fill_null(True)
        if pc.any(wrong).as_py():
            index = int(np.argmax(wrong.to_numpy(zero_copy_only=False)))
            place = Place(self.path, "exchange", row)
            found, advice = repr(exchanges[index].as_py()), "Give each exchange a file of its own."
            raise place.fault(index, f"`{self._exchange}`, as in the first row", found, advice)
        return self.roster.codes(batch.column("symbol"), Place(self.path, "symbol", row))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        size = Path(self.path).stat().st_size
        read = arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
        convert = arrow_csv.ConvertOptions(
            column_types={name: _type(name) for name in self._names},
            null_values=[""],
            strings_can_be_null=True,
        )
        try:
            with pa.OSFile(self.path) as file:
                for batch in arrow_csv.open_csv(unpacked(file), read, convert_options=convert):
                    self.progress = min(file.tell() / size, 1.0)
                    if len(batch):
                        yield batch
        except (pa.ArrowException, OSError) as error:
            raise explained(self.path, self._names, error, has_header=True) from error


def _check_kind(settings: FileSettings, kind: str) -> None:
    if settings.kind not in (None, kind):
        advice = "Leave out `marketdata.kind`."
        raise fault(settings.path, f"records of kind {settings.kind}", kind, advice)


def _type(name: str) -> pa.DataType:
    return _TYPES.get(name, pa.float64())


def _field(name: str) -> str | None:
    return _FIELDS.get(name.rpartition(".")[2])


def _head(path: str) -> tuple[tuple[str, ...], str]:
    """Names of the columns, and the exchange of the first row."""
    read = arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
    convert = arrow_csv.ConvertOptions(column_types={"exchange": pa.string()}, include_columns=["exchange"])
    try:
        with pa.OSFile(path) as file:
            names = unpacked(file).read(_LONGEST_HEADER).partition(b"\n")[0].decode("utf-8", "replace")
        with pa.OSFile(path) as file:
            first = next(iter(arrow_csv.open_csv(unpacked(file), read, convert_options=convert)), None)
    except (pa.ArrowException, OSError) as error:
        raise explained(path, STAMPS, error, has_header=True) from error
    if first is None or not len(first):
        raise fault(path, "at least one row", "none", "Is this the right file?")
    return tuple(names.rstrip("\r").split(",")), str(first.column("exchange")[0])
