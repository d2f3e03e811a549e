"""Which column of a file is which of our fields, by name.

Names are compared without case, underscores and other punctuation. A mapping given in the settings stands
above what is found. What is missing or could be two things is refused, with the file's columns and the
setting to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.settings import Kind, ReadSettings
from shared.errors import DataError


class Layout(NamedTuple):
    """What a row is, and where its fields stand."""

    kind: Kind
    columns: Mapping[str, str]
    """Column of each field that the file has, without the times."""
    ts_event: tuple[str, ...]
    """The column of the event time, or those of day and time of day."""
    ts_init: str | None
    """The column of the receipt time, if there is one."""

    def used(self) -> list[str]:
        """Columns to be read, each once."""
        times = (*self.ts_event, *([self.ts_init] if self.ts_init else []))
        return list(dict.fromkeys((*times, *self.columns.values())))


def _sides(words: str, ends: str) -> tuple[str, ...]:
    return tuple(word + end for word in words.split() for end in ends.split(","))


_PRICES: Final = ",price,px,px00"
_SIZES: Final = "size,sz,siz,qty,quantity,amount,volume,sz00"

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "ts_event": (
        *("timestamp", "datetime", "dt", "ts", "eventtime", "exchangetime", "transacttime", "tradetime"),
        *("opentime", "tsopen", "epoch", "unixtime", "timestampms", "timestampus", "timestampns"),
    ),
    "ts_init": ("tsrecv", "receivetime", "recvtime", "receiptts", "recvts", "localtimestamp", "localts"),
    "date": ("day", "tradedate", "tradingday"),
    "time": ("timeofday",),
    "instrument": ("instrumentid", "symbol", "ticker", "sym", "security", "contract", "pair"),
    "price": ("px", "tradeprice", "lastprice", "last", "p"),
    "size": (
        *("sz", "siz", "qty", "quantity", "amount", "volume", "vol", "contracts", "tradesize", "lastsize"),
        "q",
    ),
    "aggressor_side": ("side", "takerside", "aggressor", "tradeside", "buysell", "bs"),
    "buyer_is_maker": ("isbuyermaker", "buyermaker", "m"),
    "bid_price": _sides("bid bestbid", _PRICES),
    "ask_price": _sides("ask bestask ofr offer", _PRICES),
    "bid_size": _sides("bid bestbid", _SIZES),
    "ask_size": _sides("ask bestask ofr offer", _SIZES),
    "open": ("o", "openprice", "pxopen"),
    "high": ("h", "highprice", "max"),
    "low": ("l", "lowprice", "min"),
    "close": ("c", "closeprice"),
    "volume": ("vol", "v", "qty", "quantity"),
    "n_trades": ("numtrades", "numberoftrades", "tradecount", "trades", "count"),
}
"""Names that are understood for each field, beside its own."""

BOOK_MARKS: Final = ("action", "issnapshot", "updatetype", "firstupdateid", "lastupdateid", "level")
"""Names of columns by which order book updates, which have a price and a size too, are told from trades."""

REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "bar": ("open", "high", "low", "close"),
    "trade": ("price", "size"),
    "quote": ("bid_price", "ask_price"),
}
"""Fields without which a row is nothing; the first kind that a file has all prices of is what it holds."""

OPTIONAL: Final[Mapping[Kind, tuple[str, ...]]] = {
    "bar": ("volume", "n_trades", "instrument"),
    "trade": ("aggressor_side", "buyer_is_maker", "instrument"),
    "quote": ("bid_size", "ask_size", "instrument"),
}

_DECIDING: Final[Mapping[Kind, tuple[str, ...]]] = {**REQUIRED, "trade": ("price",)}


def find_layout(path: str, names: Sequence[str], settings: ReadSettings) -> Layout:
    """What the rows of a file with these columns are.

    Raises:
        DataError: a mapped column is not there, a field is missing, or two columns could be it.

    >>> layout = find_layout("t.csv", ["DateTime", "Price", "Volume"], ReadSettings())
    >>> layout.kind, layout.columns, layout.ts_event
    ('trade', {'price': 'Price', 'size': 'Volume'}, ('DateTime',))
    """
    finder = _Finder(path, names, settings.columns)
    kind = settings.kind or finder.kind()
    columns = {}
    for field in REQUIRED[kind]:
        columns[field] = finder.needed(field, kind)
    for field in OPTIONAL[kind]:
        if (name := finder.column(field)) is not None:
            columns[field] = name
    return Layout(kind, columns, finder.event_time(kind), finder.column("ts_init"))


class _Finder:
    """Columns of one file by field."""

    def __init__(self, path: str, names: Sequence[str], given: Mapping[str, str]) -> None:
        self._path = path
        self._names = names
        self._given = given
        for field, name in given.items():
            if field not in SYNONYMS:
                known = ", ".join(f"`{known}`" for known in SYNONYMS)
                advice = f"Remove `marketdata.columns.{field}` or name one of these."
                raise fault(path, f"columns mapped to fields out of {known}", f"`{field}`", advice)
            if name and name not in names:
                raise self._fault(f"the column `{name}` mapped to `{field}`", "no such column", field)

    def kind(self) -> Kind:
        """The first kind that the file has all deciding fields of."""
        for kind, fields in _DECIDING.items():
            if all(self._candidates(field) for field in fields):
                self._check_no_book(kind)
                return kind
        expected = (
            "columns of trades (price, size), quotes (bid_price, ask_price) or bars (open, high, low, close)"
        )
        raise self._fault(expected, "none of these", "price")

    def _check_no_book(self, kind: Kind) -> None:
        mark = next((name for name in self._names if _plain(name) in BOOK_MARKS), None)
        if mark is not None and kind == "trade":
            raise fault(
                self._path,
                "rows that are trades, quotes or bars",
                f"the column `{mark}`, as order book updates have it",
                "Set `marketdata.kind` to `trade` if every row is a trade; books are not read.",
            )

    def column(self, field: str) -> str | None:
        """The column of a field, None if the file has none."""
        found = self._candidates(field)
        if len(found) > 1:
            shown = " and ".join(f"`{name}`" for name in found)
            raise self._fault(f"one column for `{field}`", shown, field)
        return found[0] if found else None

    def needed(self, field: str, kind: Kind) -> str:
        """The column of a field that the file must have."""
        name = self.column(field)
        if name is None:
            raise self._fault(f"a column for `{field}` of a {kind}", "none", field)
        return name

    def event_time(self, kind: Kind) -> tuple[str, ...]:
        """The column of the event time, or those of day and time of day."""
        stamp, receipt = self.column("ts_event"), self.column("ts_init")
        date, time = self.column("date"), self.column("time")
        if "date" in self._given and "time" in self._given and date and time:
            return date, time
        if stamp is None and date and time:
            return date, time
        name = stamp or time or date or receipt
        return (name,) if name else (self.needed("ts_event", kind),)

    def _candidates(self, field: str) -> list[str]:
        if field in self._given:
            return [self._given[field]] if self._given[field] else []
        taken = set(self._given.values())
        free = [name for name in self._names if name not in taken]
        own = [name for name in free if _plain(name) == _plain(field)]
        return own or [name for name in free if _plain(name) in SYNONYMS[field]]

    def _fault(self, expected: str, found: str, field: str) -> DataError:
        columns = ", ".join(f"`{name}`" for name in self._names)
        advice = f"The file's columns are {columns}; set `marketdata.columns.{field}` to one of them."
        return fault(self._path, expected, found, advice)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
