"""State to bytes and back: any msgspec struct of numbers, text, containers and NumPy arrays."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar, get_type_hints

import msgspec
import numpy as np

S = TypeVar("S", bound=msgspec.Struct)
"""A state type."""


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {
            "dtype": _describe(value.dtype),
            "shape": value.shape,
            "data": np.ascontiguousarray(value).tobytes(),
        }
    if isinstance(value, np.generic):
        return value.item()
    message = f"Expected a state of numbers, text, containers and arrays, got {type(value).__name__}"
    raise TypeError(message)


def _decode_array(kind: type[Any], value: Any) -> Any:
    if kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray:
        dtype = np.dtype(_revive(value["dtype"]))
        return np.frombuffer(value["data"], dtype).reshape(value["shape"]).copy()
    message = f"Expected an array, got {kind}"
    raise TypeError(message)


def _describe(dtype: np.dtype[Any]) -> Any:
    return dtype.descr if dtype.names else dtype.str


def _revive(description: Any) -> Any:
    if isinstance(description, str):
        return description
    return [tuple(tuple(part) if isinstance(part, list) else part for part in field) for field in description]


def encode(state: msgspec.Struct) -> bytes:
    """Encode a state; equal states give equal bytes."""
    return msgspec.msgpack.encode(state, enc_hook=_encode_array, order="deterministic")


def decode(data: bytes, kind: type[S]) -> S:
    """Decode a state of a known type; arrays are fresh and writable.

    Raises:
        msgspec.MsgspecError: the bytes are not a state of this type.
    """
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_decode_array)


def plain(data: bytes) -> Any:
    """The content of an encoded state without its type, for migrations."""
    return msgspec.msgpack.decode(data)


def from_plain(content: Any, kind: type[S]) -> S:
    """A state from (migrated) plain content."""
    return decode(msgspec.msgpack.encode(content, enc_hook=_encode_array), kind)


def fingerprint(kind: type[msgspec.Struct], version: int) -> str:
    """Short digest of a state type's fields and its version: what a checkpoint must match.

    >>> class Counter(msgspec.Struct):
    ...     n: int = 0
    >>> fingerprint(Counter, 1) == fingerprint(Counter, 2)
    False
    """
    described = [f"{name}:{hint}" for name, hint in get_type_hints(kind, include_extras=True).items()]
    text = "\n".join([str(version), *described])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
