r"""The efficient price of each instrument, second by second.

:math:`r_i = \beta_i m + s_{sector(i)} + v_i f_v + z_i f_z + e_i`, each part with a volatility that is
itself random: its logarithm, and that of the activity, is the sum of a fast and a slow Ornstein-Uhlenbeck
process of the instrument and those of the market. Day shape and activity scale variance and order flow
alike, so a trade carries the same news at noon as at the open. Episodes add a drift that is known.
"""

from __future__ import annotations

import math
from typing import Any

from bus.records import Array
from services.marketdata.kernel.simulator.draws import normal
from services.marketdata.kernel.simulator.layout import Memory, Plan
from shared.kernels.compile import inlined, kernel


@kernel
def begin_second(memory: Memory, plan: Plan) -> None:
    """Move efficient prices on by a second and set the baselines of the flow for the next one."""
    market, terms = memory.market[0], plan.terms[0]
    shape = plan.shape[market.second]
    _remember(market, terms)
    shared = terms.activity_market * (market.fast + market.slow) - terms.activity_market**2
    scale = math.sqrt(shape / len(plan.shape)) * math.exp(0.5 * shared)
    style_value, style_size, common = _factors(memory, scale)
    for lane in memory.lanes:
        _remember(lane, terms)
        own = terms.activity_fast * lane.fast + terms.activity_slow * lane.slow
        own -= 0.5 * (terms.activity_fast**2 + terms.activity_slow**2)
        move = lane.beta * common + memory.sectors[lane.sector]
        move += lane.value_score * style_value + lane.size_score * style_size
        move += scale * math.exp(0.5 * own) * lane.sigma * normal(lane) + lane.drift
        lane.value = max(lane.value * math.exp(move), terms.smallest_price)
        activity = shape * math.exp(shared + own)
        lane.mu_market = lane.rate_market * activity + lane.extra
        lane.mu_limit = lane.rate_limit * activity
        lane.mu_cancel = lane.rate_cancel * activity


@kernel
def pass_night(memory: Memory, terms: Any) -> None:
    """Move efficient prices from a close to the next open and forget what is of the day."""
    style_value, style_size, common = _factors(memory, terms.overnight)
    for lane in memory.lanes:
        move = lane.beta * common + memory.sectors[lane.sector]
        move += lane.value_score * style_value + lane.size_score * style_size
        move += terms.overnight * lane.sigma * normal(lane)
        lane.value = max(lane.value * math.exp(move), terms.smallest_price)
        forget_day(lane)


@kernel
def forget_day(lane: Any) -> None:
    """Let parents and episodes end with the session."""
    lane.time = lane.next = lane.compensator = 0.0
    lane.parent_left = 0
    lane.extra = lane.drift = 0.0


@kernel
def set_episodes(memory: Memory, episodes: Array, terms: Any) -> None:
    """End the episode at work if this second is its end, and begin the next one if it is its start."""
    market = memory.market[0]
    if market.next_episode == len(episodes):
        return
    episode = episodes[market.next_episode]
    if episode.session != market.session:
        return
    lane = memory.lanes[episode.instrument]
    if market.second == episode.start:
        lane.extra = episode.rate * lane.rate_market / (1.0 - terms.fast_mm - terms.slow_mm)
        lane.extra_side = episode.direction
        lane.drift = episode.shift / (episode.stop - episode.start)
    elif market.second == episode.stop:
        lane.extra = lane.drift = 0.0
        market.next_episode += 1


@inlined
def _factors(memory: Memory, scale: float) -> tuple[float, float, float]:
    """Draw the factor returns; those of sectors stay in memory."""
    market = memory.market[0]
    for sector in range(len(memory.sectors)):
        memory.sectors[sector] = scale * market.sector_sigma * normal(market)
    style_value = scale * market.style_sigma * normal(market)
    style_size = scale * market.style_sigma * normal(market)
    return style_value, style_size, scale * market.market_sigma * normal(market)


@inlined
def _remember(lane: Any, terms: Any) -> None:
    """Move the two processes of the log activity, each of variance 1, on by a second."""
    lane.fast = terms.fast_memory * lane.fast + math.sqrt(1.0 - terms.fast_memory**2) * normal(lane)
    lane.slow = terms.slow_memory * lane.slow + math.sqrt(1.0 - terms.slow_memory**2) * normal(lane)
