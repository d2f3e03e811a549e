"""Documents that are sent: arrays and tables of any library as columns of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from knotmeter.client.errors import ClientError

_encoder: Final = msgspec.json.Encoder()

_LISTS: Final = (list, tuple)


def encode(fields: Mapping[str, Any]) -> bytes:
    """JSON of a document.

    A table is a list of rows, a mapping of columns, a structured array of NumPy, or whatever speaks Arrow (a
    DataFrame, a `pyarrow.Table`); it is sent by columns. NaN stands for a number that is missing. Times of
    NumPy and Arrow become nanoseconds.

    >>> encode({"trades": {"price": np.array([4780.25, np.nan]), "size": [1, 2]}, "n_buckets": 50})
    b'{"trades":{"price":[4780.25,null],"size":[1,2]},"n_buckets":50}'

    Raises:
        ClientError: a value that JSON has no form for.
    """
    plain = {name: _plain(value, name) for name, value in fields.items()}
    try:
        return _encoder.encode(plain)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"expected arguments that JSON has a form for, found: {error}"
        raise ClientError(message) from error


def _plain(value: Any, where: str) -> Any:
    """The same in lists, dictionaries and plain numbers."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, f"{where}.{name}") for name, inner in value.items()}
    if isinstance(value, _LISTS):
        return _listed(value, where)
    if isinstance(value, np.ndarray):
        return _array(value, where)
    if hasattr(value, "__arrow_c_stream__"):
        return _arrow(value, where)
    if isinstance(value, np.generic):
        return _plain(value.item(), where)
    if isinstance(value, float) and math.isinf(value):
        raise _infinite(where, value)
    if hasattr(value, "__array__"):
        return _array(np.asarray(value), where)
    return value


def _listed(values: list[Any] | tuple[Any, ...], where: str) -> list[Any]:
    """A list; one of plain numbers is looked through at once and sent as it is."""
    kinds = set(map(type, values))
    if not kinds <= {int, float, bool, str, type(None)}:
        return [_plain(value, f"{where}[{index}]") for index, value in enumerate(values)]
    if float in kinds:
        for index, value in enumerate(values):
            if isinstance(value, float) and math.isinf(value):
                raise _infinite(f"{where}[{index}]", value)
    return list(values)


def _array(array: np.ndarray[Any, np.dtype[Any]], where: str) -> Any:
    if array.dtype.names is not None:
        return {name: _array(array[name], f"{where}.{name}") for name in array.dtype.names}
    if array.dtype.kind == "M":
        return array.astype("datetime64[ns]").astype(np.int64).tolist()
    if array.dtype.kind == "f" and np.isinf(array).any():
        index = int(np.isinf(array).argmax())
        raise _infinite(f"{where}[{index}]", array.flat[index])
    if array.dtype.kind in "biufU":
        return array.tolist()
    if array.dtype.kind == "O":
        return _listed(array.tolist(), where)
    message = f"`{where}`: expected an array of numbers, texts or times, found one of `{array.dtype}`"
    raise ClientError(message)


def _arrow(value: Any, where: str) -> Any:
    """Columns of a table, or the elements of a column."""
    import pyarrow as pa  # heavy, and needed by those alone who have Arrow's tables already

    try:
        table = pa.table(value)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError):
        return _listed(_plain_column(pa.chunked_array(value), pa), where)
    return {name: _listed(_plain_column(table[name], pa), f"{where}.{name}") for name in table.column_names}


def _plain_column(column: Any, pa: Any) -> list[Any]:
    """Elements of a column of Arrow, its times in ns."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64())
    elements: list[Any] = column.to_pylist()
    return elements


def _infinite(where: str, value: float) -> ClientError:
    message = f"`{where}`: expected a finite number, or NaN where it is missing, found {value}"
    return ClientError(message)
