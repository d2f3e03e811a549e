"""``POST /v1/pin`` gives the kernel's estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.vpin.kernel.pin import fit_pin
from tests.services.vpin.api.routes import errors, face
from tests.shared.face.faces import post


def test_the_probability_of_informed_trading_is_the_kernels() -> None:
    """All figures of the estimate, the sessions, and that counts carry no time."""
    request = {"buys": [20, 55, 18, 22], "sells": [21, 20, 19, 61]}
    answer = post(face(), "/v1/pin", json=request).json()
    expected = fit_pin(np.array(request["buys"]), np.array(request["sells"]))

    assert (answer["pin"], answer["mu"], answer["log_likelihood"]) == (
        expected.pin,
        expected.mu,
        expected.log_likelihood,
    )
    assert (answer["reason"], answer["n_observations"], answer["ts_event"]) == (None, 4, None)


@pytest.mark.parametrize(
    ("request_", "field", "expected"),
    [
        ({"buys": [1, 2], "sells": [1]}, "sells", "list of at least 2, at most 2000"),
        ({"buys": [1, 2], "sells": [1, 2, 3]}, "sells", "2 elements like `buys`"),
        ({"buys": [1, -2], "sells": [1, 2]}, "buys[1]", "whole number from 0"),
        ({"buys": [0, 0], "sells": [1, 2]}, "buys", "at least one trade"),
        ({"buys": [1.5, 2], "sells": [1, 2]}, "buys[0]", "whole number"),
        ({"buys": [1] * 2_001, "sells": [1] * 2_001}, "buys", "list of at least 2, at most 2000"),
    ],
)
def test_wrong_counts_are_refused(request_: Any, field: str, expected: str) -> None:
    """Of different numbers, too few, too many, negative, or of nothing at all."""
    (error,) = errors("/v1/pin", request_)

    assert error["field"] == field
    assert expected in error["expected"]
