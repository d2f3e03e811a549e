"""Any damage to any file: the right records, or one `DataError` that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.marketdata.adapter.tardis_name import CHANGES, STAMPS
from shared.errors import DataError
from tests.services.marketdata.adapter import itch
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    read,
    write_csv,
    write_dbn,
    write_lean,
    write_parquet,
)

Edit = tuple[float, int, bytes]
"""Where (a share of the length), how many bytes are taken out, which are put in."""

EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=8)), min_size=1, max_size=4
)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A sound file of every format."""
    folder = tmp_path_factory.mktemp("whole")
    ticks = [f"{START + step},{100 + step % 7}.25,{step % 5 + 1},B,A{step % 3}" for step in range(100)]
    quotes = [f"2023-11-14 22:13:{step:02}.5,{100 + step % 7},101,1,2" for step in range(60)]
    bars = [f"{step % 12 + 1}/{step + 1}/2023,1,3,1,2,5.5" for step in range(1)]
    lean = [f"{step},1800000,200,P,1,0" for step in range(100)]
    orders = dbn_rows("mbo", 40)
    orders["action"], orders["side"] = np.tile(np.frombuffer(b"ACTM", np.uint8), 10), ord("B")
    changes = [f"x,A,{START // 1000 + step},{START // 1000 + step},true,bid,{step},1" for step in range(60)]
    return [
        write_csv(folder / "ticks.csv", "ts_event,price,size,side,symbol", *ticks),
        write_csv(folder / "quotes.csv.gz", "time,bid,ask,bid_size,ask_size", *quotes),
        write_csv(folder / "bars.csv", "Date,Open,High,Low,Close,Volume", *bars, "1/13/2023,1,3,1,2,5.5"),
        write_parquet(folder / "t.parquet", ts_event=[START] * 50, price=[1.5] * 50, size=[1.5] * 50),
        write_dbn(folder / "trades.dbn", dbn_head("trades"), dbn_rows("trades", 20)),
        write_dbn(folder / "best.dbn.zst", dbn_head("mbp-1"), dbn_rows("mbp-1", 20)),
        write_dbn(folder / "bars.dbn", dbn_head("ohlcv-1m", 1), dbn_rows("ohlcv-1m", 20)),
        write_dbn(folder / "orders.dbn", dbn_head("mbo"), orders),
        write_dbn(folder / "levels.dbn.zst", dbn_head("mbp-10"), dbn_rows("mbp-10", 20)),
        write_csv(folder / "changes.csv", ",".join((*STAMPS, *CHANGES)), *changes),
        write_itch(folder / "20191230.itch"),
        write_lean(folder, "ibm_20131008_trade.zip", "20131008_ibm_Trade_Tick.csv", *lean),
    ]


def write_itch(path: Path) -> Path:
    """A file of orders that come and are executed."""
    flow = [itch.directory(1, 0, "AAA")]
    for step in range(20):
        flow += [itch.add(1, step, step, "BS"[step % 2], 10, step), itch.executed(1, step, step, 1 + step)]
    path.write_bytes(itch.file_of(*flow))
    return path


def damaged(data: bytes, edits: list[Edit]) -> bytes:
    """Bytes after some edits."""
    for share, n_out, put_in in edits:
        place = int(share * len(data))
        data = data[:place] + put_in + data[place + n_out :]
    return data


def problem(path: Path) -> str:
    """What is wrong with a file."""
    try:
        read(path)
    except DataError as error:
        return str(error)
    return "nothing"


@settings(max_examples=200)
@given(place=st.integers(0, 11), edits=EDITS)
def test_damage_is_a_data_error_or_does_no_harm(
    whole_files: list[Path], tmp_path_factory: pytest.TempPathFactory, place: int, edits: list[Edit]
) -> None:
    """Whatever bytes are changed, nothing else than a `DataError` with the path comes out."""
    whole = whole_files[place]
    path = tmp_path_factory.getbasetemp() / whole.name
    path.write_bytes(damaged(whole.read_bytes(), edits))

    assert problem(path).startswith((str(path), "nothing"))


def test_the_files_are_sound(whole_files: list[Path]) -> None:
    """Without damage every one of them is read."""
    for path in whole_files:
        assert len(read(path)) > 1
