"""How kernels are compiled: to machine code, cached on disk, without the interpreter lock.

No fast-math and no parallel reductions: a kernel gives the same bits however its input was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

from shared import kernel_cache
from shared.clock import wall_ns

P = ParamSpec("P")
R = TypeVar("R")

_CACHE = kernel_cache.directory()
kernel_cache.forget_older(_CACHE, wall_ns())
vars(numba.config)["CACHE_DIR"] = str(_CACHE)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel with numba at its first call; the decorated function is called as before."""
    compiled: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that kernels call for every record, always inlined.

    A call that stays a call costs more than what such a function does: every array among its arguments is
    passed as eight values, and its references are counted up and down.
    """
    compile_inline = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
    compiled: Callable[P, R] = compile_inline(function)
    return compiled
