"""Several files as one ordered, numbered flow of records.

Records are ordered by (``ts_init``, quotes before the rest, place of the file in the list, row). Files that
hold nothing but quotes go first on equal times: a quote with a trade's own time is taken to stand when the
trade happens. Within one file the rows keep the file's order, whatever they are. An instrument's definition
goes right before its first record, with that record's time.

The order is a matter of the files alone. It is made a block at a time: of each file one block is at hand, and
up to the earliest of their ends nothing can come in between any more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bus.records import Array, Records
from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.source import Source
from shared.instruments import Instrument, to_records

UNKNOWN: Final = -1

Places = NDArray[np.int64]


class Lane:
    """One file in the merge: the block at hand, and which row of the flow each of its codes is."""

    def __init__(self, source: Source, rank: tuple[bool, int]) -> None:
        self.source = source
        self.rank = rank
        self.rows = np.zeros(0, np.int64)
        """Instrument row of each code, `UNKNOWN` before its first record."""
        self.block = Records({})
        self._blocks: Generator[Records, None, None] = source.blocks()

    def fill(self) -> bool:
        """Have a block at hand; False if the file is at its end."""
        if len(self.block):
            return True
        block = next(self._blocks, None)
        if block is None:
            return False
        self.block = block
        more = len(self.source.roster.ids) - len(self.rows)
        self.rows = np.append(self.rows, np.full(more, UNKNOWN, np.int64))
        return True

    def take_through(self, time: int, *, inclusive: bool) -> Records:
        """The block's records before a time, or up to and at it."""
        place = bisect_right if inclusive else bisect_left
        counts = {kind: place(array["ts_init"], time) for kind, array in self.block}
        taken, self.block = _split(self.block, counts)
        return taken

    def close(self) -> None:
        """Leave the file."""
        self._blocks.close()


class Piece(NamedTuple):
    """Records of one lane that go into the flow together with those of other lanes."""

    lane: Lane
    records: Records
    first: int
    """The lane's own number of the first of them."""
    places: Places | None
    """Place of each record, in its order, among all that go together: 0, 1, 2, …; None if it goes alone."""

    def place_of(self, records: Array) -> Places:
        """Places of some of the records."""
        offsets = (records["sequence"] - np.uint64(self.first)).astype(np.int64)
        places: Places = offsets if self.places is None else self.places[offsets]
        return places


class Newcomer(NamedTuple):
    """The first record of an instrument in its lane."""

    place: int
    time: int
    lane: Lane
    code: int


class Merge:
    """One reading of all files together."""

    def __init__(self, sources: Sequence[Source]) -> None:
        ranked = [Lane(source, (not source.quotes_only, place)) for place, source in enumerate(sources)]
        self._lanes = sorted(ranked, key=lambda lane: lane.rank)
        self._definitions: dict[str, tuple[int, Instrument]] = {}
        self.n_given = 0
        """Ordinal of the last record given."""

    def next(self) -> Records:
        """The next records in order, as many as are certain; none at the end."""
        lanes = [lane for lane in self._lanes if lane.fill()]
        if not lanes:
            return Records({})
        end, rank = min((lane.block.last_ts_init, lane.rank) for lane in lanes)
        taken = [(lane, lane.take_through(end, inclusive=lane.rank <= rank)) for lane in lanes]
        return self._numbered(_placed([(lane, records) for lane, records in taken if len(records)]))

    def close(self) -> None:
        """Leave all files."""
        for lane in self._lanes:
            lane.close()

    def _numbered(self, pieces: list[Piece]) -> Records:
        found = [newcomer for piece in pieces for newcomer in _newcomers(piece)]
        newcomers = sorted(found, key=lambda newcomer: newcomer.place)
        added = [newcomer for newcomer in newcomers if self._introduce(newcomer)]
        places = np.array([newcomer.place for newcomer in added], np.int64)
        arrays: dict[str, list[Array]] = {}
        if added:
            arrays["instrument"] = [self._defined(added)]
        for piece in pieces:
            rows = piece.lane.rows
            for kind, array in piece.records:
                self._number(array, piece, places)
                if len(rows) > 1 or rows[0] > 0:
                    array["instrument"] = rows[array["instrument"]]
                arrays.setdefault(kind, []).append(array)
        flow = Records({kind: _in_order(parts) for kind, parts in arrays.items()})
        self.n_given += len(flow)
        return flow

    def _number(self, array: Array, piece: Piece, definitions: Places) -> None:
        """Give records their ordinals; each definition goes right before the record at its place."""
        base = self.n_given + 1
        if piece.places is None and not len(definitions):
            array["sequence"] += np.uint64(base - piece.first)
            return
        place = piece.place_of(array)
        array["sequence"] = base + place + np.searchsorted(definitions, place, side="right")

    def _introduce(self, newcomer: Newcomer) -> bool:
        """Give a lane's instrument its row; returns whether the flow has not had it before."""
        lane, code = newcomer.lane, newcomer.code
        definition = lane.source.roster.definition(code)
        name = definition.instrument_id
        is_new = name not in self._definitions
        row, agreed = self._definitions.setdefault(name, (len(self._definitions), definition))
        if agreed.size_increment != definition.size_increment:
            raise fault(
                lane.source.path,
                f"sizes of {name} in steps of {agreed.size_increment / 1e9:g} as in a file before",
                f"{definition.size_increment / 1e9:g}",
                "Set `size_increment` of both files to the same step.",
            )
        lane.rows[code] = row
        return is_new

    def _defined(self, added: list[Newcomer]) -> Array:
        records = []
        for offset, newcomer in enumerate(added):
            row, definition = self._definitions[newcomer.lane.source.roster.ids[newcomer.code]]
            record = to_records([definition], row, newcomer.time)
            record["sequence"] = self.n_given + 1 + newcomer.place + offset
            records.append(record)
        return np.concatenate(records)


def cut(records: Records, count: int) -> tuple[Records, Records]:
    """The first ``count`` of records that are numbered without holes, and the rest."""
    end = records.first_sequence + count
    return _split(records, {kind: bisect_left(array["sequence"], end) for kind, array in records})


def _split(records: Records, counts: Mapping[str, int]) -> tuple[Records, Records]:
    head = Records({kind: array[: counts[kind]] for kind, array in records})
    return head, Records({kind: array[counts[kind] :] for kind, array in records})


def times_of(records: Records) -> Places:
    """``ts_init`` of all records in their order."""
    kinds = [array for _, array in records]
    if len(kinds) == 1:
        return kinds[0]["ts_init"]
    times = np.zeros(len(records), np.int64)
    for array in kinds:
        times[(array["sequence"] - np.uint64(records.first_sequence)).astype(np.int64)] = array["ts_init"]
    return times


def _placed(taken: list[tuple[Lane, Records]]) -> list[Piece]:
    """Pieces in one order; ``taken`` is in the order of rank, which decides between equal times."""
    if len(taken) == 1:
        lane, records = taken[0]
        return [Piece(lane, records, records.first_sequence, None)]
    times = [times_of(records) for _, records in taken]
    places = np.zeros(sum(map(len, times)), np.int64)
    places[np.argsort(np.concatenate(times), kind="stable")] = np.arange(len(places))
    parts = np.split(places, np.cumsum([len(part) for part in times])[:-1])
    return [
        Piece(lane, records, records.first_sequence, part)
        for (lane, records), part in zip(taken, parts, strict=True)
    ]


def _newcomers(piece: Piece) -> list[Newcomer]:
    rows = piece.lane.rows
    if (rows != UNKNOWN).all():
        return []
    found: dict[int, tuple[int, int]] = {}
    for _, array in piece.records:
        new = array[rows[array["instrument"]] == UNKNOWN]
        codes, firsts = np.unique(new["instrument"], return_index=True)
        places = piece.place_of(new[firsts])
        for code, place, time in zip(codes, places, new["ts_init"][firsts], strict=True):
            first = (int(place), int(time))
            found[int(code)] = min(first, found.get(int(code), first))
    return [Newcomer(*first, piece.lane, code) for code, first in found.items()]


def _in_order(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    joined = np.concatenate(parts)
    return joined[np.argsort(joined["sequence"], kind="stable")]
