"""Random numbers of the simulator: SplitMix64, a counter whose values are mixed.

A stream is one 64-bit counter in the field ``rng`` of a record, so a stream is copied and restored by
copying the record, and the n-th number of a stream can be had without the ones before it.

Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from bus.records import Array
from services.marketdata.kernel.simulator.layout import MARKET
from shared.kernels.compile import inlined, kernel

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_30: Final = np.uint64(30)
_27: Final = np.uint64(27)
_31: Final = np.uint64(31)
_11: Final = np.uint64(11)
_UNIT: Final = 2.0**-53


@kernel
def stream(seed: int, number: int) -> np.uint64:
    """First counter of the stream with this number, of this seed."""
    return mixed(mixed(np.uint64(seed)) ^ (np.uint64(number) * _STEP))


@inlined
def mixed(counter: np.uint64) -> np.uint64:
    """Spread the bits of a counter."""
    word = counter + _STEP
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)


@inlined
def uniform(lane: Any) -> float:
    """Draw from the open interval (0, 1)."""
    lane.rng += _STEP
    word = lane.rng
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    word = word ^ (word >> _31)
    return (float(word >> _11) + 0.5) * _UNIT


@kernel
def normal(lane: Any) -> float:
    """Draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(uniform(lane)))
    return radius * math.cos(2.0 * math.pi * uniform(lane))


@inlined
def coin(lane: Any) -> int:
    """Draw +1 or -1."""
    return 1 if uniform(lane) < 0.5 else -1


@kernel
def uniforms(seed: int, number: int, count: int) -> Array:
    """The first numbers of a stream as draws from (0, 1), ``(count,)``."""
    # the array is named to the end: a record alone does not keep its memory
    lanes = np.zeros(1, MARKET)
    lanes[0].rng = stream(seed, number)
    out = np.empty(count)
    for place in range(count):
        out[place] = uniform(lanes[0])
    return out


@kernel
def normals(seed: int, number: int, count: int) -> Array:
    """Standard normal numbers of a stream, ``(count,)``."""
    # the array is named to the end: a record alone does not keep its memory
    lanes = np.zeros(1, MARKET)
    lanes[0].rng = stream(seed, number)
    out = np.empty(count)
    for place in range(count):
        out[place] = normal(lanes[0])
    return out
