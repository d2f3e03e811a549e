r"""Hawkes processes with sums of exponential kernels: simulation, likelihood, residuals.

The intensity is :math:`\lambda(t) = \mu + \sum_{t_i < t} \sum_k \alpha_k e^{-\beta_k (t - t_i)}`, times in
seconds; the branching ratio is :math:`n = \sum_k \alpha_k / \beta_k` and the mean rate :math:`\mu / (1 -
n)`.

Sources: Hawkes, Biometrika 58 (1971); Ogata, IEEE Transactions on Information Theory 27 (1981); Ozaki,
Annals of the Institute of Statistical Mathematics 31 (1979).
"""

from __future__ import annotations

import math

import numpy as np

from bus.records import Array
from services.marketdata.kernel.simulator.draws import stream, uniform
from services.marketdata.kernel.simulator.layout import MARKET
from shared.kernels.compile import kernel


@kernel
def log_likelihood(times: Array, end: float, mu: float, alphas: Array, betas: Array) -> float:
    r"""Compute :math:`\sum_i \log \lambda(t_i) - \int_0^T \lambda`.

    Args:
        times: Events, seconds, ascending, in ``[0, end]``.
        end: Length of the observation, seconds.
        mu: Baseline, events a second.
        alphas: Jump of each kernel at an event, ``(n_kernels,)``.
        betas: Decay of each kernel, per second, ``(n_kernels,)``.

    Returns:
        The log-likelihood; ``-mu * end`` without events.

    >>> import numpy as np
    >>> times = np.array([0.5, 0.9, 1.4, 3.0, 3.1])
    >>> round(log_likelihood(times, 5.0, 0.8, np.array([0.6]), np.array([1.5])), 9)
    -5.618147575
    """
    excitement = np.zeros(len(betas))
    total = -mu * end
    previous = 0.0
    for time in times:
        intensity = mu
        for k in range(len(betas)):
            excitement[k] *= math.exp(-betas[k] * (time - previous))
            intensity += excitement[k]
            excitement[k] += alphas[k]
            total -= alphas[k] / betas[k] * (1.0 - math.exp(-betas[k] * (end - time)))
        total += math.log(intensity)
        previous = time
    return total


@kernel
def residuals(times: Array, mu: float, alphas: Array, betas: Array) -> Array:
    """Compute the integral of the intensity between events; independent and Exp(1) if the process is so.

    Args:
        times: Events, seconds since the start of the process, ascending.
        mu: As for `log_likelihood`.
        alphas: As for `log_likelihood`.
        betas: As for `log_likelihood`.

    Returns:
        ``(n_events,)``; the first counts from time 0.
    """
    out = np.empty(len(times))
    excitement = np.zeros(len(betas))
    previous = 0.0
    for row in range(len(times)):
        pause = times[row] - previous
        integral = mu * pause
        for k in range(len(betas)):
            left = excitement[k] * math.exp(-betas[k] * pause)
            integral += (excitement[k] - left) / betas[k]
            excitement[k] = left + alphas[k]
        out[row] = integral
        previous = times[row]
    return out


@kernel
def thinned(seed: int, n_events: int, mu: float, alpha: float, beta: float) -> Array:
    """Simulate a Hawkes process of one kernel by Ogata's thinning; the least that a simulator does.

    Args:
        seed: Seed of the stream.
        n_events: Events to make.
        mu: Baseline, events a second, above 0.
        alpha: Jump at an event; below ``beta``.
        beta: Decay, per second.

    Returns:
        Times of the events, seconds, ``(n_events,)``.
    """
    out = np.empty(n_events)
    # the array is named to the end: a record alone does not keep its memory
    lanes = np.zeros(1, MARKET)
    lanes[0].rng = stream(seed, 0)
    time = 0.0
    excitement = 0.0
    for row in range(n_events):
        while True:
            bound = mu + excitement
            pause = -math.log(uniform(lanes[0])) / bound
            time += pause
            excitement *= math.exp(-beta * pause)
            if uniform(lanes[0]) * bound < mu + excitement:
                break
        excitement += alpha
        out[row] = time
    return out
