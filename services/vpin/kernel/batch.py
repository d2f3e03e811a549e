"""Toxicity of arrays: the fold of the bus on a fresh memory, so that both give the same bits."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import betaln

from bus.record_codes import SideOrigin
from bus.records import CLOCK, END_OF_TIME, QUOTE, TRADE, Array
from services.vpin.kernel.check import EXPECTATIONS, OK, Finding, check_others
from services.vpin.kernel.fold import Calendar, run
from services.vpin.kernel.layout import FIRST_BULK, TERMS, Slice, allocate, parameters
from services.vpin.kernel.output import blank_output
from services.vpin.kernel.settings import Settings
from services.vpin.kernel.signed import METHOD_LEE_READY


def parameters_of(settings: Settings) -> Array:
    """Constants of the fold, one record of `services.vpin.kernel.layout.PARAMETERS`."""
    return parameters(
        method=settings.method,
        n_buckets=settings.n_buckets,
        buckets_per_session=settings.buckets_per_session,
        session_reset=settings.session_reset,
        cdf_minimum=settings.cdf_minimum,
        lag=settings.lag,
        bar=settings.bar,
        sigma_rule=settings.sigma_rule,
        sigma=settings.sigma,
        decay=0.5 ** (1.0 / settings.sigma_half_life),
        degrees_of_freedom=settings.degrees_of_freedom,
        log_beta=betaln(0.5 * settings.degrees_of_freedom, 0.5),
    )


def _frozen(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


_NO_QUOTES: Final = _frozen(np.zeros(0, QUOTE))
_NO_CLOCKS: Final = _frozen(np.zeros(0, CLOCK))


def read_only(trades: Array, quotes: Array, clocks: Array) -> Slice:
    """Slice of views that cannot be written, whatever the arrays were, so that one kernel serves all."""
    return Slice(
        _frozen(trades),
        _frozen(quotes) if len(quotes) else _NO_QUOTES,
        _frozen(clocks) if len(clocks) else _NO_CLOCKS,
    )


def needed(slice_: Slice, method: int) -> Slice:
    """The slice without the kinds that a `Method` ignores."""
    trades, quotes, clocks = slice_
    if method >= FIRST_BULK:
        return Slice(trades, _NO_QUOTES, clocks)
    return Slice(trades, quotes if method == METHOD_LEE_READY else _NO_QUOTES, _NO_CLOCKS)


def one_session(row: int, ts_event: int) -> tuple[int, int]:  # noqa: ARG001 - the shape of a calendar
    """Calendar of a single session without end."""
    return 0, END_OF_TIME


def toxicity(
    trades: Array,
    bucket_volume: int,
    settings: Settings,
    *,
    quotes: Array | None = None,
    ts_end: int | None = None,
    size_scale: float = 1.0,
    multiplier: float = 1.0,
    calendar: Calendar = one_session,
) -> Array:
    """Cut one instrument's trades into volume buckets and measure each at its close.

    Args:
        trades: Records of `bus.records.TRADE` in the order of trading, all of instrument row 0; see
            `trade_records`.
        bucket_volume: Size units in a bucket, above 0; 0 for an adaptive one, with ``settings.adaptive``.
        settings: How toxicity is measured.
        quotes: Records of `bus.records.QUOTE` of the same flow, for the Lee-Ready rule.
        ts_end: Time up to which the market was watched, ns: a bar that ended by then is closed. Without
            it the last bar of bulk classification stays open, as it does on the bus.
        size_scale: Natural size of one size unit.
        multiplier: Currency value of one price unit for one natural size.
        calendar: Sessions, for an adaptive bucket volume.

    Returns:
        Records of `services.vpin.kernel.layout.BUCKET`, one a completed bucket, in order.

    Raises:
        ValueError: A trade that cannot be folded; it is named by its index.

    >>> from services.vpin.kernel.layout import Method
    >>> trades = trade_records([1, 2, 3], [100, 100, 100], [7, 7, 6], [1, -1, 1])
    >>> buckets = toxicity(trades, 10, Settings(Method.REPORTED, n_buckets=1))
    >>> buckets["imbalance"].tolist(), buckets["vpin"].tolist()
    ([4.0, 2.0], [0.4, 0.2])
    """
    clocks = np.zeros(0 if ts_end is None else 1, CLOCK)
    clocks["sequence"] = np.iinfo(np.uint64).max - np.uint64(1)
    clocks["ts_event"] = clocks["ts_init"] = 0 if ts_end is None else ts_end
    terms = np.array([(bucket_volume, size_scale, multiplier)], TERMS)
    slice_ = read_only(trades, _NO_QUOTES if quotes is None else quotes, clocks)
    found = check_others(slice_, len(terms))
    if found.code == OK:
        memory, chosen = allocate(1, settings.rings()), needed(slice_, int(settings.method))
        result = run(chosen, memory, terms, parameters_of(settings), calendar, blank_output())
        if not isinstance(result, Finding):
            return result
        found = result
    name, expected = EXPECTATIONS[found.code]
    message = f"`{found.kind}s[{found.place}].{name}`: expected {expected}"
    raise ValueError(message)


def trade_records(
    ts_event: Array | list[int],
    price: Array | list[int],
    size: Array | list[int],
    aggressor_side: Array | list[int] | None = None,
) -> Array:
    """Make trade records of one instrument from its columns, numbered 2, 4, 6, … in their order.

    Args:
        ts_event: ``(n_trades,)`` ns.
        price: ``(n_trades,)`` integers in 1e-9.
        size: ``(n_trades,)`` size units.
        aggressor_side: ``(n_trades,)`` reported side, +1, -1 or 0; None where the source reports none.

    Returns:
        ``(n_trades,)`` records of `bus.records.TRADE`.
    """
    trades = np.zeros(len(ts_event), TRADE)
    trades["sequence"] = 2 * (1 + np.arange(len(trades), dtype=np.uint64))
    trades["ts_event"] = trades["ts_init"] = ts_event
    trades["price"] = price
    trades["size"] = size
    if aggressor_side is not None:
        trades["aggressor_side"] = aggressor_side
        trades["side_origin"] = SideOrigin.REPORTED
    return trades


def quote_records(
    ts_event: Array | list[int], bid: Array | list[int], ask: Array | list[int], trades: Array
) -> Array:
    """Make quote records of one instrument, each numbered before the first trade at or after its time.

    Args:
        ts_event: ``(n_quotes,)`` ns, never decreasing.
        bid: ``(n_quotes,)`` best bid in 1e-9.
        ask: ``(n_quotes,)`` best ask in 1e-9.
        trades: Records of `trade_records`, whose ``ts_event`` never decreases.

    Returns:
        ``(n_quotes,)`` records of `bus.records.QUOTE`; several between two trades share a sequence.
    """
    quotes = np.zeros(len(ts_event), QUOTE)
    position = np.searchsorted(trades["ts_event"], ts_event, side="left")
    quotes["sequence"] = 2 * position.astype(np.uint64) + np.uint64(1)
    quotes["ts_event"] = quotes["ts_init"] = ts_event
    quotes["bid_price"], quotes["ask_price"] = bid, ask
    quotes["bid_size"] = quotes["ask_size"] = 1
    return quotes
