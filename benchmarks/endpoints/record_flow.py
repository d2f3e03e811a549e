"""Either end of a flow of trades on MarketData: frames out of arrays, and frames in, counted and summed."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final, TypeVar

import numpy as np
import uvloop

from bus import frames
from bus.records import TRADE, Records
from bus.redis import Address, RedisTransport
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId

T = TypeVar("T")

SEED: Final = 7
LEAD_NS: Final = 10_000_000
LEAD_PER_RECORD_NS: Final = 30
"""So long before its first record is due a paced flow is made ready: its records are stamped meanwhile."""


class Worker:
    """One transport, and the trades it writes or the place it has read to."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._transport: RedisTransport
        self._trades = np.zeros(0, TRADE)
        self._written = 0
        self._place = BEGINNING

    def open(self, options: dict[str, Any]) -> dict[str, Any]:
        """Connect; a writer makes its trades."""
        address = Address(path=options["path"], user=options["user"], secret=options["secret"])
        self._transport = RedisTransport(dict.fromkeys(Bus, address))
        self._trades = trades(options["n_records"])
        self._run(self._transport.run_id(Bus.MARKET_DATA))
        self._place = self._run(self._transport.last_id(Bus.MARKET_DATA))
        self._written = self._place.minor
        return {}

    def write(self, n: int, batch: int, in_flight: int, rate: float | None) -> dict[str, Any]:
        """Publish so many records in frames of at most ``batch``.

        Paced, a record is due at its ``ts_init``, and a frame takes what is due when an earlier one was
        acknowledged; without a rate all are due at once.
        """
        records = self._trades[:n]
        records["sequence"] = np.arange(self._written + 1, self._written + n + 1)
        self._written += n
        after = np.zeros(n, np.int64) if rate is None else (np.arange(n) * (1e9 / rate)).astype(np.int64)
        start = perf_counter_ns() + (LEAD_NS + LEAD_PER_RECORD_NS * n if rate else 0)
        records["ts_event"] = records["ts_init"] = start + after
        checksum = int(words(records).sum(dtype=np.uint64))
        began = self._run(self._write(records, batch, in_flight, rate, start))
        return {"began": began, "checksum": checksum}

    def trim(self) -> dict[str, Any]:
        """Empty the stream; nobody is to be reading."""
        last = self._run(self._transport.last_id(Bus.MARKET_DATA))
        self._run(self._transport.trim(Bus.MARKET_DATA, last))
        return {}

    def read(self, n: int, file: str) -> dict[str, Any]:
        """Read so many records; leaves the age of each frame's oldest record, ns, as it came into view."""
        reading = _Reading(n, self._transport, self._place)
        self._run(reading.done())
        self._place = reading.place
        Path(file).write_bytes(reading.ages.tobytes())
        return {"ended": reading.ended, "count": reading.count, "checksum": reading.checksum}

    async def _write(self, records: Any, batch: int, in_flight: int, rate: float | None, start: int) -> int:
        outcomes: deque[asyncio.Future[EntryId]] = deque()
        n, sent = len(records), 0
        while perf_counter_ns() < start:
            await asyncio.sleep(0)
        began = perf_counter_ns()
        while sent < n:
            due = n if rate is None else min(n, int((perf_counter_ns() - start) * rate / 1e9) + 1)
            if due > sent and len(outcomes) < in_flight:
                part = records[sent : min(due, sent + batch)]
                outcomes.append(self._publish(part))
                sent += len(part)
            elif outcomes:
                await outcomes.popleft()
            else:
                await asyncio.sleep(0)
        for outcome in outcomes:
            await outcome
        return began

    def _publish(self, part: Any) -> asyncio.Future[EntryId]:
        last = EntryId(1, int(part["sequence"][-1]))
        watermark = int(part["ts_init"][-1]) - 1
        fields = frames.encode(
            Records({"trade": part}), epoch=1, watermark=watermark, ts_publish=perf_counter_ns()
        )
        return self._transport.submit(Bus.MARKET_DATA, fields, last)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


class _Reading:
    """What one sample brought to a reader."""

    def __init__(self, n: int, transport: RedisTransport, place: EntryId) -> None:
        self.place = place
        self.count = 0
        self.checksum = 0
        self.ended = 0
        self.ages = array("q")
        self._n = n
        self._transport = transport

    async def done(self) -> None:
        """Wait until all have come."""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.on_arrival = self._step
        self._step()
        await self._done
        self._transport.on_arrival = None

    def _step(self) -> None:
        while arrived := self._transport.arrived({Bus.MARKET_DATA: self.place}):
            for entry in arrived[Bus.MARKET_DATA]:
                header, records = frames.decode(entry.fields, "md")
                oldest = records.trade["ts_init"][0]
                self.ages.append(perf_counter_ns() - int(oldest))
                self.checksum += int(words(records.trade).sum(dtype=np.uint64))
                self.count += header.n_records
                self.place = entry.id
            if self.count >= self._n:
                self.ended = perf_counter_ns()
                self.checksum %= 1 << 64
                self._done.set_result(None)
                return


def words(records: Any) -> Any:
    """Records as unsigned words, whose sum changes with any bit of them."""
    return np.ascontiguousarray(records).view(np.uint64)


def trades(n: int) -> Any:
    """Trades of 64 instruments, each at a price, a size and a side of its own."""
    random = np.random.default_rng(SEED)
    made = np.zeros(n, TRADE)
    made["sequence"] = np.arange(1, n + 1)
    made["price"] = 100_000_000_000 + random.integers(-(10**9), 10**9, n)
    made["size"] = random.integers(1, 1_000, n)
    made["instrument"] = random.integers(0, 64, n)
    made["aggressor_side"] = random.choice(np.array([-1, 1], np.int8), n)
    made["side_origin"] = 1
    return made
