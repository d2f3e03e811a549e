"""What is known of simulated instruments beside prices: sector, market cap, value inputs, true loadings.

Value inputs follow the value score that the instrument's returns load on, and market cap the size score, so
a model that is fed them finds the factors that are there.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from services.marketdata.kernel.simulator.draws import normals, uniforms
from services.marketdata.simulator.schedule import Stream
from services.marketdata.simulator.settings import SimulatorSettings

TICK: Final = 10_000_000
"""Price increment, 1e-9 of the currency: a cent."""

VENUE: Final = "SIM"

MARKET_SIGMA: Final = 0.006
SECTOR_SIGMA: Final = 0.0035
STYLE_SIGMA: Final = 0.0025
"""Volatility of the factor returns of a session."""

_LOWEST, _HIGHEST = 30.0, 90.0
_OWN_SIGMA = (0.0045, 0.0085)


class Reference(Struct, frozen=True, kw_only=True):
    """One instrument."""

    instrument_id: str
    sector: str
    market_cap: float
    """Currency."""
    book_to_price: float
    sales_to_price: float
    cash_flow_to_price: float
    shares_outstanding: float
    first_price: float
    """Efficient price before the first session, currency."""
    beta: float
    """Loading on the market's return."""
    value_score: float
    """Loading on the value factor's return, standardised."""
    size_score: float
    """Loading on the size factor's return, standardised."""
    own_sigma: float
    """Volatility of its own return in a session."""
    activity: float
    """Its trades as a multiple of the average instrument's."""


def make_reference(settings: SimulatorSettings) -> list[Reference]:
    """Make up the instruments, in row order."""
    count = settings.n_instruments
    noise = normals(settings.seed, Stream.SCORES, 6 * count).reshape(count, 6).T
    uniform = uniforms(settings.seed, Stream.PRICES, 3 * count).reshape(count, 3).T
    value, size = _standard(noise[4]), _standard(noise[5])
    price = _LOWEST * (_HIGHEST / _LOWEST) ** uniform[0]
    cap = 2e10 * np.exp(1.1 * size)
    activity = np.exp(0.35 * size + 0.15 * noise[3])
    activity /= activity.mean()
    return [
        Reference(
            instrument_id=f"S{row:03d}.{VENUE}",
            sector=f"sector_{row % settings.n_sectors}",
            market_cap=float(cap[row]),
            shares_outstanding=float(cap[row] / price[row]),
            first_price=float(price[row]),
            book_to_price=_ratio(0.45, value[row], noise[0, row]),
            sales_to_price=_ratio(0.70, value[row], noise[1, row]),
            cash_flow_to_price=_ratio(0.08, value[row], noise[2, row]),
            beta=float(0.6 + 0.8 * uniform[1, row]),
            value_score=float(value[row]),
            size_score=float(size[row]),
            own_sigma=float(_OWN_SIGMA[0] + (_OWN_SIGMA[1] - _OWN_SIGMA[0]) * uniform[2, row]),
            activity=float(activity[row]),
        )
        for row in range(count)
    ]


def _standard(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of mean 0 and deviation 1; a single one is 0."""
    if len(scores) == 1:
        return np.zeros(1)
    centered: NDArray[np.float64] = scores - scores.mean()
    centered /= centered.std()
    return centered


def _ratio(typical: float, score: float, noise: float) -> float:
    return float(typical * np.exp(0.4 * score + 0.15 * noise))
