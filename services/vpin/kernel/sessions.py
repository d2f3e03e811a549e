"""Trading sessions: what ends with one, and the bucket volume that follows the average session.

With an adaptive bucket volume, at the start of each session ``V = mean(volume of the last sessions) / 50``,
rounded to a whole size unit, at least one. Only complete sessions count, so nothing is known ahead of its
time; before the first complete one there is no bucket volume and no bucket.
"""

from __future__ import annotations

import math
from typing import Any

from bus.records import START_OF_TIME, Array
from services.vpin.kernel.buckets import clear_bucket
from services.vpin.kernel.layout import Memory
from shared.kernels.compile import kernel


@kernel
def rebased_volume(session_volumes: Array, n_sessions: int, buckets_per_session: float) -> int:
    """Compute the bucket volume for the next session, ``mean(session volumes) / buckets_per_session``.

    Args:
        session_volumes: Ring of complete sessions' volumes, size units.
        n_sessions: Complete sessions so far, above 0.
        buckets_per_session: Buckets that an average session is cut into.

    Returns:
        Size units, at least 1; halves are rounded up.

    >>> import numpy as np
    >>> rebased_volume(np.array([1000, 1100, 0]), 2, 50.0)
    21
    """
    count = min(n_sessions, len(session_volumes))
    total = 0.0
    for index in range(count):
        total += session_volumes[index]
    return max(1, math.floor(total / (count * buckets_per_session) + 0.5))


@kernel
def begin_session(row: int, memory: Memory, terms: Array, parameters: Any) -> None:
    """End an instrument's session, if it had one, and begin the one that was announced in its lane.

    A new bucket volume, and a reset, discard the open bucket; a reset also forgets the window of buckets
    and the last price, so that nothing is measured across the break.
    """
    lane = memory.lanes[row]
    adaptive = terms[row].volume == 0
    if lane.session_until == START_OF_TIME:
        lane.volume = terms[row].volume
    else:
        _end_session(lane, row, memory.session_volumes, memory.session_counts)
        if adaptive:
            lane.volume = rebased_volume(
                memory.session_volumes[row], lane.n_sessions, parameters.buckets_per_session
            )
        if adaptive or parameters.session_reset:
            lane.discarded += lane.filled
            clear_bucket(lane)
        if parameters.session_reset:
            lane.n_window = 0
            lane.n_prices = 0
            lane.n_bars = 0
            lane.tick = 0
    lane.session = lane.next_session
    lane.session_until = lane.next_until


@kernel
def _end_session(lane: Any, row: int, volumes: Array, counts: Array) -> None:
    """Keep what a session leaves behind."""
    volumes[row, lane.n_sessions % volumes.shape[1]] = lane.session_volume
    kept = counts[row, lane.n_sessions % counts.shape[1]]
    kept.session = lane.session
    kept.buys = (lane.session_trades + lane.session_sides) // 2
    kept.sells = (lane.session_trades - lane.session_sides) // 2
    lane.n_sessions += 1
    lane.session_volume = 0
    lane.session_trades = 0
    lane.session_sides = 0
