"""Bytes of files as venues write them, made from a seed: DBN of orders, ITCH 5.0."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from services.marketdata.adapter.dbn_layout import LAYOUTS
from services.marketdata.adapter.dbn_metadata import SCHEMAS

PRICE: Final = 4_800_000_000_000
"""Around which orders of the DBN file stand, 1e-9."""

TICK: Final = 250_000_000
START: Final = 1_703_541_600_000_000_000
"""Time of the first record, ns."""

_INSTRUMENT: Final = 17_077
_SYMBOL_BYTES: Final = 71
_LOCATE: Final = 1
_SYMBOL: Final = b"MADE    "


def dbn_orders(n_records: int, seed: int) -> bytes:
    r"""A DBN file of schema ``mbo``: orders that come, change and go, and some trades with their fills.

    >>> dbn_orders(10, seed=1)[:4]
    b'DBN\x03'
    """
    generator = np.random.default_rng(seed)
    rtype, fields = LAYOUTS["mbo"]
    rows = np.zeros(n_records, np.dtype(fields))
    rows["length"], rows["rtype"], rows["publisher_id"] = rows.dtype.itemsize // 4, rtype, 1
    rows["instrument_id"] = _INSTRUMENT
    shares = (0.42, 0.26, 0.18, 0.05, 0.09)
    rows["action"] = generator.choice(np.frombuffer(b"ACMTF", np.uint8), n_records, p=shares)
    rows["side"] = generator.choice(np.frombuffer(b"BA", np.uint8), n_records)
    rows["order_id"] = 1 + np.arange(n_records)
    rows["price"] = PRICE + TICK * generator.integers(-40, 41, n_records)
    rows["size"] = generator.integers(1, 50, n_records)
    rows["flags"] = np.where(np.isin(rows["action"], np.frombuffer(b"TF", np.uint8)), 0, 130)
    rows["ts_event"] = START + np.cumsum(generator.integers(0, 50_000, n_records))
    rows["ts_recv"] = rows["ts_event"] + 90_000
    return _dbn_head() + rows.tobytes()


def _dbn_head() -> bytes:
    """Metadata of version 3 for one symbol."""
    symbol, number = (text.ljust(_SYMBOL_BYTES, b"\0") for text in (b"MADE", str(_INSTRUMENT).encode()))
    data = struct.pack("<16sHQQQ", b"GLBX.MDP3", SCHEMAS.index("mbo"), START, START, 0)
    data += struct.pack("<BBBH", 1, 0, 0, _SYMBOL_BYTES)
    data = data.ljust(100, b"\0") + struct.pack("<II", 0, 1) + symbol + struct.pack("<III", 0, 0, 1)
    data += symbol + struct.pack("<III", 1, 20231225, 20231227) + number
    return b"DBN\x03" + struct.pack("<I", len(data)) + data


def itch_messages(n_messages: int, seed: int) -> bytes:
    r"""A file of ITCH 5.0 with lengths: orders that come, are executed, cancelled, deleted and replaced.

    >>> itch_messages(10, seed=1)[:3]
    b"\x00'R"
    """
    generator = np.random.default_rng(seed)
    kinds = generator.choice(list("AEXDUP"), n_messages, p=(0.5, 0.06, 0.03, 0.3, 0.08, 0.03))
    picks, sizes = generator.random(n_messages), generator.integers(1, 400, n_messages).tolist()
    prices = generator.integers(900_000, 1_100_000, n_messages).tolist()
    live: dict[int, int] = {}
    keys: list[int] = []
    parts = [b"R" + struct.pack(">HH", _LOCATE, 0) + bytes(6) + _SYMBOL + bytes(20)]
    for step, kind in enumerate(kinds.tolist()):
        at = int(picks[step] * len(keys))
        kind = kind if keys or kind == "P" else "A"
        head = kind.encode() + struct.pack(">HH", _LOCATE, 0) + (step * 1_000).to_bytes(6)
        body = _body(kind, step + 1, keys[at] if keys else 0, (sizes[step], prices[step]), live)
        parts.append(head + body)
        if kind in "DU" or (kind in "EX" and keys[at] not in live):
            keys[at] = keys[-1]
            keys.pop()
        if kind in "AU":
            keys.append(step + 1)
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _body(kind: str, new: int, old: int, what: tuple[int, int], live: dict[int, int]) -> bytes:
    """A message behind its head; ``live`` has what is left of each order."""
    size, price = what
    if kind == "A":
        live[new] = size
        return struct.pack(">Q1sI8sI", new, b"BS"[new % 2 : new % 2 + 1], size, _SYMBOL, price)
    if kind == "P":
        return struct.pack(">Q1sI8sIQ", 0, b"B", size, _SYMBOL, price, new)
    if kind == "U":
        live.pop(old)
        live[new] = size
        return struct.pack(">QQII", old, new, size, price)
    if kind == "D":
        live.pop(old)
        return struct.pack(">Q", old)
    taken = min(size, live[old])
    live[old] -= taken
    if not live[old]:
        live.pop(old)
    return struct.pack(">QI", old, taken) + (struct.pack(">Q", new) if kind == "E" else b"")
