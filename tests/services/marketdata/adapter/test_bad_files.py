"""Files that are damaged, or not what they are said to be: one clear message each."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from shared.errors import DataError
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    feed,
    read,
    write_csv,
    write_dbn,
    write_lean,
    write_parquet,
)

HEADER = "ts_event,price,size,side"


def test_no_such_file(tmp_path: Path) -> None:
    """A path that leads nowhere is said so."""
    with pytest.raises(
        DataError, match=r"expected a file that can be read, found no such file. Check the path"
    ):
        feed(tmp_path / "t.csv")


def test_a_directory(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(DataError, match="expected a file, found a directory"):
        feed(tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.dbn.zst", "t.zip"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    """A file without a byte is empty whatever its name."""
    (tmp_path / name).touch()

    with pytest.raises(DataError, match="expected a file with data, found an empty file"):
        feed(tmp_path / name)


def test_a_header_without_rows(tmp_path: Path) -> None:
    """A table needs a row."""
    with pytest.raises(DataError, match="expected at least one row, found none"):
        feed(write_csv(tmp_path / "t.csv", HEADER))
    with pytest.raises(DataError, match="expected at least one row, found none"):
        feed(write_parquet(tmp_path / "t.parquet", ts_event=pa.array([], pa.int64()), price=[], size=[]))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_truncated_parquet(tmp_path: Path, share: float) -> None:
    """A Parquet that was not written to its end is refused when it is opened."""
    whole = write_parquet(
        tmp_path / "w.parquet", ts_event=[START] * 5_000, price=[1.0] * 5_000, size=[1] * 5_000
    )
    path = tmp_path / "t.parquet"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])

    with pytest.raises(
        DataError, match=r"expected a whole Parquet file, found .*magic bytes.*Fetch the file again"
    ):
        feed(path)


def test_a_damaged_parquet(tmp_path: Path) -> None:
    """Damage inside is found when its rows are read."""
    path = write_parquet(
        tmp_path / "t.parquet", ts_event=range(START, START + 5_000), price=[1.0] * 5_000, size=[1] * 5_000
    )
    data = bytearray(path.read_bytes())
    data[100:8_000] = bytes(7_900)
    path.write_bytes(data)

    with pytest.raises(DataError, match=r"t\.parquet: expected readable rows after row 0"):
        read(path)


@pytest.mark.parametrize("keep", [200, 30_000, -4])
def test_a_truncated_gzip(tmp_path: Path, keep: int) -> None:
    """A compressed CSV that ends early is not taken for a short one."""
    noise = [step * step * 7_919 % 10**6 for step in range(20_000)]
    lines = [f"{START + step * 10**6 + part},{part},{step % 13 + 1},B" for step, part in enumerate(noise)]
    path = write_csv(tmp_path / "t.csv.gz", HEADER, *lines)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DataError, match="expected the whole compressed stream, found its beginning"):
        read(path)


def test_two_gzips_in_one_are_one_file(tmp_path: Path) -> None:
    """Concatenated members are read to the end of the last."""
    path = tmp_path / "t.csv.gz"
    parts = (f"{HEADER}\n{START},1,1,B\n", f"{START},1,1,B\n")
    path.write_bytes(b"".join(gzip.compress(part.encode()) for part in parts))

    assert len(read(path).trade) == 2


@pytest.mark.parametrize("keep", [20, 2_000, -3])
def test_a_truncated_zstd(tmp_path: Path, keep: int) -> None:
    """A DBN under zstd that ends early is refused."""
    rows = dbn_rows("trades", 3_000)
    rows["sequence"] = range(3_000)
    path = write_dbn(tmp_path / "t.dbn.zst", dbn_head("trades"), rows)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DataError, match="Fetch the file again"):
        read(path)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (6, "expected DBN of version 1, 2, 3, found 6 bytes"),
        (60, "metadata of 52 bytes that end too early"),
        (-10, "row 5: expected a record of 48 bytes, found the first 38 of them"),
    ],
)
def test_a_truncated_dbn(tmp_path: Path, keep: int, message: str) -> None:
    """A plain DBN that ends inside its head or inside a record is refused."""
    path = write_dbn(tmp_path / "t.dbn", dbn_head("trades"), dbn_rows("trades", 5))
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DataError, match=message):
        read(path)


def test_a_dbn_of_a_later_version(tmp_path: Path) -> None:
    """A version that is not known is not guessed at."""
    path = tmp_path / "t.dbn"
    path.write_bytes(b"DBN\x09" + bytes(100))

    with pytest.raises(DataError, match="expected DBN of version 1, 2, 3, found version 9"):
        feed(path)


def test_a_truncated_zip(tmp_path: Path) -> None:
    """A zip without its directory is refused when it is opened."""
    path = write_lean(tmp_path, "ibm_20131008_trade.zip", "20131008_ibm_Trade_Tick.csv", "0,1,1,P,0,0")
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(DataError, match=r"expected a whole zip, found .*Fetch the file again"):
        feed(path)


def test_a_damaged_zip(tmp_path: Path) -> None:
    """A zip whose data do not match their checksum is refused."""
    path = tmp_path / "ibm_20131008_trade.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("20131008_ibm_Trade_Tick.csv", "0,1,1,P,0,0\n" * 100)
    path.write_bytes(path.read_bytes().replace(b"0,1,1,P,0,0\n0,1,1", b"0,1,1,P,0,0\n0,1,2", 1))

    with pytest.raises(DataError, match="Bad CRC-32"):
        read(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{START},abc,1,B", "row 3, column `price`: expected a number, found 'abc'. Mend or remove"),
        (f"{START},nan,1,B", "row 3, column `price`: expected a price within .*, found no value"),
        (f"{START},,1,B", "row 3, column `price`: expected a price within .*, found no value"),
        (f"{START},inf,1,B", "row 3, column `price`: expected a price within .*, found inf"),
        (f"{START},1,-3,B", "row 3, column `size`: expected a finite size from 0, found -3.0"),
        (f"{START},1,,B", "row 3, column `size`: expected a finite size from 0, found no value"),
        (f"{START},1,1,long", "row 3, column `side`: expected one of .*, found 'long'"),
        (
            f"{START - 1},1,1,B",
            "row 3: expected times that never decrease, so at least 2023-11-14T22:13:20.000000000Z of the "
            "row before, found 2023-11-14T22:13:19.999999999Z. Sort the file by time",
        ),
        ("later,1,1,B", "row 3, column `ts_event`: expected a time in ns since 1970, found 'later'"),
        (",1,1,B", "row 3, column `ts_event`: expected a time in ns since 1970, found no value"),
        (f"{START},1", "row 3: expected 4 columns, found 2"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    """A row that cannot be is refused: its number, its column, what was expected and found, what to do."""
    path = write_csv(tmp_path / "t.csv", HEADER, f"{START},1,1,B", f"{START},1,1,A", row, f"{START},1,1,B")

    with pytest.raises(DataError, match=rf"t\.csv, {message}"):
        read(path)


def test_rows_are_counted_over_blocks(tmp_path: Path) -> None:
    """A row deep in a file has its number in the file."""
    n = 150_000
    for price, message in (
        ([1.0] * n, None),
        ([1.0] * (n - 1) + [float("nan")], "row 150000, column `price`"),
    ):
        path = write_parquet(tmp_path / "t.parquet", ts_event=[START] * n, price=price, size=[1] * n)
        if message is None:
            assert len(read(path).trade) == n
        else:
            with pytest.raises(DataError, match=message):
                read(path)


def test_text_in_a_parquet_price(tmp_path: Path) -> None:
    """Prices written as text are read; text that is no price is named."""
    fine = write_parquet(tmp_path / "f.parquet", ts_event=[START] * 2, price=["1.5", "2"], size=[1, 1])
    wrong = write_parquet(tmp_path / "w.parquet", ts_event=[START] * 2, price=["1.5", "n/a"], size=[1, 1])

    assert read(fine).trade["price"].tolist() == [1_500_000_000, 2_000_000_000]
    with pytest.raises(DataError, match=r"row 2, column `price`: expected a number, found 'n/a'"):
        read(wrong)


@pytest.mark.parametrize(
    ("bar", "column"),
    [("10,9,8,8.5", "high"), ("10,12,11,11.5", "low"), ("10,9,11,10", "high"), ("10,12,9,13", "high")],
)
def test_a_bar_out_of_its_range(tmp_path: Path, bar: str, column: str) -> None:
    """A bar whose high or low does not hold its prices is refused with them."""
    path = write_csv(
        tmp_path / "b.csv", "ts_event,open,high,low,close", f"{START},1,1,1,1", f"{START + 60 * 10**9},{bar}"
    )

    with pytest.raises(
        DataError, match=rf"row 2, column `{column}`: expected low ≤ open ≤ high.*found open 10, high"
    ):
        read(path)


def test_one_bar_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    """The length of bars is found from two of them, or set."""
    path = write_csv(tmp_path / "b.csv", "ts_event,open,high,low,close", f"{START},1,1,1,1")

    with pytest.raises(DataError, match=r"expected bars of at least two times.*Set `marketdata.bar_seconds`"):
        feed(path)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("parquet", "expected a Parquet file, found a CSV file. Set `marketdata.format` to csv"),
        ("dbn", "expected a DBN file, found a CSV file"),
        ("lean", "expected a Lean zip, found a CSV file"),
    ],
)
def test_a_wrong_format(tmp_path: Path, said: str, message: str) -> None:
    """A file that is not of the format that is set is refused with the one it has."""
    path = write_csv(tmp_path / "t.csv", HEADER, f"{START},1,1,B")

    with pytest.raises(DataError, match=message):
        feed(path, format=said)


@pytest.mark.parametrize(
    ("data", "found"),
    [(b'{"e": "trade"}', "JSON"), (b"\n[1]", "JSON"), (b"\x00\x0cS", "binary data of another format")],
)
def test_other_formats(tmp_path: Path, data: bytes, found: str) -> None:
    """What is no table and no format that is known is said so, compressed or not."""
    for name, content in (("x.dat", data), ("x.dat.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"or a CSV file of Tardis, found {found}\. Convert the file"):
            feed(tmp_path / name)


def test_a_header_of_numbers(tmp_path: Path) -> None:
    """A CSV without a header line is noticed, and how to name its columns."""
    with pytest.raises(DataError, match=r"expected a header line.*Set `marketdata.column_names`"):
        feed(write_csv(tmp_path / "t.csv", f"{START},1,1"))


def test_one_instrument_for_a_file_of_two(tmp_path: Path) -> None:
    """A file of two symbols is not squeezed into one instrument."""
    path = write_csv(tmp_path / "t.csv", "ts_event,symbol,price,size", f"{START},A,1,1", f"{START},B,1,1")

    with pytest.raises(DataError, match=r"expected one instrument, `X.Y`, found `A` and `B`. Leave out"):
        read(path, instrument="X.Y")


def test_a_row_without_a_symbol(tmp_path: Path) -> None:
    """A trade of nothing is refused."""
    path = write_parquet(
        tmp_path / "t.parquet", ts_event=[START] * 2, symbol=["A", None], price=[1.0] * 2, size=[1] * 2
    )

    with pytest.raises(DataError, match="row 2, column `symbol`: expected a symbol, found no value"):
        read(path)


def test_an_id_that_is_too_long(tmp_path: Path) -> None:
    """An instrument's id has to fit its record."""
    path = write_csv(tmp_path / "t.csv", "ts_event,price,size", f"{START},1,1")

    with pytest.raises(DataError, match="expected an instrument id of at most 40 bytes"):
        feed(path, instrument="X" * 40 + ".Y")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Something else than a table is said to be no CSV."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"price,ts_event,size\n1,\xff\xfe,3\n")

    with pytest.raises(DataError, match=r"t\.csv"):
        read(path)
