"""The second pass over a slice: complete it, fold it into the state, and number what comes of it.

It takes slices that `check` has passed and cannot fail. The results of a record come in this order, all
numbered from 1 without holes:

1. for each clock before it: the time bars that have ended by then, levels of books that were held back, the
   clock;
2. for a trade: the time bars it shows to have ended;
3. the record; of an order or a level, which stay here, what they make news of a book, after the last of what
   happened at once;
4. for a trade: the volume and dollar bars it completes.

So a clock record says that every bar that ended by its time, and every level that stood at its time, has been
published.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bus.record_codes import BarOrigin, Flag
from bus.records import START_OF_TIME, Array
from services.marketdata.kernel.book.apply import apply_level, apply_order
from services.marketdata.kernel.check import Kind, Order, Slice
from services.marketdata.kernel.memory import Memory
from services.marketdata.kernel.seconds import SECOND, next_clock, next_second
from services.marketdata.kernel.shown import (
    Counts,
    Display,
    note_fault,
    put_depth,
    show,
    tell_state,
    with_sequence,
)
from services.marketdata.kernel.tape import note_bar, note_quote, note_trade
from shared.kernels.bars import close_ended, close_passed, fold_trade, notional_of
from shared.kernels.compile import inlined, kernel


class Rules(NamedTuple):
    """Settings of the fold."""

    idle: int
    """Silence after which the clock stops, ns."""
    side_rule: int
    """`BY_REPORT`, `BY_TICK` or `BY_QUOTE`."""
    gap: int
    """Least time between two showings of a book's levels, ns; below 0 they are never shown."""


class Room(NamedTuple):
    """Where what is not passed on in place is written."""

    bar: Array
    clock: Array
    display: Display


class Written(NamedTuple):
    """Results in the room."""

    n_bars: int
    counts: Counts


_INSTRUMENT: Final = int(Kind.INSTRUMENT)
_QUOTE: Final = int(Kind.QUOTE)
_TRADE: Final = int(Kind.TRADE)
_ORDER: Final = int(Kind.ORDER)
_LEVEL: Final = int(Kind.LEVEL)
_LAST: Final = int(Flag.LAST)
_IMPORTED: Final = int(BarOrigin.IMPORTED)


@kernel
def publish(flow: Slice, order: Order, memory: Memory, rules: Rules, room: Room) -> Written:
    """Fold a checked slice into the state.

    Args:
        flow: The slice with the fleet's rows; sequences, sides and origins are written.
        order: Kinds and times of its records in order.
        memory: What is remembered; changed.
        rules: Settings.
        room: Space for all else, at least what `check` told; written.

    Returns:
        Results written to the room.
    """
    kinds, times, made, display = order.kinds, order.times, room.bar, room.display
    tape, recent, forming, progress = memory.tape, memory.quotes, memory.forming, memory.progress[0]
    n_bars, n_clocks, sequence, counts = 0, 0, 0, Counts(0, 0, 0, 0)
    due = next_second(progress.ts_init)
    for n in range(len(kinds)):
        kind, at = kinds[n], order.places[n]
        if times[n] >= due:
            due = next_second(times[n])
            n_bars, n_clocks, counts = _pass_time(
                times[n], memory, rules, room, n_bars, n_clocks, with_sequence(counts, sequence)
            )
            sequence = counts.sequence
        progress.ts_init = times[n]
        if kind == _TRADE:
            trade = flow.trade[at]
            n_bars, sequence = _pass_trade(
                trade, tape[trade.instrument], recent, forming, rules.side_rule, made, n_bars, sequence
            )
        elif kind >= _ORDER:
            counts = _pass_of_book(flow, kind, at, memory, rules, display, with_sequence(counts, sequence))
            sequence = counts.sequence
        elif kind == _QUOTE:
            sequence, quote = sequence + 1, flow.quote[at]
            note_quote(tape[quote.instrument], recent, quote)
            quote.sequence = sequence
            display.quote[counts.n_quotes] = quote
            counts = Counts(counts.n_quotes + 1, counts.n_depths, counts.n_states, sequence)
        elif kind == _INSTRUMENT:
            sequence += 1
            flow.instrument[at].sequence = sequence
        else:
            sequence, made[n_bars] = sequence + 1, flow.bar[at]
            made[n_bars].sequence = sequence
            made[n_bars].origin = _IMPORTED
            note_bar(tape[made[n_bars].instrument], made[n_bars])
            n_bars += 1
    progress.n_clocks += n_clocks
    return Written(n_bars, counts)


@inlined
def _pass_of_book(
    flow: Slice, kind: int, at: int, memory: Memory, rules: Rules, display: Display, counts: Counts
) -> Counts:
    """Apply an order or a level, or take over a state, and publish what is news of the book."""
    if kind == _ORDER:
        fault = apply_order(memory.books, flow.order[at])
        return _pass_change(flow.order[at], fault, memory, rules, display, counts)
    if kind == _LEVEL:
        fault = apply_level(memory.books, flow.level[at])
        return _pass_change(flow.level[at], fault, memory, rules, display, counts)
    told = flow.book_state[at]
    return tell_state(memory.shown.looks[told.instrument], told, display, counts)


@inlined
def _pass_change(
    record: Any, fault: int, memory: Memory, rules: Rules, display: Display, counts: Counts
) -> Counts:
    """After an order or a level was applied: see what is news if it was the last of its event."""
    look = memory.shown.looks[record.instrument]
    note_fault(look, record, fault)
    if record.flags & _LAST == 0:
        return counts
    n_before = counts.n_quotes
    counts = show(memory.books, memory.shown, record, rules.gap, display, counts)
    if counts.n_quotes > n_before:
        note_quote(memory.tape[record.instrument], memory.quotes, display.quote[n_before])
    return counts


@kernel
def _pass_time(
    until: int, memory: Memory, rules: Rules, room: Room, n_bars: int, n_clocks: int, counts: Counts
) -> tuple[int, int, Counts]:
    """Write the clocks up to a time and what they close; returns bars, clocks and other results written."""
    progress, idle = memory.progress[0], rules.idle
    last, sequence = progress.ts_init, counts.sequence
    if last == START_OF_TIME:
        return n_bars, n_clocks, counts
    now = next_clock(last // SECOND * SECOND, last, until, idle)
    while now <= until:
        n_before = n_bars
        n_bars = close_ended(memory.forming, progress.n_rows, now, room.bar, n_bars)
        for n in range(n_before, n_bars):
            memory.tape[room.bar[n].instrument].n_bars += 1
        sequence = _number(room.bar, n_bars, sequence, n_bars - n_before)
        if rules.gap > 0:
            counts = _show_held_back(now, memory, room.display, with_sequence(counts, sequence))
            sequence = counts.sequence
        sequence += 1
        clock = room.clock[n_clocks]
        clock.sequence = sequence
        clock.ts_event = clock.ts_init = now
        n_clocks += 1
        now = next_clock(now, last, until, idle)
    return n_bars, n_clocks, with_sequence(counts, sequence)


@inlined
def _show_held_back(now: int, memory: Memory, display: Display, counts: Counts) -> Counts:
    """Publish levels that had come too soon after others."""
    looks = memory.shown.looks
    for row in range(memory.progress[0].n_rows):
        if looks[row].has_news != 0:
            counts = put_depth(memory.books, memory.shown, row, looks[row].ts_event, now, display, counts)
    return counts


@inlined
def _pass_trade(
    trade: Any,
    seen: Any,
    recent: Array,
    forming: Array,
    side_rule: int,
    made: Array,
    n_bars: int,
    sequence: int,
) -> tuple[int, int]:
    """Complete, number and remember a trade, and fold it into its bars; returns bars and results written."""
    row, ts_init = trade.instrument, trade.ts_init
    time = min(trade.ts_event, ts_init)
    n_passed = close_passed(forming, row, time, ts_init, made, n_bars)
    sequence = _number(made, n_passed, sequence, n_passed - n_bars) + 1
    trade.sequence = sequence
    note_trade(seen, recent, trade, side_rule)
    notional = notional_of(trade.price, trade.size, seen.notional_factor)
    n_after = fold_trade(forming, row, time, ts_init, trade.price, trade.size, notional, made, n_passed)
    seen.n_bars += n_after - n_bars
    return n_after, _number(made, n_after, sequence, n_after - n_passed)


@inlined
def _number(bars: Array, n_bars: int, sequence: int, count: int) -> int:
    """Number the last ``count`` bars written; returns the last sequence."""
    for n in range(n_bars - count, n_bars):
        sequence += 1
        bars[n].sequence = sequence
    return sequence
