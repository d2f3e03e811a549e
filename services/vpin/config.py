"""Settings of vpin, and what they come to for the kernels and for one instrument."""

from __future__ import annotations

import math
import re
from fractions import Fraction as Ratio
from functools import cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from services.vpin.kernel.layout import Method, SigmaRule
from services.vpin.kernel.settings import Settings
from services.vpin.sessions import Sessions
from shared.constraints import Check, Fraction, NonNegativeFloat, PositiveFloat, TimeZoneName, is_time_zone
from shared.errors import ConstraintError, SettingsError
from shared.instruments import SCALE, Instrument

_EXPECTED_START: Final = "a time of day such as `09:30`"

MOST_VOLUME: Final = 2**53
"""Largest bucket in size units: a double holds every whole number up to it."""

_START: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

WARM: Final = (("bucket_volume=10",), ("bucket_volume=10", "classification=bulk_normal"))
"""Settings under which between them all kernels are used."""

Classification = Literal["reported", "lee_ready", "tick_rule", "bulk_normal", "bulk_student_t"]
"""How the side of volume is known."""

SigmaEstimate = Literal["expanding", "ewma", "rolling", "fixed"]
"""How the standard deviation of bar price changes is estimated."""

StartOfSession = Annotated[
    str,
    Meta(
        description="a local time of day",
        extra={"check": Check(_EXPECTED_START, lambda text: bool(_START.fullmatch(text)))},
    ),
]
"""Local time of day, ``HH:MM``."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How order-flow toxicity is measured."""

    classification: Annotated[
        Classification,
        Meta(
            description="How the side of volume is known: `reported` (by the source; other trades are left "
            "out), `lee_ready`, `tick_rule`, `bulk_normal` or `bulk_student_t`."
        ),
    ] = "reported"
    bucket_volume: Annotated[
        PositiveFloat | Literal["adv"],
        Meta(
            description="Volume of a bucket in contracts, shares or coins, or `adv`: mean volume of the last "
            "`adv_sessions` complete sessions over `buckets_per_session`, set anew at each session's start."
        ),
    ] = "adv"
    bucket_volumes: Annotated[
        dict[str, PositiveFloat],
        Meta(description="Volume of a bucket for single instruments, by instrument id."),
    ] = {}
    adv_sessions: Annotated[
        int, Meta(description="Complete sessions that `adv` is the average of.", ge=1, le=1_000)
    ] = 20
    buckets_per_session: Annotated[
        PositiveFloat, Meta(description="Buckets that `adv` cuts an average session into.")
    ] = 50.0
    n_buckets: Annotated[int, Meta(description="Buckets in the window of every figure.", ge=1, le=10_000)] = (
        50
    )
    quote_lag_seconds: Annotated[
        NonNegativeFloat,
        Meta(description="How much older than a trade its quote is, for `lee_ready`.", le=86_400),
    ] = 0.0
    pending_quotes: Annotated[
        int,
        Meta(description="Most quotes of an instrument that wait for the lag to pass.", ge=1, le=1_048_576),
    ] = 4_096
    bar_seconds: Annotated[
        float, Meta(description="Length of the time bars of bulk classification.", ge=1e-6, le=86_400)
    ] = 60.0
    sigma_rule: Annotated[
        SigmaEstimate,
        Meta(
            description="Standard deviation of bar price changes: `expanding`, `ewma`, `rolling` or `fixed`."
        ),
    ] = "expanding"
    sigma: Annotated[
        PositiveFloat | None, Meta(description="Standard deviation for the rule `fixed`, in price units.")
    ] = None
    sigma_half_life_bars: Annotated[
        PositiveFloat, Meta(description="Bars after which a price change counts half, for `ewma`.")
    ] = 60.0
    sigma_window_bars: Annotated[
        int, Meta(description="Price changes in the window of `rolling`.", ge=2, le=100_000)
    ] = 60
    degrees_of_freedom: Annotated[
        float, Meta(description="Of Student's t for `bulk_student_t`.", ge=0.01, le=10_000)
    ] = 0.25
    session_time_zone: Annotated[
        TimeZoneName | None,
        Meta(description="Zone of `session_start`; without it, each instrument's own."),
    ] = None
    session_start: Annotated[
        StartOfSession, Meta(description="Local time at which a session begins, `HH:MM`.")
    ] = "00:00"
    session_reset: Annotated[
        bool,
        Meta(description="Whether a session begins with an empty window and no last price."),
    ] = False
    cdf_window: Annotated[
        int, Meta(description="VPIN values that the running distribution is made of.", ge=1, le=1_000_000)
    ] = 1_000
    cdf_minimum: Annotated[
        int, Meta(description="VPIN values before the running distribution is told.", ge=1, le=1_000_000)
    ] = 100
    elevated_level: Annotated[Fraction, Meta(description="`vpin_cdf` from which the level is elevated.")] = (
        0.90
    )
    alarm_level: Annotated[Fraction, Meta(description="`vpin_cdf` from which the level is alarm.")] = 0.99
    buckets_kept: Annotated[
        int, Meta(description="Completed buckets of an instrument kept for queries.", ge=1, le=100_000)
    ] = 128

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ConstraintError: the setting, what was expected and what was found.
        """
        fixed = self.sigma_rule == "fixed"
        if fixed != (self.sigma is not None):
            expected = (
                "a number above 0 with `sigma_rule` fixed" if fixed else "none without `sigma_rule` fixed"
            )
            name = "sigma"
            raise ConstraintError(name, expected, str(self.sigma))
        if self.cdf_minimum > self.cdf_window:
            name = "cdf_minimum"
            raise ConstraintError(name, f"at most `cdf_window` {self.cdf_window}", str(self.cdf_minimum))
        if self.elevated_level > self.alarm_level:
            name = "elevated_level"
            raise ConstraintError(name, f"at most `alarm_level` {self.alarm_level}", str(self.elevated_level))
        if not _START.fullmatch(self.session_start):
            name = "session_start"
            raise ConstraintError(name, _EXPECTED_START, repr(self.session_start))

    @property
    def is_bulk(self) -> bool:
        """Whether volume is classified by time bars."""
        return self.classification.startswith("bulk_")

    def kernel_settings(self) -> Settings:
        """The same for the kernels: names as codes, seconds as nanoseconds."""
        return Settings(
            method=Method[self.classification.upper()],
            n_buckets=self.n_buckets,
            lag=round(self.quote_lag_seconds * 1e9),
            pending_quotes=self.pending_quotes,
            bar=round(self.bar_seconds * 1e9),
            sigma_rule=SigmaRule[self.sigma_rule.upper()],
            sigma=self.sigma or 0.0,
            sigma_half_life=self.sigma_half_life_bars,
            sigma_window=self.sigma_window_bars,
            degrees_of_freedom=self.degrees_of_freedom,
            cdf_window=self.cdf_window,
            cdf_minimum=self.cdf_minimum,
            buckets_kept=self.buckets_kept,
            adaptive=self.bucket_volume == "adv",
            adv_sessions=self.adv_sessions,
            buckets_per_session=self.buckets_per_session,
            session_reset=self.session_reset,
        )

    def sessions_of(self, instrument: Instrument) -> Sessions:
        """When sessions of an instrument begin.

        Raises:
            SettingsError: this machine does not know the zone that its venue keeps.
        """
        zone = self.session_time_zone or instrument.time_zone
        hours, minutes = map(int, self.session_start.split(":"))
        sessions = _sessions(zone, hours, minutes)
        if sessions is None:
            problem = (
                f"expected a zone, for {instrument.instrument_id} is of {zone!r}, unknown on this machine"
            )
            raise SettingsError([f"`vpin.session_time_zone`: {problem}"])
        return sessions

    def bucket_units(self, instrument: Instrument) -> int:
        """Bucket volume of an instrument in size units, 0 where it follows the average session.

        Raises:
            SettingsError: it is no whole number of the instrument's size increments; the nearest ones are
            named.
        """
        key = instrument.instrument_id
        natural = self.bucket_volumes.get(key, self.bucket_volume)
        if natural == "adv":
            return 0
        units = _size_units(natural, instrument.size_increment)
        if units.denominator == 1 and 1 <= units <= MOST_VOLUME:
            return int(units)
        counts = dict.fromkeys(min(max(n, 1), MOST_VOLUME) for n in (math.floor(units), math.ceil(units)))
        nearest = " and ".join(f"{n * instrument.size_increment / SCALE:.15g}" for n in counts)
        name = f"vpin.bucket_volumes.{key}" if key in self.bucket_volumes else "vpin.bucket_volume"
        step = f"{instrument.size_increment / SCALE:.15g}"
        expected = f"a whole number of size increments of {key}, {step} each, and at most 2^53 of them"
        raise SettingsError([f"`{name}`: expected {expected}, found {natural}; nearest: {nearest}"])


@cache
def _sessions(zone: str, hours: int, minutes: int) -> Sessions | None:
    return Sessions(zone, hours, minutes) if is_time_zone(zone) else None


@cache
def _size_units(natural: float, size_increment: int) -> Ratio:
    return Ratio(str(natural)) * SCALE / size_increment
