"""marketdata's engine: feed records in, the record flow of the fleet out."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Final

import msgspec
import numpy as np

from bus.record_codes import BookState
from bus.records import BAR, BOOK_STATE, CLOCK, DEPTH10, PRICE_SCALE, QUOTE, START_OF_TIME, Array, Records
from services.marketdata.config import Config
from services.marketdata.kernel.book.ladder import Book, ladder_of
from services.marketdata.kernel.book.layout import Books, blank_books
from services.marketdata.kernel.book.read import ASK, BID
from services.marketdata.kernel.book.room import room as make_room
from services.marketdata.kernel.check import Kind, Order, Slice, Verdict, check, put_in_order
from services.marketdata.kernel.faults import EXPECTATIONS, Fault
from services.marketdata.kernel.memory import Memory, blank_progress, capacity, grown, own_copy
from services.marketdata.kernel.publish import Room, Rules, publish
from services.marketdata.kernel.quotes import blank_quotes
from services.marketdata.kernel.recent import Recent, blank_recent, grown_recent, last_of, remember
from services.marketdata.kernel.shown import Display, Shown, blank_shown, grown_shown
from services.marketdata.kernel.tape import BY_QUOTE, BY_REPORT, BY_TICK, blank_tape
from shared.engine import Engine
from shared.errors import ConstraintError, SettingsError
from shared.instruments import SCALE, Instrument, from_record
from shared.kernels.bars import FORMING

MOST_INSTRUMENTS: Final = 1_048_576
"""Most instruments, and most rows of a feed: the bound of the state."""

_KINDS: Final = tuple(kind.name.lower() for kind in Kind)
_SIDE_RULES: Final = {"lee_ready": BY_QUOTE, "tick_rule": BY_TICK, "reported": BY_REPORT}


class State(msgspec.Struct):
    """What marketdata remembers; tables grow by powers of two with the instruments."""

    bars: list[str]
    """The bars that ``forming`` is of."""
    progress: Array
    """One `kernel.memory.PROGRESS` row."""
    feed_rows: Array
    """Fleet row of each row of the feed, -1 where there is none."""
    tape: Array
    """`kernel.tape.TAPE` rows, one an instrument."""
    quotes: Array
    """`kernel.quotes.QUOTED` rings, one an instrument."""
    forming: Array
    """`shared.kernels.bars.FORMING` rows, ``(n_instruments, n_bars)``."""
    kept_trades: Array
    """`bus.records.TRADE`: ring of the last trades of all instruments, for queries."""
    kept_bars: Array
    """`bus.records.BAR`: ring of the last bars of all instruments, for queries."""
    last_trades: Array
    """`bus.records.TRADE` rows, one an instrument: its last."""
    last_quotes: Array
    """`bus.records.QUOTE` rows, one an instrument: its last."""
    kept_counts: Array
    """One `kernel.recent.COUNTS` row."""
    looks: Array
    """`kernel.shown.SHOWN` rows, one an instrument: what is shown of its book."""
    depths: Array
    """`bus.records.DEPTH10` rows, one an instrument: its levels as they were published last."""
    books: dict[str, Array]
    """The arrays of `kernel.book.layout.Books`, by name."""

    @property
    def recent(self) -> Recent:
        """What was published last."""
        return Recent(*(getattr(self, name) for name in Recent._fields))

    @property
    def shown(self) -> Shown:
        """What is shown of the books."""
        return Shown(self.looks, self.depths)

    @property
    def as_books(self) -> Books:
        """The books."""
        return Books(**self.books)


def blank_state(config: Config) -> State:
    """State before the first record."""
    return State(
        bars=list(config.bars),
        progress=blank_progress(),
        feed_rows=np.full(1, -1, np.int64),
        tape=blank_tape(1),
        quotes=blank_quotes(1),
        forming=np.zeros((1, len(config.bars)), FORMING),
        **blank_recent(1)._asdict(),
        **blank_shown(1)._asdict(),
        books=blank_books(1)._asdict(),
    )


class MarketData(Engine[State]):
    """What is trading, at what price, right now?

    A feed's records -> instruments, trades, quotes, bars, books, clocks: the fleet's record flow, numbered.

    State: a row for each instrument (last trade, last quotes, counts, what is shown of its book), its forming
    bars, and the fleet's row of each row of the feed: 888 bytes an instrument and 96 more for each sort of
    bar, for at most `MOST_INSTRUMENTS`; the books, by the levels and orders that stand in them; and the last
    trades and bars of all instruments, 590 kB whatever happens.

    Invariants: rows are never reused; ``ts_init`` never decreases; a time bar that ended by the time of a
    clock precedes it; what is published does not depend on how the feed was cut.

    It never invents: no side before the first price change, no empty bar, and no record is changed but for
    its row, its sequence, a missing side and the crossed flag.
    """

    state_version: ClassVar[int] = 3  # 1 kept no recent records, and 2 no books

    def __init__(self, config: Config) -> None:
        super().__init__(config, blank_state(config))
        self._bar_rules = config.bar_rules
        self._rules = Rules(
            idle=config.clock_idle_seconds * 1_000_000_000,
            side_rule=_SIDE_RULES[config.trade_side],
            gap=-1 if config.depth_seconds is None else round(config.depth_seconds * 1e9),
        )

    def on_records(self, records: Records) -> Records:
        """Pass on a slice of the feed with everything that comes of it.

        Raises:
            ConstraintError: a record is no market record; the message names it by its place in the feed.
            SettingsError: the bars asked for do not fit an instrument, or the state.
        """
        if len(records) == 0:
            return records
        self._check_bars()
        definitions = [from_record(record) for record in records.instrument]
        targets, added = self._targets(records.instrument, definitions)
        state = self._with_room(records.instrument, added)
        flow = Slice(*(own_copy(records[kind]) for kind in _KINDS))
        order = Order(*np.empty((3, len(records)), np.int64))
        if not put_in_order(flow, records.first_sequence, order):
            name, expected = "sequence", f"consecutive records of kind {', '.join(_KINDS)}"
            raise ConstraintError(name, expected, f"{len(records)} from {records.first_sequence}")
        last = int(state.progress[0]["ts_init"])
        verdict = check(flow, order, targets, state.feed_rows, state.forming, last, self._rules.idle)
        if verdict.fault:
            raise _refusal(verdict, records)
        results = self._publish(flow, order, state, verdict)
        remember(state.recent, len(results), results.quote, results.trade, results.bar)
        for row, definition in zip(targets.tolist(), definitions, strict=True):
            self.instruments.add(row, definition)
        self.state = state
        return results

    def measure(self) -> Mapping[str, float]:
        """Counts since the first record."""
        tape, looks = self.state.tape, self.state.looks
        has_book = looks["has_book"] != 0
        prefix = "knotmeter_marketdata_"
        return {
            f"{prefix}instruments": len(self.instruments),
            f"{prefix}trades_total": int(tape["n_trades"].sum()),
            f"{prefix}inferred_sides_total": int(tape["n_inferred"].sum()),
            f"{prefix}quotes_total": int(tape["n_quotes"].sum()),
            f"{prefix}crossed_quotes_total": int(tape["n_crossed"].sum()),
            f"{prefix}bars_total": int(tape["n_bars"].sum()),
            f"{prefix}clocks_total": int(self.state.progress[0]["n_clocks"]),
            f"{prefix}books": int(np.count_nonzero(has_book)),
            f"{prefix}stale_books": int(np.count_nonzero(has_book & (looks["state"] == BookState.STALE))),
        }

    def summary(self) -> list[dict[str, Any]]:
        """One row for each instrument: what was published of it."""
        return [
            _summary(instrument, seen)
            for instrument, seen in zip(self.instruments, self.state.tape, strict=False)
        ]

    def counts(self, instrument_id: str) -> Array:
        """Row of the tape: how many of each kind were published of an instrument.

        Raises:
            ConstraintError: no such instrument.
        """
        row: Array = self.state.tape[self._row(instrument_id)]
        return row

    def last_quote(self, instrument_id: str) -> Array:
        """The last quote of an instrument, a record of `bus.records.QUOTE`; of sequence 0 before the first.

        Raises:
            ConstraintError: no such instrument.
        """
        quote: Array = self.state.last_quotes[self._row(instrument_id)]
        return quote

    def recent_trades(self, instrument_id: str, limit: int) -> Array:
        """Copy of the last trades of an instrument that are kept, oldest first; always the very last.

        Raises:
            ConstraintError: no such instrument.
        """
        row, state = self._row(instrument_id), self.state
        kept = last_of(state.kept_trades, int(state.kept_counts["n_trades"][0]), row)[-limit:]
        last = state.last_trades[row : row + 1]
        return kept if len(kept) else last[last["sequence"] > 0]

    def recent_bars(self, instrument_id: str, basis: int, step: int, limit: int) -> Array:
        """Copy of the last bars of an instrument that are kept, of one sort, oldest first.

        Raises:
            ConstraintError: no such instrument.
        """
        row, state = self._row(instrument_id), self.state
        kept = last_of(state.kept_bars, int(state.kept_counts["n_bars"][0]), row)
        chosen: Array = kept[(kept["basis"] == basis) & (kept["step"] == step)][-limit:]
        return chosen

    def book(self, instrument_id: str, depth: int) -> Book | None:
        """The best levels of a book, and what it is worth; None if the instrument has none.

        Raises:
            ConstraintError: no such instrument.
        """
        row = self._row(instrument_id)
        look, books = self.state.looks[row], self.state.as_books
        if not look["has_book"]:
            return None
        ts_event = int(look["ts_event"])
        return Book(
            state=int(look["state"]),
            state_reason=int(look["state_reason"]),
            ts_event=None if ts_event == START_OF_TIME else ts_event,
            bids=ladder_of(books, row, BID, depth),
            asks=ladder_of(books, row, ASK, depth),
        )

    def _row(self, instrument_id: str) -> int:
        row = self.instruments.row(instrument_id)
        if row is None:
            name = "instrument_id"
            raise ConstraintError(name, "an instrument that was defined", repr(instrument_id))
        return row

    def _check_bars(self) -> None:
        if self.state.bars != list(self.config.bars):
            expected, got = self.state.bars, list(self.config.bars)
            problem = f"`bars`: expected {expected}, as when this state began, got {got}; start with a reset"
            raise SettingsError([problem])

    def _targets(self, records: Array, definitions: list[Instrument]) -> tuple[Array, list[Instrument]]:
        """Fleet row of each definition, and those that are new."""
        added: dict[str, tuple[int, Instrument]] = {}
        targets = np.zeros(len(definitions), np.int64)
        for n, definition in enumerate(definitions):
            _check_definition(records[n], definition)
            row = self.instruments.row(definition.instrument_id)
            if row is not None:
                _check_same_units(self.instruments[row], definition, records[n])
            elif definition.instrument_id in added:
                row, first = added[definition.instrument_id]
                _check_same_units(first, definition, records[n])
            else:
                row = len(self.instruments) + len(added)
                added[definition.instrument_id] = row, definition
            targets[n] = row
        return targets, [definition for _, definition in added.values()]

    def _with_room(self, records: Array, added: list[Instrument]) -> State:
        """The state, or where instruments were defined a copy with rows for them."""
        if len(records) == 0:
            return self.state
        known, first = self.state, len(self.instruments)
        n_rows = capacity(len(known.tape), first + len(added))
        n_feed_rows = capacity(len(known.feed_rows), int(records["instrument"].max()) + 1)
        state = State(
            bars=known.bars,
            progress=known.progress.copy(),
            feed_rows=grown(known.feed_rows, np.full(n_feed_rows, -1, np.int64)),
            tape=grown(known.tape, blank_tape(n_rows)),
            quotes=grown(known.quotes, blank_quotes(n_rows)),
            forming=grown(known.forming, np.zeros((n_rows, len(self._bar_rules)), FORMING)),
            **grown_recent(known.recent, n_rows)._asdict(),
            **grown_shown(known.shown, n_rows)._asdict(),
            books=known.books,
        )
        for row, definition in enumerate(added, first):
            unit = Fraction(definition.size_increment * definition.multiplier, SCALE * SCALE)
            state.tape[row]["notional_factor"] = float(unit)
            bars = state.forming[row]
            bars["closed_until"] = START_OF_TIME
            bars["basis"] = [rule.basis for rule in self._bar_rules]
            bars["step"] = [
                rule.step_for(definition.instrument_id, definition.size_increment) for rule in self._bar_rules
            ]
        state.progress[0]["n_rows"] = first + len(added)
        return state

    def _publish(self, flow: Slice, order: Order, state: State, verdict: Verdict) -> Records:
        n_rows = int(state.progress[0]["n_rows"])
        n_open = n_rows * len(self._bar_rules) if verdict.n_clocks else 0
        n_held_back = n_rows if verdict.n_clocks and self._rules.gap > 0 else 0
        display = Display(
            # Where no book can give one, quotes are passed on in place.
            quote=np.empty(len(flow.quote) + verdict.n_looks, QUOTE) if verdict.n_looks else flow.quote,
            depth10=np.empty(verdict.n_looks + n_held_back + 1, DEPTH10),
            book_state=np.empty(verdict.n_looks, BOOK_STATE),
        )
        room = Room(np.empty(verdict.most_bars + n_open, BAR), np.empty(verdict.n_clocks, CLOCK), display)
        books = make_room(state.as_books, len(state.tape), len(flow.order), len(flow.level))
        state.books = books._asdict()
        memory = Memory(state.progress, state.tape, state.quotes, state.forming, books, state.shown)
        n_bars, counts = publish(flow, order, memory, self._rules, room)
        return Records(
            {
                "instrument": flow.instrument,
                "quote": display.quote[: counts.n_quotes],
                "trade": flow.trade,
                "bar": room.bar[:n_bars],
                "clock": room.clock,
                "depth10": display.depth10[: counts.n_depths],
                "book_state": display.book_state[: counts.n_states],
            }
        )


def create(config: Config) -> MarketData:
    """A fresh engine."""
    return MarketData(config)


def _check_definition(record: Array, definition: Instrument) -> None:
    """Refuse a definition that nothing could be computed with."""
    name, wrong = "instrument.instrument", int(record["instrument"])
    if wrong >= MOST_INSTRUMENTS:
        raise ConstraintError(name, f"a row below {MOST_INSTRUMENTS}", _at(wrong, record))
    if not definition.instrument_id:
        name += "_id"
        raise ConstraintError(name, "an id", _at("an empty one", record))
    for field in ("price_increment", "size_increment", "multiplier"):
        value = getattr(definition, field)
        if value <= 0:
            name = f"instrument.{field}"
            raise ConstraintError(name, "a number above 0", _at(value, record))


def _check_same_units(known: Instrument, definition: Instrument, record: Array) -> None:
    """Refuse a definition that would change what sizes and notionals of an instrument mean."""
    for field in ("size_increment", "multiplier"):
        expected, got = getattr(known, field), getattr(definition, field)
        if expected != got:
            name, reason = f"instrument.{field}", f"{expected}, as {known.instrument_id} was first defined"
            raise ConstraintError(name, reason, _at(got, record))


def _refusal(verdict: Verdict, records: Records) -> ConstraintError:
    """What is wrong with the record at fault."""
    kind = Kind(verdict.kind).name.lower()
    record = records[kind][verdict.place]
    fields, expected = EXPECTATIONS[Fault(verdict.fault)]
    names = [name for name in fields if name in record.dtype.names]
    found = ", ".join(f"{name} {record[name]}" for name in names)
    name = f"{kind}.{names[0]}"
    return ConstraintError(name, expected, _at(found, record))


def _at(found: object, record: Array) -> str:
    return f"{found} in record {record['sequence']} of the feed"


def _summary(instrument: Instrument, seen: Array) -> dict[str, Any]:
    has_times = seen["first_ts_event"] != START_OF_TIME
    return {
        "instrument_id": instrument.instrument_id,
        "trades": int(seen["n_trades"]),
        "quotes": int(seen["n_quotes"]),
        "bars": int(seen["n_bars"]),
        "first_ts_event": int(seen["first_ts_event"]) if has_times else None,
        "last_ts_event": int(seen["last_ts_event"]) if has_times else None,
        "last_price": int(seen["last_price"]) / PRICE_SCALE if seen["n_trades"] else None,
    }
