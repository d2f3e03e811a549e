"""The forms that times come in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.marketdata.adapter.settings import ReadSettings
from services.marketdata.adapter.times import in_utc, time_reader
from shared.errors import DataError
from tests.services.marketdata.adapter.files import START

SECOND = 1_000_000_000
MIDNIGHT = int(datetime(2023, 11, 14, tzinfo=UTC).timestamp()) * SECOND


def times(values: Any, **settings: Any) -> list[int]:
    """Times of a column, ns."""
    batch = pa.record_batch({"t": values if isinstance(values, pa.Array) else pa.array(values)})
    reader = time_reader("f.csv", batch, ("t",), ReadSettings(**settings))
    return [int(time) for time in reader.read(batch, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14 22:13:20",
        "2023-11-14 22:13:20.000000000",
        "2023-11-14 23:13:20+01:00",
        "2023-11-14T17:13:20-0500",
        "2023/11/14 22:13:20",
        "20231114 22:13:20",
        "20231114-22:13:20",
        "20231114T22:13:20",
        "14.11.2023 22:13:20",
        "11/14/2023 22:13:20",
        "14/11/2023 22:13:20",
        "11/14/2023 10:13:20 PM",
        "1700000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1700000000.0",
    ],
)
def test_text(text: str) -> None:
    """The usual forms of text are understood."""
    assert times([text]) == [START]


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-14 22:13:20.25",
        "20231114 22:13:20.25",
        "14.11.2023 22:13:20.250",
        "2023-11-14T22:13:20.25+00:00",
    ],
)
def test_fractions_of_a_second(text: str) -> None:
    """Fractions of up to nine digits are kept in every form."""
    assert times([text]) == [START + SECOND // 4]


def test_fractions_may_be_missing() -> None:
    """Some writers leave a fraction of zero out."""
    found = times(["14.11.2023 22:13:20", "14.11.2023 22:13:20.000000001", "14.11.2023 22:13:21.5"])

    assert found == [START, START + 1, START + 3 * SECOND // 2]


@pytest.mark.parametrize("text", ["2023-11-14", "20231114", "2023/11/14", "14.11.2023", "11/14/2023"])
def test_days(text: str) -> None:
    """A day alone is its midnight."""
    assert times([text]) == [MIDNIGHT]


def test_day_and_month_are_told_apart_by_any_row() -> None:
    """A number above 12 anywhere in the first block says which is the day; without one it is refused."""
    assert times(["1/4/1999", "1/15/1999"]) == times(["1999-01-04", "1999-01-15"])
    assert times(["1/4/1999", "15/4/1999"]) == times(["1999-04-01", "1999-04-15"])
    with pytest.raises(
        DataError, match=r"`t`: expected days that tell month from day, found '1/4/1999'. Set"
    ):
        times(["1/4/1999"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([START], pa.int64()), START),
        (pa.array([START // 1_000], pa.int64()), START),
        (pa.array([START // 1_000_000], pa.uint64()), START),
        (pa.array([START // SECOND], pa.int32()), START),
        (pa.array([1_700_000_000.5], pa.float64()), START + SECOND // 2),
        (pa.array([1_700_000_000_000.0], pa.float64()), START),
        (pa.array([20231114], pa.int64()), MIDNIGHT),
        (pa.array([START // 1_000], pa.int64()).cast(pa.timestamp("us")), START),
        (pa.array([START // SECOND], pa.int64()).cast(pa.timestamp("s", "Asia/Tokyo")), START),
        (pa.array([START], pa.int64()).cast(pa.timestamp("ns", "UTC")), START),
        (pa.array([19_675], pa.int32()).cast(pa.date32()), MIDNIGHT),
    ],
)
def test_numbers_and_types(values: pa.Array, expected: int) -> None:
    """Numbers are told apart by magnitude; typed times keep their unit and zone."""
    assert times(values) == [expected]


def test_a_set_unit_is_taken() -> None:
    """The magnitude can be wrong: the first days of 1970, or far futures."""
    assert times([5_000], time_unit="ms") == [5_000_000_000]
    with pytest.raises(DataError, match="expected a time in s since 1970"):
        times([START], time_unit="s")


def test_a_set_form_is_taken() -> None:
    """Any form can be named."""
    assert times(["14-Nov-2023 22h13m20"], time_format="%d-%b-%Y %Hh%Mm%S") == [START]
    assert times(["22:13:20.5 14/11/2023"], time_format="%H:%M:%S.%f %d/%m/%Y") == [START + SECOND // 2]


def test_zones() -> None:
    """Times without a zone are of the zone that is set, in summer and in winter; others keep theirs."""
    both = ["2023-07-03 09:30:00", "2023-11-14 09:30:00"]
    expected = [datetime(2023, 7, 3, 13, 30, tzinfo=UTC), datetime(2023, 11, 14, 14, 30, tzinfo=UTC)]

    assert times(both, time_zone="America/New_York") == [moment.timestamp() * SECOND for moment in expected]
    assert times(["2023-11-14T22:13:20Z"], time_zone="America/New_York") == [START]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2023-11-05 01:30:00", "2023-11-05 01:30:00, which the change of the clocks doubles"),
        ("2023-03-12 02:30:00", "2023-03-12 02:30:00, which the change of the clocks skips"),
        ("soon", "'soon'"),
        (None, "no value"),
    ],
)
def test_a_time_that_cannot_be_is_named_with_its_row(text: str | None, found: str) -> None:
    """What is no time in the zone is refused: row, column, what was found."""
    with pytest.raises(DataError, match=rf"^f\.csv, row 3, column `t`: expected a time.*found {found}"):
        times(["2023-01-02 00:00:00", "2023-01-02 00:00:01", text], time_zone="America/New_York")


def test_a_typed_time_that_cannot_be_is_named_to_the_nanosecond() -> None:
    """Times that no clock of Python can hold are shown whole."""
    skipped = pa.array(["2023-03-12T02:30:00.000000001"]).cast(pa.timestamp("ns"))

    with pytest.raises(
        DataError, match=r"found 2023-03-12 02:30:00.000000001, which the change of the clocks"
    ):
        times(skipped, time_zone="America/New_York")


def test_an_unknown_zone_is_refused() -> None:
    """A zone that is none is named as such."""
    with pytest.raises(DataError, match=r"found a time zone that is not known. Set `marketdata.time_zone`"):
        times(["2023-01-02 00:00:00"], time_zone="Mars/Olympus")


def test_values_that_are_no_times_are_refused() -> None:
    """Truth values and words are no times."""
    with pytest.raises(
        DataError, match="expected timestamps, text or numbers as times, found values of type bool"
    ):
        times([True])
    with pytest.raises(
        DataError, match=r"expected a time that is understood.*found 'noon'. Set `marketdata.time_format`"
    ):
        times(["noon"])


@given(
    st.sampled_from(["America/New_York", "Europe/London", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 60 * 365 * 86_400),
    st.lists(st.integers(0, 40 * 86_400), max_size=5),
)
def test_offsets_found_at_the_ends_are_those_of_every_row(zone: str, first: int, steps: list[int]) -> None:
    """The short way to a zone's offsets gives what Arrow gives row by row, and refuses what it refuses."""
    local = pa.array((np.cumsum([first, *steps]) * SECOND).astype(np.int64)).cast(pa.timestamp("ns"))
    try:
        expected = pa.compute.assume_timezone(local, zone).cast(pa.int64()).to_pylist()
    except pa.ArrowInvalid:
        with pytest.raises(pa.ArrowInvalid):
            in_utc(local, zone)
    else:
        assert in_utc(local, zone).cast(pa.int64()).to_pylist() == expected
