"""Settings of the parts that every process of a fleet has: buses, HTTP, checkpoints, the recorder."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from shared.constraints import NonNegativeFloat, PositiveFloat, PositiveInt

LARGEST_FRAME: Final = 65_536
RECORDER: Final = "recorder"
"""Name of the process that records both buses and trims them."""

Mode = Literal["replay", "live"]
"""Whether inputs are handled in event time or as they arrive."""


class BusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the two servers are, and as whom they are asked."""

    market_data: Annotated[
        str, Meta(description="MarketData: `unix://USER@/PATH` or `redis://USER@HOST:PORT`.")
    ] = "redis://127.0.0.1:6380"
    engine_logic: Annotated[
        str, Meta(description="Engine Logic: `unix://USER@/PATH` or `redis://USER@HOST:PORT`.")
    ] = "redis://127.0.0.1:6381"
    secret: Annotated[str | None, Meta(description="Secret of the user on both servers.")] = None
    secret_file: Annotated[str | None, Meta(description="File that holds the secret.")] = None
    reconnect_seconds: Annotated[
        PositiveFloat, Meta(description="How long a lost server is looked for before the process gives up.")
    ] = 60.0


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP face of a process."""

    host: Annotated[str, Meta(description="Address to listen at.")] = "127.0.0.1"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65_535)] | None,
        Meta(description="Port to listen at; the engine's own if not set."),
    ] = None
    max_body_bytes: Annotated[
        PositiveInt, Meta(description="Largest request body, bytes.", le=1_073_741_824)
    ] = 8_388_608
    api_token: Annotated[
        str | None,
        Meta(description="Token that every request needs which changes state; `KNOTMETER_API_TOKEN` too."),
    ] = None


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all processes of a fleet agree on."""

    engines: Annotated[tuple[str, ...], Meta(description="Engines that run; all if none is named.")] = ()
    mode: Annotated[Mode, Meta(description="`replay`: inputs in event time; `live`: as they arrive.")] = (
        "replay"
    )
    checkpoint_seconds: Annotated[
        PositiveFloat, Meta(description="Time between two checkpoints of an engine.", le=3_600)
    ] = 1.0
    frame_size: Annotated[
        int, Meta(description="Most records of a frame; no result depends on it.", ge=1, le=LARGEST_FRAME)
    ] = 4_096
    keep_seconds: Annotated[
        NonNegativeFloat,
        Meta(description="How long entries stay on the buses after the last reader needed them."),
    ] = 60.0
    market_data_memory_mb: Annotated[
        int,
        Meta(description="Memory of MarketData's server, MiB; full, it makes the source wait.", ge=16),
    ] = 256
    speed: Annotated[
        str,
        Meta(
            description="Pace of a replay: `max`, or a multiple of its own time such as `1x` or `60x`.",
            pattern=r"^(max|[0-9]+(\.[0-9]+)?x)$",
        ),
    ] = "max"


class RecorderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process that writes both buses to Parquet."""

    folder: Annotated[str, Meta(description="Where the recording is written.")] = ".knotmeter/recording"
    port: Annotated[int, Meta(description="Port of its HTTP face.", ge=0, le=65_535)] = 8990
    flush_seconds: Annotated[
        PositiveFloat, Meta(description="Time between two additions to the recording.", le=3_600)
    ] = 1.0
    retention_days: Annotated[
        PositiveFloat | None, Meta(description="Days that are kept, counted from the newest; all if not set.")
    ] = None


SHARED_SETTINGS: Final[dict[str, type[msgspec.Struct]]] = {
    "bus": BusSettings,
    "http": HttpSettings,
    "fleet": FleetSettings,
    RECORDER: RecorderSettings,
}
"""Settings tables beside the engines'."""
