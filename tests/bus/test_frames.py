"""Frames: a slice of the record flow as one stream entry."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import frames
from bus.errors import DecodeError
from bus.frames import MAX_RECORDS, Header
from bus.records import KINDS, Records
from tests.bus.slices import contents, flow, flows

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)


def entry(kinds: list[str] | None = None) -> dict[str, bytes]:
    """A good entry as it comes back from a server."""
    records = flow(kinds or ["trade", "quote", "trade"], first=7)
    fields = frames.encode(records, epoch=2, watermark=19, ts_publish=5)
    return {name: bytes(data) for name, data in fields.items()}


def patched(offset: int, layout: str, value: Any) -> bytes:
    """The header of a good entry with one field changed."""
    header = bytearray(entry()["h"])
    struct.pack_into("<" + layout, header, offset, value)
    return bytes(header)


@given(flows(min_size=1), U64, I64, I64)
def test_a_frame_read_back_is_the_slice(
    records: Records, epoch: int, watermark: int, ts_publish: int
) -> None:
    """Header and records survive, field by field and byte by byte."""
    fields = frames.encode(records, epoch=epoch, watermark=watermark, ts_publish=ts_publish)
    received = {name: bytes(data) for name, data in fields.items()}
    header, found = frames.decode(received, "md 1-1")

    assert header == Header(
        epoch, records.first_sequence, records.last_sequence, watermark, ts_publish, len(records)
    )
    assert contents(found) == contents(records)
    again = frames.encode(found, epoch=epoch, watermark=watermark, ts_publish=ts_publish)
    assert {name: bytes(data) for name, data in again.items()} == received


def test_the_header_is_laid_out_as_documented() -> None:
    """64 bytes, each field at its offset."""
    header = entry()["h"]

    assert len(header) == 64
    assert header[:4] == b"KNOT"
    assert struct.unpack_from("<HH", header, 4) == (1, 0)
    assert struct.unpack_from("<QQQ", header, 8) == (2, 7, 9)
    assert struct.unpack_from("<qq", header, 32) == (19, 5)
    assert struct.unpack_from("<I", header, 48) == (3,)
    assert header[52:] == bytes(12)


def test_records_are_views_and_cannot_be_written() -> None:
    """Reading copies nothing, and nobody can change what others may read."""
    fields = entry()
    _, records = frames.decode(fields, "md 1-1")

    assert np.shares_memory(records.trade, np.frombuffer(fields["trade"], np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        records.trade["price"][0] = 1


def test_arrays_that_are_not_contiguous_are_copied() -> None:
    """Every second record of an array is sent as those records alone."""
    array = np.zeros(4, KINDS["clock"])
    array["sequence"] = [1, 9, 2, 9]
    fields = frames.encode(Records({"clock": array[::2]}), epoch=1, watermark=0, ts_publish=0)

    assert frames.decode(fields, "md 1-2")[1].clock["sequence"].tolist() == [1, 2]


@given(flows(), st.integers(1, 50))
def test_cutting_keeps_order_and_size(records: Records, frame_size: int) -> None:
    """Every frame but the last is full, none is empty, and together they are the slice."""
    parts = list(records.cut(frame_size))

    assert [len(part) for part in parts[:-1]] == [frame_size] * max(len(parts) - 1, 0)
    assert all(0 < len(part) <= frame_size for part in parts)
    assert [
        sequence for part in parts for sequence in part.sequences().tolist()
    ] == records.sequences().tolist()


WRONG: dict[str, tuple[Callable[[], dict[str, bytes]], str]] = {
    "no header": (
        lambda: {"trade": entry()["trade"]},
        "Expected field `h`, got fields ['trade'] - at md 1-9",
    ),
    "short header": (
        lambda: entry() | {"h": b"KNOT"},
        "Expected a header of 64 bytes, got 4 bytes - at md 1-9",
    ),
    "long header": (lambda: entry() | {"h": bytes(65)}, "Expected a header of 64 bytes, got 65 bytes"),
    "magic": (lambda: entry() | {"h": patched(0, "4s", b"KNAT")}, "Expected magic b'KNOT', got b'KNAT'"),
    "version": (lambda: entry() | {"h": patched(4, "H", 2)}, "Expected frame version 1, got 2"),
    "no records": (
        lambda: entry() | {"h": patched(48, "I", 0)},
        f"Expected 1 to {MAX_RECORDS} records, got 0",
    ),
    "too many": (
        lambda: entry() | {"h": patched(48, "I", MAX_RECORDS + 1)},
        f"Expected 1 to {MAX_RECORDS} records, got {MAX_RECORDS + 1}",
    ),
    "other count": (lambda: entry() | {"h": patched(48, "I", 4)}, "Expected 4 records, got 3 - at md 1-9"),
    "kind missing": (
        lambda: {name: data for name, data in entry().items() if name != "quote"},
        "Expected 3 records, got 2",
    ),
    "unknown kind": (
        lambda: entry() | {"level": bytes(48)},
        "Expected a record kind of ['bar', 'book_state', 'clock', 'depth10', "
        "'instrument', 'quote', 'trade'], got 'level'",
    ),
    "broken record": (
        lambda: entry() | {"trade": entry()["trade"][:-1]},
        "Expected a multiple of 48 bytes, got 95 bytes - at md 1-9, `trade`",
    ),
    "empty kind": (
        lambda: entry() | {"bar": b""},
        "Expected a multiple of 96 bytes, got 0 bytes - at md 1-9, `bar`",
    ),
    "out of order": (
        lambda: entry() | {"trade": entry()["trade"][48:] + entry()["trade"][:48]},
        "Expected ascending sequences, got sequences out of order - at md 1-9, `trade`",
    ),
    "other first": (lambda: entry() | {"h": patched(16, "Q", 6)}, "6 to 9, each once, got 3 records"),
    "other last": (lambda: entry() | {"h": patched(24, "Q", 10)}, "7 to 10, each once, got 3 records"),
    "shifted": (
        lambda: entry() | {"h": patched(16, "Q", 8)[:24] + struct.pack("<Q", 10) + entry()["h"][32:]},
        "Expected sequences 8 to 10, each once, got",
    ),
    "doubled": (
        lambda: entry() | {"quote": struct.pack("<Q", 7) + entry()["quote"][8:]},
        "Expected sequences 7 to 9, each once, got none of 8 - at md 1-9",
    ),
    "back in time": (
        lambda: entry() | {"quote": entry()["quote"][:16] + struct.pack("<q", -5) + entry()["quote"][24:]},
        "Expected `ts_init` that never decreases, got -5 after",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_frame_is_told(make: Callable[[], dict[str, bytes]], message: str) -> None:
    """Each way of being wrong has its message: expected, got, where."""
    with pytest.raises(DecodeError) as caught:
        frames.decode(make(), "md 1-9")

    assert message in str(caught.value)
    assert (
        str(caught.value)
        == f"Expected {caught.value.expected}, got {caught.value.got} - at {caught.value.where}"
    )


@given(st.dictionaries(st.sampled_from(["h", "x", *KINDS]), st.binary(max_size=200)), st.data())
def test_no_bytes_break_the_reader(fields: dict[str, bytes], data: st.DataObject) -> None:
    """Whatever stands in an entry, it is a frame or it is told why not."""
    damaged = {**entry(), **fields}
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, 63))
        header = bytearray(entry()["h"])
        header[at] ^= data.draw(st.integers(1, 255))
        damaged["h"] = bytes(header)
    try:
        header_found, records = frames.decode(damaged, "md 1-9")
    except DecodeError:
        return
    assert header_found.n_records == len(records) > 0
