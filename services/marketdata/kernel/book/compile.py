"""Compilation of the book's functions: as `shared.kernels.compile`, without counting references to arrays.

What they are handed stays the caller's, and they keep, make and return no array. To count references to the
arrays of `Books` up and down in every function, as numba does otherwise, takes longer than an update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import numba

import shared.kernels.compile  # noqa: F401  (names the folder of compiled code)

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call."""
    compiled: Callable[P, R] = numba.njit(**_OPTIONS)(function)
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that becomes part of what calls it."""
    compiled: Callable[P, R] = numba.njit(**_OPTIONS, forceinline=True)(function)
    return compiled
