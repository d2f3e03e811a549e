"""Single records: what each does to its book, and which ask for what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from bus.record_codes import BookAction
from bus.records import DEPTH10
from services.marketdata.kernel.book.apply import BookFault, clear, truncate
from services.marketdata.kernel.book.layout import blank_books
from services.marketdata.kernel.faults import LARGEST
from tests.services.marketdata.kernel.book.folds import (
    applied,
    book_of,
    ladder,
    level,
    order,
    queued,
    same_bytes,
    shape_of,
    write_top,
)

ADD, MODIFY, CANCEL, CLEAR = BookAction.ADD, BookAction.MODIFY, BookAction.CANCEL, BookAction.CLEAR


def test_a_level_is_set_and_removed() -> None:
    """The new size replaces the old; 0 removes; removing what is not there is normal."""
    _, faults, bests = applied(
        blank_books(1),
        [level(5, 3), level(7, 2), level(7, 4), level(9, 1, side=-1), level(7, 0), level(7, 0)],
    )

    assert faults == [BookFault.NONE] * 6
    assert bests == [(5, 3, 0, 0), (7, 2, 0, 0), (7, 4, 0, 0), (7, 4, 9, 1), (5, 3, 9, 1), (5, 3, 9, 1)]


def test_an_empty_side_has_neither_price_nor_size() -> None:
    """A side whose last level goes is absent, and cannot cross."""
    books, _, bests = applied(blank_books(1), [level(5, 3), level(4, 3, side=-1), level(5, 0)])

    assert bests[-1] == (0, 0, 4, 3)
    assert shape_of(books, 0) == (0, 1, False)


def test_a_bid_at_an_ask_crosses() -> None:
    """A book is crossed from equal prices on."""
    assert shape_of(book_of(level(5, 3), level(6, 3, side=-1)), 0)[2] is False
    assert shape_of(book_of(level(6, 3), level(6, 3, side=-1)), 0)[2] is True


def test_prices_may_be_zero_or_negative() -> None:
    """A spread's prices are levels like others, and a level at price 0 is one."""
    books = book_of(level(-3, 1), level(0, 2), level(0, 4, side=-1), level(-1, 5, side=-1))

    assert ladder(books, 0, 1) == [(0, 2, 0), (-3, 1, 0)]
    assert ladder(books, 0, -1) == [(-1, 5, 0), (0, 4, 0)]


def test_orders_add_up_to_their_level() -> None:
    """A level's size is that of its orders, and it counts them."""
    books = book_of(order(ADD, 1, 5, 3), order(ADD, 2, 5, 4), order(ADD, 3, 6, 1))

    assert ladder(books, 0, 1) == [(6, 1, 1), (5, 7, 2)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (order(MODIFY, 1, 5, 2), [(1, 2), (2, 4), (3, 5)]),
        (order(MODIFY, 1, 5, 3), [(1, 3), (2, 4), (3, 5)]),
        (order(MODIFY, 1, 5, 4), [(2, 4), (3, 5), (1, 4)]),
        (order(CANCEL, 2, 0, 1), [(1, 3), (2, 3), (3, 5)]),
        (order(CANCEL, 2, 0, 4), [(1, 3), (3, 5)]),
        (order(MODIFY, 3, 6, 5), [(1, 3), (2, 4)]),
        (order(MODIFY, 3, 5, 5, side=-1), [(1, 3), (2, 4)]),
        (order(MODIFY, 2, 5, 0), [(1, 3), (3, 5)]),
    ],
)
def test_what_grows_or_moves_loses_its_turn(change: np.ndarray, expected: list[tuple[int, int]]) -> None:
    """An order keeps its turn when it shrinks or nothing changes, and goes to the end when it grows."""
    books = book_of(order(ADD, 1, 5, 3), order(ADD, 2, 5, 4), order(ADD, 3, 5, 5), change)

    assert queued(books, 0, 1, 5) == expected


def test_an_order_that_moves_comes_last_at_its_new_price() -> None:
    """A new price, or the other side, is a new queue to stand in."""
    start = [order(ADD, 1, 5, 3), order(ADD, 2, 6, 4), order(ADD, 3, 6, 1, side=-1)]

    assert queued(book_of(*start, order(MODIFY, 1, 6, 3)), 0, 1, 6) == [(2, 4), (1, 3)]
    assert queued(book_of(*start, order(MODIFY, 1, 6, 3, side=-1)), 0, -1, 6) == [(3, 1), (1, 3)]


@pytest.mark.parametrize("change", [order(CANCEL, 9, 5, 1), order(MODIFY, 9, 5, 1), order(ADD, 1, 7, 2)])
def test_what_cannot_be_is_a_fault_and_changes_nothing(change: np.ndarray) -> None:
    """An unknown order is not changed, and a known one not added again."""
    before = book_of(order(ADD, 1, 5, 3))
    after, faults, _ = applied(book_of(order(ADD, 1, 5, 3)), [change])

    assert faults == [BookFault.DOUBLE_ORDER if change["action"] == ADD else BookFault.UNKNOWN_ORDER]
    assert same_bytes(before, after)


def test_taking_more_than_there_is_leaves_nothing() -> None:
    """The order is certainly gone, so it goes; the fault is told."""
    books, faults, _ = applied(
        blank_books(1), [order(ADD, 1, 5, 3), order(ADD, 2, 5, 4), order(CANCEL, 1, 0, 4)]
    )

    assert faults[-1] == BookFault.TOO_MUCH_TAKEN
    assert queued(books, 0, 1, 5) == [(2, 4)]


def test_one_id_of_two_instruments_is_two_orders() -> None:
    """Ids are unique within an instrument alone."""
    books, faults, _ = applied(
        blank_books(2), [order(ADD, 1, 5, 3), order(ADD, 1, 6, 4, row=1), order(CANCEL, 1, 0, 3)]
    )

    assert faults == [BookFault.NONE] * 3
    assert (ladder(books, 0, 1), ladder(books, 1, 1)) == ([], [(6, 4, 1)])


def test_orders_and_levels_do_not_mix() -> None:
    """A side is made of the one or of the other until it is cleared."""
    books = book_of(order(ADD, 1, 5, 3))
    books, faults, _ = applied(books, [level(5, 7), level(6, 7, side=-1), level(5, 0)])
    assert faults == [BookFault.MIXED, BookFault.NONE, BookFault.MIXED]

    books, faults, _ = applied(books, [order(ADD, 2, 6, 1, side=-1), order(ADD, 3, 5, 1)])
    assert faults == [BookFault.MIXED, BookFault.NONE]
    assert ladder(books, 0, -1) == [(6, 7, 0)]


def test_a_level_does_not_overflow() -> None:
    """An order that would lift its level above 2^62 is refused."""
    books, faults, _ = applied(blank_books(1), [order(ADD, 1, 5, LARGEST), order(ADD, 2, 5, 1)])

    assert faults == [BookFault.NONE, BookFault.TOO_LARGE]
    assert ladder(books, 0, 1) == [(5, LARGEST, 1)]


@pytest.mark.parametrize("price", [LARGEST, -LARGEST])
def test_the_largest_prices_are_levels(price: int) -> None:
    """Prices and order ids have their whole range."""
    books = book_of(order(ADD, 2**64 - 1, price, 3), order(ADD, 0, price, 1, side=-1))

    assert (ladder(books, 0, 1), ladder(books, 0, -1)) == ([(price, 3, 1)], [(price, 1, 1)])
    assert queued(books, 0, 1, price) == [(2**64 - 1, 3)]


def test_clear_empties_one_book() -> None:
    """A cleared book is empty, the others stay, and its ids are free."""
    books, faults, _ = applied(
        blank_books(2),
        [order(ADD, 1, 5, 3), order(ADD, 2, 6, 3, side=-1), order(ADD, 1, 5, 4, row=1), order(CLEAR, 0)],
    )
    clear(books, 0)
    books, more, _ = applied(books, [order(ADD, 1, 4, 2)])

    assert faults + more == [BookFault.NONE] * 5
    assert (ladder(books, 0, 1), ladder(books, 0, -1)) == ([(4, 2, 1)], [])
    assert ladder(books, 1, 1) == [(5, 4, 1)]


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 39, 40, 41])
def test_truncate_keeps_the_best(n: int) -> None:
    """What is beyond the best levels of a side goes, with its orders; less stays as it is."""
    prices = [(side, place * side) for side in (1, -1) for place in range(1, 41)]
    books = book_of(*(order(ADD, n, price, 1, side=side) for n, (side, price) in enumerate(prices)))
    truncate(books, 0, n)

    assert [price for price, _, _ in ladder(books, 0, 1)] == list(range(40, max(40 - n, 0), -1))
    assert [price for price, _, _ in ladder(books, 0, -1)] == list(range(-40, min(n - 40, 0)))
    assert int(books.use["n_orders"][0]) == 2 * min(n, 40)
    assert shape_of(books, 0)[:2] == (min(n, 40), min(n, 40))


def test_the_top_is_ten_levels_and_zeros() -> None:
    """A depth record has at most ten levels of a side, best first, and zeros beyond."""
    books = book_of(*(level(price, price) for price in range(1, 26)), level(30, 7, side=-1))
    records = np.ones(1, DEPTH10)
    write_top(books, 0, records)
    record = records[0]

    assert (record["n_bids"], record["n_asks"], record["sequence"]) == (10, 1, 1)
    assert record["bid_prices"].tolist() == record["bid_sizes"].tolist() == list(range(25, 15, -1))
    assert record["ask_prices"].tolist() == [30] + 9 * [0]
    assert record["ask_sizes"].tolist() == [7] + 9 * [0]
    assert len(ladder(books, 0, 1, 20)) == 20
