"""Knotmeter: a fleet of small real-time trading-analytics engines, each number traceable and measured.

>>> import knotmeter
>>> knotmeter.__version__
'0.1.0'
"""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"

__all__ = ["__version__"]
