"""What marketdata declares of itself."""

from __future__ import annotations

from typing import Final

from bus.topics import BAR, BOOK_STATE, CLOCK, DEPTH10, INSTRUMENT, QUOTE, TRADE
from shared.spec import EngineSpec, Metric, Rungs

SPEC: Final = EngineSpec(
    name="marketdata",
    question="What is trading, at what price, right now?",
    port=8800,
    publishes=(INSTRUMENT, TRADE, QUOTE, DEPTH10, BOOK_STATE, BAR, CLOCK),
    metrics=(
        Metric(
            name="knotmeter_marketdata_instruments",
            kind="gauge",
            help="Instruments that were defined.",
        ),
        Metric(
            name="knotmeter_marketdata_trades_total",
            kind="counter",
            help="Trades published.",
        ),
        Metric(
            name="knotmeter_marketdata_inferred_sides_total",
            kind="counter",
            help="Trades whose aggressor side was inferred, by the quote rule or the tick rule.",
        ),
        Metric(
            name="knotmeter_marketdata_quotes_total",
            kind="counter",
            help="Quotes published.",
        ),
        Metric(
            name="knotmeter_marketdata_crossed_quotes_total",
            kind="counter",
            help="Quotes published whose bid was at or above their ask.",
        ),
        Metric(
            name="knotmeter_marketdata_bars_total",
            kind="counter",
            help="Bars published, made and imported.",
        ),
        Metric(
            name="knotmeter_marketdata_clocks_total",
            kind="counter",
            help="Clock records published.",
        ),
        Metric(
            name="knotmeter_marketdata_books",
            kind="gauge",
            help="Instruments that have a book.",
        ),
        Metric(
            name="knotmeter_marketdata_stale_books",
            kind="gauge",
            help="Books of which something was missed and that are not whole again.",
        ),
    ),
    rungs=Rungs(baseline=4120, kernel=412, accelerated=41.2, algorithm=4.12, ultimate=0.412),
    unit_of_work="record normalised and published",
    memory_mb=512,
    main_query="/v1/quotes",
)
