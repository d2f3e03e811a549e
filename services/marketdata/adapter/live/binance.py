"""Binance, spot and USD-M futures: depth of 100 ms, aggregate trades, best bid and ask.

A depth event carries the ids of its first and last update, ``U`` and ``u``, and in futures that of the event
before it, ``pu``; quantities are absolute and 0 removes a level. The rules of the venue's documentation:

* keep events; on the first one fetch a snapshot, whose ``lastUpdateId`` is ``L``;
* it is too old, and fetched again, if ``L + 1 < U`` (spot) or ``L < U`` (futures) of the first event kept;
* drop events with ``u <= L`` (spot) or ``u < L`` (futures), apply the others;
* from event to event ``U == previous u + 1`` (spot) or ``pu == previous u`` (futures).

So a missing, doubled or late event is always found. While a snapshot is awaited a late event changes nothing,
as the snapshot holds it. A snapshot has the best ``depth`` levels: what lies deeper is known from when it
changes. Aggregate trades are numbered without holes, and ``m`` says that the seller took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from bus.record_codes import BookReason
from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.live.actions import Action, Fetch, Send, refusal
from services.marketdata.adapter.live.binance_messages import (
    KINDS,
    DepthEvent,
    QuoteEvent,
    Snapshot,
    TradeEvent,
    read_other,
    read_snapshot,
)
from services.marketdata.adapter.live.decimals import Decimals
from services.marketdata.adapter.live.session import Line, Session
from services.marketdata.adapter.live.settings import Channel, LiveSettings
from services.marketdata.adapter.live.writer import Writer

_MILLISECOND: Final = 1_000_000
_STREAMS: Final[dict[Channel, tuple[str, str]]] = {
    "book": ("depth@100ms", "depthUpdate"),
    "trade": ("aggTrade", "aggTrade"),
    "quote": ("bookTicker", "bookTicker"),
}
"""Name of each channel's streams, and of their events."""

_STREAM_AT: Final = len(b'{"stream":"')
_QUOTE_MARK: Final = ord('"')


class _Depth(Line):
    """The depth stream of one instrument."""

    def __init__(self, symbol: str, row: int, sizes: Decimals) -> None:
        super().__init__(symbol, row, sizes)
        self.last: int | None = None
        """Last update that was seen, None before the first event."""
        self.floor = 0
        """Lowest ``lastUpdateId`` that the events kept continue; of a whole book its snapshot's."""
        self.kept: list[DepthEvent] = []
        self.is_fetching = False
        self.n_too_old = 0

    def forget(self) -> None:
        """The book is not whole any more: a snapshot must hold all that was seen so far."""
        super().forget()
        self.kept = []
        self.floor = self.last or 0

    def restart(self) -> None:
        """No event was seen and nothing is fetched."""
        self.last, self.is_fetching, self.n_too_old = None, False, 0


class BinanceSession(Session):
    """Spot, or futures where the venue is ``binance_futures``."""

    def __init__(self, settings: LiveSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        self._is_futures = settings.venue == "binance_futures"
        self._path = "/fapi/v1/depth" if self._is_futures else "/api/v3/depth"
        self._depths = {name: _Depth(name, *self._define(name)) for name in settings.symbols}
        self._handlers: dict[str, Callable[[_Depth, Any], None]] = {
            "depthUpdate": self._on_depth,
            "aggTrade": self._on_trade,
            "bookTicker": self._on_quote,
        }
        self._streams = {
            f"{depth.symbol.lower()}@{stream}".encode(): (
                KINDS[event].in_envelope,
                self._handlers[event],
                depth,
            )
            for depth in self._depths.values()
            for stream, event in _STREAMS.values()
        }

    def opened(self, ts_init: int) -> None:
        """The socket is open: subscribe; snapshots are fetched on the first event of each book."""
        for depth in self._depths.values():
            depth.restart()
        super().opened(ts_init)

    def received(self, data: bytes, ts_init: int) -> None:
        """A message arrived, in the envelope of combined streams or plain; see `Session.received`."""
        if ts_init > self.writer.ts_init:  # `Writer.arrive`, for speed
            self.writer.ts_init = ts_init
        try:
            known = self._streams.get(data[_STREAM_AT : data.find(_QUOTE_MARK, _STREAM_AT)])
            if known is None:
                self._receive_other(data)
            else:
                decode, handle, depth = known
                handle(depth, decode(data).data)
        except msgspec.MsgspecError as error:
            advice = "Report the venue's new format."
            raise fault(self.settings.venue, "a message of its streams", str(error), advice) from error

    def fetched(self, symbol: str, data: bytes, ts_init: int) -> None:
        """A snapshot arrived: join the events kept to it, or fetch another if it is too old."""
        self.writer.arrive(ts_init)
        depth = self._depth(symbol)
        try:
            snapshot = read_snapshot(data)
        except msgspec.MsgspecError as error:
            advice = "Report the venue's new format."
            raise fault(self.settings.venue, "a depth snapshot", str(error), advice) from error
        if not (self._is_open and depth.is_fetching):
            return
        depth.is_fetching = False
        if snapshot.last < depth.floor:
            depth.n_too_old += 1
            self._resync(depth)
            return
        self._join(depth, snapshot)

    def _join(self, depth: _Depth, snapshot: Snapshot) -> None:
        levels = self._changes(depth, 1, snapshot.bids) + self._changes(depth, -1, snapshot.asks)
        time = self.writer.ts_init if snapshot.time is None else snapshot.time * _MILLISECOND
        self.writer.snapshot(depth.row, time, self._told(levels))
        kept, depth.kept = depth.kept, []
        depth.is_whole, depth.floor, depth.n_too_old = True, snapshot.last, 0
        for event in kept:
            self._apply(depth, event)

    def _lines(self) -> Iterable[Line]:
        return self._depths.values()

    def _subscriptions(self) -> list[Action]:
        streams = [_STREAMS[channel][0] for channel in self.settings.channels]
        params = [f"{symbol.lower()}@{stream}" for symbol in self._depths for stream in streams]
        return [Send(msgspec.json.encode({"method": "SUBSCRIBE", "params": params, "id": 1}))]

    def _resync(self, line: Line) -> None:
        depth = self._depth(line.symbol)
        if not depth.is_fetching and depth.last is not None:
            depth.is_fetching = True
            path = f"{self._path}?symbol={line.symbol}&limit={self.settings.depth}"
            self._actions.append(Fetch(line.symbol, path, depth.n_too_old))

    def _depth(self, symbol: str) -> _Depth:
        depth = self._depths.get(symbol)
        if depth is None:
            raise self._unknown(symbol)
        return depth

    def _on_depth(self, depth: _Depth, event: DepthEvent) -> None:
        last = depth.last
        if last is not None:
            before = event.previous if self._is_futures else event.first - 1
            if before != last:
                self._miss(depth, event, last)
                return
        depth.last = event.last
        if depth.is_whole:
            self._apply(depth, event)
        else:
            self._keep(depth, event, is_first=last is None)

    def _miss(self, depth: _Depth, event: DepthEvent, last: int) -> None:
        """An event does not continue the one before: some are missing, or it comes late or again."""
        is_late = event.last <= last
        if is_late and not depth.is_whole:
            return
        depth.last = max(last, event.last)
        self._lose(depth, BookReason.GAP)
        if not is_late:
            depth.kept, depth.floor = [event], self._floor(event)

    def _keep(self, depth: _Depth, event: DepthEvent, *, is_first: bool) -> None:
        """Keep an event for the snapshot that is awaited."""
        if len(depth.kept) >= self.settings.buffered_events:
            self._lose(depth, BookReason.GAP)
            return
        depth.kept.append(event)
        if is_first:
            depth.floor = self._floor(event)
            self._resync(depth)

    def _floor(self, event: DepthEvent) -> int:
        return event.first if self._is_futures else event.first - 1

    def _apply(self, depth: _Depth, event: DepthEvent) -> None:
        if event.last < depth.floor or (event.last == depth.floor and not self._is_futures):
            return
        changes = self._changes(depth, 1, event.bids) + self._changes(depth, -1, event.asks)
        self.writer.levels(depth.row, event.time * _MILLISECOND, self._told(changes))

    def _on_trade(self, depth: _Depth, event: TradeEvent) -> None:
        price, size = self._prices[event.price], depth.sizes[event.size]
        if depth.trade_id is not None and event.trade_id == depth.trade_id + 1:
            depth.trade_id = event.trade_id
        elif not self._count_trade(depth, event.trade_id):
            return
        side = -1 if event.buyer_is_maker else 1
        self.writer.trade(depth.row, event.time * _MILLISECOND, price, size, side)

    def _on_quote(self, depth: _Depth, event: QuoteEvent) -> None:
        prices, sizes = self._prices, depth.sizes
        time = self.writer.ts_init if event.time is None else event.time * _MILLISECOND
        bid, ask = (prices[event.bid], sizes[event.bid_size]), (prices[event.ask], sizes[event.ask_size])
        self.writer.quote(depth.row, time, bid, ask)

    def _receive_other(self, data: bytes) -> None:
        """A message that does not begin with one of our streams: plain, an answer, or of no use here."""
        other = read_other(data)
        if other.error is not None:
            raise refusal(self.settings.venue, "a subscription", f"{other.error.code} {other.error.msg}")
        inner: bytes | msgspec.Raw = data
        if len(memoryview(other.data)):
            inner, other = other.data, read_other(other.data)
        name = "bookTicker" if other.event is None and other.size is not None else other.event
        if name in KINDS:
            self._handlers[name](self._depth(other.symbol), KINDS[name].plain(inner))
