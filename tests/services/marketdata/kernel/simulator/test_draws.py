"""The random numbers of the simulator."""

from __future__ import annotations

import numpy as np
from scipy import stats

from services.marketdata.kernel.simulator.draws import normals, stream, uniform, uniforms
from services.marketdata.kernel.simulator.layout import MARKET

SPLITMIX = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
"""First values for the seed 1234567, as on rosettacode.org, Pseudo-random numbers/Splitmix64."""


def test_the_generator_is_splitmix64() -> None:
    """Its values are the published ones, cut to 53 bits."""
    lane = np.zeros(1, MARKET)
    lane["rng"] = 1234567

    found = [uniform(lane[0]) for _ in SPLITMIX]

    assert found == [((word >> 11) + 0.5) * 2.0**-53 for word in SPLITMIX]


def test_draws_have_their_distributions() -> None:
    """Uniform and normal by Kolmogorov and Smirnov."""
    assert stats.kstest(uniforms(1, 2, 50_000), "uniform").pvalue > 0.01
    assert stats.kstest(normals(1, 3, 50_000), "norm").pvalue > 0.01


def test_streams_are_apart() -> None:
    """Streams of one seed, and of neighbouring seeds, are not correlated, and none is another one shifted."""
    ours, next_stream, next_seed = uniforms(1, 0, 20_000), uniforms(1, 1, 20_000), uniforms(2, 0, 20_000)

    assert abs(np.corrcoef(ours, next_stream)[0, 1]) < 0.03
    assert abs(np.corrcoef(ours, next_seed)[0, 1]) < 0.03
    assert not set(ours) & set(next_stream)
    assert len({int(stream(seed, number)) for seed in range(30) for number in range(30)}) == 900
