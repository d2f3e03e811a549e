"""Sample feeds: the seeded little market of `services.marketdata.kernel.sample`, as arrays or as a file.

README and tests use them where real data is absent; the same seed gives the same bytes.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bus.records import PRICE_SCALE, Array
from services.marketdata.kernel.sample import simulate

INSTRUMENT: Final = "SAMPLE.SIM"
ORDERS_PER_DAY: Final = 20_000.0

_SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")


def sample_trades(seed: int, n_trades: int, orders_per_day: float = ORDERS_PER_DAY) -> Array:
    """Trades of a little market, each with the quote it met.

    Args:
        seed: Seed of the generator (NumPy's PCG64).
        n_trades: Trades to make, in sessions from 2 January 2024, 14:30 UTC.
        orders_per_day: Market orders of an average session.

    Returns:
        `services.marketdata.kernel.sample.SAMPLE` rows, ``(n_trades,)``.

    >>> trades = sample_trades(seed=1, n_trades=3)
    >>> bool((trades["price"] == sample_trades(seed=1, n_trades=3)["price"]).all())
    True
    """
    return simulate(np.random.Generator(np.random.PCG64(seed)), n_trades, orders_per_day)


def write_sample(path: Path, seed: int, n_trades: int, instrument: str = INSTRUMENT) -> None:
    """Write sample trades to a file that the file feed reads as it is.

    Columns are ``ts_event`` (ns), ``instrument``, ``price``, ``size`` and ``aggressor_side``.

    Args:
        path: File to write; its ending, ``.parquet``, ``.csv`` or ``.csv.gz``, says in which format.
        seed: As for `sample_trades`.
        n_trades: As for `sample_trades`.
        instrument: Id of the instrument, ``SYMBOL.VENUE``.

    Raises:
        ValueError: another ending.
    """
    if not path.name.endswith(_SUFFIXES):
        message = f"`path`: expected a name that ends in one of {', '.join(_SUFFIXES)}, got {path.name!r}"
        raise ValueError(message)
    trades = sample_trades(seed, n_trades)
    table = pa.table(
        {
            "ts_event": trades["ts_event"],
            "instrument": pa.repeat(pa.scalar(instrument), n_trades).dictionary_encode(),
            "price": trades["price"] / PRICE_SCALE,
            "size": trades["size"],
            "aggressor_side": trades["aggressor_side"].astype(np.int8),
        }
    )
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, compression="zstd")
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(_plain(table), path)
    else:
        with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            pyarrow.csv.write_csv(_plain(table), packed)


def _plain(table: pa.Table) -> pa.Table:
    """The table without dictionaries, which CSV has no notion of."""
    place = table.schema.get_field_index("instrument")
    return table.set_column(place, "instrument", table.column(place).cast(pa.string()))
