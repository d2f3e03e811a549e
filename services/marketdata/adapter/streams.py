"""Bytes of files that may be compressed: gzip, zstd and bzip2 are told by their first bytes."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from services.marketdata.adapter.faults import fault
from shared.errors import DataError

AGAIN: Final = "Fetch the file again; it is damaged or was not written to its end."
"""What to do about a file that ends too early."""

_COMPRESSIONS: Final = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"))


def unpacked(file: pa.NativeFile) -> pa.NativeFile:
    """What a file says without its compression; ``file`` stands at its beginning."""
    start = file.read(4)
    file.seek(0)
    for magic, name in _COMPRESSIONS:
        if start.startswith(magic):
            return pa.CompressedInputStream(file, name)
    return file


def read_buffer(path: str, stream: pa.NativeFile, count: int) -> pa.Buffer:
    """The next bytes, fewer only at the end; their memory is Arrow's, which uses it again.

    Raises:
        DataError: the compressed stream is damaged or ends too early.
    """
    try:
        data: pa.Buffer = stream.read_buffer(count)
    except OSError as error:
        raise broken_stream(path, error) from error
    return data


def broken_stream(path: str, error: Exception) -> DataError:
    """The error for a compressed stream that cannot be read on."""
    found = "its beginning" if "runcated" in str(error) else str(error).rstrip(".")
    return fault(path, "the whole compressed stream", found, AGAIN)
