"""File feeds: what stands in market data files, as one ordered flow of records.

`open_feed` reads, `inspect` tells what a file is and how it would be read.
"""

from __future__ import annotations

from services.marketdata.adapter.feed import Feed, open_feed
from services.marketdata.adapter.inspection import Inspection, inspect
from services.marketdata.adapter.settings import FileSettings, ReadSettings

__all__ = ["Feed", "FileSettings", "Inspection", "ReadSettings", "inspect", "open_feed"]
