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
    columns = [_column(records[name], own.field(name).type) for name in records.dtype.names or ()]
    return pa.table([pa.array(epochs), *columns], schema=own)


def slices(kind: str, content: pa.Table) -> Iterator[tuple[int, Array]]:
    """The records of a table again, a slice for each run of an epoch."""
    records = np.zeros(content.num_rows, KINDS[kind])
    for name in records.dtype.names or ():
        column = content.column(name)
        if pa.types.is_binary(column.type):
            records[name] = column.to_pylist()
        elif pa.types.is_fixed_size_list(column.type):
            flat = column.combine_chunks().flatten().to_numpy()
            records[name] = flat.reshape(len(records), column.type.list_size)
        else:
            records[name] = column.to_numpy()
    epochs = content.column(EPOCH).to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(epochs)) + 1).tolist(), len(records)]
    for start, end in pairwise(edges):
        if end > start:
            yield int(epochs[start]), records[start:end]


def _column(values: Array, kind: pa.DataType) -> pa.Array:
    if values.ndim == 1:
        return pa.array(np.ascontiguousarray(values), kind)
    flat = pa.array(np.ascontiguousarray(values).ravel(), kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def _type(dtype: np.dtype[Any]) -> pa.DataType:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return pa.list_(pa.from_numpy_dtype(base), shape[0])
    return pa.binary() if dtype.kind == "S" else pa.from_numpy_dtype(dtype)
