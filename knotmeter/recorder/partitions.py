"""Partitions: one folder for each data set and day, named as Hive, DuckDB and pyarrow expect them.

market/KIND/date=YYYY-MM-DD    market records, by the UTC day of `ts_init`
events/date=YYYY-MM-DD         numbered events, by the UTC day of `ts_event`
operational/date=YYYY-MM-DD    what engines say of gaps and dead letters, likewise
dead_letters                   what the recorder could not decode; it has no day
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from bus.records import KINDS

EVENTS: Final = "events"
OPERATIONAL: Final = "operational"
DEAD_LETTERS: Final = "dead_letters"
MARKET: Final = "market"
INSTRUMENTS: Final = f"{MARKET}/instrument"
"""Definitions of instruments: said once, and needed to read what comes on any later day."""

BARS: Final = f"{MARKET}/bar"

DATA_SETS: Final = (EVENTS, OPERATIONAL, DEAD_LETTERS, *(f"{MARKET}/{kind}" for kind in KINDS))
"""Every data set of a recording."""

DAY: Final = 86_400_000_000_000
"""One day, ns."""

_BEGINNING: Final = date(1970, 1, 1)
_DATE: Final = "/date="


def day_of(nanoseconds: int) -> int:
    """Days from 1970-01-01 to the UTC day of a time.

    >>> day_of(0), day_of(DAY - 1), day_of(-1)
    (0, 0, -1)
    """
    return nanoseconds // DAY


def date_text(day: int) -> str:
    """A day as ISO 8601.

    >>> date_text(day_of(1_381_239_000_000_000_000)), date_text(day_of(-(2**63)))
    ('2013-10-08', '1677-09-21')
    """
    return (_BEGINNING + timedelta(days=day)).isoformat()


@lru_cache(maxsize=1_024)
def partition(data_set: str, day: int | None) -> str:
    """Folder of a data set's day, relative to the recording.

    >>> partition("events", 1), partition("dead_letters", None)
    ('events/date=1970-01-02', 'dead_letters')
    """
    return data_set if day is None else f"{data_set}{_DATE}{date_text(day)}"


def data_set_of(folder: str) -> str:
    """Data set of a partition.

    >>> data_set_of("market/trade/date=1970-01-02")
    'market/trade'
    """
    return folder.partition(_DATE)[0]


def day_in(folder: str) -> int | None:
    """Day of a partition, None if it has none.

    >>> day_in("events/date=1970-01-02"), day_in("dead_letters")
    (1, None)
    """
    _, _, text = folder.partition(_DATE)
    return (date.fromisoformat(text) - _BEGINNING).days if text else None
