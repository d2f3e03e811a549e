"""Data sets: the columns of each, and when one of its segments is large enough to be left alone."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from knotmeter.recorder import event_table, letter_table, market_table
from knotmeter.recorder.manifest import Segment
from knotmeter.recorder.partitions import DEAD_LETTERS, EVENTS, OPERATIONAL
from shared.dead_letters import KEPT

FINAL_BYTES: Final = 256 * 1024 * 1024
"""A segment of so many bytes is not merged any further..."""

_FINAL_ROWS: Final = {
    EVENTS: 1_048_576,
    OPERATIONAL: 1_048_576,
    DEAD_LETTERS: KEPT // 10,  # whole segments are dropped, so they must be small against what is kept
}
_FINAL_RECORDS: Final = 8_388_608
"""...nor is one of so many rows."""


def schema(data_set: str) -> pa.Schema:
    """Columns of a data set."""
    if data_set == DEAD_LETTERS:
        return letter_table.SCHEMA
    if data_set in (EVENTS, OPERATIONAL):
        return event_table.SCHEMA
    return market_table.schema(data_set.rpartition("/")[2])


def final_rows(data_set: str) -> int:
    """Rows from which on a segment is not merged any further."""
    return _FINAL_ROWS.get(data_set, _FINAL_RECORDS)


def is_final(data_set: str, segment: Segment) -> bool:
    """Whether a segment is large enough to be left alone."""
    return segment.n_rows >= final_rows(data_set) or segment.n_bytes >= FINAL_BYTES
