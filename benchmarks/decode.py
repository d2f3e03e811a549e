"""What does one record cost from the bytes of a file to columns?

Topology: one process; ours reads a plain file, which the system holds in memory, in blocks and keeps what
they give; a peer gets the same bytes in memory and makes objects of them, all kept too. Ours does more for
each record: it maps instruments, checks order and contents, and of ITCH it keeps the orders, so that a trade
knows its price and side. Compressed files cost what decompressing costs on top, in all of them.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks import venue_files
from benchmarks.answers import Answer, equal_within
from benchmarks.bench import Bench
from benchmarks.harness import Call
from benchmarks.peer import Peer
from benchmarks.report import Goal
from bus.record_codes import BookAction
from bus.records import Records
from services.marketdata.adapter import FileSettings
from services.marketdata.adapter.detect import open_source
from services.marketdata.adapter.source import Source
from services.marketdata.kernel.itch import PRICE_UNIT

QUESTION: Final = "What does one record cost from the bytes of a file to our columns?"

SEED: Final = 5
N_DBN: Final = 400_000
N_ITCH: Final = 100_000
N_QUICK: Final = 4_000

ES_FILE: Final = Path("market", "es_mbo", "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
ITCH_FILE: Final = Path("market", "itch", "ritch_ex20101224_lenprefixed.itch50.gz")
"""Real files, relative to the folder given as --data."""

_DBN_BYTES: Final = 56
_MIDNIGHT: Final = 1_577_682_000_000_000_000
"""Of the day in the name of the made file, 30 December 2019, in New York; ns."""
_REAL_MIDNIGHT: Final = 1_293_166_800_000_000_000
"""Of 24 December 2010."""


class Work(NamedTuple):
    """Bytes of a file, and what they are."""

    data: bytes
    n_records: int
    told: str


def run(bench: Bench) -> None:
    """Answer the question for DBN's orders, then for ITCH."""
    with tempfile.TemporaryDirectory() as folder:
        _dbn(bench, Path(folder))
        _itch(bench, Path(folder))


def _dbn(bench: Bench, folder: Path) -> None:
    work = dbn_work(bench)
    bench.workload("decode", work.told)
    path = folder / "orders.dbn"
    path.write_bytes(work.data)
    bench.compare(
        "DBN order by order: knotmeter's columns against databento_dbn's objects?",
        Call("knotmeter", lambda: opened(path), decoded, dbn_answer),
        _peer(bench, "databento", work),
        units=work.n_records,
        unit="record",
        check=equal_within(0.0),
        answer="id, price, size, side and times of every change of an order, price and size of trades",
        goal=Goal(kind="at_least", ratio=20.0),
    )


def _itch(bench: Bench, folder: Path) -> None:
    work, day, midnight = itch_work(bench)
    bench.workload("decode", work.told)
    path = folder / f"{day}.itch"
    path.write_bytes(work.data)
    bench.compare(
        "ITCH 5.0: knotmeter's orders and trades against itchfeed's messages?",
        Call("knotmeter", lambda: opened(path), decoded, lambda _, blocks: itch_answer(blocks, midnight)),
        _peer(bench, "itchfeed", work),
        units=work.n_records,
        unit="message",
        check=equal_within(0.0),
        answer="id, price, size and time of every order that came, id of every one changed, size of trades",
        goal=Goal(kind="at_least", ratio=50.0),
    )


def dbn_work(bench: Bench) -> Work:
    """The real day of orders if there is one, else a made one."""
    if bench.options.data is not None:
        file = pa.OSFile(str(bench.options.data / ES_FILE))
        data: bytes = pa.CompressedInputStream(file, "zstd").read()
        n_records = (len(data) - 8 - int.from_bytes(data[4:8], "little")) // _DBN_BYTES
        return Work(data, n_records, f"{n_records:,} records of the E-mini, order by order, 25 December 2023")
    n_records = N_QUICK if bench.options.quick else N_DBN
    return Work(
        venue_files.dbn_orders(n_records, SEED), n_records, f"{n_records:,} made records of DBN's mbo"
    )


def itch_work(bench: Bench) -> tuple[Work, str, int]:
    """The real messages if there are some, else made ones; their day, and its midnight in ns."""
    if bench.options.data is not None:
        data = gzip.decompress((bench.options.data / ITCH_FILE).read_bytes())
        return Work(data, 12_012, "12,012 messages of ITCH 5.0, RITCH's sample"), "20101224", _REAL_MIDNIGHT
    n_messages = N_QUICK if bench.options.quick else N_ITCH
    data = venue_files.itch_messages(n_messages, SEED)
    return Work(data, n_messages + 1, f"{n_messages:,} made messages of ITCH 5.0"), "20191230", _MIDNIGHT


def opened(path: Path) -> Source:
    """The file, opened; not timed."""
    return open_source(FileSettings(path=str(path)))


def decoded(source: Source) -> list[Records]:
    """All its blocks."""
    return list(source.blocks())


def dbn_answer(_: Source, blocks: list[Records]) -> Answer:
    """Columns of orders and trades; a clear that we put before a snapshot is no record of the file."""
    orders = np.concatenate([block["order"] for block in blocks])
    orders = orders[orders["action"] != BookAction.CLEAR]
    trades = np.concatenate([block["trade"] for block in blocks])
    names = ("order_id", "price", "size", "side", "ts_event", "ts_init")
    found = {name: orders[name] for name in names}
    return found | {"trade_price": trades["price"], "trade_size": trades["size"]}


def itch_answer(blocks: list[Records], midnight: int) -> Answer:
    """Columns of the orders that came, ids of those that went or changed, sizes of trades without a side."""
    orders = np.concatenate([block["order"] for block in blocks])
    trades = np.concatenate([block["trade"] for block in blocks])
    came, went = orders[orders["action"] == BookAction.ADD], orders[orders["action"] == BookAction.CANCEL]
    return {
        "order_id": came["order_id"],
        "price": came["price"] // PRICE_UNIT,
        "size": came["size"],
        "time": came["ts_event"] - midnight,
        "changed": went["order_id"],
        "hidden": trades["size"][trades["aggressor_side"] == 0],
    }


def _peer(bench: Bench, name: str, work: Work) -> Peer:
    return Peer(
        f"{name} objects",
        name,
        f"{name}_decode",
        {"data": np.frombuffer(work.data, np.uint8)},
        {},
        install=not bench.options.quick,
        versions=bench.report.versions,
    )
