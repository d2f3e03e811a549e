"""What the sessions of all venues share: their instruments, and what is said of a book that is not whole.

A session is the venue's rules and nothing else. It is handed what happened - the socket is open, a message
arrived, a snapshot was fetched, the socket is gone - each with its receipt time; it writes records, and lists
the `Action`s that it wants done. It reads no clock and does no I/O.

A book that may have missed something is told to be STALE with the reason, then SYNCING; it is whole again
with the last record of the next snapshot. Nothing is mended without being told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from bus.record_codes import BookReason, BookState
from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.live.actions import Action
from services.marketdata.adapter.live.decimals import LARGEST, Decimals
from services.marketdata.adapter.live.settings import LiveSettings
from services.marketdata.adapter.live.writer import Change, Writer
from shared.instruments import Instrument


class Line:
    """One instrument of a session, and what is known of its flow."""

    def __init__(self, symbol: str, row: int, sizes: Decimals) -> None:
        self.symbol = symbol
        self.row = row
        self.sizes = sizes
        self.is_whole = False
        """Whether its book has been read whole and nothing was missed since."""
        self.trade_id: int | None = None
        """Venue's number of the last trade, where trades are numbered without holes."""

    def forget(self) -> None:
        """Nothing is known of the flow any more."""
        self.is_whole = False


class Session(ABC):
    """One connection to one venue; see the module."""

    notes: tuple[str, ...] = ()
    """Sentences a user should be told about what the venue's messages can and cannot show."""

    def __init__(self, settings: LiveSettings, writer: Writer) -> None:
        self.settings = settings
        self.writer = writer
        self.has_book = "book" in settings.channels
        self.n_losses = 0
        """Times that a message was found to be missing, doubled, out of order or contradicted."""
        self.n_beyond = 0
        """Levels left out because no record can hold their price, 4.6e9 and more: asks that nobody means."""
        self._prices = Decimals(settings.venue, 1)
        self._level_prices = Decimals(settings.venue, 1, is_bounded=False)
        self._sizes: dict[int, Decimals] = {}
        self._actions: list[Action] = []
        self._is_open = False

    def take_actions(self) -> list[Action]:
        """What it wants done since the last time, in order."""
        actions, self._actions = self._actions, []
        return actions

    @property
    def is_whole(self) -> bool:
        """Whether it is connected and every book is whole."""
        return self._is_open and (not self.has_book or all(line.is_whole for line in self._lines()))

    def opened(self, ts_init: int) -> None:
        """The socket is open."""
        self.writer.arrive(ts_init)
        self._is_open = True
        for line in self._lines():
            line.forget()
            line.trade_id = None
            if self.has_book:
                self.writer.state(line.row, BookState.SYNCING, BookReason.SNAPSHOT)
        self._actions = self._subscriptions()

    def closed(self, ts_init: int) -> None:
        """The socket is gone; what a fetch answers from now on is not wanted."""
        self._actions = []
        if not self._is_open:
            return
        self.writer.arrive(ts_init)
        self._is_open = False
        for line in self._lines():
            line.forget()
            if self.has_book:
                self.writer.state(line.row, BookState.STALE, BookReason.DISCONNECTED)

    @abstractmethod
    def received(self, data: bytes, ts_init: int) -> None:
        """A message arrived.

        Raises:
            RefusedError: the venue refuses what was asked of it.
            DataError: it is not a message of this venue; nothing of it was written, and the connection is
                of no use any more.
        """

    def fetched(self, symbol: str, data: bytes, ts_init: int) -> None:
        """A snapshot that was asked for arrived.

        Raises:
            DataError: it is not a snapshot of this venue.
        """
        raise fault(
            self.settings.venue, "snapshots on the socket", f"an answer for {symbol}", "Ask for none."
        )

    @abstractmethod
    def _lines(self) -> Iterable[Line]:
        """All instruments in the order of the settings."""

    @abstractmethod
    def _subscriptions(self) -> list[Action]:
        """What has to be done when the socket is open."""

    @abstractmethod
    def _resync(self, line: Line) -> None:
        """Have a new snapshot brought."""

    def _define(self, symbol: str) -> tuple[int, Decimals]:
        """Write the definition of an instrument; returns its row and what its size texts mean."""
        settings = self.settings
        definition = Instrument(
            instrument_id=settings.instrument_id(symbol),
            price_increment=settings.price_increment(symbol),
            size_increment=settings.size_increment(symbol),
        )
        increment = definition.size_increment
        sizes = self._sizes.setdefault(increment, Decimals(settings.venue, increment))
        return self.writer.define(definition), sizes

    def _lose(self, line: Line, reason: BookReason) -> None:
        """Something of an instrument's flow is missing: say so, and have its book read again."""
        self.n_losses += 1
        line.forget()
        if self.has_book:
            self.writer.state(line.row, BookState.STALE, reason, is_last=False)
            self.writer.state(line.row, BookState.SYNCING, BookReason.SNAPSHOT)
            self._resync(line)

    def _count_trade(self, line: Line, trade_id: int) -> bool:
        """Hold a trade against the number of the one before it; returns whether it is a new one.

        A number that is left out, or comes again, is a loss of the flow.
        """
        previous, is_new = line.trade_id, line.trade_id is None or trade_id > line.trade_id
        if is_new:
            line.trade_id = trade_id
        if previous is not None and trade_id != previous + 1:
            self._lose(line, BookReason.GAP)
        return is_new

    def _changes(self, line: Line, side: int, levels: Iterable[tuple[str, str]]) -> list[Change]:
        """Levels of one side as numbers."""
        prices, sizes = self._level_prices, line.sizes
        return [(prices[price], sizes[size], side) for price, size in levels]

    def _told(self, changes: list[Change]) -> list[Change]:
        """The changes that records can hold."""
        if not self._level_prices.has_large:
            return changes
        told = [change for change in changes if change[0] < LARGEST]
        self.n_beyond += len(changes) - len(told)
        return told

    def _unknown(self, symbol: str) -> Exception:
        """The error for an instrument that was not asked for."""
        known = ", ".join(line.symbol for line in self._lines())
        return fault(self.settings.venue, f"one of {known}", repr(symbol), "Report the venue's new format.")
