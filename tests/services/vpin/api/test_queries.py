"""Queries of vpin's state, and what is documented."""

from __future__ import annotations

import httpx
import msgspec
import numpy as np
import pytest

from bus.records import Records
from services.vpin.api import warm
from services.vpin.config import Config
from services.vpin.engine import Vpin
from services.vpin.kernel.batch import trade_records
from tests.services.vpin import flows
from tests.services.vpin.api.routes import ES, SECOND, face
from tests.shared.face.faces import get, post


def engine() -> Vpin:
    """An engine with two instruments: one that has traded 60 buckets, one that has not."""
    made = flows.fresh(Config(bucket_volume=10.0, n_buckets=2, cdf_minimum=2), 2)
    trades = trade_records(np.arange(120) * SECOND, np.full(120, 100 * SECOND), np.full(120, 5), [1, -1] * 60)
    made.on_records(Records({"trade": trades}))
    return made


def test_toxicity_is_told_with_its_provenance() -> None:
    """A value as the engine gives it, and the last bucket as it was published."""
    made = engine()
    shown = get(face(made), f"/v1/toxicity/{ES}").json()

    assert shown["toxicity"] == msgspec.to_builtins(made.toxicity(ES))
    assert (shown["toxicity"]["value"], shown["toxicity"]["n_observations"]) == (0.0, 2)
    assert (shown["latest"]["bucket_index"], shown["latest"]["level"]) == (59, "alarm")


def test_what_has_no_value_has_a_reason() -> None:
    """An instrument without a trade is there, with null and why."""
    shown = get(face(engine()), "/v1/toxicity/BTC.TEST").json()

    assert (shown["toxicity"]["value"], shown["toxicity"]["reason"]) == (None, "no_trade")
    assert shown["latest"] is None


def test_all_instruments_are_told_a_page_at_a_time() -> None:
    """In the order of their rows, with how many there are and how old the oldest value is."""
    app = face(engine())
    shown = get(app, "/v1/toxicity").json()

    assert [one["instrument_id"] for one in shown["instruments"]] == [ES, "BTC.TEST"]
    assert (shown["n_instruments"], shown["offset"]) == (2, 0)
    assert (shown["ts_event"], shown["as_of_oldest"]) == (119 * SECOND, 119 * SECOND)
    second = get(app, "/v1/toxicity?offset=1&limit=1").json()
    assert [one["instrument_id"] for one in second["instruments"]] == ["BTC.TEST"]
    assert (second["ts_event"], second["offset"]) == (None, 1)
    assert get(app, "/v1/toxicity?limit=1001").status_code == 422


def test_before_the_first_instrument_there_is_nothing() -> None:
    """An empty list, not an error."""
    assert get(face(), "/v1/toxicity").json() == {
        "ts_event": None,
        "as_of_oldest": None,
        "n_instruments": 0,
        "offset": 0,
        "instruments": [],
    }


def test_buckets_are_told_as_they_were_published() -> None:
    """The last ones, oldest first, in either form; as many as asked for."""
    made = engine()
    app = face(made)
    shown = get(app, f"/v1/buckets/{ES}?limit=3").json()
    packed = get(app, f"/v1/buckets/{ES}?limit=3", accept="application/msgpack")

    assert [bucket["bucket_index"] for bucket in shown["buckets"]] == [57, 58, 59]
    assert shown["buckets"] == [msgspec.to_builtins(told) for told in made.messages(made.completed(ES, 3))]
    assert (shown["n_observations"], shown["parameters"]["bucket_volume"]) == (3, 10.0)
    assert msgspec.msgpack.decode(packed.content) == shown
    assert len(get(app, f"/v1/buckets/{ES}").json()["buckets"]) == 60


@pytest.mark.parametrize("path", ["/v1/toxicity/NQ.XCME", "/v1/buckets/NQ.XCME"])
def test_an_unknown_instrument_is_not_found(path: str) -> None:
    """404, with what was expected."""
    answer: httpx.Response = get(face(engine()), path)

    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "`instrument_id`: expected an instrument that was defined, got 'NQ.XCME'"
    )


def test_every_documented_example_is_answered() -> None:
    """What the page shows as a request is one."""
    app = face()
    paths = get(app, "/openapi.json").json()["paths"]
    posts = {path: methods["post"] for path, methods in paths.items() if "post" in methods}

    assert set(posts) == {"/v1/vpin", "/v1/pin", "/v1/classify"}
    for path, operation in posts.items():
        example = operation["requestBody"]["content"]["application/json"]["example"]
        assert post(app, path, json=example).status_code == 200


def test_kernels_of_computations_can_be_compiled_ahead() -> None:
    """So that the first request does not wait; it fails nowhere."""
    warm()
