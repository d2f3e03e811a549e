"""Trading sessions: where one day of trading ends and the next begins, in local time."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY: Final = dt.timedelta(days=1)


class Sessions:
    """Trading sessions: each local day from its start to the next day's start.

    >>> new_york = Sessions("America/New_York", 9, 30)
    >>> day, until = new_york.at(1_381_239_000_000_000_000)  # 2013-10-08 09:30 in New York
    >>> day, (until - 1_381_239_000_000_000_000) / 3.6e12
    (15986, 24.0)
    >>> new_york.at(1_381_238_999_999_999_999)[0]
    15985
    """

    def __init__(self, time_zone: str, hours: int, minutes: int) -> None:
        self._zone = dt.UTC if time_zone == "UTC" else ZoneInfo(time_zone)
        self._start = dt.time(hours, minutes)
        self._found = (0, 0, 0)

    def at(self, ts_event: int) -> tuple[int, int]:
        """Session at a time: its local day since 1970-01-01, and when the next one begins, ns."""
        asked, day, until = self._found
        if not asked <= ts_event < until:
            day, until = self._find(ts_event)
            self._found = ts_event, day, until
        return day, until

    def _find(self, ts_event: int) -> tuple[int, int]:
        local = (_EPOCH + dt.timedelta(microseconds=ts_event // 1_000)).astimezone(self._zone)
        date = local.date() if local.time() >= self._start else local.date() - _DAY
        while self._begin(date + _DAY) <= ts_event:
            date += _DAY  # where a change of clocks repeats or skips the start
        return (date - _EPOCH.date()).days, self._begin(date + _DAY)

    def _begin(self, date: dt.date) -> int:
        local = dt.datetime.combine(date, self._start, self._zone)
        return (local - _EPOCH) // dt.timedelta(microseconds=1) * 1_000
