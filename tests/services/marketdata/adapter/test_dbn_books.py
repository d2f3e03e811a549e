"""DBN files of orders and levels: against plain decoders, cut anywhere, and the real ES day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BookAction, Flag
from bus.records import Array, Records
from services.marketdata.adapter import dbn_file, inspect
from services.marketdata.kernel.dbn import UNDEFINED_PRICE
from shared.errors import DataError
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    definitions,
    read,
    rows_of,
    write_csv,
    write_dbn,
)

POINT = 1_000_000_000
LAST, SNAPSHOT, SUSPICIOUS = int(Flag.LAST), int(Flag.SNAPSHOT), int(Flag.SUSPICIOUS)
ACTIONS = {"A": BookAction.ADD, "C": BookAction.CANCEL, "M": BookAction.MODIFY, "R": BookAction.CLEAR}
TWO = (("X", [(20231101, 20231201, "7")]), ("Y", [(20231101, 20231201, "9")]))


def orders_of(text: str, **columns: Any) -> Array:
    """Records of ``mbo``, one for each word of action, side and flags: ``AB128``."""
    words = text.split()
    rows = dbn_rows("mbo", len(words))
    rows["action"] = [ord(word[0]) for word in words]
    rows["side"] = [ord(word[1]) for word in words]
    rows["flags"] = [int(word[2:] or 0) for word in words]
    rows["order_id"] = 1 + np.arange(len(words))
    rows["price"], rows["size"] = POINT, 5
    for name, values in columns.items():
        rows[name] = values
    return rows


def told(records: Records) -> list[tuple[Any, ...]]:
    """Orders, levels and trades in their order, without numbers of their own."""
    found: list[tuple[Any, ...]] = []
    names = [one.instrument_id for one in definitions(records)]
    shapes = {
        "order": ("order_id", "price", "size", "action", "side", "flags"),
        "level": ("price", "size", "action", "side", "flags"),
        "trade": ("price", "size", "aggressor_side", "flags"),
    }
    for kind, fields in shapes.items():
        for one in records[kind]:
            stamp = (int(one["ts_event"]), int(one["ts_init"]), names[one["instrument"]])
            found.append((int(one["sequence"]), kind, *stamp, *(int(one[name]) for name in fields)))
    return [row[1:] for row in sorted(found)]


def plain_orders(rows: Array, names: dict[int, str]) -> list[tuple[Any, ...]]:
    """What records of ``mbo`` give, one at a time."""
    found: list[list[Any]] = []
    in_snapshot: dict[int, bool] = {}
    unfinished: dict[int, list[Any]] = {}
    for index, row in enumerate(rows):
        number, venue, action = int(row["instrument_id"]), int(row["flags"]), chr(row["action"])
        stamp = [int(row["ts_event"]), int(row["ts_recv"]), names[number]]
        side = {"B": 1, "A": -1}.get(chr(row["side"]), 0)
        flags = SUSPICIOUS if venue & 12 else 0
        if action not in ACTIONS:
            if venue & 128 and number in unfinished:
                unfinished.pop(number)[-1] |= LAST
            if action == "T":
                found.append(["trade", *stamp, int(row["price"]), int(row["size"]), side, flags])
            continue
        flags |= LAST if venue & 128 else 0
        if venue & 32:
            flags |= SNAPSHOT
            after = rows[index + 1] if index + 1 < len(rows) else None
            if after is None or not after["flags"] & 32 or after["instrument_id"] != number:
                flags |= LAST
            if not in_snapshot.get(number) and action != "R":
                found.append(["order", *stamp, 0, 0, 0, int(BookAction.CLEAR), 0, SNAPSHOT])
        in_snapshot[number] = bool(venue & 32)
        body = [int(row["order_id"]), int(row["price"]), int(row["size"]), int(ACTIONS[action]), side]
        found.append(["order", *stamp, *(body if action != "R" else [0, 0, 0, 3, 0]), flags])
        unfinished.pop(number, None)
        if not flags & LAST:
            unfinished[number] = found[-1]
    return [tuple(row) for row in found]


def plain_levels(rows: Array, names: dict[int, str]) -> list[tuple[Any, ...]]:
    """What records of ``mbp-10`` give, one at a time, with dicts of levels."""
    found: list[list[Any]] = []
    last: dict[int, dict[tuple[int, int], int]] = {}
    for row in rows:
        number = int(row["instrument_id"])
        stamp = [int(row["ts_event"]), int(row["ts_recv"]), names[number]]
        flags = SUSPICIOUS if row["flags"] & 12 else 0
        if row["action"] == ord("T"):
            side = {"B": 1, "A": -1}.get(chr(row["side"]), 0)
            found.append(["trade", *stamp, int(row["price"]), int(row["size"]), side, flags])
        start = len(found)
        if number not in last:
            flags |= SNAPSHOT
            found.append(["level", *stamp, 0, 0, int(BookAction.CLEAR), 0, flags])
        picture = {}
        for sign, side_name in ((1, "bid"), (-1, "ask")):
            for level in row["levels"]:
                if level[f"{side_name}_price"] != UNDEFINED_PRICE and level[f"{side_name}_size"]:
                    picture[sign, int(level[f"{side_name}_price"])] = int(level[f"{side_name}_size"])
        before = last.get(number, {})
        for sign, price in sorted({*before, *picture}, key=lambda key: (-key[0], -key[0] * key[1])):
            size = picture.get((sign, price), 0)
            if size != before.get((sign, price), 0):
                found.append(["level", *stamp, price, size, int(BookAction.SET), sign, flags])
        if len(found) > start:
            found[-1][-1] |= LAST
        last[number] = picture
    return [tuple(row) for row in found]


def test_orders_and_trades(tmp_path: Path) -> None:
    """Actions, sides, flags and times of each record; fills and records without action give nothing."""
    rows = orders_of("AB AA128 TB FA CA MB4 NN128 RN128 TN8", size=[1, 2, 3, 3, 3, 4, 0, 0, 6])
    rows["price"][7] = UNDEFINED_PRICE

    records = read(write_dbn(tmp_path / "o.dbn", dbn_head("mbo"), rows))

    assert [row[0:1] + row[4:] for row in told(records)] == [
        ("order", 1, POINT, 1, 0, 1, 0),
        ("order", 2, POINT, 2, 0, -1, LAST),
        ("trade", POINT, 3, 1, 0),
        ("order", 5, POINT, 3, 2, -1, 0),
        ("order", 6, POINT, 4, 1, 1, SUSPICIOUS | LAST),
        ("order", 0, 0, 0, 3, 0, LAST),
        ("trade", POINT, 6, 0, SUSPICIOUS),
    ]
    assert records["order"]["ts_init"][0] == START + 500


def test_the_end_of_an_event_on_a_fill_is_not_lost(tmp_path: Path) -> None:
    """Where the last record changes no book, the last that did ends the event of its own instrument."""
    rows = orders_of("CA CB TB128 AB FB128 TA128", instrument_id=[7, 9, 7, 7, 9, 7])
    path = write_dbn(tmp_path / "o.dbn", dbn_head("mbo", 3, TWO), rows)

    assert [row[-1] for row in told(read(path)) if row[0] == "order"] == [LAST, LAST, LAST]


def test_a_snapshot_begins_with_a_clear_and_ends(tmp_path: Path) -> None:
    """A clear is put before it where the file has none; the record before another kind ends it."""
    rows = orders_of("AB32 AA32 AB32 AA128 RN32 AB32", instrument_id=[7, 7, 9, 7, 9, 9])

    records = read(write_dbn(tmp_path / "o.dbn", dbn_head("mbo", 3, TWO), rows))

    clear = int(BookAction.CLEAR)
    assert [(row[3], row[7], row[-1]) for row in told(records)] == [
        ("X.GLBX", clear, SNAPSHOT),
        ("X.GLBX", 0, SNAPSHOT),
        ("X.GLBX", 0, SNAPSHOT | LAST),
        ("Y.GLBX", clear, SNAPSHOT),
        ("Y.GLBX", 0, SNAPSHOT | LAST),
        ("X.GLBX", 0, LAST),
        ("Y.GLBX", clear, SNAPSHOT),
        ("Y.GLBX", 0, SNAPSHOT | LAST),
    ]


def test_more_snapshots_than_there_is_room_for_at_first(tmp_path: Path) -> None:
    """Snapshots of a thousand instruments, one order each, all have their clears."""
    rows = orders_of(" ".join(["AB32"] * 1_000), instrument_id=1 + np.arange(1_000))

    records = read(write_dbn(tmp_path / "o.dbn", dbn_head("mbo"), rows))

    names = {number: f"{number}.GLBX" for number in range(1, 1_001)} | {118: "ESU4.GLBX"}
    assert told(records) == plain_orders(rows, names)


ORDER_ROWS = st.lists(
    st.tuples(
        st.sampled_from("AACCMRTFN"),
        st.sampled_from("BA"),
        st.sampled_from((0, 0, 128, 130, 32, 32, 160, 4)),
        st.sampled_from((7, 9)),
    ),
    min_size=1,
    max_size=80,
)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("ts_out", [False, True])
def test_orders_of_every_version(tmp_path: Path, version: int, ts_out: bool) -> None:
    """Versions differ in their metadata alone; orders are the same."""
    rows = np.zeros(2, dbn_rows("mbo", 1, ts_out=ts_out).dtype)
    for name in (made := orders_of("AB128 CA128")).dtype.names or ():
        rows[name] = made[name]
    rows["length"] = rows.dtype.itemsize // 4

    records = read(write_dbn(tmp_path / "o.dbn.zst", dbn_head("mbo", version, ts_out=ts_out), rows))

    assert told(records) == plain_orders(made, {118: "ESU4.GLBX"})


@given(words=ORDER_ROWS, block_rows=st.integers(1, 30))
def test_orders_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, words: list[tuple[str, str, int, int]], block_rows: int
) -> None:
    """Random records of two instruments, in blocks of any size, are those of the plain decoder."""
    rows = orders_of(
        " ".join(f"{action}{side}{flags}" for action, side, flags, _ in words),
        instrument_id=[number for *_, number in words],
        size=np.arange(len(words)),
    )
    path = write_dbn(tmp_path_factory.getbasetemp() / "o.dbn", dbn_head("mbo", 3, TWO), rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbn_file, "BLOCK_ROWS", block_rows)
        assert told(read(path)) == plain_orders(rows, {7: "X.GLBX", 9: "Y.GLBX"})


@given(seed=st.integers(0, 2**32), n_rows=st.integers(1, 40), block_rows=st.integers(1, 200))
def test_levels_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_rows: int, block_rows: int
) -> None:
    """Random pictures of two instruments, in blocks of any size, give what differs from the last of each."""
    generator = np.random.default_rng(seed)
    rows = dbn_rows("mbp-10", n_rows)
    rows["action"] = generator.choice(list(b"ACMT"), n_rows)
    rows["side"] = generator.choice(list(b"ABN"), n_rows)
    rows["instrument_id"] = generator.choice([7, 9], n_rows)
    rows["flags"] = generator.choice([0, 128, 8], n_rows)
    rows["price"], rows["size"] = POINT, 3
    for name, sign in (("bid", -1), ("ask", 1)):
        steps = np.cumsum(generator.integers(1, 3, (n_rows, 10)), axis=1)
        rows["levels"][f"{name}_price"] = (100 + sign * steps) * POINT
        rows["levels"][f"{name}_size"] = generator.integers(0, 3, (n_rows, 10))
        rows["levels"][f"{name}_price"][generator.random((n_rows, 10)) < 0.2] = UNDEFINED_PRICE
    path = write_dbn(tmp_path_factory.getbasetemp() / "l.dbn", dbn_head("mbp-10", 3, TWO), rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbn_file, "BLOCK_ROWS", block_rows)
        assert told(read(path)) == plain_levels(rows, {7: "X.GLBX", 9: "Y.GLBX"})


@pytest.mark.parametrize(
    ("schema", "kind"), [("mbo", "order"), ("mbo", "trade"), ("mbp-10", "level"), ("mbp-10", "trade")]
)
def test_one_kind_alone(tmp_path: Path, schema: str, kind: str) -> None:
    """With a kind set the other is left out, and this one is the same."""
    rows = orders_of("AB CA TB128") if schema == "mbo" else dbn_rows("mbp-10", 3)
    path = write_dbn(tmp_path / "x.dbn", dbn_head(schema), rows)

    assert told(read(path, kind=kind)) == [row for row in told(read(path)) if row[0] == kind]


@pytest.mark.parametrize(
    ("schema", "field", "value", "message"),
    [
        (
            "mbo",
            "action",
            ord("Z"),
            r"row 2, column `action`: expected one of A, C, M, R, T, F, N, found 'Z'",
        ),
        ("mbo", "price", UNDEFINED_PRICE, r"row 2, column `price`: expected a price, found none"),
        ("mbo", "side", ord("N"), r"row 2, column `side`: expected B or A, the side of the order, found 'N'"),
        ("mbo", "ts_recv", START, r"row 2: expected times that never decrease"),
        ("mbo", "rtype", 1, r"row 2: expected a record of type 160 of 56 bytes, found type 1"),
        ("mbp-10", "rtype", 1, r"row 2: expected a record of type 10 of 368 bytes, found type 1"),
        ("mbp-10", "price", UNDEFINED_PRICE, r"row 2, column `price`: expected a price, found none"),
        (
            "mbp-10",
            "levels",
            "flat",
            r"row 2, column `levels`: expected .* the best first, found another order",
        ),
    ],
)
def test_a_wrong_record_is_named(tmp_path: Path, schema: str, field: str, value: Any, message: str) -> None:
    """A record that cannot be is refused with its row, what was expected and what was found."""
    rows = orders_of("AB128 AB128 AB128") if schema == "mbo" else dbn_rows(schema, 3)
    if value == "flat":
        rows["levels"]["bid_size"][1], rows["levels"]["bid_price"][1] = 1, POINT
    else:
        rows[field][1] = value

    with pytest.raises(DataError, match=message):
        read(write_dbn(tmp_path / "x.dbn", dbn_head(schema), rows))


def test_they_are_explained(tmp_path: Path) -> None:
    """Inspection tells kinds, columns and instruments, and what it says reads the file alike."""
    files = [
        write_dbn(tmp_path / "o.dbn", dbn_head("mbo"), orders_of("AB128 TB CA128")),
        write_dbn(tmp_path / "l.dbn", dbn_head("mbp-10"), dbn_rows("mbp-10", 2)),
    ]

    for path, kind, field in zip(files, ("order", "level"), ("order_id", "levels"), strict=True):
        found = inspect(str(path))
        assert (found.kind, found.problems) == (f"{kind} and trade", ())
        assert field in [use.name for use in found.columns if use.field is not None]
        assert found.instruments[0].instrument_id == "ESU4.GLBX"
        assert rows_of(read(found.settings)) == rows_of(read(path))


def test_orders_merge_with_other_files(tmp_path: Path) -> None:
    """Orders and the quotes of a CSV are one flow; on equal times the quotes come first."""
    orders = write_dbn(tmp_path / "o.dbn", dbn_head("mbo"), orders_of("AB128 AB128 AB128"))
    quotes = write_csv(tmp_path / "q.csv", "ts_event,bid,ask", f"{START + 1_500},1,2")

    records = read(orders, quotes)

    assert records.quote["sequence"].tolist() == [4]
    assert records["order"]["sequence"].tolist() == [2, 5, 6]


def best_of(orders: Array) -> list[tuple[int, ...]]:
    """Best bid and ask after each event that changed them, by a dict of orders and one of levels."""
    known: dict[int, tuple[int, int, int]] = {}
    levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
    found: list[tuple[int, ...]] = []

    def put(key: int, price: int, size: int, side: int) -> None:
        old_price, old_size, old_side = known.pop(key, (0, 0, 1))
        for at, change, sign in ((old_price, -old_size, old_side), (price, size, side)):
            one = levels[sign < 0]
            one[at] = one.get(at, 0) + change
            if not one[at]:
                del one[at]
        if size:
            known[key] = (price, size, side)

    for _, event, init, key, price, size, _, flags, action, side in orders.tolist():
        if action == BookAction.CANCEL:
            put(key, known[key][0], known[key][1] - size, known[key][2])
        elif action != BookAction.CLEAR:
            assert (key in known) == (action == BookAction.MODIFY)
            put(key, price, size, side)
        if flags & LAST:
            bid, ask = max(levels[0], default=0), min(levels[1], default=0)
            best = (bid, levels[0].get(bid, 0), ask, levels[1].get(ask, 0))
            if not found or found[-1][2:] != best:
                found.append((init, event, *best))
    return found


def test_the_esh4_day_gives_its_best_quotes(market_data: Path) -> None:
    """Order by order 25,439 changes of the best quote, each as derived; 2,973 trades with their sides.

    The first stands from the end of the snapshot, where the derived file has the first record after it.
    """
    folder = market_data / "es_mbo"
    records = read(folder / "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
    derived = pq.read_table(folder / "derived_esh4_20231225_bbo.parquet")
    columns = [derived["ts_recv"], derived["ts_event"]]
    for side in ("bid", "ask"):
        columns.append(np.rint(derived[f"{side}_px"].to_numpy() * POINT).astype(np.int64))
        columns.append(derived[f"{side}_sz"])
    expected = list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))

    found = best_of(records["order"])

    assert len(found) == 25_439
    assert found[1:] == expected[1:]
    assert found[0][2:] == expected[0][2:]
    sides, counts = np.unique(records.trade["aggressor_side"], return_counts=True)
    assert dict(zip(sides.tolist(), counts.tolist(), strict=True)) == {-1: 1_430, 0: 1, 1: 1_542}


def test_the_esh4_day_record_by_record(market_data: Path) -> None:
    """All 68,792 records of the file, as a plain decoder has them."""
    path = market_data / "es_mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    data = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd").read()
    rows = np.frombuffer(data, dbn_rows("mbo", 0).dtype, offset=8 + int.from_bytes(data[4:8], "little"))

    assert len(rows) == 68_792
    assert told(read(path)) == plain_orders(rows, {17_077: "ESH4.GLBX"})
