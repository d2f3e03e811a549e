"""What vpin declares of itself."""

from __future__ import annotations

from typing import Final

from bus.topics import CLOCK, QUOTE, TOXICITY, TRADE
from shared.spec import EngineSpec, Metric, Rungs

SPEC: Final = EngineSpec(
    name="vpin",
    question="How toxic is the order flow?",
    port=10000,
    consumes=(TRADE, QUOTE, CLOCK),
    publishes=(TOXICITY,),
    metrics=(
        Metric(
            name="knotmeter_vpin_trades_total",
            kind="counter",
            help="Trades taken in as order flow.",
        ),
        Metric(
            name="knotmeter_vpin_buckets_total",
            kind="counter",
            help="Volume buckets completed.",
        ),
        Metric(
            name="knotmeter_vpin_elevated_instruments",
            kind="gauge",
            help="Instruments whose last bucket stood at level elevated.",
        ),
        Metric(
            name="knotmeter_vpin_alarmed_instruments",
            kind="gauge",
            help="Instruments whose last bucket stood at level alarm.",
        ),
        Metric(
            name="knotmeter_vpin_early_quotes_total",
            kind="counter",
            help="Quotes that prevailed before their lag had passed, for want of room to wait.",
        ),
    ),
    rungs=Rungs(baseline=1920, kernel=192, accelerated=19.2, algorithm=1.92, ultimate=0.048),
    unit_of_work="trade bucketed",
    memory_mb=256,
    main_query="/v1/toxicity",
)
