"""What contenders compute, and when two of them compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answer = Mapping[str, NDArray[Any]]
"""What a contender computed: arrays by name."""

Check = Callable[[Answer, Answer], float]
"""Returns the largest difference between two answers, or raises AnswerError."""


class AnswerError(Exception):
    """A contender gives no answer or another one, so no rate is printed."""


def equal_within(tolerance: float) -> Check:
    """Check that answers have the same arrays and gaps, and values that differ by ``tolerance`` at most."""

    def check(ours: Answer, theirs: Answer) -> float:
        if ours.keys() != theirs.keys() or not ours:
            message = f"expected the arrays {sorted(ours)}, found {sorted(theirs)}"
            raise AnswerError(message)
        return max(_difference(name, ours[name], theirs[name], tolerance) for name in ours)

    return check


def _difference(name: str, ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> float:
    if ours.shape != theirs.shape:
        message = f"`{name}`: expected the shape {ours.shape}, found {theirs.shape}"
        raise AnswerError(message)
    mine, yours = ours.astype(np.float64), theirs.astype(np.float64)
    apart = np.abs(mine - yours)
    apart[np.isnan(mine) & np.isnan(yours)] = 0.0
    wrong = np.flatnonzero(~(apart <= tolerance))
    if len(wrong):
        at = int(wrong[0])
        expected, found = float(mine.flat[at]), float(yours.flat[at])
        message = (
            f"`{name}[{at}]`: expected {expected} within {tolerance:g}, found {found} "
            f"({len(wrong)} of {apart.size} differ)"
        )
        raise AnswerError(message)
    return float(apart.max(initial=0.0))
