"""The buses on two Redis servers.

`RedisTransport` is the contract of `bus.transport`; `Address` says where a server is and who asks. Entries
are appended and read by a small protocol over `hiredis`; all that is rare goes through redis-py.
"""

from bus.redis.address import Address
from bus.redis.errors import (
    AccessRefusedError,
    ConnectionLostError,
    EntryTooLargeError,
    MalformedReplyError,
    RecoveryNeededError,
    ServerUnavailableError,
    StalledServerError,
)
from bus.redis.patience import Patience
from bus.redis.transport import RedisTransport

__all__ = [
    "AccessRefusedError",
    "Address",
    "ConnectionLostError",
    "EntryTooLargeError",
    "MalformedReplyError",
    "Patience",
    "RecoveryNeededError",
    "RedisTransport",
    "ServerUnavailableError",
    "StalledServerError",
]
