"""Market records as Arrow tables and back: every field of the record, and the epoch of its producer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bus.records import KINDS, Array, Records

EPOCH: Final = "epoch"


@cache
def schema(kind: str) -> pa.Schema:
    """Columns of a record kind; texts are bytes, as they travel."""
    dtype = KINDS[kind]
    fields = [(name, _type(dtype[name])) for name in dtype.names or ()]
    return pa.schema([(EPOCH, pa.uint64()), *fields])


def table(kind: str, slices: Sequence[tuple[int, Array]]) -> pa.Table:
    """Slices of the flow, each with its epoch, as one table."""
    records = Records.joined([Records({kind: array}) for _, array in slices])[kind]
    epochs = np.repeat(
        np.array([epoch for epoch, _ in slices], np.uint64), [len(array) for _, array in slices]
    )
    own = schema(kind)
    fields = {name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()}
    columns = [pa.array(values, own.field(name).type) for name, values in fields.items()]
    return pa.table([pa.array(epochs), *columns], schema=own)


def slices(kind: str, content: pa.Table) -> Iterator[tuple[int, Array]]:
    """The records of a table again, a slice for each run of an epoch."""
    records = np.zeros(content.num_rows, KINDS[kind])
    for name in records.dtype.names or ():
        column = content.column(name)
        is_text = pa.types.is_binary(column.type)
        records[name] = column.to_pylist() if is_text else column.to_numpy()
    epochs = content.column(EPOCH).to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(epochs)) + 1).tolist(), len(records)]
    for start, end in pairwise(edges):
        if end > start:
            yield int(epochs[start]), records[start:end]


def _type(dtype: np.dtype[Any]) -> pa.DataType:
    return pa.binary() if dtype.kind == "S" else pa.from_numpy_dtype(dtype)
