"""The floor: the whole loop of an end is one call into benchmarks/c/hop.c, on its client or on hiredis."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any, Final

from benchmarks import native
from benchmarks.harness import MissingError

DISTRIBUTIONS: Final = ()
PLACE_BYTES: Final = 48
CALLS: Final = ("append", "confirm", "ask", "take")


class Client(ctypes.Structure):
    """``struct client`` of benchmarks/c/hop.c."""

    _fields_ = [(name, ctypes.c_void_p) for name in CALLS]


class End:
    """Two connections: one to say something, one to hear something."""

    def __init__(self, options: dict[str, Any]) -> None:
        kind = options["client"]
        self._loops = native.load("hop")
        library = self._loops if kind == "resp" else _hiredis()
        self._client = Client(*(ctypes.cast(library[f"{kind}_{name}"], ctypes.c_void_p) for name in CALLS))
        connect = library[f"{kind}_open"]
        connect.restype = ctypes.c_void_p
        words = [options[name].encode() for name in ("path", "user", "secret")]
        self._speaker, self._listener = connect(*words), connect(*words)
        if not self._speaker or not self._listener:
            message = f"expected a server at {options['path']} that takes user and secret, found none"
            raise ConnectionError(message)
        self._streams = [name.encode() for name in options["streams"]]
        self._places = [ctypes.create_string_buffer(b"0-0", PLACE_BYTES) for _ in self._streams]

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Append to the first stream, each once the last was confirmed."""
        messages, size = _joined(mail, n)
        numbers = (ctypes.c_size_t(size), ctypes.c_size_t(n), ctypes.c_int64(round(pause * 1e9)))
        self._call("hop_send", ctypes.c_void_p(self._speaker), self._streams[0], messages, *numbers)

    def receive(self, mail: Any, n: int) -> None:
        """Read the first stream."""
        messages, size = _joined(mail, n)
        ages = (ctypes.c_int64 * n)()
        numbers = (ctypes.c_size_t(size), ctypes.c_size_t(n))
        place = (self._streams[0], self._places[0])
        self._call("hop_receive", ctypes.c_void_p(self._listener), *place, messages, *numbers, ages)
        _keep(mail, messages, size, ages)

    def bounce(self, mail: Any, n: int, begins: bool) -> None:
        """Append to one stream and read the other."""
        said, size = _joined(mail, n)
        heard = ctypes.create_string_buffer(size * n)
        ages = (ctypes.c_int64 * n)()
        says, hears = (0, 1) if begins else (1, 0)
        self._call(
            "hop_bounce",
            *(ctypes.c_void_p(self._speaker), ctypes.c_void_p(self._listener)),
            *(self._streams[says], self._streams[hears], self._places[hears], said, heard),
            *(ctypes.c_size_t(size), ctypes.c_size_t(n), ctypes.c_int(begins), ages),
        )
        _keep(mail, heard, size, ages)

    def _call(self, name: str, *arguments: Any) -> None:
        if self._loops[name](ctypes.byref(self._client), *arguments):
            message = "expected the replies of a Redis server, found another or none"
            raise ConnectionError(message)


def _joined(mail: Any, n: int) -> tuple[Any, int]:
    messages = b"".join(map(mail.make, range(n)))
    return ctypes.create_string_buffer(messages, len(messages)), len(messages) // n


def _keep(mail: Any, messages: Any, size: int, ages: Any) -> None:
    data = bytes(messages)
    mail.heard.extend(data[start : start + size] for start in range(0, len(data), size))
    mail.ages.extend(ages)


def _hiredis() -> ctypes.CDLL:
    found = ctypes.util.find_library("hiredis")
    if found is None:
        message = "expected the library hiredis, found none"
        raise MissingError(message)
    ctypes.CDLL(found, mode=ctypes.RTLD_GLOBAL)  # what the client is compiled without
    return native.load("hop_hiredis")
