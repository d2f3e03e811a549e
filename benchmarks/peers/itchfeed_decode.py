"""A file of ITCH 5.0 into messages, by itchfeed."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("itchfeed",)

itch: Any = import_module("itch.parser")  # has no place in the project's own environment


def prepare(arrays: dict[str, Any], _parameters: dict[str, Any]) -> bytes:
    """The bytes of the file."""
    return bytes(arrays["data"].tobytes())


def work(data: bytes) -> list[Any]:
    """All messages as objects."""
    return list(itch.MessageParser().parse_stream(data))


def answer(result: list[Any]) -> dict[str, Any]:
    """Columns of the orders that came, ids of those that went or changed, sizes of hidden trades."""
    came = [one for one in result if one.message_type in (b"A", b"F", b"U")]
    new_ids = [
        one.new_order_reference_number if one.message_type == b"U" else one.order_reference_number
        for one in came
    ]
    changed = [
        one.order_reference_number for one in result if one.message_type in (b"E", b"C", b"X", b"D", b"U")
    ]
    return {
        "order_id": np.array(new_ids, np.uint64),
        "price": np.array([one.price for one in came], np.int64),
        "size": np.array([one.shares for one in came], np.int64),
        "time": np.array([one.timestamp for one in came], np.int64),
        "changed": np.array(changed, np.uint64),
        "hidden": np.array([one.shares for one in result if one.message_type == b"P"], np.int64),
    }
