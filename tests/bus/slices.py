"""Slices of the record flow for tests: any kinds, interleaved without holes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from bus.records import KINDS, Array, Records


def flow(kinds: list[str], first: int = 1, times: list[int] | None = None) -> Records:
    """Records of these kinds in this order, numbered from ``first``; fields are filled with their place."""
    moments = [10 * place for place in range(len(kinds))] if times is None else times
    arrays: dict[str, Any] = {}
    for kind in dict.fromkeys(kinds):
        places = [place for place, other in enumerate(kinds) if other == kind]
        array = np.zeros(len(places), KINDS[kind])
        for name in array.dtype.names or ():
            width = array.dtype[name].shape[0] if array.dtype[name].shape else None
            if array.dtype[name].kind == "S":
                array[name] = [str(place) for place in places]
            else:
                array[name] = places if width is None else np.repeat(places, width).reshape(-1, width)
        array["sequence"] = [first + place for place in places]
        array["ts_event"] = array["ts_init"] = [moments[place] for place in places]
        arrays[kind] = array
    return Records(arrays)


@st.composite
def flows(draw: st.DrawFn, min_size: int = 0, max_size: int = 40) -> Records:
    """Any slice: kinds, first sequence and never decreasing times are drawn."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=min_size, max_size=max_size))
    steps = draw(st.lists(st.integers(0, 3), min_size=len(kinds), max_size=len(kinds)))
    times = [int(time) for time in np.cumsum(steps)]
    return flow(kinds, draw(st.integers(1, 2**40)), times)


def contents(records: Records) -> dict[str, list[Any]]:
    """Everything in a slice, to compare."""
    return {kind: rows(array) for kind, array in records}


def rows(array: Array) -> list[tuple[Any, ...]]:
    """Records as tuples, to compare; fields of several numbers are tuples too."""
    return [
        tuple(tuple(value.tolist()) if isinstance(value, np.ndarray) else value for value in record)
        for record in array.tolist()
    ]
