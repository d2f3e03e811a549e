"""Settings of marketdata: the grammar of bars, and how settings for reading reach the files."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from bus.record_codes import BarBasis
from services.marketdata.adapter.settings import FileSettings, ReadSettings
from services.marketdata.config import BarRule, Config, is_bar, parse_bar
from shared import config
from shared.errors import ConstraintError, SettingsError


@pytest.mark.parametrize(
    ("text", "basis", "step"),
    [
        ("60s", BarBasis.TIME, 60 * 10**9),
        ("1m", BarBasis.TIME, 60 * 10**9),
        ("1h", BarBasis.TIME, 3_600 * 10**9),
        ("1d", BarBasis.TIME, 86_400 * 10**9),
        ("250ms", BarBasis.TIME, 250 * 10**6),
        ("0.5s", BarBasis.TIME, 500 * 10**6),
        ("time:5m", BarBasis.TIME, 300 * 10**9),
        ("366d", BarBasis.TIME, 366 * 86_400 * 10**9),
        ("volume:1000", BarBasis.VOLUME, 1_000),
        ("volume:0.001", BarBasis.VOLUME, Fraction(1, 1_000)),
        ("dollar:1000000", BarBasis.DOLLAR, 1_000_000),
        ("dollar:0.5", BarBasis.DOLLAR, Fraction(1, 2)),
        ("dollar:4000000000", BarBasis.DOLLAR, 4_000_000_000),
    ],
)
def test_bars_that_are_understood(text: str, basis: BarBasis, step: Fraction) -> None:
    """Time with its unit, volume and dollar by name."""
    assert parse_bar(text) == BarRule(basis, Fraction(step))


@pytest.mark.parametrize(
    "text",
    [
        *("", "60", "s", "60 s", "-60s", "0s", "1w", "1y", "367d", "0.0000000001s", "60S", "1e3s"),
        *("volume:0", "volume:-1", "volume:10s", "volume:", "1000v", "volume:nan", "time:1000"),
        *("dollar:0", "dollar:4000000001", "dollar:0.0000000001", "dollar:1d", "tick:100", "1000000d:dollar"),
    ],
)
def test_bars_that_are_not(text: str) -> None:
    """Anything that could mean two things, or nothing, is refused with examples of what is understood."""
    assert not is_bar(text)
    with pytest.raises(
        ValueError, match=r"expected a bar such as .*`volume:1000` or `dollar:1000000`.*, got "
    ):
        parse_bar(text)


def test_a_wrong_bar_is_named_with_its_place() -> None:
    """Of several bars the message says which."""
    with pytest.raises(ConstraintError, match=r"^`bars\[1\]`: expected a bar such as .*, got '10x'$"):
        Config(bars=("1s", "10x"))


def test_one_sort_of_bar_is_asked_for_once() -> None:
    """Two names of one bar would publish it twice."""
    with pytest.raises(
        ConstraintError, match=r"`bars\[2\]`: expected every sort of bar once, got '60s' after '1m'"
    ):
        Config(bars=("1m", "volume:60", "60s"))


def test_wrong_settings_are_told_with_their_origin() -> None:
    """Through the settings loader, flag and expectation are named, and every wrong one at once."""
    flags = ["marketdata.bars=1s,10x", "marketdata.trade_side=guess", "marketdata.clock_idle_seconds=0"]
    with pytest.raises(SettingsError) as caught:
        config.load({"marketdata": Config}, flags=flags, environment={})

    assert len(caught.value.problems) == 3
    assert "`marketdata.bars.1` (flag `marketdata.bars=1s,10x`): expected a bar such as" in str(caught.value)


def test_settings_for_reading_are_given_as_plain_flags() -> None:
    """Columns and zone of a file need no table on the command line."""
    flags = [
        *(
            "marketdata.columns.price=Px",
            "marketdata.time_zone=America/Chicago",
            "marketdata.bars=1s,volume:10",
        ),
        'marketdata.files=[{"path": "a.csv"}]',
    ]
    loaded = config.load({"marketdata": Config}, flags=flags, environment={})["marketdata"]

    assert isinstance(loaded, Config)
    assert loaded.bars == ("1s", "volume:10")
    assert loaded.resolved_files() == (
        FileSettings(path="a.csv", columns={"price": "Px"}, time_zone="America/Chicago"),
    )


def test_a_file_of_its_own_mind_keeps_it() -> None:
    """Settings of a file stand above those for all files; what it leaves open is filled in."""
    settings = Config(
        venue="XNYS",
        columns={"price": "Px", "size": "Qty"},
        files=(
            FileSettings(path="a.csv"),
            FileSettings(path="b.csv", venue="XNAS", columns={"price": "Last"}),
        ),
    )

    assert settings.resolved_files() == (
        FileSettings(path="a.csv", venue="XNYS", columns={"price": "Px", "size": "Qty"}),
        FileSettings(path="b.csv", venue="XNAS", columns={"price": "Last", "size": "Qty"}),
    )


def test_every_setting_is_described() -> None:
    """Help texts and the README's table are made of the descriptions."""
    described = config.describe(Config)

    assert [setting.key for setting in described if not setting.description] == []
    assert {setting.key for setting in described} >= set(ReadSettings.__struct_fields__) - {"columns"}


def test_settings_survive_a_settings_file() -> None:
    """What is written as TOML reads back as the same settings."""
    settings = Config(bars=("1s", "volume:10"), files=(FileSettings(path="a.csv", kind="trade"),))

    assert msgspec.convert(config.as_plain({"marketdata": settings})["marketdata"], Config) == settings
