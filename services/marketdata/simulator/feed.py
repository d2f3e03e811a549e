"""The simulated market as a feed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from bus.records import BOOK_STATE, LEVEL, TRADE, Array, Records
from services.marketdata.adapter.merge import cut
from services.marketdata.kernel.simulator.layout import ROOM, Memory, Output, Plan
from services.marketdata.kernel.simulator.market import advance
from services.marketdata.simulator import episodes, faults
from services.marketdata.simulator.calibration import day_shape, terms
from services.marketdata.simulator.episodes import Episode, plan_episodes
from services.marketdata.simulator.faults import Fault, plan_faults
from services.marketdata.simulator.history import make_history
from services.marketdata.simulator.memory import first_memory
from services.marketdata.simulator.reference import TICK, make_reference
from services.marketdata.simulator.schedule import session_opens
from services.marketdata.simulator.settings import SimulatorSettings
from shared.errors import DataError
from shared.instruments import Instrument, to_records

BLOCK: Final = 16_384
"""Level records made at a time."""

N_RESIDUALS: Final = 8_192
"""Residuals kept, the newest."""


class SimulatedFeed:
    """Input records of a simulated market; their ``sequence`` is 1, 2, 3, … over the whole feed.

    First come the definitions and the daily bars of the pre-history, then the sessions: trades with their
    true side, and levels of the book, a snapshot at each open. Memory is bounded by the market's own and a
    block; it does not grow with what was read.

    >>> feed = SimulatedFeed(
    ...     SimulatorSettings(n_instruments=2, history_days=0, sessions=1, session_seconds=60)
    ... )
    >>> [kind for kind, _ in feed.read(100)], feed.read(42)["level"]["action"].tolist()[:2]
    (['instrument'], [3, 4])
    """

    rereadable = True
    n_records = None
    """Records in all: not known before they are made."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.reference = make_reference(settings)
        """What is known of the instruments, in row order."""
        self._plan = Plan(
            terms(),
            day_shape(settings.session_seconds),
            session_opens(settings),
            plan_episodes(settings, self.reference),
        )
        self._memory: Memory
        self._out: Output
        self._ready: Records
        self._position: int
        self._blocks: Iterator[Records]
        self._faults = plan_faults(settings)
        self.notes = [
            f"The market is simulated, seed {settings.seed}: no price of it was ever traded.",
        ]
        """Sentences a user should be told about the input."""
        if self._faults.size:
            self.notes.append(f"{len(self._faults)} faults are laid into it.")
        self._begin()

    @property
    def progress(self) -> float:
        """Fraction of the sessions that was made, 0 to 1."""
        market = self._memory.market[0]
        seconds = self.settings.session_seconds
        lived = int(market["session"]) * seconds + max(0, int(market["second"])) * bool(market["is_open"])
        return min(1.0, lived / (self.settings.sessions * seconds))

    @property
    def session_opens(self) -> list[int]:
        """Open of each session, ns since 1970."""
        return [int(open_ns) for open_ns in self._plan.opens]

    @property
    def episodes(self) -> list[Episode]:
        """All episodes of the market, with what is true of them."""
        return episodes.labels(self.settings, self._plan.episodes)

    @property
    def faults(self) -> list[Fault]:
        """Faults done in what was made so far, which is up to a block ahead of what was read."""
        return faults.done(self.settings, self._memory.faults)

    @property
    def residuals(self) -> Array:
        """Integrals of the intensity between events of one instrument, the newest; they are Exp(1)."""
        n_made = int(self._memory.market[0]["n_residuals"])
        return self._out.residuals[: min(n_made, N_RESIDUALS)].copy()

    def read(self, limit: int) -> Records:
        """The next records, at most ``limit``; an empty slice at the end. Cutting has no meaning.

        Fewer than ``limit`` may come where blocks meet.
        """
        while not len(self._ready):
            block = next(self._blocks, None)
            if block is None:
                return Records({})
            self._ready = block
        part, self._ready = cut(self._ready, limit)
        self._position += len(part)
        return part

    def seek(self, sequence: int) -> None:
        """Continue after the record with this ordinal; 0 is the beginning. What lies before is made again.

        Raises:
            DataError: the feed has fewer records.
        """
        if sequence < self._position:
            self._begin()
        while self._position < sequence:
            if not len(self.read(sequence - self._position)):
                message = (
                    f"Simulated market, seed {self.settings.seed}: expected at least {sequence} records, "
                    f"found {self._position}. The settings are not those of the checkpoint; start again "
                    "from the beginning."
                )
                raise DataError(message)

    def close(self) -> None:
        """Release what is held; nothing is."""

    def _begin(self) -> None:
        self._memory = first_memory(self.settings, self.reference, self._faults)
        self._out = Output(
            np.zeros(BLOCK, TRADE),
            np.zeros(BLOCK, LEVEL),
            np.zeros(2 * ROOM, BOOK_STATE),
            np.zeros(N_RESIDUALS),
        )
        self._ready = Records({})
        self._position = 0
        self._blocks = self._make()

    def _make(self) -> Iterator[Records]:
        """Blocks of the flow; where they end is always the same, and has no meaning."""
        market = self._memory.market[0]
        start = self._beginning()
        market["sequence"] = len(start)
        yield start
        while market["session"] < self.settings.sessions:
            advance(self._memory, self._plan, self._out)
            yield Records(
                {
                    "trade": self._out.trades[: market["n_trades"]].copy(),
                    "level": self._out.levels[: market["n_levels"]].copy(),
                    "book_state": self._out.states[: market["n_states"]].copy(),
                }
            )

    def _beginning(self) -> Records:
        """Definitions, then the bars of the pre-history."""
        bars = make_history(self.settings, self.reference)
        first = int(bars["ts_init"][0]) if len(bars) else int(self._plan.opens[0])
        known = [Instrument(instrument_id=one.instrument_id, price_increment=TICK) for one in self.reference]
        definitions = to_records(known, 0, first)
        definitions["sequence"] = np.arange(1, len(definitions) + 1)
        bars["sequence"] = np.arange(len(definitions) + 1, len(definitions) + len(bars) + 1)
        return Records({"instrument": definitions, "bar": bars})
