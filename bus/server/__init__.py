"""The two Redis servers, started and stopped by ourselves, and the users of both."""

from bus.server.accounts import ADMIN, Account, user_file
from bus.server.binary import find_binary
from bus.server.instance import Instance, ServerError, ServerSettings
from bus.server.pair import EmbeddedServers, stop_leftover

__all__ = [
    "ADMIN",
    "Account",
    "EmbeddedServers",
    "Instance",
    "ServerError",
    "ServerSettings",
    "find_binary",
    "stop_leftover",
    "user_file",
]
