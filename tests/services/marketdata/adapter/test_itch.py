"""ITCH 5.0 files: against a plain decoder, cut anywhere, and damaged."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import SideOrigin
from bus.records import Records
from services.marketdata.adapter import FileSettings, inspect, itch_file
from services.marketdata.adapter.itch_name import day_of
from shared.errors import DataError
from tests.services.marketdata.adapter import itch
from tests.services.marketdata.adapter.files import definitions, feed, read, rows_of, write_csv

SECOND = 1_000_000_000
MIDNIGHT = int(np.datetime64("2019-12-30T05:00", "ns").astype(np.int64))
"""Of 30 December 2019 in New York."""

NAME = "12302019.NASDAQ_ITCH50"

FLOW = (
    itch.head("S", 0, 1) + b"O",
    itch.directory(1, 2, "AAA"),
    itch.directory(2, 2, "B.A"),
    itch.add(1, SECOND, 10, "B", 300, 1_000_000),
    itch.add(2, SECOND, 11, "S", 50, 2_000_100, "B.A"),
    itch.executed(1, SECOND, 10, 100),
    itch.executed_at(1, SECOND, 10, 50, "Y", 999_900),
    itch.executed_at(1, SECOND, 10, 50, "N", 999_900),
    itch.cancelled(1, SECOND, 10, 40),
    itch.replaced(1, 2 * SECOND, 10, 12, 70, 1_000_100),
    itch.deleted(2, 2 * SECOND, 11),
    itch.hidden(1, 2 * SECOND, 5, 1_000_050),
    itch.cross(1, 2 * SECOND, 0, 0),
    itch.cross(1, 2 * SECOND, 9, 1_000_000),
    itch.broken(1, 3 * SECOND),
    itch.deleted(1, 3 * SECOND, 99),
    itch.executed(1, 3 * SECOND, 99, 7),
    itch.replaced(1, 3 * SECOND, 99, 100, 70, 1_000_100),
)
"""Every type that gives records, and some that do not."""


def write(folder: Path, *messages: bytes, name: str = NAME, has_lengths: bool = True) -> Path:
    """A file of messages, under gzip where its name says so."""
    data = itch.file_of(*messages, has_lengths=has_lengths)
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def told(records: Records, venue: str = "XNAS") -> list[tuple[Any, ...]]:
    """Records as the plain decoder gives them."""
    names = [one.instrument_id.removesuffix(f".{venue}") for one in definitions(records)]
    found: list[tuple[Any, ...]] = []
    for one in records["order"]:
        fields = [int(one[name]) for name in ("order_id", "price", "size", "action", "side", "flags")]
        found.append((int(one["sequence"]), "order", int(one["ts_event"]), names[one["instrument"]], *fields))
    for one in records.trade:
        fields = [int(one[name]) for name in ("price", "size", "aggressor_side")]
        found.append((int(one["sequence"]), "trade", int(one["ts_event"]), names[one["instrument"]], *fields))
    return [row[1:] for row in sorted(found)]


def plain(messages: Any, midnight: int = MIDNIGHT) -> list[tuple[Any, ...]]:
    """What the plain decoder gives."""
    decoder = itch.Plain(midnight)
    return [record for message in messages for record in decoder.records(message)]


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
@pytest.mark.parametrize("has_lengths", [True, False])
def test_every_message_gives_what_it_says(tmp_path: Path, name: str, has_lengths: bool) -> None:
    """Orders, trades, sides and flags are those of a plain decoder, with lengths in the file or without."""
    records = read(write(tmp_path, *FLOW, name=name, has_lengths=has_lengths))

    assert told(records) == plain(FLOW)
    assert (records["order"]["ts_init"] == records["order"]["ts_event"]).all()
    assert records.trade["side_origin"].tolist() == [
        SideOrigin.REPORTED if side else SideOrigin.NONE for side in records.trade["aggressor_side"]
    ]
    assert [one.time_zone for one in definitions(records)] == ["America/New_York"] * 2


def test_a_sale_to_a_bid_is_the_sellers(tmp_path: Path) -> None:
    """Who meets a resting bid is a seller, at the bid's price; the trade stands before the cancellation."""
    messages = (itch.add(1, 1, 5, "B", 10, 10_000), itch.executed(1, 2, 5, 10))

    records = read(write(tmp_path, *messages))

    assert told(records)[2:] == [
        ("trade", MIDNIGHT + 2, "AAA", 10**9, 10, -1),
        ("order", MIDNIGHT + 2, "AAA", 5, 10**9, 10, 2, 1, itch.LAST),
    ]


@pytest.mark.parametrize(("kind", "n_orders", "n_trades"), [("order", 14, 0), ("trade", 0, 4)])
def test_orders_or_trades_alone(tmp_path: Path, kind: str, n_orders: int, n_trades: int) -> None:
    """With a kind set the other is left out, and trades still know the orders that they met."""
    path = write(tmp_path, *FLOW)

    records = read(path, kind=kind)

    assert (len(records["order"]), len(records.trade)) == (n_orders, n_trades)
    both = [row for row in told(read(path)) if row[0] == kind]
    assert told(records) == both


@given(
    kinds=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 12), st.integers(0, 60)), max_size=120),
    block_bytes=st.integers(1, 300),
)
def test_any_block_size_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[int, int, int]], block_bytes: int
) -> None:
    """Random flows over few references, cut into blocks of any size, are those of the plain decoder."""
    messages = []
    for step, (kind, reference, size) in enumerate(kinds):
        locate = 1 + reference % 2
        symbol = "AAA" if locate == 1 else "BBB"
        side = "B" if size % 2 else "S"
        messages.append(
            (
                itch.add(locate, step, reference, side, size, 100 + size, symbol),
                itch.executed(locate, step, reference, size),
                itch.executed_at(locate, step, reference, size, "YN"[size % 2], 7),
                itch.cancelled(locate, step, reference, size),
                itch.deleted(locate, step, reference),
                itch.replaced(locate, step, reference, reference + 1 - 2 * (size % 2), size, 50),
                itch.hidden(locate, step, size, 9, symbol),
            )[kind]
        )
    flow = [itch.directory(1, 0, "AAA"), itch.directory(2, 0, "BBB"), *messages]
    path = write(tmp_path_factory.getbasetemp(), *flow)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(itch_file, "BLOCK_BYTES", block_bytes)
        patch.setattr(itch_file, "FIRST_PLACES", 2)
        assert told(read(path)) == plain(flow)


def test_an_instrument_without_directory_is_named_by_its_order(tmp_path: Path) -> None:
    """A file that begins in the day takes symbols from orders, else the number is the name."""
    messages = (itch.deleted(7, 1, 1), itch.add(8, 2, 2, "B", 1, 1, "CCC"), itch.deleted(8, 3, 2))

    assert [one.instrument_id for one in definitions(read(write(tmp_path, *messages)))] == [
        "7.XNAS",
        "CCC.XNAS",
    ]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("12302019.NASDAQ_ITCH50", "2019-12-30"),
        ("20190530.BX_ITCH_50.gz", "2019-05-30"),
        ("ex20101224.TEST_ITCH_50.gz", "2010-12-24"),
        ("S071321-v50.txt.gz", "2021-07-13"),
        ("itch_2019-12-30.bin", "2019-12-30"),
    ],
)
def test_the_day_is_in_the_name(name: str, day: str) -> None:
    """The forms that exchanges and their users give days."""
    assert day_of(FileSettings(path=f"data/20200101/{name}")).isoformat() == day


@pytest.mark.parametrize(
    ("name", "found"),
    [("sample.itch", "none in `sample.itch`"), ("20191230-20191231.itch", "2019-12-30 and 2019-12-31")],
)
def test_without_a_day_the_setting_is_named(tmp_path: Path, name: str, found: str) -> None:
    """A day that cannot be found is asked for, and then taken."""
    path = write(tmp_path, *FLOW, name=name)

    with pytest.raises(DataError, match=rf"found {found}\. Set `marketdata.date`"):
        feed(path)
    assert told(read(path, date="2019-12-30")) == plain(FLOW)
    with pytest.raises(DataError, match=r"expected a day as 2019-12-30, found '30\.12\.2019'"):
        feed(path, date="30.12.2019")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ((itch.deleted(1, 5, 1), itch.deleted(1, 4, 1)), r"row 3, column `D`: expected times of one day"),
        ((itch.deleted(1, 86_400 * SECOND, 1),), r"row 2, column `D`: expected times of one day"),
        ((b"Z" + bytes(18),), r"row 2: expected a message of type S, R, .*found 'Z'"),
        ((itch.deleted(1, 5, 1) + b"\0",), r"row 2: expected 19 as length of a message of type D, found 20"),
        ((itch.add(1, 5, 1, "X", 1, 1),), r"row 2, column `A`: expected B or S, .*found 'X'"),
        ((itch.directory(1, 1, "A"), itch.directory(1, 1, "B")), r"row 3, column `R`: .*`A` for number 1"),
        ((itch.deleted(1, 5, 1)[:10],), r"row 2: expected 19 as length of a message of type D, found 10"),
    ],
)
def test_a_wrong_message_is_named(tmp_path: Path, messages: tuple[bytes, ...], message: str) -> None:
    """A message that cannot be is refused, with its row."""
    path = write(tmp_path, itch.head("S", 0, 1) + b"O", *messages)

    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize("has_lengths", [True, False])
def test_a_file_that_ends_in_a_message(tmp_path: Path, has_lengths: bool) -> None:
    """The records before it are given, then the rest is refused."""
    path = write(tmp_path, *FLOW, has_lengths=has_lengths)
    path.write_bytes(path.read_bytes()[:-5])

    opened = feed(path)
    assert told(opened.read(1_000)) == plain(FLOW[:-1])
    with pytest.raises(DataError, match=r"row 18: expected a whole message, found the first 32 bytes of one"):
        opened.read(1_000)


def test_a_length_of_zero_ends_the_session(tmp_path: Path) -> None:
    """Two zeros at the end are no message; nothing may follow them."""
    path = write(tmp_path, *FLOW)
    path.write_bytes(path.read_bytes() + bytes(2))
    assert told(read(path)) == plain(FLOW)

    path.write_bytes(path.read_bytes() + bytes(3))
    with pytest.raises(DataError, match="expected nothing after the end of the session, found 3 bytes"):
        read(path)


def test_a_kind_that_it_has_not_is_refused(tmp_path: Path) -> None:
    """ITCH has no quotes."""
    with pytest.raises(DataError, match="expected records of kind quote, found order and trade"):
        feed(write(tmp_path, *FLOW), kind="quote")


def test_it_is_explained(tmp_path: Path) -> None:
    """Inspection tells day, zone, types of messages, broken trades and unknown orders."""
    path = write(tmp_path, *FLOW)

    found = inspect(str(path))

    assert (found.format, found.kind, found.n_records) == ("itch", "order and trade", 18)
    assert (found.settings.date, found.time_zone, found.problems) == ("2019-12-30", "America/New_York", ())
    assert "18 messages" in found.notes[0]
    assert found.notes[0].endswith("A 2, B 1, C 2, D 2, E 2, P 1, Q 2, R 2, S 1, U 2, X 1.")
    assert "1 trades" in found.notes[1]
    assert "3 messages" in found.notes[2]
    assert [(use.name, use.field) for use in found.columns][:2] == [("R", "instrument"), ("A", "order")]


def test_it_merges_with_other_files(tmp_path: Path) -> None:
    """Orders and trades of ITCH and the quotes of a CSV are one flow, and a seek leaves it as it is."""
    quotes = [f"2019-12-30T05:00:0{second}Z,1,2" for second in range(4)]
    path = write_csv(tmp_path / "q.csv", "time,bid,ask", *quotes)
    opened = feed(write(tmp_path, *FLOW), path)

    records = opened.read(1_000)
    while len(more := opened.read(1_000)):
        records = Records.joined([records, more])

    assert {kind: len(array) for kind, array in records} == {
        "instrument": 3, "quote": 4, "order": 14, "trade": 4
    }  # fmt: skip
    opened.seek(9)
    assert rows_of(opened.read(3)) == rows_of(records)[9:12]


@pytest.mark.parametrize("name", ["ex20101224.TEST_ITCH_50.gz", "ritch_ex20101224_lenprefixed.itch50.gz"])
def test_the_ritch_file(market_data: Path, name: str) -> None:
    """12,012 messages by type as RITCH counts them, and every record as the plain decoder has it."""
    path = market_data / "itch" / name
    midnight = int(np.datetime64("2010-12-24T05:00", "ns").astype(np.int64))
    messages = list(itch.messages_of(gzip.decompress(path.read_bytes())))
    counts = Counter(chr(message[0]) for message in messages)
    decoder = itch.Plain(midnight)

    records, found = read(path), inspect(str(path))

    assert told(records) == [record for message in messages for record in decoder.records(message)]
    assert counts == {
        "A": 4_997, "D": 1_745, "E": 198, "F": 3, "H": 3, "P": 5_000, "R": 3, "S": 6, "U": 12, "X": 45
    }  # fmt: skip
    shown = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))
    assert found.notes[0].endswith(f"12,012 messages in {path}, by type: {shown}.")
    assert f"{decoder.n_unknown:,} messages" in found.notes[1]
