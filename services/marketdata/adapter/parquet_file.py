"""Parquet files: read a batch of rows at a time, never whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.settings import FileSettings, Format
from services.marketdata.adapter.source import BLOCK_ROWS
from services.marketdata.adapter.streams import AGAIN
from services.marketdata.adapter.tables import TableSource
from shared.errors import DataError

_DAMAGE: Final = (pa.ArrowException, OSError, UnicodeDecodeError)


class ParquetSource(TableSource):
    """A Parquet file."""

    format: Format = "parquet"

    def __init__(self, settings: FileSettings) -> None:
        super().__init__(settings)
        with self._open() as file:
            self.n_records = file.metadata.num_rows

    def schema(self) -> pa.Schema:
        """Columns and types as the file says."""
        with self._open() as file:
            return file.schema_arrow

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read these columns from the beginning, in batches of at most `BLOCK_ROWS`."""
        n_read = 0
        with self._open() as file:
            n_rows = file.metadata.num_rows
            batches = file.iter_batches(BLOCK_ROWS, columns=list(columns))
            while (batch := self._next(batches, n_read)) is not None:
                n_read += len(batch)
                self.progress = n_read / n_rows
                yield batch

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except _DAMAGE as error:
            raise self._damaged("a whole Parquet file", error) from error

    def _next(self, batches: Iterator[pa.RecordBatch], n_read: int) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except _DAMAGE as error:
            raise self._damaged(f"readable rows after row {n_read}", error) from error

    def _damaged(self, expected: str, error: Exception) -> DataError:
        return fault(self.path, expected, str(error).splitlines()[0].rstrip("."), AGAIN)
