"""Methods that are written once and serve both clients: the one that blocks and the one to await."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from knotmeter.client.request import Steps

if TYPE_CHECKING:
    from knotmeter.client.process import Process

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """A client whose methods return results."""


class Awaiting:
    """A client whose methods return awaitables."""


Mode = TypeVar("Mode", bound=Blocking | Awaiting)
"""How a client's methods answer."""


class operation(Generic[P, T]):  # noqa: N801 - a decorator, as `property` is
    """A method written as steps; called, it has them carried out the way its client does."""

    def __init__(self, function: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]  # `help` shows the method

    @overload
    def __get__(self, process: None, owner: type) -> Self: ...

    @overload
    def __get__(self, process: Process[Blocking], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, process: Process[Awaiting], owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, process: Any, owner: type) -> Any:
        if process is None:
            return self

        @functools.wraps(self._function)
        def call(*arguments: P.args, **named: P.kwargs) -> Any:
            return process.perform(self._function(process, *arguments, **named))

        return call
