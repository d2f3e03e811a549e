"""The times of a table: from what a column holds to integer ns since 1970 in UTC.

Understood are timestamp and date types of any unit, ISO 8601 text, the usual day-month-year and compact
forms, numbers of s, ms, us or ns (told apart by magnitude), numbers such as 20130901 as days, and day and
time of day in two columns. What has no zone of its own is read in the zone of the settings, else UTC; a local
time that is skipped or doubled by a change of the clocks is refused, with its row.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.marketdata.adapter.faults import Place, fault, first_failure
from services.marketdata.adapter.settings import ReadSettings, TimeUnit
from services.marketdata.adapter.time_text import Convert, formatted, text_form

NANOSECONDS: Final[dict[TimeUnit, int]] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}

_FEW_DAYS: Final = 7 * 86_400 * 10**9
"""Shorter than the time between two changes of any zone's clocks, ns."""

_NAIVE: Final = pa.timestamp("ns")
_ZONED: Final = pa.timestamp("ns", "UTC")

_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?"
)


class TimeReader(NamedTuple):
    """How one file's times are read."""

    path: str
    names: tuple[str, ...]
    convert: Convert
    form: str
    """What the values are expected to be, for a person."""
    zone: str
    is_naive: bool
    """Whether the file says no zone, so that `zone` was taken."""

    def read(self, batch: pa.RecordBatch, first_row: int) -> NDArray[np.int64]:
        """Times of a batch's rows, ns.

        Raises:
            DataError: a time is missing, not of the form, or not a time in the zone.
        """
        array = column(batch, self.names)
        place = Place(self.path, " + ".join(self.names), first_row)
        if array.null_count:
            index = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
            raise place.fault(index, self.form, "no value", "Mend or remove the row.")
        try:
            stamps = self._in_utc(array)
        except pa.ArrowInvalid as error:
            index = first_failure(array, self._in_utc)
            raise place.fault(
                index, self.form, _why(array.slice(index, 1), error), self._advice(error)
            ) from error
        times: NDArray[np.int64] = stamps.view(pa.int64()).to_numpy(zero_copy_only=False)
        return times

    def _in_utc(self, array: pa.Array) -> pa.Array:
        stamps = self.convert(array)
        return in_utc(stamps, self.zone) if stamps.type.tz is None else stamps

    def _advice(self, error: Exception) -> str:
        if "timezone" in str(error):
            return "Set `marketdata.time_zone` to the zone the file was written in."
        return "Set `marketdata.time_format`, `marketdata.time_unit` or the column, or mend the row."


def time_reader(
    path: str, batch: pa.RecordBatch, names: tuple[str, ...], settings: ReadSettings
) -> TimeReader:
    """How the times in these columns are read, found from a first batch.

    Raises:
        DataError: the values are no times that are understood.
    """
    array = column(batch, names)
    kind = array.type
    zone = settings.time_zone or "UTC"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        naive = getattr(kind, "tz", None) is None
        return TimeReader(path, names, _typed, "a time", zone if naive else "UTC", naive)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _number_reader(path, names, array, settings)
    if pa.types.is_string(kind):
        return _text_reader(path, names, array, settings)
    raise fault(
        path,
        "timestamps, text or numbers as times",
        f"values of type {kind}",
        "Map `marketdata.columns.ts_event` to the column of the times.",
        column=" + ".join(names),
    )


def in_utc(stamps: pa.Array, zone: str) -> pa.Array:
    """Timestamps without a zone, in ns, as those of a zone.

    Most blocks lie inside a few days in which the zone's offset does not change; then the ends tell it for
    all.

    Raises:
        pyarrow.ArrowInvalid: the zone is not known, or skips or doubles one of the times.
    """
    if zone == "UTC":
        return stamps.view(_ZONED)
    ends = pc.min_max(stamps.view(pa.int64())).as_py()
    first, last = ends["min"], ends["max"]
    if first is not None and last - first < _FEW_DAYS:
        offsets = _offsets([first, last], zone)
        if offsets is not None and offsets[0] == offsets[1]:
            return pc.add(stamps.view(pa.int64()), offsets[0]).view(_ZONED)
    return pc.assume_timezone(stamps, zone)


def _offsets(local: list[int], zone: str) -> list[int] | None:
    """What to add to local times, ns, to have them in UTC; None if a time is skipped or doubled."""
    try:
        stamps = pc.assume_timezone(pa.array(local, pa.int64()).view(_NAIVE), zone)
    except pa.ArrowInvalid:
        return None
    return [scalar.value - time for scalar, time in zip(stamps, local, strict=True)]


def column(batch: pa.RecordBatch, names: tuple[str, ...]) -> pa.Array:
    """One column, text always as plain strings; or day and time of day joined into one."""
    parts = [_plain(batch.column(name)) for name in names]
    if len(parts) == 1:
        return parts[0]
    day, clock = parts
    if pa.types.is_time(clock.type):
        ticks = clock.cast(pa.time64("ns")).cast(pa.int64())
        return pc.add(_as_days(day).cast(pa.int64()), ticks).cast(_NAIVE)
    return pc.binary_join_element_wise(day.cast(pa.string()), clock.cast(pa.string()), " ")


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return array


def _as_days(array: pa.Array) -> pa.Array:
    if pa.types.is_string(array.type):
        return array.cast(_NAIVE)
    return (
        pc.strptime(array.cast(pa.string()), "%Y%m%d", "s").cast(_NAIVE)
        if pa.types.is_integer(array.type)
        else array.cast(_NAIVE)
    )


def _typed(array: pa.Array) -> pa.Array:
    if pa.types.is_date(array.type):
        return array.cast(_NAIVE)
    ticks = pc.multiply_checked(array.view(pa.int64()), NANOSECONDS[array.type.unit])
    return ticks.view(_NAIVE if array.type.tz is None else _ZONED)


def _number_reader(path: str, names: tuple[str, ...], array: pa.Array, settings: ReadSettings) -> TimeReader:
    largest = pc.max(pc.abs(array)).as_py() or 0
    smallest = pc.min(array).as_py() or 0
    if settings.time_unit is None and smallest >= 19000101 and largest <= 22001231:
        zone = settings.time_zone or "UTC"
        return TimeReader(path, names, _numbered_days, "a day as YYYYMMDD", zone, True)
    unit = settings.time_unit or _unit(largest)
    return TimeReader(path, names, _counted(NANOSECONDS[unit]), f"a time in {unit} since 1970", "UTC", False)


def _unit(largest: float) -> TimeUnit:
    bounds: tuple[tuple[float, TimeUnit], ...] = ((1e11, "s"), (1e14, "ms"), (1e17, "us"))
    return next((unit for bound, unit in bounds if largest < bound), "ns")


def _counted(nanoseconds: int) -> Convert:
    def convert(array: pa.Array) -> pa.Array:
        if pa.types.is_integer(array.type):
            return pc.multiply_checked(array.cast(pa.int64()), nanoseconds).cast(_ZONED)
        whole = pc.floor(array)
        rest = pc.round(pc.multiply(pc.subtract(array, whole), float(nanoseconds))).cast(pa.int64())
        return pc.add_checked(pc.multiply_checked(whole.cast(pa.int64()), nanoseconds), rest).cast(_ZONED)

    return convert


def _numbered_days(array: pa.Array) -> pa.Array:
    return pc.strptime(array.cast(pa.int64()).cast(pa.string()), "%Y%m%d", "s").cast(_NAIVE)


def _text_reader(path: str, names: tuple[str, ...], array: pa.Array, settings: ReadSettings) -> TimeReader:
    zone = settings.time_zone or "UTC"
    if settings.time_format is not None:
        form = settings.time_format.replace(".%f", "")
        return TimeReader(path, names, formatted(form), f"a time as `{settings.time_format}`", zone, True)
    sample = next((text for value in array if value.is_valid and (text := value.as_py().strip())), "")
    iso = _ISO.fullmatch(sample)
    if iso is not None:
        zoned = iso[1] is not None
        convert = _iso_zoned if zoned else _iso_naive
        return TimeReader(path, names, convert, "a time as ISO 8601", "UTC" if zoned else zone, not zoned)
    if re.fullmatch(r"-?\d{9,}(\.\d+)?", sample):
        kind = pa.float64() if "." in sample else pa.int64()
        numbers = _number_reader(path, names, pa.array([sample]).cast(kind), settings)
        return numbers._replace(convert=lambda texts: numbers.convert(texts.cast(kind)))
    form = text_form(path, names, array, sample)
    return TimeReader(path, names, formatted(form), f"a time as `{form}`", zone, True)


def _iso_zoned(array: pa.Array) -> pa.Array:
    return array.cast(_ZONED)


def _iso_naive(array: pa.Array) -> pa.Array:
    return array.cast(_NAIVE)


def _why(value: pa.Array, error: Exception) -> str:
    """What was found, of the one value that cannot be."""
    text = str(error)
    found = str(value.cast(pa.string())[0])
    if "ambiguous" in text:
        return f"{found}, which the change of the clocks doubles"
    if "doesn't exist" in text:
        return f"{found}, which the change of the clocks skips"
    if "Cannot locate" in text:
        return "a time zone that is not known"
    return repr(found) if pa.types.is_string(value.type) else found
