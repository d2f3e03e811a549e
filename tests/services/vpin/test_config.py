"""Settings of vpin: what is refused, and what they come to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vpin.config import Config
from services.vpin.sessions import Sessions
from shared import config
from shared.errors import ConstraintError, SettingsError
from shared.instruments import Instrument

CONTRACT = Instrument(instrument_id="ES.XCME")
COIN = Instrument(instrument_id="BTC.TEST", size_increment=100_000)


def loaded(*flags: str) -> Any:
    """Settings as the command line gives them."""
    return config.load({"vpin": Config}, flags=list(flags), environment={})["vpin"]


def test_settings_from_the_command_line() -> None:
    """A number, the word `adv`, and volumes of single instruments are all understood."""
    assert loaded("vpin.bucket_volume=9220").bucket_volume == 9220.0
    assert loaded("vpin.bucket_volume=adv").bucket_volume == "adv"
    assert loaded('vpin.bucket_volumes={"ES.XCME": 100}').bucket_volumes == {"ES.XCME": 100.0}
    assert loaded("vpin.session_start=17:00").session_start == "17:00"


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("vpin.bucket_volume=0", "bucket_volume"),
        ("vpin.bucket_volume=much", "bucket_volume"),
        ("vpin.n_buckets=0", "n_buckets"),
        ("vpin.classification=guess", "classification"),
        ("vpin.degrees_of_freedom=0", "degrees_of_freedom"),
        ("vpin.session_start=25:00", "session_start"),
        ("vpin.session_time_zone=Mars/Olympus", "session_time_zone"),
        ("vpin.alarm_level=1.5", "alarm_level"),
        ("vpin.sigma_window_bars=1", "sigma_window_bars"),
    ],
)
def test_wrong_settings_are_named(flag: str, problem: str) -> None:
    """A setting outside its bounds is refused by name."""
    with pytest.raises(SettingsError, match=problem):
        loaded(flag)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"sigma_rule": "fixed"}, "`sigma`: expected a number above 0 with `sigma_rule` fixed, got None"),
        ({"sigma": 0.1}, "`sigma`: expected none without `sigma_rule` fixed, got 0.1"),
        ({"cdf_minimum": 11, "cdf_window": 10}, "`cdf_minimum`: expected at most `cdf_window` 10, got 11"),
        ({"elevated_level": 0.995}, "`elevated_level`: expected at most `alarm_level` 0.99, got 0.995"),
        ({"session_start": "9:30"}, "`session_start`: expected a time of day such as `09:30`, got '9:30'"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], problem: str) -> None:
    """What no single bound can say is refused when the settings are made."""
    with pytest.raises(ConstraintError, match=problem):
        Config(**settings)


def test_bucket_volumes_in_size_units() -> None:
    """Natural units become whole size increments, exactly, and an instrument's own volume goes first."""
    settings = Config(bucket_volume=0.3, bucket_volumes={"ES.XCME": 9220.0})

    assert settings.bucket_units(COIN) == 3_000
    assert settings.bucket_units(CONTRACT) == 9220
    assert Config().bucket_units(CONTRACT) == 0


@pytest.mark.parametrize(
    ("volume", "instrument", "problem"),
    [
        (9220.29, CONTRACT, "found 9220.29; nearest: 9220 and 9221"),
        (0.4, CONTRACT, "nearest: 1$"),
        (0.00015, COIN, "nearest: 0.0001 and 0.0002"),
        (1e17, CONTRACT, r"at most 2\^53 of them"),
    ],
)
def test_a_bucket_of_parts_of_a_unit_is_refused(volume: float, instrument: Instrument, problem: str) -> None:
    """The nearest whole volumes are named."""
    with pytest.raises(SettingsError, match=problem):
        Config(bucket_volume=volume).bucket_units(instrument)


def test_an_unknown_zone_of_an_instrument_is_refused() -> None:
    """The setting that mends it is named."""
    lost = Instrument(instrument_id="X.MARS", time_zone="Mars/Olympus")

    with pytest.raises(SettingsError, match=r"vpin\.session_time_zone"):
        Config().sessions_of(lost)
    Config(session_time_zone="UTC").sessions_of(lost)


def nanoseconds(text: str) -> int:
    """A UTC time."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 10**9


def test_sessions_follow_local_time_through_changes_of_clocks() -> None:
    """Sessions begin at the same local time before and after clocks change."""
    new_york = Sessions("America/New_York", 9, 30)
    spring = new_york.at(nanoseconds("2013-03-09T15:00:00"))
    autumn = new_york.at(nanoseconds("2013-11-02T15:00:00"))

    assert spring[1] == nanoseconds("2013-03-10T13:30:00")
    assert autumn[1] == nanoseconds("2013-11-03T14:30:00")
    assert new_york.at(spring[1])[0] == spring[0] + 1


@given(
    st.integers(-(10**18), 4 * 10**18),
    st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_a_session_always_ends_after_its_times(ts_event: int, zone: str, hours: int, minutes: int) -> None:
    """At any time and start, also one that clocks skip or repeat, the next session is ahead and another."""
    sessions = Sessions(zone, hours, minutes)
    day, until = sessions.at(ts_event)

    assert ts_event < until <= ts_event + 27 * 3_600 * 10**9
    assert sessions.at(until)[0] > day
