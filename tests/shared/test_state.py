"""State to bytes and back."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from bus.records import KINDS
from shared import state as states


class Inner(msgspec.Struct):
    """A part of a state."""

    name: str
    weights: NDArray[np.float64]


class Example(msgspec.Struct):
    """A state with everything a state may have."""

    rows: NDArray[Any]
    parts: list[Inner]
    counts: dict[str, int]
    ratio: float | None = None


@given(
    arrays.arrays(np.float64, arrays.array_shapes(max_dims=3, min_side=0)),
    st.none() | st.floats(allow_nan=False),
)
def test_any_state_survives_its_bytes(weights: NDArray[np.float64], ratio: float | None) -> None:
    """Arrays of any shape, nested or structured, come back with the same bits, writable."""
    state = Example(np.ones(3, KINDS["trade"]), [Inner("a", weights)], {"x": 1}, ratio)
    data = states.encode(state)
    back = states.decode(data, Example)

    assert states.encode(back) == data
    assert back.rows.dtype == KINDS["trade"]
    assert back.parts[0].weights.shape == weights.shape
    assert back.parts[0].weights.flags.writeable


def test_equal_states_give_equal_bytes() -> None:
    """The order in which a dict was filled leaves no trace."""
    one = Example(np.zeros(1), [], {"a": 1, "b": 2})
    other = Example(np.zeros(1), [], {"b": 2, "a": 1})

    assert states.encode(one) == states.encode(other)


def test_a_state_of_something_else_is_named() -> None:
    """What cannot be kept is refused with its type's name."""

    class Wrong(msgspec.Struct):
        thing: Any

    with pytest.raises(TypeError, match="got object"):
        states.encode(Wrong(object()))


def test_the_fingerprint_changes_with_fields_and_version() -> None:
    """Another field, another type or another version is another fingerprint."""

    class One(msgspec.Struct):
        n: int

    class Two(msgspec.Struct):
        n: float

    prints = {states.fingerprint(One, 1), states.fingerprint(Two, 1), states.fingerprint(One, 2)}

    assert len(prints) == 3
    assert states.fingerprint(One, 1) in prints


def test_a_migration_sees_plain_content() -> None:
    """Older content can be changed as plain dicts and read as today's type."""

    class Old(msgspec.Struct):
        n: int

    class New(msgspec.Struct):
        n: int
        m: int

    content = states.plain(states.encode(Old(3)))

    assert states.from_plain({**content, "m": 4}, New) == New(3, 4)
