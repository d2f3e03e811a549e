"""The primitive sign rules against their definitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.kernels.sides import quote_sign, tick_sign

PRICES = st.integers(-(2**61), 2**61)
SIGNS = st.sampled_from([-1, 0, 1])


@given(PRICES, PRICES, SIGNS)
def test_tick_sign_is_that_of_the_price_change(price: int, last_price: int, last_sign: int) -> None:
    """The sign of the change, else the last sign."""
    assert tick_sign(price, last_price, last_sign) == (int(np.sign(price - last_price)) or last_sign)


@given(PRICES, PRICES, PRICES)
def test_quote_sign_is_that_of_the_distance_from_the_mid_price(price: int, bid: int, ask: int) -> None:
    """Exact where the mid-price falls between two units, 0 just at it, and for crossed quotes as well."""
    twice = 2 * price - (bid + ask)

    assert quote_sign(price, bid, ask) == (twice > 0) - (twice < 0)


@given(PRICES, PRICES, PRICES, SIGNS)
def test_machine_code_equals_python(price: int, bid: int, ask: int, sign: int) -> None:
    """The compiled rules and their source give the same."""
    assert tick_sign(price, bid, sign) == tick_sign.py_func(price, bid, sign)  # type: ignore[attr-defined]
    assert quote_sign(price, bid, ask) == quote_sign.py_func(price, bid, ask)  # type: ignore[attr-defined]
