"""The aggressor side of a trade, from the words and numbers that files use for it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bus.record_codes import AggressorSide
from services.marketdata.adapter.faults import Place, first_true

_UNKNOWN: Final = 9

SIDES: Final = {
    **dict.fromkeys(("b", "buy", "buyer", "bid", "1", "+1", "1.0"), AggressorSide.BUYER),
    **dict.fromkeys(("s", "sell", "seller", "a", "ask", "-1", "-1.0"), AggressorSide.SELLER),
    **dict.fromkeys(("n", "none", "no_aggressor", "unknown", "", "0", "0.0"), AggressorSide.NONE),
}
"""Side that removed liquidity; as Databento has it, ``B`` is a buyer and ``A`` a seller."""

MAKERS: Final = {
    **dict.fromkeys(("true", "t", "1"), AggressorSide.SELLER),
    **dict.fromkeys(("false", "f", "0"), AggressorSide.BUYER),
}
"""Whether the buyer was the maker: if so, the seller removed liquidity."""


def sides(array: pa.Array, words: dict[str, AggressorSide], place: Place) -> NDArray[np.int8]:
    """Aggressor side of each row: +1 buyer, -1 seller, 0 none.

    Args:
        array: Texts, numbers or truth values; case has no meaning, a missing one is none.
        words: `SIDES` or `MAKERS`.
        place: Where they stand.

    Raises:
        DataError: a word that is not one of ``words``.
    """
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    texts = ["" if value is None else str(value).strip().lower() for value in encoded.dictionary.to_pylist()]
    meaning = np.array([*(words.get(text, _UNKNOWN) for text in texts), AggressorSide.NONE], np.int8)
    indices = pc.fill_null(encoded.indices, len(texts)).to_numpy(zero_copy_only=False)
    found: NDArray[np.int8] = meaning[indices]
    wrong = first_true(found == _UNKNOWN)
    if wrong is not None:
        known = ", ".join(repr(word) for word in words if word)
        field = "aggressor_side" if words is SIDES else "buyer_is_maker"
        advice = f"Mend the row, or set `marketdata.columns.{field}` to the right column, or to nothing."
        raise place.fault(wrong, f"one of {known}", repr(array[wrong].as_py()), advice)
    return found
