"""Any records, against books of dictionaries; and what must hold inside whatever came."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BookAction
from bus.records import LEVEL, ORDER, Array
from services.marketdata.kernel.book.apply import BookFault, truncate
from services.marketdata.kernel.book.layout import LEVELS, NO_KEY, Books, blank_books
from services.marketdata.kernel.book.room import room
from tests.services.marketdata.kernel.book.folds import (
    applied,
    copied,
    fold_ahead,
    fold_orders,
    ladder,
    queued,
    same_bytes,
)
from tests.services.marketdata.kernel.book.plain import PlainBook

ROWS = 3

ORDERS = st.lists(
    st.tuples(
        st.integers(0, 9),  # order id
        st.integers(-3, 3),  # price
        st.integers(0, 5),  # size
        st.integers(0, ROWS - 1),
        st.sampled_from(
            [*3 * [BookAction.ADD], BookAction.MODIFY, *2 * [BookAction.CANCEL], BookAction.CLEAR]
        ),
        st.sampled_from([1, -1]),
    ),
    min_size=1,
    max_size=80,
)


def orders(rows: list[tuple[int, int, int, int, BookAction, int]]) -> Array:
    """Order records of drawn values."""
    records = np.zeros(len(rows), ORDER)
    for name, column in zip(
        ("order_id", "price", "size", "instrument", "action", "side"), zip(*rows, strict=True), strict=True
    ):
        records[name] = column
    return records


def check_inside(books: Books) -> None:
    """Hold what is counted against what is there."""
    use = books.use[0]
    n_blocks = 0
    for side in books.sides.reshape(-1):
        block, keys = int(side["top"]), []
        while block:
            n_blocks += 1
            n = int((books.keys[block] != NO_KEY).sum())
            assert n > 0
            assert (books.keys[block, n:] == NO_KEY).all()
            assert (books.numbers[block, n:] == 0).all()
            assert (books.levels[books.numbers[block, :n]]["key"] == books.keys[block, :n]).all()
            keys += books.keys[block, :n].tolist()
            block = int(books.following[block])
        assert keys == sorted(set(keys), reverse=True)
        assert len(keys) == side["n_levels"]
    assert n_blocks == use["n_blocks"]
    assert books.sides["n_levels"].sum() == use["n_levels"] == (books.level_slots["number"] != 0).sum()
    assert books.sides["n_orders"].sum() == use["n_orders"] == (books.order_slots["number"] != 0).sum()
    assert (books.keys[0] == NO_KEY).all()
    assert books.levels[0]["size"] == books.orders[0]["size"] == 0


@given(ORDERS)
def test_orders_do_what_the_plain_book_does(drawn: list[tuple[int, int, int, int, BookAction, int]]) -> None:
    """Faults, best prices, levels and queues are those of a book of dictionaries, one by one or at once."""
    records, plain = orders(drawn), [PlainBook() for _ in range(ROWS)]
    books, single = blank_books(ROWS), copied(room(blank_books(ROWS), ROWS, len(records), 0))
    books, faults, bests = applied(books, [records])
    for n, record in enumerate(records):
        book = plain[record["instrument"]]
        assert book.apply_order(record) == faults[n]
        assert book.best() == bests[n]
        fold_orders(single, records[n : n + 1], np.zeros(1, np.int64), np.zeros((1, 4), np.int64))
    for row, book in enumerate(plain):
        for side in (1, -1):
            assert ladder(books, row, side) == book.ladder(side)
            for price, queue in book.sides[side].items():
                assert queued(books, row, side, price) == [tuple(entry) for entry in queue]
                assert all(size > 0 for _, size in queue)
    assert same_bytes(books, single)
    check_inside(books)


@given(ORDERS)
def test_memory_asked_for_ahead_changes_nothing(
    drawn: list[tuple[int, int, int, int, BookAction, int]],
) -> None:
    """With and without, orders and levels of other instruments give the same bytes."""
    records = orders(drawn)
    levels = np.zeros(len(records), LEVEL)
    levels["action"], levels["instrument"] = BookAction.SET, ROWS + records["instrument"]
    for name in ("price", "size", "side"):
        levels[name] = records[name]
    start = room(blank_books(2 * ROWS), 2 * ROWS, len(records), len(levels))
    books, ahead = copied(start), copied(start)
    n_faults = sum(fault != 0 for fault in (applied(books, [records])[1] + applied(books, [levels])[1]))

    assert fold_ahead(ahead, records, levels) == n_faults
    assert same_bytes(books, ahead)


@given(ORDERS, st.integers(0, 80))
def test_a_restored_book_goes_on_the_same(
    drawn: list[tuple[int, int, int, int, BookAction, int]], cut: int
) -> None:
    """Whatever came before a checkpoint, what comes after it gives the same bytes."""
    records = orders([*drawn, (1, 1, 1, 0, BookAction.ADD, 1)])
    cut = min(cut, len(drawn))
    books, _, _ = applied(blank_books(ROWS), [records[:cut], records[:0]])
    restored = copied(books)

    books, faults, bests = applied(books, [records[cut:]])
    restored, faults_again, bests_again = applied(restored, [records[cut:]])
    assert (faults, bests) == (faults_again, bests_again)
    assert same_bytes(books, restored)


def test_deep_books_do_what_the_plain_book_does() -> None:
    """Levels that come and go all over a deep book, with a cut now and then, stay in order."""
    generator = np.random.default_rng(4)
    books, plain = blank_books(1), [PlainBook() for _ in range(ROWS)]
    for turn in range(60):
        records = np.zeros(250, LEVEL)
        records["action"] = BookAction.SET
        records["instrument"] = generator.integers(0, ROWS, 250)
        records["side"] = generator.choice([-1, 1], 250)
        records["price"] = generator.integers(0, 40 * LEVELS // 2, 250)
        chance = 0.2 if turn % 20 < 10 else 0.8  # books grow, then shrink
        records["size"] = generator.integers(1, 9, 250) * (generator.random(250) > chance)
        books, faults, bests = applied(books, [records])
        assert faults == [BookFault.NONE] * 250
        for record, best in zip(records, bests, strict=True):
            plain[record["instrument"]].apply_level(record)
            assert plain[record["instrument"]].best() == best
        if turn % 7 == 6:
            n = int(generator.integers(0, 200))
            truncate(books, 0, n)
            plain[0].truncate(n)
        for row, book in enumerate(plain):
            assert [ladder(books, row, side) for side in (1, -1)] == [book.ladder(side) for side in (1, -1)]
        check_inside(books)
    assert int(books.sides["n_levels"].max()) > 4 * LEVELS


def test_levels_in_order_fill_their_blocks() -> None:
    """A snapshot from the best level on, as venues send it, leaves no block but the last with room."""
    records = np.zeros(10 * LEVELS + 1, LEVEL)
    records["action"], records["side"], records["size"] = BookAction.SET, -1, 1
    records["price"] = np.arange(1, len(records) + 1)
    books, _, _ = applied(blank_books(1), [records])

    assert int(books.use["n_blocks"][0]) == 11
    check_inside(books)
