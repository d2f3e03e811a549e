"""The bar fold by itself, as someone uses it who previews a forming bar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bus.record_codes import BarBasis, BarOrigin
from bus.records import BAR, Array
from shared.kernels.bars import (
    FORMING,
    LARGEST_NOTIONAL,
    close_ended,
    close_passed,
    fold_trade,
    largest_volume,
    most_closed,
    notional_of,
)

SUMMARY = ["open", "high", "low", "close", "volume", "n_trades"]


def forming(*bars: tuple[BarBasis, int], n_rows: int = 1) -> Array:
    """Instruments of which nothing was seen, with bars of these bases and steps."""
    table = np.zeros((n_rows, len(bars)), FORMING)
    table["closed_until"] = -(2**63)
    for column, (basis, step) in enumerate(bars):
        table["basis"][:, column], table["step"][:, column] = basis, step
    return table


def fold(table: Array, *trades: tuple[int, int, int], row: int = 0) -> Array:
    """Fold trades of (time, price, size), and return the bars they close."""
    out = np.zeros(1_000, BAR)
    n_out = 0
    for time, price, size in trades:
        n_out = close_passed(table, row, time, time, out, n_out)
        n_out = fold_trade(table, row, time, time, price, size, price * size, out, n_out)
    return out[:n_out]


def told(bars: Any) -> list[tuple[int, ...]]:
    """The bars' prices, volume and trades."""
    return [tuple(int(bar[name]) for name in SUMMARY) for bar in bars]


def test_the_forming_bar_can_be_read_at_any_time() -> None:
    """Between two trades it is the bar so far."""
    table = forming((BarBasis.TIME, 10))
    fold(table, (11, 5, 2), (13, 8, 1))

    assert told(table[0]) == [(5, 8, 5, 8, 3, 2)]
    assert table[0, 0][["ts_open", "ts_close"]].item() == (10, 20)
    fold(table, (19, 4, 4))
    assert told(table[0]) == [(5, 8, 4, 4, 7, 3)]


def test_a_closed_bar_has_every_field_but_its_sequence() -> None:
    """Whatever the rows held before, what is written is the bar and nothing else."""
    table = forming((BarBasis.TIME, 10))
    fold(table, (11, 5, 2))
    out = np.frombuffer(b"\xff" * BAR.itemsize, BAR).copy()
    out["sequence"] = 77

    assert close_ended(table, 1, 25, out, 0) == 1
    assert out[0].item() == (77, 20, 25, 10, 5, 5, 5, 5, 2, 10, 0, 1, BarBasis.TIME, BarOrigin.MADE, 0, 0)


def test_only_instruments_in_use_are_closed() -> None:
    """Rows from ``n_rows`` on are room to grow."""
    table = forming((BarBasis.TIME, 10), n_rows=3)
    fold(table, (1, 5, 1), row=0)
    fold(table, (2, 6, 1), row=2)
    out = np.zeros(4, BAR)

    assert close_ended(table, 2, 10, out, 0) == 1
    assert close_ended(table, 3, 9, out, 1) == 1
    assert close_ended(table, 3, 10, out, 1) == 2
    assert out["instrument"][:2].tolist() == [0, 2]


def test_each_sort_of_bar_has_its_own_way() -> None:
    """One fold closes time, volume and dollar bars of the same trades."""
    table = forming((BarBasis.TIME, 10), (BarBasis.VOLUME, 4), (BarBasis.DOLLAR, 30))
    # time      1    6 |     12
    # trade   5 @ 3  2 @ 9   1 @ 9
    # volume  4 @ 3  (1 @ 3, 2 @ 9, 1 @ 9)
    # dollar  15     33 |    9
    closed = fold(table, (1, 3, 5), (6, 9, 2), (12, 9, 1))

    assert closed["basis"].tolist() == [BarBasis.VOLUME, BarBasis.DOLLAR, BarBasis.TIME, BarBasis.VOLUME]
    assert told(closed) == [
        (3, 3, 3, 3, 4, 1),
        (3, 9, 3, 9, 7, 2),
        (3, 9, 3, 9, 7, 2),
        (3, 9, 3, 9, 4, 3),
    ]


@pytest.mark.parametrize(("size", "most"), [(0, 3), (3, 3), (4, 4), (5, 4), (40, 13)])
def test_room_for_closed_bars_is_foretold(size: int, most: int) -> None:
    """No trade closes more bars than `most_closed` says, whatever forms."""
    table = forming((BarBasis.TIME, 10), (BarBasis.VOLUME, 4), (BarBasis.DOLLAR, 1))
    fold(table, (1, 1, 3))

    assert most_closed(table, 0, size) == most
    assert len(fold(table, (100, 1, size))) <= most


def test_the_largest_volume_is_over_all_sorts() -> None:
    """What bounds the next trade is the fullest bar."""
    table = forming((BarBasis.TIME, 10), (BarBasis.VOLUME, 4))
    fold(table, (1, 1, 9))

    assert largest_volume(table, 0) == 9


@pytest.mark.parametrize(
    ("price", "size", "factor", "notional"),
    [
        (100_250_000_000, 300, 1.0, 30_075_000_000_000),
        (-37_500_000_000, 2, 1_000.0, 75_000_000_000_000),
        (3, 5, 0.1, 2),  # 1.5: to the nearest, ties to even
        (5, 5, 0.1, 2),  # 2.5
        (0, 5, 1.0, 0),
        (2**62, 2**62, 1.0, LARGEST_NOTIONAL),
        (2**62, 1, 1.0, LARGEST_NOTIONAL),
    ],
)
def test_notional(price: int, size: int, factor: float, notional: int) -> None:
    """Magnitude of price × size × factor, to the nearest unit, saturating."""
    assert notional_of(price, size, factor) == notional
