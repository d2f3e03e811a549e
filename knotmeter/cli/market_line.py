"""Lines about records on MarketData: prices and sizes in natural units, instruments by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final

import numpy as np

from bus import frames
from bus.errors import DecodeError
from bus.record_codes import BarBasis, BarOrigin, Flag, SideOrigin
from bus.records import PRICE_SCALE, Array
from bus.topics import INSTRUMENT, Bus
from knotmeter.cli import tail_line
from knotmeter.cli.bus_follower import Entry
from knotmeter.cli.tail_line import Line, Wanted, garbage, line_text, missed
from shared.instruments import SCALE, Instrument, from_record

_PRICES: Final = frozenset({"price", "bid_price", "ask_price", "open", "high", "low", "close"})
_SIZES: Final = frozenset({"size", "bid_size", "ask_size", "volume"})
_LEFT_OUT: Final = frozenset({"reserved", "instrument", "flags"})
_SIDES: Final = {1: "buyer", -1: "seller", 0: "no side"}
_SECOND: Final = 1_000_000_000

Content = dict[str, Any]


class MarketLines:
    """Makes lines of frames; learns from them what each instrument row is.

    Args:
        wanted: what is shown.
        instruments: definitions by row that are known already.
    """

    def __init__(self, wanted: Wanted, instruments: Mapping[int, Instrument]) -> None:
        self._wanted = wanted
        self._instruments = dict(instruments)
        self._last = (0, 0)

    def of(self, entry: Entry) -> Iterator[Line]:
        """Lines of one frame; a record that a frame says again is not shown again."""
        try:
            header, records = frames.decode(entry.fields, f"{Bus.MARKET_DATA} {entry.id}")
        except DecodeError as error:
            yield garbage(Bus.MARKET_DATA, entry, error)
            return
        for record in records.instrument:
            with suppress(UnicodeDecodeError):
                self._instruments[int(record["instrument"])] = from_record(record)
        if header.epoch == self._last[0] and header.first_sequence > self._last[1] + 1:
            lost = (self._last[1] + 1, header.first_sequence - 1)
            yield missed(Bus.MARKET_DATA, entry, Bus.MARKET_DATA.value, *lost)
        new = []
        for kind, array in records:
            if self._wanted.takes(kind):
                chosen = self._chosen(array, header.epoch)
                new += [(int(record["sequence"]), kind, record) for record in chosen]
        self._last = max(self._last, (header.epoch, header.last_sequence))
        for _, kind, record in sorted(new, key=lambda one: one[0]):
            yield self._line(kind, record, entry, header.epoch)

    def _chosen(self, array: Array, epoch: int) -> Array:
        """Records that were not shown before and are about the wanted instrument."""
        seen = self._last[1] if epoch == self._last[0] else 0
        fits = array["sequence"] > seen if epoch >= self._last[0] else np.zeros(len(array), np.bool_)
        if self._wanted.instrument is not None:
            rows = [
                row
                for row, instrument in self._instruments.items()
                if instrument.instrument_id == self._wanted.instrument
            ]
            named = array.dtype.names is not None and "instrument" in array.dtype.names
            fits &= np.isin(array["instrument"], rows) if named else False
        return array[fits]

    def _line(self, kind: str, record: Any, entry: Entry, epoch: int) -> Line:
        content = self._content(kind, record)
        told = {"bus": Bus.MARKET_DATA.value, "entry": entry.id, "type": kind, "epoch": epoch, **content}
        instrument_id = content.get("instrument_id")
        rest = _TEXTS[kind](content) if kind in _TEXTS else ""
        about = "" if "instrument_id" not in content else plain(instrument_id)
        return Line(line_text(content["ts_event"], kind, f"{about} {rest}".strip()), told)

    def _content(self, kind: str, record: Any) -> Content:
        """Fields of a record in natural units; sizes of an instrument that is not known are None."""
        names = record.dtype.names
        content: Content = {name: record[name].item() for name in names if name not in _LEFT_OUT}
        if kind == INSTRUMENT.name:
            return _definition(content)
        for name in _PRICES.intersection(names):
            content[name] /= PRICE_SCALE
        if "instrument" in names:
            instrument = self._instruments.get(int(record["instrument"]))
            content["instrument_id"] = None if instrument is None else instrument.instrument_id
            for name in _SIZES.intersection(names):
                unit = None if instrument is None else instrument.size_increment
                content[name] = None if unit is None else content[name] * unit / SCALE
        if "flags" in names:
            content["flags"] = [str(flag.name).lower() for flag in Flag if record["flags"] & flag]
        if "side_origin" in names:
            content["side_origin"] = _word(SideOrigin, content["side_origin"])
        if "basis" in names:
            content["basis"] = _word(BarBasis, content["basis"])
            content["origin"] = _word(BarOrigin, content["origin"])
        return content


def plain(value: Any) -> str:
    """A price or size with all its digits."""
    return tail_line.plain(value, digits=15)


def _word(kind: type[IntEnum], number: int) -> str | int:
    """What a number stands for; one that stands for nothing is shown as it is."""
    return kind(number).name.lower() if number in kind.__members__.values() else number


def _definition(content: Content) -> Content:
    scaled = ("price_increment", "size_increment", "multiplier")
    texts = ("instrument_id", "currency", "time_zone")
    return (
        content
        | {name: content[name] / SCALE for name in scaled}
        | {name: content[name].decode("utf-8", "replace") for name in texts}
    )


def _trade(content: Content) -> str:
    side = _SIDES.get(content["aggressor_side"], "odd side")
    return _marked(f"{plain(content['price'])} × {plain(content['size'])} {side}", content)


def _quote(content: Content) -> str:
    sides = (
        f"{plain(content[f'{side}_price'])} × {plain(content[f'{side}_size'])}" for side in ("bid", "ask")
    )
    return _marked(" / ".join(sides), content)


def _bar(content: Content) -> str:
    prices = " ".join(plain(content[name]) for name in ("open", "high", "low", "close"))
    length = f"{content['step'] / _SECOND:g} s" if content["basis"] == "time" else content["basis"]
    return f"{length}: {prices}, volume {plain(content['volume'])}, {content['n_trades']} trades"


def _instrument(content: Content) -> str:
    steps = f"price increment {plain(content['price_increment'])}, size {plain(content['size_increment'])}"
    return f"{steps}, {content['currency']}, {content['time_zone']}"


def _marked(text: str, content: Content) -> str:
    return " ".join([text, *content["flags"]])


_TEXTS: Final[dict[str, Callable[[Content], str]]] = {
    "trade": _trade,
    "quote": _quote,
    "bar": _bar,
    "instrument": _instrument,
}
"""What a line says of a record after its time, type and instrument."""
