"""Who asks a server: the loops of benchmarks/c/http_client.c, in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import process_time_ns
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import native
from benchmarks.answers import AnswerError

WRONG: Final = -2


class Asked(NamedTuple):
    """A request, and the body that has to answer it."""

    request: bytes
    body: bytes


class Flood(NamedTuple):
    """What requests over several connections took."""

    elapsed_ns: int
    own_ns: int
    """Time of a core that the asking itself took."""


class _Asked(ctypes.Structure):
    """``struct asked``."""

    _fields_ = (
        ("request", ctypes.c_char_p),
        ("request_size", ctypes.c_size_t),
        ("body", ctypes.c_char_p),
        ("body_size", ctypes.c_size_t),
    )


class Client:
    """The compiled loops.

    Raises:
        MissingError: there is no compiler, or it refused the source.
    """

    def __init__(self) -> None:
        self._library = native.load("http_client")
        self._library.http_open.restype = ctypes.c_void_p

    @contextmanager
    def connected(self, port: int, n_lines: int) -> Iterator[list[int]]:
        """So many connections to a port of this machine.

        Raises:
            AnswerError: nobody listens there.
        """
        with ExitStack() as held:
            lines = []
            for _ in range(n_lines):
                line = self._library.http_open(ctypes.c_int(port))
                if line is None:
                    message = f"expected a server at port {port}, found none"
                    raise AnswerError(message)
                held.callback(self._library.http_close, ctypes.c_void_p(line))
                lines.append(line)
            yield lines

    def one_at_a_time(self, line: int, asked: Asked, n: int) -> NDArray[np.int64]:
        """Ask so often over one connection; the time of each request to the last byte of its answer, ns.

        Raises:
            AnswerError: an answer is not the expected one, or none came.
        """
        latencies = np.zeros(n, np.int64)
        self._call(
            *("http_one", ctypes.c_void_p(line), ctypes.byref(_structure(asked))),
            *(ctypes.c_size_t(n), latencies.ctypes.data_as(ctypes.c_void_p)),
        )
        return latencies

    def at_once(self, lines: Sequence[int], asked: Asked, n: int) -> Flood:
        """Ask so often over several connections, each with one request on its way.

        Raises:
            AnswerError: an answer is not the expected one, or none came.
        """
        elapsed = ctypes.c_int64()
        handles = (ctypes.c_void_p * len(lines))(*lines)
        began = process_time_ns()
        self._call(
            *("http_many", handles, ctypes.c_size_t(len(lines)), ctypes.byref(_structure(asked))),
            *(ctypes.c_size_t(n), ctypes.byref(elapsed)),
        )
        return Flood(elapsed.value, process_time_ns() - began)

    def _call(self, name: str, *arguments: Any) -> None:
        outcome = self._library[name](*arguments)
        if outcome:
            found = "another one" if outcome == WRONG else "none"
            message = f"expected each answer of status 200 with the body that was checked, found {found}"
            raise AnswerError(message)


def _structure(asked: Asked) -> _Asked:
    return _Asked(asked.request, len(asked.request), asked.body, len(asked.body))
