"""Sizes that a format has as whole numbers: counted in the increments agreed for their instruments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bus.records import Array
from services.marketdata.adapter import fixed_point
from services.marketdata.adapter.faults import Place
from services.marketdata.adapter.roster import Roster


def complete(path: str, roster: Roster, records: Array, sizes: Sequence[str], price: str) -> None:
    """Count sizes in increments, and learn price steps; in place.

    Args:
        path: the file, for errors.
        roster: its instruments.
        records: with whole numbers as sizes.
        sizes: fields of sizes.
        price: the field of prices that steps are learned from.

    Raises:
        DataError: a size is no whole number of the increment.
    """
    if not len(records):
        return
    increments = roster.size_increments(records["instrument"])
    if not np.array_equal(increments, fixed_point.SIZE_SCALE):
        for field in sizes:
            values = records[field].astype(np.float64)
            records[field] = fixed_point.sizes(values, 1.0, increments, Place(path, field, 1))
    roster.learn_steps(records["instrument"], records[price])
