"""Times written as text in other forms than ISO 8601: which form it is, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.marketdata.adapter.faults import fault

Convert = Callable[[pa.Array], pa.Array]
"""From a column to timestamps in ns, with zone UTC or without a zone; raises `pyarrow.ArrowInvalid`."""

_DAYS: Final = (
    (re.compile(r"\d{8}"), "%Y%m%d"),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2}"), "%Y/%m/%d"),
    (re.compile(r"\d{4}-\d{1,2}-\d{1,2}"), "%Y-%m-%d"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "?"),
)
_CLOCKS: Final = (
    (re.compile(r"\d{1,2}:\d{2}:\d{2}(?:\.\d{1,9})?"), "%H:%M:%S"),
    (re.compile(r"\d{1,2}:\d{2}"), "%H:%M"),
    (re.compile(r"\d{1,2}:\d{2}:\d{2} [AaPp][Mm]"), "%I:%M:%S %p"),
    (re.compile(r"\d{1,2}:\d{2} [AaPp][Mm]"), "%I:%M %p"),
)
_FRACTION: Final = r"^(?P<head>.*:\d{2})(?P<fraction>\.\d{1,9})?(?P<tail>.*)$"

_NAIVE: Final = pa.timestamp("ns")


def text_form(path: str, names: tuple[str, ...], array: pa.Array, sample: str) -> str:
    """The strptime form of a column of which ``sample`` is a value: a day, perhaps with a time of day.

    Raises:
        DataError: it is none of the forms, or day and month cannot be told apart.
    """
    for day, day_form in _DAYS:
        found = day.match(sample)
        if found is None:
            continue
        rest = sample[found.end() :]
        separator = rest[:1] if rest[:1] in (" ", "T", "-", "_") else ""
        clock = rest[len(separator) :]
        clock_form = next((form for pattern, form in _CLOCKS if pattern.fullmatch(clock)), None)
        if rest and clock_form is None:
            continue
        front = day_form if day_form != "?" else _day_order(path, names, array)
        return f"{front}{separator}{clock_form}" if clock_form else front
    raise fault(
        path,
        "a time that is understood, e.g. 2024-07-01T23:58:00.5Z",
        repr(sample),
        "Set `marketdata.time_format`, e.g. `%d-%b-%Y %H:%M:%S`, or map `marketdata.columns.ts_event`.",
        column=" + ".join(names),
    )


def _day_order(path: str, names: tuple[str, ...], array: pa.Array) -> str:
    """Whether 1/4/1999 is January or April: decided by a number above 12 in either place."""
    parts = pc.extract_regex(array, r"^(?P<first>\d{1,2})/(?P<second>\d{1,2})/")
    first, second = (pc.max(part.cast(pa.int64())).as_py() or 0 for part in parts.flatten())
    if first > 12 >= second:
        return "%d/%m/%Y"
    if second > 12 >= first:
        return "%m/%d/%Y"
    raise fault(
        path,
        "days that tell month from day",
        repr(array[0].as_py()),
        "Set `marketdata.time_format` to `%m/%d/%Y` or `%d/%m/%Y`, with the time of day if there is one.",
        column=" + ".join(names),
    )


def formatted(form: str) -> Convert:
    """The reader of a strptime form; seconds may have a fraction, of up to nine digits, that it omits."""

    def convert(array: pa.Array) -> pa.Array:
        if ":%S" not in form:
            return pc.strptime(array, form, "s").cast(_NAIVE)
        parts = pc.extract_regex(array, _FRACTION)
        head, fraction, tail = parts.flatten() if len(parts) else (array, array, array)
        whole = pc.binary_join_element_wise(head, tail, "", null_handling="emit_null")
        seconds = pc.strptime(pc.coalesce(whole, array), form, "s").cast(_NAIVE).cast(pa.int64())
        digits = pc.utf8_rpad(pc.utf8_slice_codeunits(fraction, 1), 9, "0")
        return pc.add(seconds, pc.coalesce(digits, pa.scalar("0" * 9)).cast(pa.int64())).cast(_NAIVE)

    return convert
