"""Which whole seconds of the feed's time get a clock record.

A clock ticks at every whole second up to the next record while the feed is alive, which it is until it was
silent for the idle time. Then it stops, and only the last whole second at or before the next record
follows. So timers run, bars close, and a file with one record a day makes a bounded number of clocks.

Example, idle time 3 s: records at 10.2 s and 13.0 s give clocks 11, 12, 13; the next record at 99.5 s gives
14, 15, 16 (three seconds of silence) and 99.

The feed's time begins with its first record, which no clock precedes. Times are in ns.
"""

from __future__ import annotations

from typing import Final

from bus.records import START_OF_TIME
from shared.kernels.compile import inlined

SECOND: Final = 1_000_000_000


@inlined
def next_clock(clock: int, last: int, ts_init: int, idle: int) -> int:
    """The whole second after ``clock`` that gets a clock record, above ``ts_init`` if there is none.

    Args:
        clock: The whole second last given out, or that of the last record.
        last: ``ts_init`` of the last record.
        ts_init: ``ts_init`` of the next record, at least ``last``.
        idle: Idle time.

    >>> second = 10**9
    >>> next_clock(13 * second, 13 * second, 99 * second, 3 * second) // second
    14
    >>> next_clock(16 * second, 13 * second, 99 * second, 3 * second) // second
    99
    """
    following = clock + SECOND
    if following - last > idle:
        return max(following, ts_init // SECOND * SECOND)
    return following


@inlined
def count_clocks(last: int, ts_init: int, idle: int) -> int:
    """Clock records between two records; none before the first, for which ``last`` is the start of time.

    >>> second = 10**9
    >>> (
    ...     count_clocks(13 * second, 99 * second + 5, 3 * second),
    ...     count_clocks(-(2**63), 99 * second, 3 * second),
    ... )
    (4, 0)
    """
    if last == START_OF_TIME:
        return 0
    n_passed = ts_init // SECOND - last // SECOND
    n_alive = (last + idle) // SECOND - last // SECOND
    return min(n_passed, n_alive + 1)


@inlined
def next_second(time: int) -> int:
    """The first whole second after a time; that of the start of time is the start of time."""
    return time if time == START_OF_TIME else (time // SECOND + 1) * SECOND
