"""What a client cannot get done, and why: each error says what was expected, what was found, what to do."""

from __future__ import annotations

from shared.errors import KnotmeterError
from shared.face.answers import Problem


class ClientError(KnotmeterError):
    """Anything that a client could not get done."""


class ProblemError(ClientError):
    """A request that was refused; the problem's members are attributes too."""

    def __init__(self, problem: Problem, asked: str) -> None:
        super().__init__(f"{asked}: {problem.status} {problem.title}: {problem.detail}")
        self.problem = problem
        self.type = problem.type
        self.title = problem.title
        self.status = problem.status
        self.detail = problem.detail
        self.instance = problem.instance
        self.errors = problem.errors or ()
        self.receipt = problem.receipt or None


class UnavailableError(ClientError):
    """Nobody answers: the process is down, still starting, or not to be reached from here."""

    def __init__(self, asked: str, reason: str) -> None:
        super().__init__(f"{asked}: expected an answer, found none: {reason}; see `knotmeter status`")
        self.reason = reason


class ClientTimeoutError(ClientError):
    """The answer did not come in time; what was asked for may have happened, or still happen."""

    def __init__(self, asked: str, seconds: float, *, is_safe: bool) -> None:
        hint = "" if is_safe else "; it may still take effect: look at the state before you repeat it"
        super().__init__(f"{asked}: expected an answer within {seconds:g} s, found none{hint}")


class AnswerError(ClientError):
    """An answer that is not what its route promises."""

    def __init__(self, asked: str, expected: str, found: str) -> None:
        hint = "is this Knotmeter, and of this version?"
        super().__init__(f"{asked}: expected {expected}, found {found}; {hint}")
