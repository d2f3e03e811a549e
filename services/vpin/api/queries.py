"""Queries of vpin's state."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from bus.messages.toxicity import Toxicity
from services.vpin.engine import Vpin
from shared.face.answer import encode, encode_rows, encoded, preferred
from shared.face.routes import Routes
from shared.values import Parameters, Value

LISTED: Final = 100
MOST_LISTED: Final = 1_000
"""Instruments, or buckets, of one answer: if nothing is said, and at most."""

Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Offset = Annotated[int, Query(ge=0)]


class InstrumentToxicity(msgspec.Struct, frozen=True, kw_only=True):
    """Toxicity of one instrument."""

    instrument_id: str
    toxicity: Value
    """VPIN at the last completed bucket."""
    latest: Toxicity | None
    """That bucket as it was published, with its level and the figures beside it; None before the first."""


class ToxicityList(msgspec.Struct, frozen=True, kw_only=True):
    """Toxicity of instruments, in the order of their rows."""

    ts_event: int | None
    """Close of the newest bucket, ns."""
    as_of_oldest: int | None
    """Close of the last bucket of the instrument that has waited longest, ns."""
    n_instruments: int
    """All instruments that are defined."""
    offset: int
    instruments: list[InstrumentToxicity]


class BucketList(msgspec.Struct, frozen=True, kw_only=True):
    """The last completed buckets of an instrument, oldest first, as they were published."""

    instrument_id: str
    ts_event: int | None
    n_observations: int
    method: str
    parameters: Parameters
    buckets: Annotated[
        msgspec.Raw,
        msgspec.Meta(extra_json_schema={"type": "array", "items": {"$ref": "#/components/schemas/Toxicity"}}),
    ]


def routes_of(engine: Vpin) -> Routes:
    """Queries of an engine."""
    routes = Routes()

    @routes.view("/v1/toxicity", ToxicityList, summary="How toxic is the order flow?")
    def everything(*, offset: Offset = 0, limit: Limit = LISTED) -> ToxicityList:
        """Toxicity of every instrument, a page at a time."""
        shown = _page(engine, offset, limit)
        times = [one.toxicity.ts_event for one in shown if one.toxicity.ts_event is not None]
        return ToxicityList(
            ts_event=max(times, default=None),
            as_of_oldest=min(times, default=None),
            n_instruments=len(engine.instruments),
            offset=offset,
            instruments=shown,
        )

    @routes.view("/v1/toxicity/{instrument_id}", InstrumentToxicity, summary="Toxicity of one instrument")
    def one(instrument_id: str) -> InstrumentToxicity:
        """VPIN with its provenance, or null with the reason, and the last bucket with all its figures."""
        return _page(engine, engine.row(instrument_id), 1)[0]

    @routes.query("/v1/buckets/{instrument_id}", BucketList, summary="Completed buckets of one instrument")
    async def buckets(request: Request, instrument_id: str, limit: Limit = LISTED) -> Response:
        """The last ones, oldest first: as many as asked for, and as the setting `buckets_kept` keeps."""
        media = preferred(request.headers.get("accept"))
        return encoded(encode(await _buckets(engine, instrument_id, limit, media), media), media)

    return routes


def _page(engine: Vpin, offset: int, limit: int) -> list[InstrumentToxicity]:
    return [
        InstrumentToxicity(
            instrument_id=engine.instruments[row].instrument_id, toxicity=toxicity, latest=latest
        )
        for row, (toxicity, latest) in enumerate(engine.latest(offset, limit), offset)
    ]


async def _buckets(engine: Vpin, instrument_id: str, limit: int, media: str) -> BucketList:
    now = engine.toxicity(instrument_id)
    kept = engine.completed(instrument_id, limit)  # a copy: of one moment, however long it takes to encode
    return BucketList(
        instrument_id=instrument_id,
        ts_event=now.ts_event,
        n_observations=len(kept),
        method=now.method,
        parameters=now.parameters,
        buckets=await encode_rows(engine.messages(kept), media),
    )
