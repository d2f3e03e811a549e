"""Dead letters of the recorder as Arrow tables and back: entries that it could not decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from bus.messages.control import DeadLetter

SCHEMA: Final = pa.schema(
    [
        ("producer", pa.string()),
        ("producer_epoch", pa.uint64()),
        ("producer_sequence", pa.uint64()),
        ("message_type", pa.string()),
        ("error", pa.string()),
        ("content", pa.binary()),
    ]
)
"""Columns of a table of dead letters; producer is the bus, epoch and sequence are the entry's id."""


def table(letters: Sequence[DeadLetter]) -> pa.Table:
    """Letters as one table."""
    columns = [[getattr(letter, name) for letter in letters] for name in SCHEMA.names]
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def letters(content: pa.Table) -> Iterator[DeadLetter]:
    """The letters of a table again."""
    for row in content.to_pylist():
        yield DeadLetter(**row)
