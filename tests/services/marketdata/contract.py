"""Settings under which `tests.fleet` puts marketdata through the contract of every engine."""

from __future__ import annotations

from typing import Final

VARIANTS: Final = {
    "default": [],
    "all bars": ["marketdata.bars=1s,1m,volume:500,dollar:1000000"],
    "tick rule": ["marketdata.trade_side=tick_rule", "marketdata.clock_idle_seconds=1"],
}
