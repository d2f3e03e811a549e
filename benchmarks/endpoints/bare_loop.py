"""The least that a Python event loop can do: prepared bytes, a parser and a callback on uvloop, no promise.

No bounds, no lost server, no parsed ids, no futures: it says what of the transport's time is the language
and its loop, and what is the contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import hiredis
import uvloop

from bus.redis.commands import command

DISTRIBUTIONS: Final = ("uvloop", "hiredis")


class End:
    """Two connections: one to say something, one to hear something."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._loop = uvloop.new_event_loop()
        self._speaker, self._listener = self._run(_connect(options)), self._run(_connect(options))
        streams = [stream.encode() for stream in options["streams"]]
        self._appends = [_without_last(b"XADD", stream, b"*", b"e") for stream in streams]
        block = (b"XREAD", b"COUNT", b"1024", b"BLOCK", b"0", b"STREAMS")
        self._reads = [_without_last(*block, stream) for stream in streams]
        self._places = [b"0-0", b"0-0"]

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Append to the first stream, each once the last was confirmed."""
        self._run(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Read the first stream."""
        self._run(self._listen(0, mail.hear, n))

    def bounce(self, mail: Any, n: int, begins: bool) -> None:
        """Append to one stream and read the other."""
        self._run(self._bounce(mail, n, begins))

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        for number in range(n):
            await asyncio.sleep(pause)
            confirmed = self._loop.create_future()
            self._speaker.deliver = confirmed.set_result
            self._say(0, mail.make(number))
            await confirmed

    async def _bounce(self, mail: Any, n: int, begins: bool) -> None:
        says, hears = (0, 1) if begins else (1, 0)
        self._speaker.deliver = self._speaker.count

        def hear(message: bytes) -> int:
            heard: int = mail.hear(message)
            if not begins or heard < n:
                self._say(says, mail.make(heard if begins else heard - 1))
            return heard

        self._speaker.n_replies = 0
        if begins:
            self._say(says, mail.make(0))
        await self._listen(hears, hear, n)
        while self._speaker.n_replies < n:
            await asyncio.sleep(0)

    async def _listen(self, stream: int, hear: Callable[[bytes], int], n: int) -> None:
        done = self._loop.create_future()
        start, write = self._reads[stream], self._listener.write

        def deliver(reply: Any) -> None:
            heard = 0
            for _, fields in reply[0][1]:
                heard = hear(fields[1])
            self._places[stream] = place = reply[0][1][-1][0]
            if heard == n:
                done.set_result(None)
            else:
                write(b"%b%d\r\n%b\r\n" % (start, len(place), place))

        self._listener.deliver = deliver
        place = self._places[stream]
        write(b"%b%d\r\n%b\r\n" % (start, len(place), place))
        await done

    def _say(self, stream: int, message: bytes) -> None:
        self._speaker.write(b"%b%d\r\n%b\r\n" % (self._appends[stream], len(message), message))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)


class _Protocol(asyncio.Protocol):
    """Replies, as they come."""

    def __init__(self) -> None:
        self.deliver: Callable[[Any], None] = self.count
        self.write: Callable[[bytes], None]
        self.n_replies = 0
        self._reader = hiredis.Reader()

    def count(self, _: Any) -> None:
        """Take no more of a reply than that it came."""
        self.n_replies += 1

    def connection_made(self, transport: Any) -> None:
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            self.deliver(reply)


async def _connect(options: dict[str, Any]) -> _Protocol:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_unix_connection(_Protocol, options["path"])
    protocol.write(command(b"AUTH", options["user"].encode(), options["secret"].encode()))
    while not protocol.n_replies:
        await asyncio.sleep(0)
    return protocol


def _without_last(*words: bytes) -> bytes:
    """A command whose last word is still to come, from its length on."""
    return command(*words, b"").removesuffix(b"0\r\n\r\n")
