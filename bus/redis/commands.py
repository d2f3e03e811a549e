"""The two hot commands as bytes, and their replies as entries."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

from bus.errors import BusError
from bus.frames import Fields
from bus.redis.errors import EntryTooLargeError
from bus.transport import Entry, EntryId

MAX_ENTRY_BYTES: Final = 64 * 1024 * 1024
"""Largest entry a bus takes: the greatest frame there can be, with room to spare."""

Key = TypeVar("Key")
Value = TypeVar("Value")

Chunks = list[bytes | memoryview]
"""Bytes of a command, in pieces that are written without joining them."""

_INLINE: Final = 4096
"""Values up to this size are copied into one piece with what surrounds them; larger ones are not copied."""

_MAX_NAMES: Final = 1000

_made: Final = tuple.__new__
"""Makes a named tuple of a tuple: its own constructor is a Python function, three times slower."""


class Append:
    """XADD to one stream, from parts made once."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._starts: dict[int, bytes] = {}
        self._names: dict[str, bytes] = {}
        self._events: dict[str, bytes] = {}

    def encode(self, fields: Fields, entry_id: EntryId | None) -> tuple[Chunks, int]:
        """Bytes of the command, and how many they are; large values are viewed, not copied.

        Raises:
            BusError: there is no field.
            EntryTooLargeError: the entry is above the bound.
        """
        if entry_id is None and len(fields) == 1:  # an event: the entry whose delay counts most
            ((name, value),) = fields.items()
            n_bytes = len(value)
            if value.__class__ is bytes and n_bytes <= _INLINE:
                try:
                    start = self._events[name]
                except KeyError:
                    start = _remember(self._events, name, self._start(1) + _bulk(b"*") + self._name(name))
                command = b"%b%d\r\n%b\r\n" % (start, n_bytes, value)
                return [command], len(command)
        parts = [self._start(len(fields)), _bulk(b"*" if entry_id is None else b"%d-%d" % entry_id)]
        chunks: Chunks = []
        size = 0
        for name, value in fields.items():
            n_bytes = value.nbytes if isinstance(value, memoryview) else len(value)
            parts += (self._name(name), b"%d\r\n" % n_bytes)
            if n_bytes <= _INLINE:
                parts += (bytes(value), b"\r\n")
            else:
                chunks += (b"".join(parts), value)
                parts = [b"\r\n"]
                size += len(chunks[-2]) + n_bytes
        chunks.append(b"".join(parts))
        size += len(chunks[-1])
        if size > MAX_ENTRY_BYTES:
            message = f"Expected an entry of at most {MAX_ENTRY_BYTES} bytes on {self._stream}, got {size}"
            raise EntryTooLargeError(message)
        return chunks, size

    def _start(self, n_fields: int) -> bytes:
        start = self._starts.get(n_fields)
        if start is not None:
            return start
        if not n_fields:
            message = f"Expected an entry with a field on {self._stream}, got none"
            raise BusError(message)
        start = b"*%d\r\n$4\r\nXADD\r\n%b" % (3 + 2 * n_fields, _bulk(self._stream.encode()))
        return _remember(self._starts, n_fields, start)

    def _name(self, name: str) -> bytes:
        known = self._names.get(name)
        return known or _remember(self._names, name, _bulk(name.encode()) + b"$")


def command(*words: bytes) -> bytes:
    r"""Any command of plain words.

    >>> command(b"PING")
    b'*1\r\n$4\r\nPING\r\n'
    """
    return b"*%d\r\n" % len(words) + b"".join(map(_bulk, words))


def read(stream: str, after: EntryId, count: int, block: float | None = None) -> bytes:
    """XREAD above an id; with ``block``, wait so many seconds for an entry."""
    return read_start(stream, count, block) + _bulk(b"%d-%d" % after)


def entries(reply: Any) -> list[Entry]:
    """Entries of the reply to an XREAD of one stream.

    Raises:
        ValueError: it is no such reply; so do TypeError and AttributeError.
    """
    ((_, items),) = reply
    found = []
    for raw, flat in items:  # one flat loop: this stands between every entry and the engine that waits for it
        major, _, minor = raw.partition(b"-")
        if len(flat) == 2:
            name, value = flat
            fields = {_texts[name] if name in _texts else _text(name): value}
        else:
            fields = dict(zip(map(_text, flat[::2]), flat[1::2], strict=True))
        found.append(_made(Entry, (_made(EntryId, (int(major), int(minor))), fields)))
    return found


def entry_id(raw: bytes) -> EntryId:
    """An id as the server writes it.

    Raises:
        ValueError: it is no id; so does TypeError.
    """
    major, _, minor = raw.partition(b"-")
    return _made(EntryId, (int(major), int(minor)))


@lru_cache(maxsize=256)
def read_start(stream: str, count: int, block: float | None) -> bytes:
    """XREAD but for the last word, the id above which it reads."""
    waiting = (b"BLOCK", b"%d" % round(block * 1000)) if block is not None else ()
    words = (b"XREAD", b"COUNT", b"%d" % count, *waiting, b"STREAMS", stream.encode())
    return b"*%d\r\n" % (len(words) + 1) + b"".join(map(_bulk, words))


_texts: Final[dict[bytes, str]] = {}
"""Field names as text, each decoded once; one that is not UTF-8 keeps its bytes visible."""


def _text(raw: bytes) -> str:
    return _texts.get(raw) or _remember(_texts, raw, raw.decode("utf-8", "backslashreplace"))


def _remember(known: dict[Key, Value], key: Key, value: Value) -> Value:
    if len(known) < _MAX_NAMES:  # the names of fields are anybody's
        known[key] = value
    return value


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)
