"""The table of ITCH's orders, against a dict."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.records import Array
from services.marketdata.kernel.itch_table import NONE, empty, find, grown, put, remove
from shared.kernels.compile import kernel

OPERATIONS = st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(1, 9)), max_size=200)


@kernel
def run(table: Array, operations: Array) -> None:
    """Put orders in and take them out, in turn."""
    for index in range(len(operations)):
        reference = np.uint64(operations[index, 1])
        if operations[index, 0]:
            put(table, reference, operations[index, 2], operations[index, 2] + 1, -1)
        else:
            place = find(table, reference)
            if place != NONE:
                remove(table, place)


def found(table: Array) -> dict[int, tuple[int, int, int]]:
    """Orders of a table by their references."""
    there = table[table["side"] != 0]
    return {int(one["reference"]): (int(one["price"]), int(one["rest"]), int(one["side"])) for one in there}


@kernel
def places(table: Array, references: Array) -> Array:
    """Where each order is."""
    result = np.empty(len(references), np.int64)
    for index in range(len(references)):
        result[index] = find(table, references[index])
    return result


@given(OPERATIONS)
def test_it_is_a_dict(operations: list[tuple[bool, int, int]]) -> None:
    """After any sequence every order that was put in and not taken out is found, also in a larger table."""
    expected: dict[int, tuple[int, int, int]] = {}
    for is_put, reference, value in operations:
        if is_put:
            expected[reference] = (value, value + 1, -1)
        else:
            expected.pop(reference, None)
    table, larger = empty(64), empty(128)

    run(table, np.array(operations, np.int64).reshape(-1, 3))
    grown(table, larger)

    for one in (table, larger):
        assert found(one) == expected
        for reference, place in enumerate(places(one, np.arange(41, dtype=np.uint64))):
            assert (place != NONE) == (reference in expected)
            assert place == NONE or one[place]["reference"] == reference
