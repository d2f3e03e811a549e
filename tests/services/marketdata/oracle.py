"""marketdata written again in plain Python, a record at a time: what the engine is held against.

It shares no code with the engine but the record types.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from bus.records import Records
from tests.services.marketdata.flows import SECOND, in_order

Said = tuple[str, dict[str, int]]
"""Kind and fields of a record."""


class Oracle:
    """Forming bars in dictionaries, everything said in a list.

    ``bars`` gives for each sort of bar its basis, and its step for each instrument as a bar record counts it.
    """

    def __init__(self, bars: Sequence[tuple[str, Sequence[int]]], rule: str, idle: int) -> None:
        self.said: list[Said] = []
        self._bars, self._rule, self._idle = bars, rule, idle * SECOND
        self._last: int | None = None
        self._prices: dict[int, list[int]] = {}
        self._quotes: dict[int, list[tuple[int, int, int | None]]] = {}
        self._factor: dict[int, Fraction] = {}
        self._forming: dict[tuple[int, int], dict[str, int]] = {}
        self._closed_until: dict[tuple[int, int], int] = {}

    def feed(self, records: Records) -> None:
        """Take a feed whose rows are those of the fleet."""
        for kind, record in in_order(records):
            self._let_pass(int(record["ts_init"]))
            self._last = int(record["ts_init"])
            fields = {name: int(record[name]) for name in record.dtype.names if _is_number(record, name)}
            {"instrument": self._define, "trade": self._trade, "quote": self._quote, "bar": self._import}[
                kind
            ](fields)

    def _say(self, kind: str, fields: dict[str, int]) -> None:
        self.said.append((kind, {**fields, "sequence": len(self.said) + 1}))

    def _let_pass(self, until: int) -> None:
        if self._last is None:
            return
        for second in _seconds(self._last, until, self._idle):
            self._close_time_bars(sorted({row for row, _ in self._forming}), second, second)
            self._say("clock", {"ts_event": second, "ts_init": second})

    def _define(self, fields: dict[str, int]) -> None:
        row = fields["instrument"]
        self._factor[row] = Fraction(fields["size_increment"] * fields["multiplier"], 10**18)
        self._say("instrument", fields)

    def _quote(self, fields: dict[str, int]) -> None:
        has_both = all(fields[f"{side}_price"] or fields[f"{side}_size"] for side in ("bid", "ask"))
        twice_mid = fields["bid_price"] + fields["ask_price"] if has_both else None
        history = self._quotes.setdefault(fields["instrument"], [])
        history.append((fields["ts_event"], len(history), twice_mid))
        if has_both and fields["bid_price"] >= fields["ask_price"]:
            fields["flags"] |= 2
        self._say("quote", fields)

    def _import(self, fields: dict[str, int]) -> None:
        self._say("bar", {**fields, "origin": 2})

    def _trade(self, fields: dict[str, int]) -> None:
        row, time = fields["instrument"], min(fields["ts_event"], fields["ts_init"])
        self._close_time_bars([row], time, fields["ts_init"])
        history = self._prices.setdefault(row, [])
        history.append(fields["price"])
        if fields["aggressor_side"]:
            fields["side_origin"] = fields["side_origin"] or 1
        elif fields["side_origin"] == 0:
            fields["aggressor_side"], fields["side_origin"] = self._infer(fields, history)
        self._say("trade", fields)
        for column, (basis, steps) in enumerate(self._bars):
            getattr(self, f"_fold_{basis}")((row, column), steps[row], time, fields)

    def _infer(self, trade: dict[str, int], history: list[int]) -> tuple[int, int]:
        if self._rule == "lee_ready":
            twice_mid = self._twice_mid_before(trade)
            if twice_mid is not None and 2 * trade["price"] != twice_mid:
                return (1 if 2 * trade["price"] > twice_mid else -1), 2
        if self._rule != "reported":
            for after, before_it in zip(history[:0:-1], history[-2::-1], strict=True):
                if after != before_it:
                    return (1 if after > before_it else -1), 3
        return 0, 0

    def _twice_mid_before(self, trade: dict[str, int]) -> int | None:
        """Twice the mid-price of the last quote before a trade, out of those with the eight newest times."""
        history = self._quotes.get(trade["instrument"], [])
        kept = sorted({time for time, _, _ in history})[-8:]
        before = [quote for quote in history if quote[0] in kept and quote[0] < trade["ts_event"]]
        return max(before, key=lambda quote: quote[:2])[2] if before else None

    def _fold_time(self, key: tuple[int, int], step: int, time: int, trade: dict[str, int]) -> None:
        if key not in self._forming:
            start = max(time // step * step, self._closed_until.get(key, -(2**63)))
            self._forming[key] = {"ts_open": start, "ts_event": start + step}
        self._add(key, trade["price"], trade["size"])

    def _fold_volume(self, key: tuple[int, int], step: int, time: int, trade: dict[str, int]) -> None:
        rest = trade["size"]
        while True:
            room = step - self._forming.get(key, {}).get("volume", 0)
            part = min(room, rest)
            rest -= part
            self._reach(key, time)
            self._add(key, trade["price"], part)
            if part == room:
                self._close(key, step, trade["ts_init"])
            if rest == 0:
                break

    def _fold_dollar(self, key: tuple[int, int], step: int, time: int, trade: dict[str, int]) -> None:
        self._reach(key, time)
        self._add(key, trade["price"], trade["size"])
        bar = self._forming[key]
        exact = abs(trade["price"]) * trade["size"] * self._factor[trade["instrument"]]
        bar["notional"] = bar.get("notional", 0) + round(exact)
        if bar["notional"] >= step:
            self._close(key, step, trade["ts_init"])

    def _reach(self, key: tuple[int, int], time: int) -> None:
        bar = self._forming.setdefault(key, {"ts_open": time, "ts_event": time})
        bar["ts_open"], bar["ts_event"] = min(bar["ts_open"], time), max(bar["ts_event"], time)

    def _add(self, key: tuple[int, int], price: int, size: int) -> None:
        bar = self._forming[key]
        bar.setdefault("open", price)
        bar["high"], bar["low"] = max(bar.get("high", price), price), min(bar.get("low", price), price)
        bar["close"] = price
        bar["volume"] = bar.get("volume", 0) + size
        bar["n_trades"] = bar.get("n_trades", 0) + 1

    def _close_time_bars(self, rows: Sequence[int], time: int, ts_init: int) -> None:
        for row in rows:
            for column, (basis, steps) in enumerate(self._bars):
                bar = self._forming.get((row, column))
                if basis == "time" and bar and bar["ts_event"] <= time:
                    self._closed_until[row, column] = bar["ts_event"]
                    self._close((row, column), steps[row], ts_init)

    def _close(self, key: tuple[int, int], step: int, ts_init: int) -> None:
        bar = self._forming.pop(key)
        bar.pop("notional", None)
        basis = {"time": 1, "volume": 2, "dollar": 3}[self._bars[key[1]][0]]
        rest = {"instrument": key[0], "step": step, "basis": basis, "origin": 1, "flags": 0, "reserved": 0}
        self._say("bar", {**bar, **rest, "ts_init": ts_init})


def told(records: Records) -> list[Said]:
    """What an engine said, as the oracle says it."""
    return [
        (kind, {name: int(record[name]) for name in record.dtype.names if _is_number(record, name)})
        for kind, record in in_order(records)
    ]


def _is_number(record: Any, name: str) -> bool:
    return record.dtype[name].kind in "iu"


def _seconds(last: int, until: int, idle: int) -> list[int]:
    """Whole seconds after ``last`` up to ``until``, none in the silence but the first ones and the last."""
    first, final = last // SECOND + 1, until // SECOND
    alive = [second * SECOND for second in range(first, min(final, (last + idle) // SECOND) + 1)]
    return alive if final * SECOND <= last + idle else [*alive, final * SECOND]
