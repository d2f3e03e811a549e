"""Both servers in one folder: secrets, users, start, stop, and what a crashed owner left behind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec
from redis import exceptions

from bus.errors import BusError
from bus.redis.address import Address
from bus.server.accounts import ADMIN, Account, user_file
from bus.server.binary import find_binary
from bus.server.instance import Instance, ServerError, ServerSettings, client
from bus.topics import Bus

SECRETS_FILE: Final = "secrets.json"
"""Secret of every user; only the owner of the folder may read it."""


class EmbeddedServers:
    """MarketData's and Engine Logic's server, on Unix sockets in a folder that only its owner may enter.

    Engine Logic's append-only file stays in the folder when the servers stop; sockets, secrets and users go.
    """

    def __init__(
        self,
        folder: Path,
        accounts: Sequence[Account],
        settings: Mapping[Bus, ServerSettings] | None = None,
        binary: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self._accounts = tuple(accounts)
        self._secrets = {name: secrets.token_urlsafe(24) for name in (ADMIN, *(a.name for a in accounts))}
        self._owns_folder = False
        binary = binary or find_binary()
        chosen = settings or {}
        self._instances = {
            bus: Instance(bus, self.folder, binary, chosen.get(bus, ServerSettings())) for bus in Bus
        }

    def __getitem__(self, bus: Bus) -> Instance:
        """The server of a bus."""
        return self._instances[bus]

    def __enter__(self) -> EmbeddedServers:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def addresses(self, user: str = ADMIN) -> dict[Bus, Address]:
        """Both addresses for a user.

        Raises:
            BusError: there is no such user.
        """
        secret = self._secrets.get(user)
        if secret is None:
            message = f"`user`: expected one of {sorted(self._secrets)}, got {user!r}"
            raise BusError(message)
        return {bus: instance.address(user, secret) for bus, instance in self._instances.items()}

    def start(self) -> None:
        """Start both; if one cannot be started, none runs afterwards.

        Raises:
            ServerError: a socket or port is taken, a server ends at once or does not answer in time.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        texts = {bus: user_file(bus, self._accounts, self._secrets) for bus in Bus}
        for instance in self._instances.values():
            instance.expect_free()
        self._owns_folder = True
        _write_private(self.folder / SECRETS_FILE, msgspec.json.encode(self._secrets))
        for bus, text in texts.items():
            _write_private(self._instances[bus].users, text.encode())
        try:
            for bus in Bus:
                self.restart(bus)
        except BaseException:
            self.stop()
            raise

    def restart(self, bus: Bus) -> None:
        """Start one that has ended; nothing happens if it runs."""
        self._instances[bus].start(self.addresses()[bus])

    def stop(self) -> None:
        """End both if they were started here; only their logs and Engine Logic's append-only file stay.

        Raises:
            ServerError: one had to be killed; both are gone all the same.
        """
        problems = []
        for instance in self._instances.values():
            try:
                instance.stop()
            except ServerError as error:
                problems.append(str(error))
        if self._owns_folder:
            for name in (SECRETS_FILE, *(instance.users.name for instance in self._instances.values())):
                (self.folder / name).unlink(missing_ok=True)
            self._owns_folder = False
        if problems:
            raise ServerError("; ".join(problems))


def stop_leftover(folder: Path, timeout: float = 20.0) -> list[Bus]:
    """End servers that a crashed owner left running in a folder, and clear it; returns whose they were.

    They are asked by their own socket and secret, never by a process id, which may be another's by now.

    Raises:
        ServerError: one runs and does not end.
    """
    folder = folder.absolute()
    kept = folder / SECRETS_FILE
    known = msgspec.json.decode(kept.read_bytes(), type=dict[str, str]) if kept.exists() else {}
    found = [bus for bus in Bus if _shut_down(folder / f"{bus}.sock", known.get(ADMIN), timeout)]
    for bus in Bus:
        for suffix in ("sock", "pid", "users"):
            (folder / f"{bus}.{suffix}").unlink(missing_ok=True)
    kept.unlink(missing_ok=True)
    return found


def _shut_down(path: Path, secret: str | None, timeout: float) -> bool:
    """Ask one server to end and wait until it has; False if there was none."""
    with client(Address(path=str(path), user=ADMIN, secret=secret), timeout) as asking:
        try:
            try:
                asking.ping()
            except exceptions.BusyLoadingError:
                pass
            except exceptions.AuthenticationError:
                raise
            except exceptions.ConnectionError:
                return False
            asking.shutdown(nosave=True, force=True)
        except exceptions.RedisError as error:
            message = f"Expected the server at {path} to end when asked, got {error}; end it by hand"
            raise ServerError(message) from error
    return True


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
