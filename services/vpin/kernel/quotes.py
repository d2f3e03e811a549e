"""The quote that prevails at a trade: the last one strictly before the trade's time less the lag.

An instrument's time never goes back: a record that is stamped before one already seen counts as of the
later time. Quotes wait in a ring until they are older than the lag. Of quotes at one time only the last can
ever prevail, so without a lag the ring has one place. A full ring lets its oldest quote prevail early, and
counts that.
"""

from __future__ import annotations

from typing import Any

from bus.records import Array
from shared.kernels.compile import inlined, kernel


@inlined
def observe_quote(quote: Any, lanes: Array, pending: Array, lag: int) -> None:
    """Let a quote wait until it is older than the lag.

    Args:
        quote: Record of `bus.records.QUOTE`.
        lanes: ``(n_instruments,)`` records of `services.vpin.kernel.layout.LANE`.
        pending: ``(n_instruments, n_places)`` rings of waiting quotes.
        lag: ns, from 0.
    """
    row = quote.instrument
    lane = lanes[row]
    promote(row, lane, pending, quote.ts_event, lag)
    places = pending.shape[1]
    if lane.n_pending == 0 or pending[row, _place(lane, lane.n_pending - 1, places)].ts != lane.now:
        if lane.n_pending == places:
            _prevail(lane, pending[row, lane.pending_first], places)
            lane.n_promoted += 1
        lane.n_pending += 1
    waiting = pending[row, _place(lane, lane.n_pending - 1, places)]
    waiting.ts = lane.now
    waiting.bid = quote.bid_price
    waiting.ask = quote.ask_price
    has_bid = quote.bid_price != 0 or quote.bid_size > 0
    has_ask = quote.ask_price != 0 or quote.ask_size > 0
    waiting.quoted = 1 if has_bid and has_ask else 0


@kernel
def observe_quotes(quotes: Array, lanes: Array, pending: Array, lag: int) -> None:
    """Let each of these quotes wait, in order; see `observe_quote`."""
    for index in range(len(quotes)):
        observe_quote(quotes[index], lanes, pending, lag)


@inlined
def promote(row: int, lane: Any, pending: Array, ts_event: int, lag: int) -> None:
    """Move an instrument's time on, never back; let the quotes prevail that are now older than the lag."""
    lane.now = max(lane.now, ts_event)
    while lane.n_pending > 0 and pending[row, lane.pending_first].ts < lane.now - lag:
        _prevail(lane, pending[row, lane.pending_first], pending.shape[1])


@inlined
def _place(lane: Any, position: int, places: int) -> int:
    """Place in the ring of the waiting quote at a position of the queue."""
    place = lane.pending_first + position
    return int(place - places if place >= places else place)


@inlined
def _prevail(lane: Any, oldest: Any, places: int) -> None:
    """Make the oldest waiting quote the one that trades are compared with."""
    lane.bid = oldest.bid
    lane.ask = oldest.ask
    lane.quoted = oldest.quoted
    lane.pending_first = _place(lane, 1, places)
    lane.n_pending -= 1
