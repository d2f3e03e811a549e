"""Views: queries of engine state that are answered at once, from the event loop or before it is asked.

A view is a synchronous function of state, with the values in its path as arguments. Its answer is encoded
once and stays good until the engine has handled something more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.face.answer import JSON, encode

MOST_KEPT: Final = 1_024
"""Answers of one view that are kept for other arguments."""

Progress = Callable[[], Any]
"""Something that differs whenever the engine's state may differ."""


class View:
    """A query of engine state.

    >>> view = View(lambda name: {"name": name}, ("name",))
    >>> view.json("A")
    b'{"name":"A"}'
    """

    def __init__(self, function: Callable[..., Any], parameters: tuple[str, ...]) -> None:
        self.value = function
        """What is answered, not encoded."""
        self.parameters = parameters
        self._progress: Progress | None = None
        self._at: Any = None
        self._known: dict[tuple[str, ...], bytes] = {}

    def keep_until(self, progress: Progress) -> None:
        """Keep answers for as long as the progress is the same."""
        self._progress = progress

    def at(self) -> Any:
        """How far the engine is; None if answers are not kept."""
        return None if self._progress is None else self._progress()

    def json(self, *arguments: str) -> bytes:
        """The answer as JSON.

        Raises:
            ConstraintError: an argument stands for nothing.
        """
        at = self.at()
        if at is None:
            return encode(self.value(*arguments), JSON)
        if at != self._at:
            self._known.clear()
            self._at = at
        data = self._known.get(arguments)
        if data is None:
            data = encode(self.value(*arguments), JSON)
            if len(self._known) < MOST_KEPT:
                self._known[arguments] = data
        return data
