"""A simulated market whose truth is known: settings, feed, reference data, episodes, faults, report."""

from services.marketdata.simulator.feed import SimulatedFeed
from services.marketdata.simulator.settings import SimulatorSettings

__all__ = ["SimulatedFeed", "SimulatorSettings"]
