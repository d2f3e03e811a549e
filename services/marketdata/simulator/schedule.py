"""When the sessions of a simulated market are, and what is planned for them: episodes and faults."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.marketdata.simulator.settings import SimulatorSettings
from shared.errors import ConstraintError

DAY: Final = 86_400 * 10**9
SECOND: Final = 10**9


class Stream:
    """Streams of random numbers of one seed; lanes and days of the pre-history have those from theirs on."""

    MARKET: Final = 0
    SCORES: Final = 1
    PRICES: Final = 2
    EPISODES: Final = 3
    FAULTS: Final = 4
    LANES: Final = 1_000
    DAYS: Final = 1_000_000


def session_opens(settings: SimulatorSettings) -> NDArray[np.int64]:
    """Open of each session, ns since 1970.

    Raises:
        ConstraintError: the first day is no day of the calendar.
    """
    first = _first_day(settings)
    days = np.busday_offset(first, np.arange(settings.sessions), roll="forward")
    return days.astype(np.int64) * DAY + settings.session_open * SECOND


def history_opens(settings: SimulatorSettings) -> NDArray[np.int64]:
    """Midnight at which each day of the pre-history begins, ns since 1970, oldest first."""
    first = np.busday_offset(_first_day(settings), 0, roll="forward")
    days = np.busday_offset(first, np.arange(-settings.history_days, 0))
    return days.astype(np.int64) * DAY


def _first_day(settings: SimulatorSettings) -> np.datetime64:
    try:
        return np.datetime64(settings.first_day, "D")
    except ValueError:
        message = "a day of the calendar as 2024-01-02"
        raise ConstraintError("first_day", message, repr(settings.first_day)) from None
