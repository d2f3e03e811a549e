"""Kraken (WebSocket API v1): book with checksum, trades, and spread as quotes.

A book message has changed levels of one or both sides (``a``, ``b``; sizes absolute, 0 removes) and the
checksum ``c`` of the ten best levels after it; the snapshot (``as``, ``bs``) comes on the subscription. The
book keeps the subscribed depth: levels that a new one pushes out are removed, here and in the records.

**What can be found missing.** A message that was left out or changed places is found by the checksum, at the
latest when what it changed is among the ten best levels of a side. One that comes again, letter by letter, is
found at once. Trades are not numbered: of them only the loss of the socket is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from bus.record_codes import BookReason, Flag
from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.live.actions import Action, Send, refusal
from services.marketdata.adapter.live.checked_book import CheckedBook
from services.marketdata.adapter.live.decimals import Decimals, nanoseconds
from services.marketdata.adapter.live.session import Line, Session
from services.marketdata.adapter.live.settings import Channel, LiveSettings
from services.marketdata.adapter.live.writer import Change, Writer
from shared.errors import ConstraintError

DEPTHS: Final = (10, 25, 100, 500, 1_000)
"""Depths of a book that can be subscribed to."""

_NAMES: Final[dict[Channel, str]] = {"book": "book", "trade": "trade", "quote": "spread"}
_TAKER: Final = {"b": 1, "s": -1}
_NOT_A_MESSAGE: Final = "Report the venue's new format."

Levels = list[list[str]]
"""Price, size and time of levels, and of some a mark that they are told again."""


class Book(
    msgspec.Struct, rename={"all_asks": "as", "all_bids": "bs", "asks": "a", "bids": "b", "checksum": "c"}
):
    """One part of a book message: a snapshot, or changes."""

    all_asks: Levels | None = None
    all_bids: Levels | None = None
    asks: Levels | None = None
    bids: Levels | None = None
    checksum: str | None = None


class Notice(msgspec.Struct, rename={"error": "errorMessage"}):
    """A message that is no market data."""

    event: str
    status: str = ""
    error: str = ""


_Part = int | str | Book | list[list[str] | str]


class _Pair(Line):
    """One pair and its book."""

    def __init__(self, symbol: str, row: int, sizes: Decimals, depth: int) -> None:
        super().__init__(symbol, row, sizes)
        self.book = CheckedBook(depth)
        self.last_message = b""

    def forget(self) -> None:
        """Nothing is known of the flow any more."""
        super().forget()
        self.book.clear()
        self.last_message = b""


class KrakenSession(Session):
    """All pairs of one connection."""

    notes = ("kraken: trades carry no number, so one that the venue leaves out cannot be found.",)

    def __init__(self, settings: LiveSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        if settings.depth not in DEPTHS:
            raise ConstraintError("depth", "10, 25, 100, 500 or 1000 for kraken", str(settings.depth))
        self._pairs = {name: _Pair(name, *self._define(name), settings.depth) for name in settings.symbols}
        self._decode = msgspec.json.Decoder(list[_Part]).decode
        self._decode_notice = msgspec.json.Decoder(Notice).decode

    def received(self, data: bytes, ts_init: int) -> None:
        """A message arrived; see `Session.received`."""
        self.writer.arrive(ts_init)
        try:
            if data.startswith(b"["):
                self._on_parts(self._decode(data), data)
                return
            notice = self._decode_notice(data)
        except (msgspec.MsgspecError, LookupError, ValueError) as error:
            expected = "a message of its channels"
            raise fault(self.settings.venue, expected, str(error), _NOT_A_MESSAGE) from error
        if "error" in (notice.status, notice.event):
            raise refusal(self.settings.venue, "a subscription", notice.error)

    def _on_parts(self, parts: list[_Part], data: bytes) -> None:
        if len(parts) < 4:
            raise fault(self.settings.venue, "at least 4 parts", f"{len(parts)}", _NOT_A_MESSAGE)
        pair = self._pairs.get(str(parts[-1]))
        if pair is None:
            raise self._unknown(str(parts[-1]))
        name = str(parts[-2])
        if name.startswith("book"):
            books = [part for part in parts[1:-2] if isinstance(part, Book)]
            if books and books[0].all_asks is not None:
                self._on_snapshot(pair, books[0])
            elif pair.is_whole:
                self._on_changes(pair, books, data)
        elif name == "trade":
            self._on_trades(pair, parts[1])
        elif name == "spread":
            self._on_spread(pair, parts[1])

    def _on_snapshot(self, pair: _Pair, message: Book) -> None:
        asks, bids = message.all_asks or [], message.all_bids or []
        levels = self._read(pair, 1, bids) + self._read(pair, -1, asks)
        pair.forget()
        self._set(pair, levels, [*bids, *asks])
        beyond = {(price, side) for price, _, side in pair.book.truncate()}
        kept = [level for level in levels if (level[0], level[2]) not in beyond]
        pair.is_whole = True
        self.writer.snapshot(pair.row, self._time([*bids, *asks]), self._told(kept))

    def _on_changes(self, pair: _Pair, messages: Sequence[Book], data: bytes) -> None:
        if data == pair.last_message:
            self._lose(pair, BookReason.GAP)
            return
        changes: list[Change] = []
        texts: Levels = []
        checksum = None
        for message in messages:
            for side, levels in ((1, message.bids), (-1, message.asks)):
                if levels:
                    changes += self._read(pair, side, levels)
                    texts += levels
            checksum = message.checksum or checksum
        self._set(pair, changes, texts)
        changes += pair.book.truncate()
        if checksum is not None and checksum != str(pair.book.checksum()):
            self._lose(pair, BookReason.CHECKSUM)
            return
        pair.last_message = data
        self.writer.levels(pair.row, self._time(texts), self._told(changes))

    def _on_trades(self, pair: _Pair, trades: Any) -> None:
        rows = [
            (nanoseconds(time), self._prices[price], pair.sizes[size], _TAKER[side])
            for price, size, time, side, *_ in trades
        ]
        last = len(rows) - 1
        for place, (time, price, size, side) in enumerate(rows):
            flags = int(Flag.LAST) if place == last else 0
            self.writer.trade(pair.row, time, price, size, side, flags)

    def _on_spread(self, pair: _Pair, spread: Any) -> None:
        bid, ask, time, bid_size, ask_size = spread
        prices, sizes = self._prices, pair.sizes
        self.writer.quote(
            pair.row, nanoseconds(time), (prices[bid], sizes[bid_size]), (prices[ask], sizes[ask_size])
        )

    def _read(self, pair: _Pair, side: int, levels: Levels) -> list[Change]:
        prices, sizes = self._level_prices, pair.sizes
        return [(prices[level[0]], sizes[level[1]], side) for level in levels]

    def _set(self, pair: _Pair, changes: Sequence[Change], texts: Levels) -> None:
        for (price, size, side), level in zip(changes, texts, strict=True):
            pair.book.set(side, price, size, (level[0], level[1]))

    def _time(self, levels: Levels) -> int:
        """Time of the last change among these levels, ns; that of receipt if there is none."""
        times = [level[2] for level in levels if len(level) > 2]
        return max(map(nanoseconds, times)) if times else self.writer.ts_init

    def _lines(self) -> Iterable[Line]:
        return self._pairs.values()

    def _subscriptions(self) -> list[Action]:
        return [self._request("subscribe", list(self._pairs), channel) for channel in self.settings.channels]

    def _resync(self, line: Line) -> None:
        self._actions += [self._request(verb, [line.symbol], "book") for verb in ("unsubscribe", "subscribe")]

    def _request(self, verb: str, pairs: list[str], channel: Channel) -> Send:
        subscription: dict[str, Any] = {"name": _NAMES[channel]}
        if channel == "book":
            subscription["depth"] = self.settings.depth
        return Send(msgspec.json.encode({"event": verb, "pair": pairs, "subscription": subscription}))
