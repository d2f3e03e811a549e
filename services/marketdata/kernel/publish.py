"""The second pass over a slice: complete it, fold it into the state, and number what comes of it.

It takes slices that `check` has passed and cannot fail. The results of a record come in this order, all
numbered from 1 without holes:

1. for each clock before it: the time bars that have ended by then, then the clock;
2. for a trade: the time bars it shows to have ended;
3. the record;
4. for a trade: the volume and dollar bars it completes.

So a clock record says that every bar that ended by its time has been published.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bus.records import START_OF_TIME, Array, BarOrigin
from services.marketdata.kernel.check import Kind, Order, Slice
from services.marketdata.kernel.memory import Memory
from services.marketdata.kernel.seconds import SECOND, next_clock, next_second
from services.marketdata.kernel.tape import note_bar, note_quote, note_trade
from shared.kernels.bars import close_ended, close_passed, fold_trade, notional_of
from shared.kernels.compile import inlined, kernel


class Rules(NamedTuple):
    """Settings of the fold."""

    idle: int
    """Silence after which the clock stops, ns."""
    side_rule: int
    """`BY_REPORT`, `BY_TICK` or `BY_QUOTE`."""


class Room(NamedTuple):
    """Where bars and clocks of the results are written."""

    bar: Array
    clock: Array


_INSTRUMENT: Final = int(Kind.INSTRUMENT)
_QUOTE: Final = int(Kind.QUOTE)
_TRADE: Final = int(Kind.TRADE)
_IMPORTED: Final = int(BarOrigin.IMPORTED)


@kernel
def publish(flow: Slice, order: Order, memory: Memory, rules: Rules, room: Room) -> int:
    """Fold a checked slice into the state.

    Args:
        flow: The slice with the fleet's rows; sequences, sides, flags and origins are written.
        order: Kinds and times of its records in order.
        memory: What is remembered; changed.
        rules: Settings.
        room: Space for clocks and bars, at least what `check` told; written.

    Returns:
        Bars written.
    """
    instruments, quotes, trades, bars = flow.instrument, flow.quote, flow.trade, flow.bar
    kinds, times, made = order.kinds, order.times, room.bar
    tape, recent, forming, progress = memory.tape, memory.quotes, memory.forming, memory.progress[0]
    at_instrument, at_quote, at_trade, at_bar, n_bars, n_clocks, sequence = 0, 0, 0, 0, 0, 0, 0
    due = next_second(progress.ts_init)
    for n in range(len(kinds)):
        kind = kinds[n]
        if times[n] >= due:
            due = next_second(times[n])
            n_bars, n_clocks, sequence = _pass_time(
                times[n], memory, rules.idle, room, n_bars, n_clocks, sequence
            )
        progress.ts_init = times[n]
        if kind == _TRADE:
            trade = trades[at_trade]
            n_bars, sequence = _pass_trade(
                trade, tape[trade.instrument], recent, forming, rules.side_rule, made, n_bars, sequence
            )
            at_trade += 1
            continue
        sequence += 1
        if kind == _QUOTE:
            note_quote(tape[quotes[at_quote].instrument], recent, quotes[at_quote])
            quotes[at_quote].sequence = sequence
            at_quote += 1
        elif kind == _INSTRUMENT:
            instruments[at_instrument].sequence = sequence
            at_instrument += 1
        else:
            made[n_bars] = bars[at_bar]
            made[n_bars].sequence = sequence
            made[n_bars].origin = _IMPORTED
            note_bar(tape[made[n_bars].instrument], made[n_bars])
            n_bars += 1
            at_bar += 1
    progress.n_clocks += n_clocks
    return n_bars


@kernel
def _pass_time(
    until: int, memory: Memory, idle: int, room: Room, n_bars: int, n_clocks: int, sequence: int
) -> tuple[int, int, int]:
    """Write the clocks up to a time and the bars they close; returns bars, clocks and results written."""
    progress = memory.progress[0]
    last = progress.ts_init
    if last == START_OF_TIME:
        return n_bars, n_clocks, sequence
    now = next_clock(last // SECOND * SECOND, last, until, idle)
    while now <= until:
        n_before = n_bars
        n_bars = close_ended(memory.forming, progress.n_rows, now, room.bar, n_bars)
        for n in range(n_before, n_bars):
            memory.tape[room.bar[n].instrument].n_bars += 1
        sequence = _number(room.bar, n_bars, sequence, n_bars - n_before) + 1
        clock = room.clock[n_clocks]
        clock.sequence = sequence
        clock.ts_event = clock.ts_init = now
        n_clocks += 1
        now = next_clock(now, last, until, idle)
    return n_bars, n_clocks, sequence


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
