"""Secrets of a fleet of containers, each laid where the one container finds it that may know it.

A volume of its own is mounted below ``places`` for each part of the fleet. The servers' volume holds what
they let in (secrets as hashes) and the reader's secret, with which their health is checked.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bus.server import ADMIN, Account, user_file
from bus.topics import Bus
from knotmeter.fleet.accounts import READER
from knotmeter.fleet.folder import FleetError

SERVERS: Final = "servers"
"""Folder of what both servers may know."""

SECRET: Final = "secret"
"""File with the secret of a part of the fleet, in that part's folder."""

_SECRET_BYTES: Final = 24
_OWNER_READS: Final = 0o400


def secrets_of(accounts: Sequence[Account], kept: Path) -> dict[str, str]:
    """Secret of every account and of the administrator: what is kept, and a new one for whoever has none.

    Raises:
        FleetError: the file is damaged.
    """
    try:
        known = msgspec.json.decode(kept.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        known = {}
    except msgspec.MsgspecError as error:
        message = f"Expected {kept} as this program writes it, found {error}; remove it"
        raise FleetError(message) from error
    names = (ADMIN, *(account.name for account in accounts))
    found = {name: known.get(name) or secrets.token_urlsafe(_SECRET_BYTES) for name in names}
    _keep(kept, msgspec.json.encode(found))
    return found


def hand_out(accounts: Sequence[Account], known: dict[str, str], places: Path) -> list[Bus]:
    """Lay each secret and both files of users in their places; returns the buses whose users have changed.

    Raises:
        FleetError: a part has no place.
    """
    for account in accounts:
        place = SERVERS if account.name == READER else account.name
        file = READER if account.name == READER else SECRET
        _keep(_folder(places, place) / file, known[account.name].encode())
    servers = _folder(places, SERVERS)
    return [bus for bus in Bus if _keep(servers / f"{bus}.users", user_file(bus, accounts, known).encode())]


def _folder(places: Path, name: str) -> Path:
    folder = places / name
    if not folder.is_dir():
        message = f"Expected a volume at {folder}, found none; run `make generate` and build the image anew"
        raise FleetError(message)
    return folder


def _keep(path: Path, data: bytes) -> bool:
    """Have a file hold this, readable by its owner alone; False if it does already."""
    if path.exists() and path.read_bytes() == data:
        return False
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
    return True
