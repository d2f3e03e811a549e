"""ITCH 5.0 files of Nasdaq and of exchanges that use it, plain or compressed: orders and trades.

How messages become records is told in `services.marketdata.kernel.itch`. The file says the time of day
only, in New York; the day comes from the file's name or the settings. Two bytes before each message have its
length; where they are 0 from the beginning, the type tells it. An instrument's number stands for the symbol
of its stock directory message, or of the first order that names both; else the number itself is its symbol.

Broken trades are counted and nothing is taken back, for what was published cannot be.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa

from bus.records import ORDER, TRADE, Records
from services.marketdata.adapter.chunks import Bytes, Chunks
from services.marketdata.adapter.faults import fault, timestamp
from services.marketdata.adapter.itch_name import day_of
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings, Kind
from services.marketdata.adapter.source import ColumnUse, Description, Source
from services.marketdata.adapter.streams import AGAIN, read_buffer, unpacked
from services.marketdata.adapter.whole_sizes import complete
from services.marketdata.kernel import itch, itch_table
from services.marketdata.kernel.itch import At, Memory, Output, Stop

BLOCK_BYTES: Final = 1 << 20
"""Bytes of messages that are decoded at a time."""

FIRST_PLACES: Final = 1 << 16
"""Places of the table of orders at first; it is doubled when half of them are taken."""

VENUE: Final = "XNAS"
ZONE: Final = "America/New_York"

KINDS: Final[tuple[Kind, ...]] = ("order", "trade")

MESSAGES: Final = {
    "R": ("stock directory", "instrument"),
    "A": ("add order", "order"),
    "F": ("add order with participant", "order"),
    "E": ("order executed", "order and trade"),
    "C": ("order executed with price", "order and trade"),
    "X": ("order cancelled", "order"),
    "D": ("order deleted", "order"),
    "U": ("order replaced", "order"),
    "P": ("trade with a hidden order", "trade"),
    "Q": ("cross", "trade"),
    "B": ("broken trade", None),
    **dict.fromkeys("SHYLVWKJhINO", ("state of the market", None)),
}
"""What the messages of each type are, and which records they give."""


class ItchSource(Source):
    """An ITCH 5.0 file."""

    def __init__(self, settings: FileSettings) -> None:
        zone = settings.time_zone or ZONE
        super().__init__(settings, Roster(settings, VENUE, zone))
        if settings.kind not in (None, *KINDS):
            advice = "Leave out `marketdata.kind`."
            raise fault(self.path, f"records of kind {settings.kind}", " and ".join(KINDS), advice)
        self._kinds: tuple[Kind, ...] = KINDS if settings.kind is None else (settings.kind,)
        self._zone = zone
        self._day = day_of(settings)
        midnight = datetime.combine(self._day, time(), ZoneInfo(zone))
        self._midnight = int(midnight.timestamp()) * 1_000_000_000
        with pa.OSFile(self.path) as file:
            prefix = read_buffer(self.path, unpacked(file), itch.PREFIX_BYTES).to_pybytes()
        self._has_lengths = any(prefix)
        self._found = list(self.notes)

    @property
    def description(self) -> Description:
        """What the file was found to be; the types of messages stand in place of columns."""
        kind = self._kinds[0] if len(self._kinds) == 1 else None
        explicit = msgspec.structs.replace(
            self.settings, format="itch", kind=kind, date=self._day.isoformat(), time_zone=self._zone
        )
        return Description(
            format="itch",
            kind=" and ".join(self._kinds),
            columns=tuple(ColumnUse(name, *told) for name, told in MESSAGES.items()),
            time_zone=self._zone,
            is_naive=True,
            settings=explicit,
        )

    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning; see `Source.blocks`. Then the notes tell the messages of each type."""
        size = Path(self.path).stat().st_size
        memory = blank()
        n_left = 0
        with pa.OSFile(self.path) as file:
            chunks = Chunks(self.path, unpacked(file), BLOCK_BYTES)
            while len(data := chunks.read(n_left)):
                self.progress = file.tell() / size
                memory, block = self._decode(data, memory)
                if len(block):
                    yield block
                n_left = len(data) - int(memory.at[At.BYTE])
                if chunks.at_end and n_left:
                    self._refuse_rest(data[-n_left:], memory)
                    break
        self._tell(memory)

    def _decode(self, data: Bytes, memory: Memory) -> tuple[Memory, Records]:
        """The records of a chunk, and what is known after it."""
        most = len(data) // itch.SMALLEST + 1
        # A book's first record has another one before it.
        wanted = (2 * most if "order" in self._kinds else 0), (most if "trade" in self._kinds else 0)
        out = Output(np.empty(wanted[0], ORDER), np.empty(wanted[1], TRADE))
        memory.at[[At.BYTE, At.N_ORDERS, At.N_TRADES]] = 0
        while True:
            stop = itch.messages(data, self._has_lengths, self._midnight, memory, out)
            if stop in (Stop.END, Stop.SESSION):
                break
            memory = self._answer(Stop(stop), data, memory)
        orders, trades = out.orders[: memory.at[At.N_ORDERS]], out.trades[: memory.at[At.N_TRADES]].copy()
        for array in (orders, trades):
            complete(self.path, self.roster, array, ("size",), "price")
        return memory, Records({"order": orders, "trade": trades})

    def _answer(self, stop: Stop, data: Bytes, memory: Memory) -> Memory:
        """Do what the pass over a chunk stopped for, or say what is wrong."""
        message = int(memory.at[At.BYTE]) + itch.PREFIX_BYTES
        locate = int.from_bytes(data[message + 1 : message + 3].tobytes())
        if stop is Stop.FULL:
            table = itch_table.empty(2 * len(memory.table))
            itch_table.grown(memory.table, table)
            return memory._replace(table=table)
        if stop is Stop.NEW:
            memory.codes[locate] = self.roster.code(_symbol(memory.symbols[locate]) or str(locate))
            return memory
        row, kind = int(memory.at[At.ROW]) + 1, chr(data[message])
        expected, found, advice = self._wrong(stop, data[message - itch.PREFIX_BYTES :], memory)
        where = None if stop in (Stop.TYPE, Stop.LENGTH) else kind
        raise fault(self.path, expected, found, advice, row=row, column=where)

    def _wrong(self, stop: Stop, data: Bytes, memory: Memory) -> tuple[str, str, str]:
        """What was expected, what was found and what to do about the message that ``data`` begins with."""
        kind = chr(data[2])
        if stop is Stop.TYPE:
            return f"a message of type {', '.join(itch.LENGTHS)}", repr(kind), AGAIN
        if stop is Stop.LENGTH:
            length = itch.LENGTHS[kind] if self._has_lengths else 0
            return (
                f"{length} as length of a message of type {kind}",
                str(int(data[0]) << 8 | int(data[1])),
                AGAIN,
            )
        if stop is Stop.SIDE:
            return "B or S, the side of the order", repr(chr(data[21])), AGAIN
        if stop is Stop.SYMBOL:
            locate = int.from_bytes(data[3:5].tobytes())
            known, other = _symbol(memory.symbols[locate]), _symbol(data[13:21])
            return f"the symbol `{known}` for number {locate}, as before", f"`{other}`", AGAIN
        before, after = int(memory.at[At.TIME]), int.from_bytes(data[7:13].tobytes())
        expected = f"times of one day that never decrease, so at least {timestamp(self._midnight + before)}"
        return expected, timestamp(self._midnight + after), "Is this one day's file, in order?"

    def _refuse_rest(self, rest: Bytes, memory: Memory) -> None:
        """Refuse the beginning of a message; a length of 0 at the end is none."""
        row = int(memory.at[At.ROW]) + 1
        if self._has_lengths and not rest[: itch.PREFIX_BYTES].any() and len(rest) >= itch.PREFIX_BYTES:
            if len(rest) > itch.PREFIX_BYTES:
                found = f"{len(rest) - itch.PREFIX_BYTES} bytes"
                raise fault(self.path, "nothing after the end of the session", found, AGAIN, row=row)
            return
        raise fault(self.path, "a whole message", f"the first {len(rest)} bytes of one", AGAIN, row=row)

    def _tell(self, memory: Memory) -> None:
        """Say in the notes what was read."""
        found = {kind: int(memory.counts[ord(kind)]) for kind in sorted(itch.LENGTHS)}
        counts = ", ".join(f"{kind} {count:,}" for kind, count in found.items() if count)
        notes = [f"{int(memory.counts.sum()):,} messages in {self.path}, by type: {counts or 'none'}."]
        if n_broken := found["B"]:
            notes.append(f"{n_broken:,} trades in {self.path} were broken later; they are kept.")
        if n_unknown := int(memory.at[At.N_UNKNOWN]):
            notes.append(f"{n_unknown:,} messages in {self.path} are about orders that were never added.")
        self.notes = [*self._found, *notes]


def _symbol(padded: Bytes) -> str:
    return padded.tobytes().decode("ascii", "replace").strip(" \0")


def blank() -> Memory:
    """What is known before the first message."""
    return Memory(
        table=itch_table.empty(FIRST_PLACES),
        codes=np.full(itch.N_LOCATES, itch.NO_CODE, np.int64),
        symbols=np.zeros((itch.N_LOCATES, 8), np.uint8),
        begun=np.zeros(itch.N_LOCATES, np.bool_),
        counts=np.zeros(256, np.int64),
        at=np.zeros(len(At), np.int64),
    )
