"""Knotmeter: a fleet of small real-time trading-analytics engines, each number traceable and measured.

>>> import knotmeter
>>> knotmeter.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from knotmeter.client import (
        AnswerError,
        AsyncClient,
        Client,
        ClientError,
        ClientTimeoutError,
        ProblemError,
        UnavailableError,
    )

__version__: Final = "0.1.0"

__all__ = [
    "AnswerError",
    "AsyncClient",
    "Client",
    "ClientError",
    "ClientTimeoutError",
    "ProblemError",
    "UnavailableError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """The client and its errors, imported when they are asked for: an engine's process needs none of it."""
    if name in __all__:
        return getattr(importlib.import_module("knotmeter.client"), name)
    message = f"module `{__name__}` has no attribute `{name}`"
    raise AttributeError(message)
