"""The field dictionary: one name has one type, one unit and one sign, everywhere on both buses.

`FIELDS` says what each name means; `bus.field_uses.uses` walks what really travels, and a test holds the one
against the other. Names that stand in payloads alone are in `bus.messages.fields`. ``bus/FIELDS.md`` is
written from all of it.
"""

from __future__ import annotations

from typing import Final

from bus.field import Field, count, price, size, text, time
from bus.messages.fields import PAYLOADS

_IDENTITY: Final = {
    "sequence": Field("integer", "-", ">= 0", "The producer's own number, ascending from 1 in each epoch."),
    "epoch": Field("integer", "-", ">= 1", "Run of the producer whose sequences count from 1."),
    "source": text("Engine that said it, or the bus for a record.", "engine"),
    "type": text("Name of the message's topic.", "topic"),
    "version": Field("integer", "-", ">= 1", "Version of the message type."),
    "trace": Field("integer", "sequence", ">= 1", "Market record that began the chain of causes."),
    "cause": Field("cause", "-", "-", "Direct input of the event: its source and sequence."),
    "payload": Field("payload", "-", "-", "What the event says; its type is that of the topic."),
    "first_sequence": Field("integer", "sequence", ">= 1", "Lowest sequence of the range, itself included."),
    "last_sequence": Field("integer", "sequence", ">= 1", "Highest sequence of the range, itself included."),
    "n_records": count("records", "Records of all kinds in the frame."),
}

_TIMES: Final = {
    "ts_event": time("When it happened: at the source for a record, in engine time for an event."),
    "ts_init": time("When the fleet could first see the record; never decreases within a producer."),
    "ts_publish": time("When it was handed to the bus, by the wall clock; no part of a result."),
    "ts_open": time("Beginning of the bar or bucket."),
    "ts_close": time("End of the bucket: its last trade, or the end of its last time bar."),
    "watermark": time("All messages of the source at or before this time are published."),
    "earliest": time("When an engine can handle its next input if no other of its loop says anything."),
    "lag_seconds": Field(
        "number", "s", "any; > 0 is behind", "Wall clock less time of the last input handled."
    ),
    "bar_seconds": Field("number", "s", "> 0", "Length of the time bars whose volume is classified in bulk."),
}

_MARKET: Final = {
    "instrument": Field("integer", "row", ">= 0", "Row of the instrument table."),
    "instrument_id": text("Instrument with its venue, `SYMBOL.VENUE`."),
    "price_increment": Field("integer", "1e-9 currency", "> 0", "Smallest step of a price."),
    "size_increment": Field(
        "integer", "1e-9 units of size", "> 0", "Smallest step of a size, its integer unit."
    ),
    "multiplier": Field("integer", "1e-9", "> 0", "Currency value of one unit of size per unit of price."),
    "currency": text("Currency of prices.", "ISO 4217, or the venue's code"),
    "time_zone": text("Zone of the venue's sessions.", "IANA name"),
    "price": price("Price of the execution."),
    "size": size("Size of the execution."),
    "aggressor_side": Field("integer", "-", "+1 buyer, -1 seller, 0 none", "Side that removed liquidity."),
    "side_origin": Field(
        "integer", "-", "0 none, 1 reported, 2 quote rule, 3 tick rule", "How the aggressor side is known."
    ),
    "bid_price": price("Best bid."),
    "ask_price": price("Best ask."),
    "bid_size": size("Size at the best bid; 0 where there is none."),
    "ask_size": size("Size at the best ask; 0 where there is none."),
    "bid_prices": price("Prices of the best bids, best first; 0 beyond `n_bids`."),
    "bid_sizes": size("Sizes of the best bids."),
    "ask_prices": price("Prices of the best asks, best first; 0 beyond `n_asks`."),
    "ask_sizes": size("Sizes of the best asks."),
    "n_bids": count("levels", "Bids that are told."),
    "n_asks": count("levels", "Asks that are told."),
    "state": Field("integer", "-", "0 syncing, 1 live, 2 stale, 3 crossed", "What the book is worth."),
    "state_reason": Field(
        "integer",
        "-",
        "0 none, 1 start, 2 snapshot, 3 gap, 4 checksum, 5 disconnected, 6 unknown order, 7 crossed",
        "Why the book is in its state.",
    ),
    "open": price("First price of the bar."),
    "high": price("Highest price of the bar."),
    "low": price("Lowest price of the bar."),
    "close": price("Last price of the bar."),
    "volume": size("Sum of the bar's sizes."),
    "step": Field(
        "integer", "by `basis`: ns, size_increment, 1e-9 currency", "> 0", "How much makes one bar."
    ),
    "basis": Field("integer", "-", "1 time, 2 volume, 3 dollar", "What `step` counts."),
    "origin": Field("integer", "-", "1 made from trades, 2 imported", "Where the bar comes from."),
    "n_trades": count("trades", "Trades in the bar or bucket."),
    "flags": Field(
        "integer", "bits", "1 suspicious, 2 crossed, 4 last, 8 snapshot", "What is special about the record."
    ),
    "reserved": Field("integer", "-", "0", "Room for a later field."),
}

FIELDS: Final = _IDENTITY | _TIMES | _MARKET | PAYLOADS
"""Every field name and what it stands for."""
