"""The volumes of a fleet of containers, made ready before anything else starts."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from redis import exceptions

from bus.redis import Address
from bus.server import ADMIN
from bus.server.instance import client
from bus.topics import Bus
from knotmeter.container.access import hand_out, secrets_of
from knotmeter.fleet.accounts import accounts
from knotmeter.fleet.folder import FleetError, FleetFolder
from knotmeter.fleet.session import take_up
from shared.log import get_logger
from shared.process import members

RESET: Final = "KNOTMETER_RESET"
"""Environment variable that has the volumes begin anew."""

_ASK_SECONDS: Final = 10.0
_REMEDY: Final = (
    "give the same files and settings to go on, "
    f"{RESET}=1 to begin anew and lose this recording, or another COMPOSE_PROJECT_NAME for other volumes"
)


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the volumes are."""

    folder: Path
    """Session and secrets; below it ``recording``, and ``servers`` with Engine Logic's append-only file."""
    access: Path
    """A folder for each container that has a secret, and one for the servers."""
    sockets: Path
    """A folder for each bus, with the socket ``bus.sock`` of its server while that runs."""


def prepare(places: Places, settings: Mapping[str, Any], *, reset: bool) -> None:
    """Take up the session or begin one, and see that servers and engines have their secrets.

    Everything may run already: then nothing is taken away from under it, and servers are told of new users.

    Args:
        places: where the volumes are.
        settings: of all engines, the source's with the files it reads.
        reset: whether to begin anew whatever the volumes hold.

    Raises:
        FleetError: the volumes hold another session, or a fleet that runs would lose what it works on.
        DataError: a file cannot be read.
    """
    folder = FleetFolder(places.folder)
    running = [bus for bus in Bus if _is_served(_socket(places, bus))]
    before = folder.session()
    session = take_up(
        folder,
        settings,
        reset=reset,
        where="the volumes",
        remedy=_REMEDY,
        before_clearing=lambda: _refuse_running(running),
    )
    for place in (folder.recording, folder.servers):
        _expect_volume(place, empty=session != before or reset)
    users = accounts(members(settings["fleet"]))
    known = secrets_of(users, folder.place / "secrets.json")
    changed = hand_out(users, known, places.access)
    for bus in running:
        if bus in changed:
            _tell_users(Address(path=str(_socket(places, bus)), user=ADMIN, secret=known[ADMIN]))
    get_logger().info("volumes are ready", users_changed=[bus.value for bus in changed])


def _socket(places: Places, bus: Bus) -> Path:
    return places.sockets / bus.value / "bus.sock"


def _is_served(path: Path) -> bool:
    """Whether a server listens at a socket; a crashed one leaves the socket behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ASK_SECONDS)
        return probe.connect_ex(str(path)) == 0


def _refuse_running(running: list[Bus]) -> None:
    if running:
        names = " and ".join(bus.value for bus in running)
        message = (
            f"the volumes: expected no running fleet to begin anew, found the server of {names}; "
            "stop the fleet with `docker compose down` first"
        )
        raise FleetError(message)


def _expect_volume(place: Path, *, empty: bool) -> None:
    """See that a volume can be written to, and that it is empty where it should be.

    Raises:
        FleetError: it is not.
    """
    try:
        place.mkdir(exist_ok=True)
        mark = place / ".writable"
        mark.touch()
        mark.unlink()
    except OSError as error:
        message = f"Expected a volume to write to at {place}, found: {error.strerror}"
        raise FleetError(message) from error
    if empty and (left := next(place.iterdir(), None)) is not None:
        message = f"Expected the volume at {place} to be empty by now, found {left.name}; remove the volume"
        raise FleetError(message)


def _tell_users(admin: Address) -> None:
    """Have a running server take up its users anew.

    Raises:
        FleetError: it does not.
    """
    with client(admin, _ASK_SECONDS) as asking:
        try:
            asking.execute_command("ACL", "LOAD")
        except exceptions.RedisError as error:
            message = f"Expected the server at {admin} to take up its users anew, got {error}; restart it"
            raise FleetError(message) from error
