"""Settings of marketdata."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta

from bus.record_codes import BarBasis
from bus.records import PRICE_SCALE
from services.marketdata.adapter.settings import FileSettings, ReadSettings
from shared.constraints import Check, NonNegativeFloat, PositiveInt
from shared.errors import ConstraintError, SettingsError
from shared.instruments import SCALE

_EXPECTED: Final = (
    "a bar such as `60s` or `time:60s` (ms, s, m, h, d), `volume:1000` or `dollar:1000000` (to 4e9)"
)
_FORM: Final = re.compile(r"(?:(time|volume|dollar):)?(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT: Final = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}
_LONGEST: Final = 366 * _UNIT["d"]
_LARGEST_STEP: Final = 2**62
_MOST_DOLLARS: Final = 4 * 10**9
"""So that a step in 1e-9 currency fits 64 bits."""


WARM: Final = (("bars=60s,volume:10,dollar:1000",),)
"""Settings under which all kernels are used."""


class BarRule(NamedTuple):
    """When one sort of bar closes."""

    basis: BarBasis
    step: Fraction
    """ns for time bars, units of the instrument for volume bars, quote currency for dollar bars."""

    def step_for(self, instrument_id: str, size_increment: int) -> int:
        """Step as `bus.records.BAR` counts it, for an instrument with this size increment in 1e-9.

        Raises:
            SettingsError: a volume that is no whole number of the instrument's size units.
        """
        if self.basis is BarBasis.TIME:
            return int(self.step)
        if self.basis is BarBasis.DOLLAR:
            return int(self.step * PRICE_SCALE)
        step = self.step * SCALE / size_increment
        if step.denominator != 1 or step > _LARGEST_STEP:
            expected = f"a whole number of size units of {size_increment / SCALE:g} of {instrument_id}"
            raise SettingsError([f"`bars`: expected {expected}, got `volume:{float(self.step):g}`"])
        return int(step)


def parse_bar(text: str) -> BarRule:
    """Read one entry of the setting ``bars``.

    Raises:
        ValueError: it is none.

    >>> parse_bar("1m").step == parse_bar("time:60s").step == 60 * 10**9
    True
    >>> parse_bar("volume:1000").basis.name, parse_bar("dollar:2.5").step
    ('VOLUME', Fraction(5, 2))
    """
    found = _FORM.fullmatch(text)
    rule = _rule(found[1] or "time", Fraction(found[2]), found[3]) if found else None
    if rule is None:
        message = f"expected {_EXPECTED}, got {text!r}"
        raise ValueError(message)
    return rule


def _rule(basis: str, amount: Fraction, unit: str | None) -> BarRule | None:
    if basis == "time" and unit:
        step = amount * _UNIT[unit]
        return BarRule(BarBasis.TIME, step) if 0 < step <= _LONGEST and step.denominator == 1 else None
    if basis == "volume" and not unit:
        return BarRule(BarBasis.VOLUME, amount) if amount > 0 else None
    if basis == "dollar" and not unit and (amount * PRICE_SCALE).denominator == 1:
        return BarRule(BarBasis.DOLLAR, amount) if 0 < amount <= _MOST_DOLLARS else None
    return None


def is_bar(text: str) -> bool:
    """Whether a text is an entry of the setting ``bars``.

    >>> is_bar("5m"), is_bar("volume:0.5"), is_bar("1000"), is_bar("dollar:10s")
    (True, True, False, False)
    """
    try:
        parse_bar(text)
    except ValueError:
        return False
    return True


Bar = Annotated[str, Meta(description="when a sort of bar closes", extra={"check": Check(_EXPECTED, is_bar)})]
"""One entry of the setting ``bars``."""


class Config(ReadSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read and what is made of it; the settings for reading are defaults of every file."""

    files: Annotated[
        tuple[FileSettings, ...],
        Meta(
            description="Files of the feed, each with its path and where needed its own settings for reading."
        ),
    ] = ()
    bars: Annotated[
        tuple[Bar, ...],
        Meta(
            description="Bars made of trades: by time (UTC multiples), by volume in units of the instrument, "
            "by notional in the quote currency."
        ),
    ] = ("60s",)
    trade_side: Annotated[
        Literal["lee_ready", "tick_rule", "reported"],
        Meta(
            description="Side of trades whose side the file lacks: `lee_ready` (quote rule; tick rule at the "
            "mid or without a quote), `tick_rule`, or `reported` (left without)."
        ),
    ] = "lee_ready"
    clock_idle_seconds: Annotated[
        PositiveInt,
        Meta(description="Silence after which the clock of the feed stops until the next record.", le=86_400),
    ] = 60
    depth_seconds: Annotated[
        NonNegativeFloat | None,
        Meta(
            description="Least time between two showings of a book's ten best levels: 0 shows every change, "
            "null none."
        ),
    ] = 0.0

    def __post_init__(self) -> None:
        """Refuse bars that are none, or one sort of bar twice.

        Raises:
            ConstraintError: the entry, what was expected and what was found.
        """
        name = "bars"
        seen: dict[BarRule, str] = {}
        for index, text in enumerate(self.bars):
            if not is_bar(text):
                raise ConstraintError(name, _EXPECTED, repr(text), index)
            rule = parse_bar(text)
            if rule in seen:
                found = f"{text!r} after {seen[rule]!r}"
                raise ConstraintError(name, "every sort of bar once", found, index)
            seen[rule] = text

    @property
    def bar_rules(self) -> tuple[BarRule, ...]:
        """The setting ``bars``, read."""
        return tuple(parse_bar(text) for text in self.bars)

    def resolved_files(self) -> tuple[FileSettings, ...]:
        """The files, each with every setting for reading it."""
        return tuple(file.over(self) for file in self.files)
