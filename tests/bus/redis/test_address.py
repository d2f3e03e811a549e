"""Addresses of servers."""

from __future__ import annotations

import pytest

from bus.errors import BusError
from bus.redis import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:///run/md.sock", Address(path="/run/md.sock")),
        ("unix://a:b%2Fc@/run/md.sock", Address(path="/run/md.sock", user="a", secret="b/c")),
        ("redis://host", Address(host="host", port=6379)),
        ("redis://a@host:6380", Address(host="host", port=6380, user="a", secret="given")),
    ],
)
def test_a_url_is_an_address(text: str, address: Address) -> None:
    """Socket or port, user and secret are read; a secret given beside the URL stands in for one in it."""
    assert Address.parse(text, address.secret) == address


@pytest.mark.parametrize(
    "text", ["", "md.sock", "http://host:secret", "unix://", "redis://", "redis://h:secret"]
)
def test_another_text_is_refused_without_showing_it(text: str) -> None:
    """What is no address is refused; the text may hold a secret, so it is not repeated."""
    with pytest.raises(BusError, match="`address`: expected `unix://") as caught:
        Address.parse(text)

    assert "secret" not in str(caught.value)


def test_the_secret_is_never_shown() -> None:
    """Neither text nor representation hold the secret."""
    address = Address(path="md.sock", user="a", secret="hidden")
    assert "hidden" not in f"{address} {address!r}"
