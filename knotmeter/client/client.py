"""The clients of a fleet: one that blocks and one to await, alike in everything else."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self
from urllib.parse import urlsplit

import httpx

from knotmeter.client.errors import ClientError
from knotmeter.client.operation import Awaiting, Blocking, Mode
from knotmeter.client.process import Engine, RecorderProcess
from knotmeter.client.wire import AwaitingWire, BlockingWire, Wire
from knotmeter.fleet.folder import FleetFolder
from shared.fleet_settings import RECORDER

TIMEOUT_SECONDS: Final = 30.0
"""How long an answer may take; that to a command comes after it was applied."""

PATIENCE_SECONDS: Final = 10.0
"""How long a process that is not there is asked again: an engine that was killed is back within that."""

TOKEN_VARIABLE: Final = "KNOTMETER_API_TOKEN"

Places = str | Mapping[str, str]
"""Base URL of one engine, or base URLs of processes by their names."""

_SCHEMES: Final = ("http", "https")


class _Fleet(Generic[Mode]):
    """Processes that a client reaches."""

    def __init__(self, places: Places, wire: Wire, patience: float) -> None:
        self._urls: dict[str | None, str] = (
            {None: places} if isinstance(places, str) else {name: places[name] for name in places}
        )
        for url in self._urls.values():
            _check(url)
        self._wire = wire
        self._patience = patience
        self._engines: dict[str | None, Engine[Mode]] = {}

    @property
    def names(self) -> list[str]:
        """Names of the engines; none if all that is known is an address."""
        return [name for name in self._urls if name is not None and name != RECORDER]

    @property
    def recorder(self) -> RecorderProcess[Mode]:
        """The recorder.

        Raises:
            ClientError: the client was not told where it is.
        """
        return RecorderProcess(RECORDER, self._url(RECORDER), self._wire, self._patience)

    def engine(self, name: str | None = None) -> Engine[Mode]:
        """An engine by its name; without a name the only one there is.

        Raises:
            ClientError: there is none of this name, or more than one to choose from.
        """
        if name is None and None not in self._urls:
            if len(self.names) != 1:
                message = f"expected the name of an engine: {self._known()}; found none"
                raise ClientError(message)
            name = self.names[0]
        if name not in self._engines:
            self._engines[name] = Engine(name, self._url(name), self._wire, self._patience)
        return self._engines[name]

    def __getattr__(self, name: str) -> Engine[Mode]:
        """An engine by its name."""
        if name.startswith("_"):
            message = f"`{type(self).__name__}` has no attribute `{name}`"
            raise AttributeError(message)
        try:
            return self.engine(name)
        except ClientError as error:
            raise AttributeError(str(error)) from error

    def _url(self, name: str | None) -> str:
        url = self._urls.get(name) or self._urls.get(None)
        if url is None:
            near = difflib.get_close_matches(str(name), self.names, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            message = f"expected an engine of this fleet: {self._known()}; found `{name}`{hint}"
            raise ClientError(message)
        return url

    def _known(self) -> str:
        return ", ".join(f"`{name}`" for name in self.names) or "none"


class Client(_Fleet[Blocking]):
    """A client whose methods return results.

    An engine is an attribute: ``client.NAME``, or ``client.engine("NAME")``.

    Args:
        places: base URL of one engine, or base URLs by the names of processes; `of_fleet` finds those of a
            fleet on this machine.
        token: the fleet's token, which commands need if it has one; else from ``KNOTMETER_API_TOKEN``.
        timeout: seconds that an answer may take.
        patience: seconds for which a process that is not there is asked again, if asking changes nothing.
        transport: what takes the place of the network, in tests.
    """

    def __init__(
        self,
        places: Places,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._blocking = BlockingWire(timeout, token or os.environ.get(TOKEN_VARIABLE), transport)
        super().__init__(places, self._blocking, patience)

    @classmethod
    def of_fleet(cls, folder: Path | str | None = None, **options: Any) -> Self:
        """A client of the fleet that runs in a folder.

        Args:
            folder: that of `knotmeter up`; if not given, ``KNOTMETER_FOLDER``, else ``.knotmeter``.
            **options: as for the class.

        Raises:
            FleetError: no fleet runs there.
        """
        return cls(**_of_fleet(folder), **options)

    def close(self) -> None:
        """Close all connections."""
        self._blocking.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Fleet[Awaiting]):
    """A client whose methods return awaitables; otherwise it is as `Client`."""

    def __init__(
        self,
        places: Places,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._awaiting = AwaitingWire(timeout, token or os.environ.get(TOKEN_VARIABLE), transport)
        super().__init__(places, self._awaiting, patience)

    @classmethod
    def of_fleet(cls, folder: Path | str | None = None, **options: Any) -> Self:
        """A client of the fleet that runs in a folder; see `Client.of_fleet`."""
        return cls(**_of_fleet(folder), **options)

    async def close(self) -> None:
        """Close all connections."""
        await self._awaiting.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _of_fleet(folder: Path | str | None) -> dict[str, Any]:
    """Where the processes of a fleet are, and its token."""
    fleet = FleetFolder(None if folder is None else Path(folder)).fleet()
    return {"places": {member.name: member.url for member in fleet.members}, "token": fleet.api_token}


def _check(url: str) -> None:
    """Refuse what is no base URL."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        fits = False
    if not fits:
        message = f"expected a base URL such as `http://127.0.0.1:10000`, found {url!r}"
        raise ClientError(message)
