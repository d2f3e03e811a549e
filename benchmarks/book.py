"""What does one book update cost, with the best read after it?

Topology: records of one slice in memory, one compiled loop that applies each and reads the best bid and ask,
and what it read. order_book does the same; nautilus_trader gets its deltas ready-made in one batch and reads
nothing, which is the most it can do. Orders are held against a published figure for a book built order by
order. Of many instruments each record finds its book cold, so their number shows what memory costs; there the
loop asks some records ahead for what they will need, with one instrument too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import book_stream, harness
from benchmarks.answers import Answer, AnswerError, equal_within
from benchmarks.bench import Bench
from benchmarks.book_stream import Stream
from benchmarks.harness import Call, Entrant
from benchmarks.peer import Peer
from benchmarks.report import Goal
from benchmarks.targets import held
from bus.records import ORDER, Array
from services.marketdata.kernel.book.ahead import (
    FAR,
    NEAR,
    fetch_level_ahead,
    look_up_level_ahead,
)
from services.marketdata.kernel.book.apply import apply_level, apply_order
from services.marketdata.kernel.book.layout import Books, blank_books
from services.marketdata.kernel.book.read import best, depth
from services.marketdata.kernel.book.room import room
from shared.kernels.compile import inlined, kernel

QUESTION: Final = "What does one book update cost, with the best read after it?"

N_ORDERS: Final = 60_000
N_SPREAD: Final = 500_000
N_QUICK: Final = 2_000
SEED: Final = 20231225
INSTRUMENTS: Final = (1, 100, 10_000)
INSTRUMENTS_QUICK: Final = (1, 10)
MOST_LEVELS: Final = 10_000
"""Levels of one side that are looked at."""
PUBLISHED_NS: Final = 58.0
"""Time a message of ITCH in itch-book, C++, as published: 17.3 million messages a second."""

SLICE: Final = 4_096
"""Records that are applied at once."""

Made = tuple[list[Books], NDArray[np.int64]]
"""Books, alone in a list because growth makes them new, and the best prices after each record."""

Fold = Callable[[Books, Array, NDArray[np.int64]], int]
"""Kernel that applies records, writes the best prices after each, and returns how many had a fault."""


def run(bench: Bench) -> None:
    """Answer the question for levels, for orders, and by the number of instruments."""
    options = bench.options
    stream = (
        book_stream.made(N_QUICK if options.quick else N_ORDERS, SEED)
        if options.data is None
        else book_stream.read(options.data)
    )
    bench.workload("book", f"{stream.source}, {len(stream.levels):,} level updates")
    _levels(bench, stream)
    _orders(bench, stream)
    _by_instruments(bench)


def _levels(bench: Bench, stream: Stream) -> None:
    updates = stream.levels
    columns = {"is_bid": updates["side"] > 0, "price": updates["price"], "size": updates["size"]}
    for name, goal, answer, told in (
        ("order_book", 100.0, _bests, "best bid and ask after each update"),
        ("nautilus", 15.0, _ladders, "every level of both sides in the end"),
    ):
        bench.compare(
            f"Levels: knotmeter's books against {name}'s?",
            Call("knotmeter, best after each", _set_up(updates, 1), _fold(updates, fold_levels), answer),
            _peer(bench, name, columns),
            units=len(updates),
            unit="update",
            check=equal_within(0.0),
            answer=told,
            goal=Goal(kind="at_least", ratio=goal),
        )


def _orders(bench: Bench, stream: Stream) -> None:
    question = "Orders: knotmeter's books against what is published for C++?"
    orders, levels = stream.orders, stream.levels
    ours = Call("knotmeter, best after each", _set_up(orders, 1), _fold(orders, fold_orders), _ladders)
    by_level = Call("by level", _set_up(levels, 1), _fold(levels, fold_levels), _ladders)
    told = "every level of both sides in the end, as by level"
    try:
        difference = equal_within(0.0)(ours.answer(), by_level.answer())
        finding = harness.series(
            question,
            [Entrant(ours, len(orders))],
            unit="message",
            check=equal_within(difference),
            answer=told,
            rounds=bench.options.pairs,
            quick=bench.options.quick,
        )
    except AnswerError as error:
        bench.wrong(question, str(error))
        return
    bench.found(held(question, "message", finding.rows[0], PUBLISHED_NS, told))


def _by_instruments(bench: Bench) -> None:
    quick = bench.options.quick
    n, counts = (N_QUICK, INSTRUMENTS_QUICK) if quick else (N_SPREAD, INSTRUMENTS)
    bench.series(
        "Levels, by number of instruments drawn at random?",
        [_spread(n, count) for count in counts],
        unit="update",
        check=equal_within(0.0),
        answer="every level of every instrument in the end",
        goal=Goal(kind="at_most", ratio=2.5),
    )


def _spread(n: int, count: int) -> Entrant:
    """The same updates of the same ten levels a side, each for an instrument drawn at random."""
    first, updates = book_stream.spread(n, count, SEED)

    blank = _set_up(first, count)()
    _fold(first, fold_many)(blank)
    bests = np.ones((n, 4), np.int64)

    def setup() -> Made:
        return [Books(*(array.copy() for array in blank[0][0]))], bests

    def answer(made: Made, _: int) -> Answer:
        found = [_ladder(made[0][0], row, side) for row in range(count) for side in (1, -1)]
        distinct = np.unique(np.array(found).reshape(count, -1), axis=0)
        if len(distinct) != 1:
            message = f"expected {count} equal books, found {len(distinct)} different ones"
            raise AnswerError(message)
        return {"levels": distinct[0]}

    return Entrant(
        Call(
            f"{count} instruments" if count > 1 else "1 instrument", setup, _fold(updates, fold_many), answer
        ),
        n,
    )


@kernel
def fold_levels(books: Books, records: Array, bests: NDArray[np.int64]) -> int:
    """Apply level records and read the best after each; returns how many had a fault."""
    n_faults = 0
    for n in range(len(records)):
        n_faults += apply_level(books, records[n]) != 0
        _write_best(books, records[n].instrument, bests, n)
    return n_faults


@kernel
def fold_many(books: Books, records: Array, bests: NDArray[np.int64]) -> int:
    """The same, with the memory of records to come asked for ahead."""
    n_faults, last = 0, len(records) - 1
    for n in range(len(records)):
        look_up_level_ahead(books, records[min(n + FAR, last)])
        fetch_level_ahead(books, records[min(n + NEAR, last)])
        n_faults += apply_level(books, records[n]) != 0
        _write_best(books, records[n].instrument, bests, n)
    return n_faults


@kernel
def fold_orders(books: Books, records: Array, bests: NDArray[np.int64]) -> int:
    """Apply order records and read the best after each; returns how many had a fault."""
    n_faults = 0
    for n in range(len(records)):
        n_faults += apply_order(books, records[n]) != 0
        _write_best(books, records[n].instrument, bests, n)
    return n_faults


@inlined
def _write_best(books: Books, row: int, bests: NDArray[np.int64], n: int) -> None:
    found = best(books, row)
    bests[n, 0], bests[n, 1] = found.bid_price, found.bid_size
    bests[n, 2], bests[n, 3] = found.ask_price, found.ask_size


@kernel
def _write_ladder(books: Books, row: int, side: int, out: NDArray[np.int64]) -> int:
    return depth(books, row, side, len(out[0]), out[0], out[1], out[2])


def _set_up(records: Array, n_rows: int) -> Callable[[], Made]:
    """New books for each call, in memory that was touched before, as an engine's has been."""
    blank = _with_room(blank_books(n_rows), records[:SLICE])
    bests = np.ones((len(records), 4), np.int64)
    return lambda: ([Books(*(array.copy() for array in blank))], bests)


def _with_room(books: Books, records: Array) -> Books:
    n, is_order = len(records), records.dtype == ORDER
    return room(books, len(books.sides), n if is_order else 0, 0 if is_order else n)


def _ladder(books: Books, row: int, side: int) -> NDArray[np.int64]:
    """Price and size of each level of a side, ``(2, n_levels)``, best first."""
    out = np.zeros((3, MOST_LEVELS), np.int64)
    return out[:2, : _write_ladder(books, row, side, out)]


def _fold(records: Array, fold: Fold) -> Callable[[Made], int]:
    """All records, slice by slice, with room made before each; returns how many had a fault."""

    def work(made: Made) -> int:
        (books,), bests = made
        n_faults = 0
        for first in range(0, len(records), SLICE):
            part = records[first : first + SLICE]
            books = _with_room(books, part)
            n_faults += fold(books, part, bests[first : first + SLICE])
        made[0][0] = books
        return n_faults

    return work


def _bests(made: Made, n_faults: int) -> Answer:
    _expect_none(n_faults)
    return {"bests": made[1]}


def _ladders(made: Made, n_faults: int) -> Answer:
    _expect_none(n_faults)
    sides = {name: _ladder(made[0][0], 0, side) for name, side in (("bid", 1), ("ask", -1))}
    return {
        f"{name}_{what}": levels[place]
        for name, levels in sides.items()
        for place, what in enumerate(("prices", "sizes"))
    }


def _expect_none(n_faults: int) -> None:
    if n_faults:
        message = f"expected every record to fit its book, found {n_faults} that do not"
        raise AnswerError(message)


def _peer(bench: Bench, name: str, columns: dict[str, Array]) -> Peer:
    return Peer(
        name,
        name,
        f"{name}_levels",
        columns,
        {},
        install=not bench.options.quick,
        versions=bench.report.versions,
    )
