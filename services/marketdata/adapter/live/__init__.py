"""Public channels of venues, read live: pure sessions of each venue's rules, and their sockets."""

from services.marketdata.adapter.live.live_feed import LiveFeed
from services.marketdata.adapter.live.settings import LiveSettings

__all__ = ["LiveFeed", "LiveSettings"]
