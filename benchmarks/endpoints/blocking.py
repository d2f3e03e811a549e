"""Our commands and our parser on blocking sockets: the transport without an event loop and its promises."""

from __future__ import annotations

import select
import socket
from typing import Any, Final

import hiredis

from bus.redis import commands
from bus.transport import BEGINNING

DISTRIBUTIONS: Final = ("hiredis",)
COUNT: Final = 1024
BLOCK: Final = 60.0


class End:
    """Two connections: one to say something, one to hear something."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._streams = options["streams"]
        self._appends = [commands.Append(stream) for stream in self._streams]
        self._places = [BEGINNING, BEGINNING]
        self._speaker, self._listener = _Socket(options), _Socket(options)

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Append to the first stream, each once the last was confirmed."""
        for number in range(n):
            select.select([], [], [], pause)
            self._say(0, mail.make(number))

    def receive(self, mail: Any, n: int) -> None:
        """Read the first stream."""
        heard = 0
        while heard < n:
            self._ask(0)
            heard = self._hear(0, mail)

    def bounce(self, mail: Any, n: int, begins: bool) -> None:
        """Append to one stream and read the other."""
        says, hears = (0, 1) if begins else (1, 0)
        for number in range(n):
            self._ask(hears)
            if begins:
                self._say(says, mail.make(number))
                self._hear(hears, mail)
            else:
                self._hear(hears, mail)
                self._say(says, mail.make(number))

    def _say(self, stream: int, message: bytes) -> None:
        (command,), _ = self._appends[stream].encode({"e": message}, None)
        self._speaker.send(command)
        commands.entry_id(self._speaker.reply())

    def _ask(self, stream: int) -> None:
        self._listener.send(commands.read(self._streams[stream], self._places[stream], COUNT, BLOCK))

    def _hear(self, stream: int, mail: Any) -> int:
        heard = 0
        for place, fields in commands.entries(self._listener.reply()):
            heard = mail.hear(fields["e"])
            self._places[stream] = place
        return heard


class _Socket:
    """A connection that has logged in."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(options["path"])
        self._reader = hiredis.Reader()
        self.send = self._socket.send  # a request of this size is taken whole
        self.send(commands.command(b"AUTH", options["user"].encode(), options["secret"].encode()))
        self.reply()

    def reply(self) -> Any:
        """Wait for the next reply."""
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(1 << 16))
        return reply
