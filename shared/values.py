"""Numbers with their provenance: time, method and count, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Parameters = dict[str, float | int | str | bool | None]
"""Parameters of a method by name."""


class Reason(StrEnum):
    """Why a figure is missing."""

    WARMING_UP = "warming_up"
    """Fewer observations so far than the method's window."""
    NOT_ENOUGH_HISTORY = "not_enough_history"
    """The history that was imported or kept is too short for the method."""
    NO_TRADE = "no_trade"
    """No trade of the instrument was seen."""
    NO_QUOTE = "no_quote"
    """No quote of the instrument was seen, or the side asked for is absent."""
    NO_BOOK = "no_book"
    """The source gives no book of the instrument."""
    STALE_QUOTE = "stale_quote"
    """The last quote is older than the age allowed."""
    NO_REPORTED_SIDE = "no_reported_side"
    """The source reports no aggressor side and the method infers none."""
    NO_VARIATION = "no_variation"
    """The input does not vary, so a ratio over its variation has no value."""
    SINGULAR = "singular"
    """The system of equations has no unique solution."""
    NOT_CONVERGED = "not_converged"
    """The iteration stopped without a solution."""
    OUTSIDE_MODEL = "outside_model"
    """The input contradicts the model, as a positive autocovariance contradicts Roll's."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: a finite number or the reason it is missing, never both and never neither."""

    value: float | None
    reason: Reason | None
    ts_event: int | None
    """Time of the newest input, ns; None only where there was no input."""
    as_of_oldest: int | None
    """Time of the oldest of the inputs' latest observations, ns: how stale the stalest is."""
    n_observations: int
    method: str
    parameters: Parameters = {}

    def __post_init__(self) -> None:
        """Hold the invariants, however the value was made."""
        _check_number(self.value, self.reason, "value")
        if self.value is not None and self.ts_event is None:
            message = "`ts_event`: expected the time of the newest input of a known value, got None"
            raise ValueError(message)
        if self.ts_event is not None and self.as_of_oldest is not None and self.as_of_oldest > self.ts_event:
            message = f"`as_of_oldest`: expected at most `ts_event` {self.ts_event}, got {self.as_of_oldest}"
            raise ValueError(message)
        _check_count(self.n_observations)

    @classmethod
    def known(
        cls,
        value: float,
        *,
        ts_event: int,
        n_observations: int,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        as_of_oldest: int | None = None,
    ) -> Value:
        """A figure that could be computed; without ``as_of_oldest`` all inputs are as new as ``ts_event``.

        >>> Value.known(0.25, ts_event=7, n_observations=50, method="vpin").as_of_oldest
        7
        """
        return cls(
            value=float(value),
            reason=None,
            ts_event=ts_event,
            as_of_oldest=ts_event if as_of_oldest is None else as_of_oldest,
            n_observations=n_observations,
            method=method,
            parameters=dict(parameters or {}),
        )

    @classmethod
    def missing(
        cls,
        reason: Reason,
        *,
        method: str,
        ts_event: int | None = None,
        n_observations: int = 0,
        parameters: Mapping[str, Any] | None = None,
        as_of_oldest: int | None = None,
    ) -> Value:
        """A figure that could not be computed, and why.

        >>> Value.missing(Reason.NO_QUOTE, method="microprice").value is None
        True
        """
        return cls(
            value=None,
            reason=reason,
            ts_event=ts_event,
            as_of_oldest=ts_event if as_of_oldest is None else as_of_oldest,
            n_observations=n_observations,
            method=method,
            parameters=dict(parameters or {}),
        )


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one method through time; each is a finite number or has its reason at the same place."""

    ts_event: tuple[int, ...]
    """Times of the figures, ns, never decreasing."""
    values: tuple[float | None, ...]
    reasons: tuple[Reason | None, ...]
    n_observations: int
    method: str
    parameters: Parameters = {}

    def __post_init__(self) -> None:
        """Hold the invariants, however the series was made."""
        if not len(self.ts_event) == len(self.values) == len(self.reasons):
            lengths = f"{len(self.ts_event)}, {len(self.values)} and {len(self.reasons)}"
            message = f"Expected `ts_event`, `values` and `reasons` of one length, got {lengths}"
            raise ValueError(message)
        for index, (value, reason) in enumerate(zip(self.values, self.reasons, strict=True)):
            _check_number(value, reason, f"values[{index}]")
        for index in range(1, len(self.ts_event)):
            if self.ts_event[index] < self.ts_event[index - 1]:
                message = f"`ts_event[{index}]`: expected at least the one before, got {self.ts_event[index]}"
                raise ValueError(message)
        _check_count(self.n_observations)

    @classmethod
    def known(
        cls,
        ts_event: Sequence[int] | NDArray[np.int64],
        values: Sequence[float] | NDArray[np.float64],
        *,
        n_observations: int,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        missing: Reason = Reason.WARMING_UP,
    ) -> Series:
        """Figures from arrays, in which NaN marks the ones that are ``missing`` and for which reason.

        >>> series = Series.known([1, 2], [float("nan"), 0.5], n_observations=2, method="mean")
        >>> series.values, str(series.reasons[0])
        ((None, 0.5), 'warming_up')
        """
        numbers = [None if math.isnan(value) else float(value) for value in values]
        return cls(
            ts_event=tuple(int(time) for time in ts_event),
            values=tuple(numbers),
            reasons=tuple(missing if number is None else None for number in numbers),
            n_observations=n_observations,
            method=method,
            parameters=dict(parameters or {}),
        )

    @classmethod
    def missing(
        cls,
        reason: Reason,
        ts_event: Sequence[int] | NDArray[np.int64],
        *,
        method: str,
        n_observations: int = 0,
        parameters: Mapping[str, Any] | None = None,
    ) -> Series:
        """A series of which not one figure could be computed, all for the same reason."""
        nothing = np.full(len(ts_event), np.nan)
        return cls.known(
            ts_event,
            nothing,
            n_observations=n_observations,
            method=method,
            parameters=parameters,
            missing=reason,
        )


def _check_number(value: float | None, reason: Reason | None, name: str) -> None:
    if (value is None) == (reason is None):
        message = f"`{name}`: expected a number or a reason, got {value!r} and {reason!r}"
        raise ValueError(message)
    if value is not None and not math.isfinite(value):
        message = f"`{name}`: expected a finite number, or None with a reason, got {value!r}"
        raise ValueError(message)


def _check_count(n_observations: int) -> None:
    if n_observations < 0:
        message = f"`n_observations`: expected a count from 0, got {n_observations}"
        raise ValueError(message)
