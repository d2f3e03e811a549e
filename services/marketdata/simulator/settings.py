"""Settings of the simulated market."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class FaultSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults laid into each session, of each sort as many as said; none if nothing is said."""

    gap: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Events that are lost, until the adapter tells of it and takes a snapshot.",
        ),
    ] = 0
    duplicate: Annotated[int, Meta(ge=0, le=100, description="Events that are told twice.")] = 0
    reorder: Annotated[
        int, Meta(ge=0, le=100, description="Events that come after the one that followed them.")
    ] = 0
    crossed: Annotated[
        int, Meta(ge=0, le=100, description="Books with a bid at the ask for some seconds.")
    ] = 0
    stale_clock: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Times at which an instrument's event times stand still for some seconds.",
        ),
    ] = 0


class SimulatorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is simulated; the same settings give the same bytes."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Seed of the whole market.")] = 1
    n_instruments: Annotated[int, Meta(ge=1, le=1_000, description="Instruments of the market.")] = 20
    n_sectors: Annotated[int, Meta(ge=1, le=100, description="Sectors they are dealt to in turn.")] = 5
    first_day: Annotated[
        str,
        Meta(
            pattern=r"^\d{4}-\d{2}-\d{2}$",
            description="Day of the first session, UTC; a weekend moves to Monday.",
        ),
    ] = "2024-01-02"
    sessions: Annotated[int, Meta(ge=1, le=10_000, description="Sessions, one on each working day.")] = 5
    session_open: Annotated[
        int, Meta(ge=0, lt=86_400, description="Open of a session, seconds after midnight UTC.")
    ] = 52_200
    session_seconds: Annotated[
        int,
        Meta(
            ge=60, le=86_400, description="Length of a session, s; the U-shape of the day is stretched to it."
        ),
    ] = 23_400
    trades_per_session: Annotated[
        float, Meta(ge=1, le=5_000_000, description="Trades of an average instrument in a session.")
    ] = 20_000.0
    history_days: Annotated[
        int, Meta(ge=0, le=5_000, description="Working days of daily bars before the first session.")
    ] = 260
    episodes_per_session: Annotated[
        int,
        Meta(ge=0, le=1_000, description="Episodes of informed trading in a session; each has a placebo."),
    ] = 4
    faults: Annotated[FaultSettings, Meta(description="Faults laid into the flow.")] = FaultSettings()
