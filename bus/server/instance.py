"""One server process: its settings, its start until it answers, its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final

import msgspec
from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from bus.errors import BusError
from bus.redis.address import Address
from bus.topics import Bus

_POLL: Final = 0.01
_LONGEST_SOCKET_PATH: Final = 103
"""Bytes; the smallest bound of the systems we run on."""
_LOG_LINES: Final = 8


class ServerError(BusError):
    """A server that cannot be started or stopped."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen of a server."""

    max_memory: int = 0
    """Bytes, at which publications are refused; nothing is ever evicted. 0: all there is."""
    port: int | None = None
    """TCP port on the loopback interface beside the Unix socket."""
    start_seconds: float = 10.0
    """It must answer within this; the time it takes to load its log does not count."""
    stop_seconds: float = 20.0
    """It must be gone within this after it was asked to go."""


class Instance:
    """The server of one bus: MarketData's keeps nothing on disk, Engine Logic's an append-only file."""

    def __init__(self, bus: Bus, folder: Path, binary: Path, settings: ServerSettings) -> None:
        self.bus = bus
        self.socket = folder / f"{bus}.sock"
        self.log = folder / f"{bus}.log"
        self.users = folder / f"{bus}.users"
        self.pid_file = folder / f"{bus}.pid"
        self._folder = folder
        self._binary = binary
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def address(self, user: str, secret: str) -> Address:
        """Where and as whom it is asked."""
        return Address(path=str(self.socket), user=user, secret=secret)

    def start(self, admin: Address) -> None:
        """Start it, and wait until it answers.

        Raises:
            ServerError: its socket or port is taken, it ends at once, or it does not answer in time.
        """
        if self.pid is not None:
            return
        self.expect_free()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the engines, which still have to say their last words
            )
        try:
            self._wait_until_ready(self._process, admin)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, and take away its socket and pid file; harmless when it does not run.

        Raises:
            ServerError: it had to be killed.
        """
        process, self._process = self._process, None
        forced = False
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            # A server that was stopped by a signal would never see the one that ends it.
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(self._settings.stop_seconds)
            except subprocess.TimeoutExpired:
                forced = True
                process.kill()
                process.wait()
        if process is not None:
            self.socket.unlink(missing_ok=True)
            self.pid_file.unlink(missing_ok=True)
        if forced:
            expected = f"the server of {self.bus} to end within {self._settings.stop_seconds:g} s"
            message = f"Expected {expected}, had to kill it; its last words: {self.last_words()}"
            raise ServerError(message)

    def kill(self) -> None:
        """End it at once, as a crash does; socket, pid file and log stay as they are."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """Last lines of its log."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return " | ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip()) or "nothing"

    def _arguments(self) -> list[str]:
        keeps = self.bus is Bus.ENGINE_LOGIC
        options = {
            "port": str(self._settings.port or 0),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self.pid_file),
            "dir": str(self._folder),
            "appenddirname": f"{self.bus}.appendonly",
            "aclfile": str(self.users),
            "save": "",
            "appendonly": "yes" if keeps else "no",
            "appendfsync": "everysec",
            "maxmemory": str(self._settings.max_memory),
            "maxmemory-policy": "noeviction",
            "io-threads": "1",
            "daemonize": "no",
        }
        return [
            str(self._binary),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def expect_free(self) -> None:
        """See that nobody has its socket or port.

        Raises:
            ServerError: somebody has.
        """
        length = len(os.fsencode(self.socket))
        problem = ""
        if length > _LONGEST_SOCKET_PATH:
            problem = (
                f"`folder`: expected a socket path of at most {_LONGEST_SOCKET_PATH} bytes, got {length} "
                f"({self.socket}); choose a shorter folder"
            )
        elif _connects(socket.AF_UNIX, str(self.socket)):
            problem = (
                f"Expected {self.socket} to be free, found a server there; stop it, or choose another folder"
            )
        elif self._settings.port and _connects(socket.AF_INET, ("127.0.0.1", self._settings.port)):
            problem = (
                f"`port`: expected {self._settings.port} to be free, found a program there; choose another"
            )
        if problem:
            raise ServerError(problem)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], admin: Address) -> None:
        silent = 0.0
        with client(admin, timeout=1.0) as asking:
            while silent < self._settings.start_seconds:
                try:
                    code = process.wait(_POLL)
                except subprocess.TimeoutExpired:
                    silent += _POLL
                else:
                    expected = f"the server of {self.bus} ({self._binary}) to run"
                    message = f"Expected {expected}, it ended with code {code}: {self.last_words()}"
                    raise ServerError(message)
                try:
                    asking.ping()
                except exceptions.BusyLoadingError:
                    silent = 0.0
                except exceptions.TimeoutError:
                    silent += 1.0
                except exceptions.ConnectionError:
                    continue
                else:
                    return
        expected = f"the server of {self.bus} to answer within {self._settings.start_seconds:g} s"
        message = f"Expected {expected}, it did not; its last words: {self.last_words()}"
        raise ServerError(message)


def client(admin: Address, timeout: float) -> Redis:
    """A blocking client of the administrator, which never asks twice."""
    return Redis(
        unix_socket_path=admin.path,
        username=admin.user,
        password=admin.secret,
        socket_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )


def _connects(family: socket.AddressFamily, place: str | tuple[str, int]) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(place) == 0
