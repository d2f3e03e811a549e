"""A stream in chunks, each beginning with what the one before left over."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.marketdata.adapter.streams import broken_stream

Bytes = NDArray[np.uint8]


class Chunks:
    """Reads a stream a chunk at a time into one piece of memory, which each chunk uses again.

    Args:
        path: the file, for errors.
        stream: stands where the first chunk begins.
        size: bytes of a chunk; doubled where nothing of one could be used.
    """

    def __init__(self, path: str, stream: pa.NativeFile, size: int) -> None:
        self._path = path
        self._stream = stream
        self._memory = np.empty(size, np.uint8)
        self._held = 0
        self.at_end = False
        """Whether nothing follows the last chunk."""

    def read(self, n_left: int) -> Bytes:
        """The next chunk, after the last ``n_left`` bytes of the one before; empty at the end.

        Raises:
            DataError: the compressed stream is damaged or ends too early.
        """
        left = self._memory[self._held - n_left : self._held]
        if n_left == len(self._memory):
            self._memory = np.empty(2 * n_left, np.uint8)
        self._memory[:n_left] = left
        self._held = n_left + self._fill(n_left)
        self.at_end = self._held < len(self._memory)
        return self._memory[: self._held]

    def _fill(self, start: int) -> int:
        """Fill the memory from there on; returns how many bytes came."""
        wanted = self._memory[start:].data
        found = 0
        try:
            while found < len(wanted) and (count := self._stream.readinto(wanted[found:])):
                found += count
        except OSError as error:
            raise broken_stream(self._path, error) from error
        return found
