"""Compiling kernels ahead of their first use: a tiny session under the settings that matter.

Each engine's ``config`` module names in ``WARM`` the settings that between them reach all its kernels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from bus import frames
from bus.envelope import AnyEvent
from bus.memory import MemoryTransport
from bus.merge import MARKET_DATA
from bus.record_codes import AggressorSide, SideOrigin
from bus.records import END_OF_TIME, QUOTE, TRADE, Records
from bus.topics import Bus
from bus.transport import Entry, EntryId
from shared import config, registry
from shared.clock import WallClock
from shared.fleet import Fleet
from shared.instruments import Instrument, to_records
from shared.runtime import Runtime

_START: Final = 1_700_000_000_000_000_000
_PRICE: Final = 100_000_000_000
_N_TRADES: Final = 64


def variants() -> Iterator[tuple[str, list[str]]]:
    """Engines, each with one of the settings that it wants to be warmed under, as flags."""
    for name in registry.engines():
        for settings in registry.part(name, "config").WARM:
            yield name, [f"{name}.{setting}" for setting in settings]


def warm(settings: Mapping[str, Any]) -> None:
    """Run the tiny session under these settings of every engine; what it says is thrown away."""
    members = [(spec, registry.create(name, settings[name])) for name, spec in registry.engines().items()]
    fleet = Fleet(members, _TinyFeed(), MemoryTransport(), WallClock())
    asyncio.run(fleet.run(_Deaf()))


def warm_one(name: str) -> None:
    """Run the tiny session through one engine alone, under each of its settings that matter."""
    spec = registry.engines()[name]
    for flags in [flags for engine, flags in variants() if engine == name]:
        settings = config.load({name: registry.config_type(name)}, flags=flags, environment={})[name]
        runtime = Runtime(spec, registry.create(name, settings), [(MARKET_DATA, 0)], WallClock(), _N_TRADES)
        if spec.is_source:
            runtime.feed(_tiny_flow())
        else:
            fields = frames.encode(_tiny_flow(), epoch=1, watermark=END_OF_TIME, ts_publish=0)
            runtime.receive(Bus.MARKET_DATA, Entry(EntryId(1, 1), fields))
        runtime.step()


class _TinyFeed:
    """One instrument, two seconds between trades, a quote before each."""

    n_records: int | None = None
    rereadable = False
    progress = 0.0
    notes: list[str]

    def __init__(self) -> None:
        self.notes = []
        self._rest = _tiny_flow()

    def read(self, limit: int) -> Records:
        """Everything, then nothing."""
        records, self._rest = self._rest, Records({})
        return records

    def seek(self, sequence: int) -> None:
        """The session is never resumed."""

    def close(self) -> None:
        """Nothing to release."""


class _Deaf:
    """Observer of nothing."""

    def event(self, event: AnyEvent) -> None:
        """Not heard."""

    def records(self, records: Records) -> None:
        """Not seen."""


def _tiny_flow() -> Records:
    definition = to_records([Instrument(instrument_id="WARM.UP")], 0, _START)
    definition["sequence"] = 1
    steps = np.arange(_N_TRADES)
    quotes, trades = np.zeros(_N_TRADES, QUOTE), np.zeros(_N_TRADES, TRADE)
    for records, first in ((quotes, 2), (trades, 3)):
        records["sequence"] = first + 2 * steps
        records["ts_event"] = records["ts_init"] = _START + steps * 2_000_000_000
    quotes["bid_price"], quotes["ask_price"] = _PRICE, _PRICE + 10_000_000
    quotes["bid_size"] = quotes["ask_size"] = 1
    trades["price"] = _PRICE + 10_000_000 * (steps % 2)
    trades["size"] = 7
    trades["aggressor_side"], trades["side_origin"] = AggressorSide.BUYER, SideOrigin.REPORTED
    return Records({"instrument": definition, "quote": quotes, "trade": trades})
