"""Words for the side that removed liquidity."""

from __future__ import annotations

import pyarrow as pa
import pytest

from services.marketdata.adapter.faults import Place
from services.marketdata.adapter.sides import MAKERS, SIDES, sides
from shared.errors import DataError


def test_an_unknown_word_is_named_with_its_row() -> None:
    """A side that is none of the words is refused: row, value, the words."""
    with pytest.raises(DataError) as caught:
        sides(pa.array(["buy", "sell", "long"]), SIDES, Place("f.csv", "Side", 5))

    assert str(caught.value).startswith("f.csv, row 7, column `Side`: expected one of 'b', 'buy', ")
    assert str(caught.value).endswith(
        "found 'long'. Mend the row, or set `marketdata.columns.aggressor_side` to the right column, or to "
        "nothing."
    )


def test_a_maker_flag_has_no_words_of_sides() -> None:
    """Whether the buyer was the maker is true or false."""
    with pytest.raises(DataError, match=r"found 'buy'.*`marketdata.columns.buyer_is_maker`"):
        sides(pa.array(["buy"]), MAKERS, Place("f.csv", "m", 1))
