"""Users of the servers: an administrator, and one for each part of the fleet, with the rights it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from bus.errors import BusError
from bus.topics import Bus

ADMIN: Final = "admin"
"""The user that may do everything: it starts, watches and stops the servers."""

_ALWAYS: Final = ("+ping", "+info")
_READING: Final = ("+xread", "+xrange", "+xrevrange", "+xlen", "+xinfo|stream")
_BLOBS: Final = ("+get", "+set", "+del", "+scan", "+rpush", "+lrange")

_KINDS: Final = (("checkpoint", ""), ("position", ""), ("dead-letter", "/*"), ("order", "/*"))
"""Blobs that every engine has: one, or several."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the fleet may do; every account may read both streams."""

    name: str
    publishes: tuple[Bus, ...] = (Bus.ENGINE_LOGIC,)
    """Streams it may append to."""
    trims: tuple[Bus, ...] = ()
    """Streams it may drop entries of."""
    blobs: tuple[str, ...] | None = None
    """Patterns of the blobs it may read and write; those that an engine has if None."""
    reads_blobs: tuple[str, ...] = ()
    """Patterns of the blobs that it may read besides."""

    def rights(self, bus: Bus) -> str:
        """Its rights on the server of a bus, as the server's ACL rules.

        >>> Account(name="factor").rights(Bus.MARKET_DATA)
        '%R~md +ping +info +xread +xrange +xrevrange +xlen +xinfo|stream'
        """
        changes = bus in self.publishes or bus in self.trims
        rules = [f"~{bus}" if changes else f"%R~{bus}"]
        blobs = self.blobs
        if blobs is None:
            blobs = tuple(f"{kind}/{self.name}{rest}" for kind, rest in _KINDS)
        holds_blobs = bus is Bus.ENGINE_LOGIC and bool(blobs or self.reads_blobs)
        if holds_blobs:
            rules += [f"~{pattern}" for pattern in blobs]
            rules += [f"%R~{pattern}" for pattern in self.reads_blobs]
        rules += [*_ALWAYS, *_READING]
        rules += ["+xadd"] if bus in self.publishes else []
        rules += ["+xtrim"] if bus in self.trims else []
        rules += _BLOBS if holds_blobs else ()
        return " ".join(rules)


def user_file(bus: Bus, accounts: Sequence[Account], secrets: Mapping[str, str]) -> str:
    """Text of a server's ACL file: nobody comes in without a secret, and secrets stand in it as hashes.

    Raises:
        BusError: a name that is taken or cannot be a user's.
    """
    lines = ["user default off", f"user {ADMIN} on {_hash(secrets[ADMIN])} ~* &* +@all"]
    names = {ADMIN, "default"}
    for account in accounts:
        if account.name in names or not account.name.isidentifier():
            message = f"`accounts`: expected a name of letters not in {sorted(names)}, got {account.name!r}"
            raise BusError(message)
        names.add(account.name)
        lines.append(f"user {account.name} on {_hash(secrets[account.name])} {account.rights(bus)}")
    return "".join(f"{line}\n" for line in lines)


def _hash(secret: str) -> str:
    return "#" + hashlib.sha256(secret.encode()).hexdigest()
