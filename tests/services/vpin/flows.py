"""Random flows of a few instruments, as events for the oracle and as records for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bus.record_codes import SideOrigin
from bus.records import CLOCK, QUOTE, TRADE, Records
from services.vpin.config import Config
from services.vpin.engine import Vpin, create
from shared.engine import Emit
from shared.instruments import Instrument
from tests.services.vpin.events import Clock, Quote, Trade

START = 1_380_000_000_000_000_000
TICK = 250_000_000
STEPS = (0, 1_000_000, 7_000_000_000, 61_000_000_000, 40_000_000_000_000)
"""Time from one record to the next: mostly near, now and then another bar, or another day."""

INSTRUMENTS = (
    Instrument(instrument_id="ES.XCME", price_increment=TICK, multiplier=50_000_000_000),
    Instrument(instrument_id="BTC.TEST", size_increment=100_000_000),
)
"""Whole contracts of 50 a point, and tenths of a coin."""

Event = tuple[int, Trade | Quote | Clock]
"""Instrument row and what happened; a clock is for all."""


@st.composite
def events(draw: st.DrawFn, *, n_instruments: int = 2) -> list[Event]:
    """A random flow in order of sequence, known by its seed; some records are stamped late."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(1, 160))
    now, price = START, [400] * n_instruments
    found: list[Event] = []
    for sequence in range(1, size + 1):
        now += int(generator.choice(STEPS, p=(0.3, 0.3, 0.25, 0.13, 0.02)))
        row = int(generator.integers(n_instruments))
        price[row] += int(generator.choice((-1, 0, 1), p=(0.25, 0.5, 0.25)))
        late = int(generator.choice((0, 2_000_000, 6_000_000_000), p=(0.9, 0.05, 0.05)))
        found.append((row, _event(generator, sequence, now, now - late, price[row])))
    return found


def _event(
    generator: np.random.Generator, sequence: int, now: int, ts: int, price: int
) -> Trade | Quote | Clock:
    kind = generator.random()
    if kind < 0.05:
        return Clock(sequence, now)
    if kind < 0.3:
        bid = (price - int(generator.integers(3))) * TICK
        ask = bid + int(generator.integers(5)) * TICK // 2
        sizes = generator.integers(1, 9, 2) * (generator.random(2) < 0.95)
        return Quote(sequence, ts, bid, ask, int(sizes[0]), int(sizes[1]))
    most = int(generator.choice((1, 12, 200), p=(0.05, 0.8, 0.15)))
    size = int(generator.integers(most > 1, most))
    side = int(generator.choice((-1, 0, 1), p=(0.45, 0.1, 0.45)))
    return Trade(sequence, ts, price * TICK, size, side, bool(generator.random() < 0.9))


def records(flow: list[Event]) -> Records:
    """The flow as the bus brings it."""
    trades = [_trade(row, event) for row, event in flow if isinstance(event, Trade)]
    quotes = [_quote(row, event) for row, event in flow if isinstance(event, Quote)]
    clocks = [(event.sequence, event.ts, event.ts) for _, event in flow if isinstance(event, Clock)]
    return Records(
        {
            "trade": np.array(trades, TRADE),
            "quote": np.array(quotes, QUOTE),
            "clock": np.array(clocks, CLOCK),
        }
    )


def _trade(row: int, trade: Trade) -> tuple[Any, ...]:
    origin = (
        SideOrigin.REPORTED if trade.reported else (SideOrigin.TICK_RULE if trade.side else SideOrigin.NONE)
    )
    return (trade.sequence, trade.ts, trade.ts, trade.price, trade.size, row, trade.side, origin, 0)


def _quote(row: int, quote: Quote) -> tuple[Any, ...]:
    return (
        quote.sequence,
        quote.ts,
        quote.ts,
        quote.bid,
        quote.ask,
        quote.bid_size,
        quote.ask_size,
        row,
        0,
        0,
    )


def of_row(flow: list[Event], row: int) -> list[Trade | Quote | Clock]:
    """What one instrument sees of the flow."""
    return [event for own, event in flow if own == row or isinstance(event, Clock)]


def fresh(config: Config, n_instruments: int = 2) -> Vpin:
    """An engine that knows the instruments."""
    engine = create(config)
    for row in range(n_instruments):
        engine.instruments.add(row, INSTRUMENTS[row])
    return engine


def emitted(engine: Vpin, slices: Iterator[Records] | list[Records]) -> list[Emit]:
    """Everything an engine says to these slices."""
    return [emit for piece in slices if len(piece) for emit in engine.on_records(piece)]


def cut(whole: Records, cuts: list[int]) -> Iterator[Records]:
    """The flow cut before these sequences."""
    rest = whole
    for place in sorted(cuts):
        head, rest = rest.split_at_sequence(place)
        yield head
    yield rest
