"""What is shown of a book: its state, its best prices, and its ten best levels.

A book is looked at after the last record of what happened at once. Then come, where they are news, its state,
a quote, and its ten best levels, in this order. A book that is syncing or stale shows nothing: its last quote
and levels stand, and its state says what they are worth.

A book is whole after a snapshot, or after it was said to be empty; before that it is syncing. A record that
asks for something impossible makes it stale until it is whole again.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from bus.record_codes import BookAction, BookReason, BookState
from bus.records import DEPTH10, N_LEVELS, START_OF_TIME, Array
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.book.read import best, is_crossed, top
from shared.kernels.compile import inlined, kernel

SHOWN: Final = np.dtype(
    [
        ("bid_price", "<i8"),
        ("bid_size", "<i8"),
        ("ask_price", "<i8"),
        ("ask_size", "<i8"),
        ("depth_time", "<i8"),
        ("ts_event", "<i8"),
        ("state", "u1"),
        ("state_reason", "u1"),
        ("has_book", "u1"),
        ("has_fault", "u1"),
        ("was_cleared", "u1"),
        ("has_news", "u1"),
        ("reserved", "<u2"),
    ]
)
"""What was shown last of an instrument: best prices and sizes, when levels were shown, when the book changed,
state and reason; whether it has a book, whether something impossible was asked of it since it was whole,
whether what happens at this moment began with an empty book, and whether levels have changed since."""


class Shown(NamedTuple):
    """What was shown of all instruments; changed as more is shown."""

    looks: Array
    """`SHOWN` rows."""
    depths: Array
    """`bus.records.DEPTH10` rows as they were published last."""


class Display(NamedTuple):
    """Where a slice's results are written."""

    quote: Array
    depth10: Array
    book_state: Array


class Counts(NamedTuple):
    """Results written."""

    n_quotes: int
    n_depths: int
    n_states: int
    sequence: int
    """Sequence of the last result."""


_SYNCING: Final = int(BookState.SYNCING)
_LIVE: Final = int(BookState.LIVE)
_STALE: Final = int(BookState.STALE)
_CROSSED: Final = int(BookState.CROSSED)
_NO_REASON: Final = int(BookReason.NONE)
_START: Final = int(BookReason.START)
_BY_SNAPSHOT: Final = int(BookReason.SNAPSHOT)
_UNKNOWN_ORDER: Final = int(BookReason.UNKNOWN_ORDER)
_IS_CROSSED: Final = int(BookReason.CROSSED)
_CLEAR: Final = int(BookAction.CLEAR)


def blank_shown(n_rows: int) -> Shown:
    """What is shown before the first record."""
    looks = np.zeros(n_rows, SHOWN)
    looks["depth_time"] = looks["ts_event"] = START_OF_TIME
    looks["state_reason"] = _START
    return Shown(looks, np.zeros(n_rows, DEPTH10))


def grown_shown(shown: Shown, n_rows: int) -> Shown:
    """The same with rows for more instruments, copied."""
    blank = blank_shown(n_rows)
    blank.looks[: len(shown.looks)] = shown.looks
    blank.depths[: len(shown.depths)] = shown.depths
    return blank


@inlined
def with_sequence(counts: Counts, sequence: int) -> Counts:
    """The same results, with others after them."""
    return Counts(counts.n_quotes, counts.n_depths, counts.n_states, sequence)


@inlined
def note_fault(look: Any, record: Any, fault: int) -> None:
    """Note what a record did to its book.

    Args:
        look: `SHOWN` row; changed.
        record: An order or a level that was applied.
        fault: What was wrong with it, 0 if nothing.
    """
    if record.action == _CLEAR:
        look.has_fault, look.was_cleared = 0, 1
    elif fault != 0:
        look.has_fault = 1


@inlined
def tell_state(look: Any, told: Any, display: Display, counts: Counts) -> Counts:
    """Take over what the feed says of a book, and publish it if it is news.

    Args:
        look: `SHOWN` row; changed.
        told: Record of `bus.records.BOOK_STATE`.
        display: Written.
        counts: Results so far.
    """
    if look.has_book != 0 and look.state == told.state and look.state_reason == told.state_reason:
        return counts
    look.has_book = 1
    return _put_state(look, told.state, told.state_reason, told, display, counts)


@inlined
def show(books: Books, shown: Shown, record: Any, gap: int, display: Display, counts: Counts) -> Counts:
    """Look at a book after the last record of an event, and publish what is news.

    Args:
        books: The books.
        shown: What was shown; changed.
        record: The last record, an order or a level.
        gap: Least time between two showings of levels, ns; below 0 levels are never shown.
        display: Written.
        counts: Results so far.

    Returns:
        Results after it.
    """
    row = record.instrument
    look = shown.looks[row]
    look.ts_event = record.ts_event
    state, reason = _state_of(books, look, record.instrument)
    look.was_cleared = 0
    if look.has_book == 0 or state != look.state or (state == _STALE and reason != look.state_reason):
        look.has_book = 1
        counts = _put_state(look, state, reason, record, display, counts)
    if state != _LIVE and state != _CROSSED:
        return counts
    counts = _put_quote(books, look, record, display, counts)
    look.has_news = 1
    if gap >= 0 and (look.depth_time == START_OF_TIME or record.ts_init - look.depth_time >= gap):
        counts = put_depth(books, shown, row, record.ts_event, record.ts_init, display, counts)
    return counts


@kernel
def put_depth(
    books: Books, shown: Shown, row: int, ts_event: int, ts_init: int, display: Display, counts: Counts
) -> Counts:
    """Publish the levels of a book if they are not what was published last."""
    look, last, record = shown.looks[row], shown.depths[row], display.depth10[counts.n_depths]
    top(books, row, record)
    look.has_news = 0
    if look.depth_time != START_OF_TIME and _is_same(last, record):
        return counts
    record.ts_event, record.ts_init = ts_event, ts_init
    record.instrument = row
    record.flags = 0
    sequence = counts.sequence + 1
    record.sequence = sequence
    shown.depths[row] = record
    look.depth_time = ts_init
    return Counts(counts.n_quotes, counts.n_depths + 1, counts.n_states, sequence)


@inlined
def _state_of(books: Books, look: Any, row: int) -> tuple[int, int]:
    """State of a book after an event, and the reason."""
    state, reason = look.state, look.state_reason
    if look.was_cleared != 0:
        state, reason = _LIVE, _BY_SNAPSHOT
    if look.has_fault != 0:
        return _STALE, _UNKNOWN_ORDER
    if state in (_LIVE, _CROSSED):
        if is_crossed(books, row):
            return _CROSSED, _IS_CROSSED
        return _LIVE, reason if state == _LIVE else _NO_REASON
    return state, reason


@inlined
def _put_state(look: Any, state: int, reason: int, record: Any, display: Display, counts: Counts) -> Counts:
    look.state, look.state_reason = state, reason
    written = display.book_state[counts.n_states]
    sequence = counts.sequence + 1
    written.sequence = sequence
    written.ts_event, written.ts_init = record.ts_event, record.ts_init
    written.instrument = record.instrument
    written.flags = 0
    written.state, written.state_reason = state, reason
    return Counts(counts.n_quotes, counts.n_depths, counts.n_states + 1, sequence)


@inlined
def _put_quote(books: Books, look: Any, record: Any, display: Display, counts: Counts) -> Counts:
    """A quote, if the best has changed; numbered, and not yet noted on the tape."""
    now = best(books, record.instrument)
    if (
        now.bid_price == look.bid_price
        and now.bid_size == look.bid_size
        and now.ask_price == look.ask_price
        and now.ask_size == look.ask_size
    ):
        return counts
    look.bid_price, look.bid_size = now.bid_price, now.bid_size
    look.ask_price, look.ask_size = now.ask_price, now.ask_size
    quote = display.quote[counts.n_quotes]
    sequence = counts.sequence + 1
    quote.sequence = sequence
    quote.ts_event, quote.ts_init = record.ts_event, record.ts_init
    quote.bid_price, quote.bid_size = now.bid_price, now.bid_size
    quote.ask_price, quote.ask_size = now.ask_price, now.ask_size
    quote.instrument = record.instrument
    quote.flags = quote.reserved = 0
    return Counts(counts.n_quotes + 1, counts.n_depths, counts.n_states, sequence)


@inlined
def _is_same(one: Any, other: Any) -> bool:
    """Whether two records tell the same levels."""
    if one.n_bids != other.n_bids or one.n_asks != other.n_asks:
        return False
    for n in range(N_LEVELS):
        if one.bid_prices[n] != other.bid_prices[n] or one.bid_sizes[n] != other.bid_sizes[n]:
            return False
        if one.ask_prices[n] != other.ask_prices[n] or one.ask_sizes[n] != other.ask_sizes[n]:
            return False
    return True
