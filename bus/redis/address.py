"""Where a server is, and as whom it is asked."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import msgspec

from bus.errors import BusError

_EXPECTED = "`unix://USER@/PATH` or `redis://USER@HOST:PORT`, with an optional `:SECRET` after the user"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A Unix socket or a TCP port, and a user of the server; shown without the secret.

    >>> print(Address(path="run/md.sock", user="recorder", secret="hidden"))
    run/md.sock as `recorder`
    """

    path: str | None = None
    """Unix socket; if there is none, ``host`` and ``port`` count."""
    host: str = "127.0.0.1"
    port: int = 6379
    user: str | None = None
    secret: str | None = None

    def __str__(self) -> str:
        place = self.path or f"{self.host}:{self.port}"
        return f"{place} as `{self.user}`" if self.user else place

    def __repr__(self) -> str:
        return f"Address({self})"

    @classmethod
    def parse(cls, text: str, secret: str | None = None) -> Address:
        """Read a URL; ``secret`` stands for one that the URL does not hold. No error repeats the text.

        >>> Address.parse("redis://reader@localhost:6380", "hidden")
        Address(localhost:6380 as `reader`)

        Raises:
            BusError: not such a URL.
        """
        try:
            url = urlsplit(text)
            port = url.port or 6379
        except ValueError:
            message = f"`address`: expected {_EXPECTED}, got another port or host"
            raise BusError(message) from None
        if url.scheme not in {"unix", "redis"} or not (url.path if url.scheme == "unix" else url.hostname):
            message = f"`address`: expected {_EXPECTED}, got a URL with scheme {url.scheme!r}"
            raise BusError(message)
        return cls(
            path=unquote(url.path) if url.scheme == "unix" else None,
            host=url.hostname or "127.0.0.1",
            port=port,
            user=unquote(url.username) if url.username else None,
            secret=unquote(url.password) if url.password else secret,
        )
