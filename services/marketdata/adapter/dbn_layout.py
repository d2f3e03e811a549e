"""How the records of DBN lie in a file, byte by byte, and what each schema gives.

All integers are little-endian. Prices are in 1e-9 and times in ns, as ours. The length in a record's first
byte counts words of 4 bytes.
"""

from __future__ import annotations

from typing import Any, Final

from bus.records import N_LEVELS
from services.marketdata.adapter.bars import PRICES
from services.marketdata.adapter.settings import Kind

_HEADER: Final = [
    ("length", "u1"),
    ("rtype", "u1"),
    ("publisher_id", "<u2"),
    ("instrument_id", "<u4"),
    ("ts_event", "<i8"),
]
_TRADE_FIELDS: Final = [
    *_HEADER,
    ("price", "<i8"),
    ("size", "<u4"),
    ("action", "u1"),
    ("side", "u1"),
    ("flags", "u1"),
    ("depth", "u1"),
    ("ts_recv", "<i8"),
    ("ts_in_delta", "<i4"),
    ("sequence", "<u4"),
]
_LEVEL: Final = [
    ("bid_price", "<i8"),
    ("ask_price", "<i8"),
    ("bid_size", "<u4"),
    ("ask_size", "<u4"),
    ("bid_count", "<u4"),
    ("ask_count", "<u4"),
]
_ORDER_FIELDS: Final = [
    *_HEADER,
    ("order_id", "<u8"),
    ("price", "<i8"),
    ("size", "<u4"),
    ("flags", "u1"),
    ("channel_id", "u1"),
    ("action", "u1"),
    ("side", "u1"),
    ("ts_recv", "<i8"),
    ("ts_in_delta", "<i4"),
    ("sequence", "<u4"),
]
_BAR_FIELDS: Final = [*_HEADER, *((name, "<i8") for name in PRICES), ("volume", "<u8")]

SECONDS: Final = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}

LAYOUTS: Final[dict[str, tuple[int, list[Any]]]] = {
    "trades": (0x00, _TRADE_FIELDS),
    "mbo": (0xA0, _ORDER_FIELDS),
    "mbp-10": (0x0A, [*_TRADE_FIELDS, ("levels", _LEVEL, (N_LEVELS,))]),
    "mbp-1": (0x01, [*_TRADE_FIELDS, *_LEVEL]),
    "tbbo": (0x01, [*_TRADE_FIELDS, *_LEVEL]),
    "ohlcv-1s": (0x20, _BAR_FIELDS),
    "ohlcv-1m": (0x21, _BAR_FIELDS),
    "ohlcv-1h": (0x22, _BAR_FIELDS),
    "ohlcv-1d": (0x23, _BAR_FIELDS),
}
"""Record type and fields of each schema that is read."""

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "trades": ("trade",),
    "mbo": ("order", "trade"),
    "mbp-10": ("level", "trade"),
    "mbp-1": ("quote", "trade"),
    "tbbo": ("quote", "trade"),
    **dict.fromkeys(SECONDS, ("bar",)),
}
"""What each schema gives."""

USES: Final = {
    "instrument_id": "instrument",
    "ts_event": "ts_event",
    "ts_recv": "ts_init",
    "side": "aggressor_side",
    "order_id": "order_id",
    "action": "action",
    "flags": "flags",
    "levels": "price and size",
    **{name: name for name in ("price", "size", "bid_price", "ask_price", "bid_size", "ask_size")},
}
BAR_USES: Final = {
    "instrument_id": "instrument",
    "ts_event": "ts_event",
    **{name: name for name in (*PRICES, "volume")},
}
