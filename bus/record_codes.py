"""Numbers in the fields of market records, by name; what one means never changes."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class AggressorSide(IntEnum):
    """Side that removed liquidity."""

    SELLER = -1
    NONE = 0
    BUYER = 1


class SideOrigin(IntEnum):
    """How the aggressor side of a trade is known."""

    NONE = 0
    REPORTED = 1
    QUOTE_RULE = 2
    TICK_RULE = 3


class BarBasis(IntEnum):
    """What a bar's ``step`` counts."""

    TIME = 1
    VOLUME = 2
    DOLLAR = 3


class BarOrigin(IntEnum):
    """Whether a bar was made from trades here or read from a file."""

    MADE = 1
    IMPORTED = 2


class BookState(IntEnum):
    """What a book is worth."""

    SYNCING = 0
    """Not whole yet: a snapshot is awaited or being read."""
    LIVE = 1
    STALE = 2
    """Something was missed; what it shows may be wrong until it is whole again."""
    CROSSED = 3
    """Whole, with a bid at or above an ask."""


class BookReason(IntEnum):
    """Why a book is in its state."""

    NONE = 0
    START = 1
    """Nothing was read yet."""
    SNAPSHOT = 2
    """A snapshot was read, or is awaited."""
    GAP = 3
    """A message of the venue is missing, doubled or out of order."""
    CHECKSUM = 4
    """The venue's checksum is another."""
    DISCONNECTED = 5
    UNKNOWN_ORDER = 6
    """A record asked for what cannot be: an order was changed that was never added, or added twice, or more
    of it was taken than there was, or orders came for a book of levels."""
    CROSSED = 7
    """Bid at or above ask, as in an auction."""


class BookAction(IntEnum):
    """What an order or level record does to a book."""

    ADD = 0
    """A new order."""
    MODIFY = 1
    """An order's price and size are now these; it loses its place in the queue unless only its size fell."""
    CANCEL = 2
    """This much of an order is gone; nothing is left of one that is taken whole."""
    CLEAR = 3
    """The book is empty."""
    SET = 4
    """A level's size is now this; 0 removes it."""


class Flag(IntFlag):
    """Bits of the ``flags`` field."""

    SUSPICIOUS = 1
    """The venue or vendor marked the record as suspicious."""
    CROSSED = 2
    """Bid at or above ask."""
    LAST = 4
    """The last record of what happened at once: only now the book may be looked at."""
    SNAPSHOT = 8
    """Part of a snapshot; with `LAST` its end, after which the book is whole."""
