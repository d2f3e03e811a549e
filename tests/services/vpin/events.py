"""What the oracle of vpin is told: trades, quotes and clocks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    """One execution; price in 1e-9, size in units."""

    sequence: int
    ts: int
    price: int
    size: int
    side: int = 0
    reported: bool = False


@dataclass(frozen=True)
class Quote:
    """Best bid and ask in 1e-9; an absent side has price 0 and size 0."""

    sequence: int
    ts: int
    bid: int
    ask: int
    bid_size: int = 1
    ask_size: int = 1


def is_two_sided(quote: Quote) -> bool:
    """Whether a quote has a bid and an ask; a side with neither price nor size is absent."""
    return bool((quote.bid or quote.bid_size) and (quote.ask or quote.ask_size))


@dataclass(frozen=True)
class Clock:
    """Time has passed."""

    sequence: int
    ts: int
