"""The client of a fleet over HTTP: one that blocks and one to await, with typed answers and plain errors."""

from knotmeter.client.client import AsyncClient, Client
from knotmeter.client.errors import (
    AnswerError,
    ClientError,
    ClientTimeoutError,
    ProblemError,
    UnavailableError,
)
from knotmeter.client.operation import Awaiting, Blocking
from knotmeter.client.process import Engine, RecorderProcess
from knotmeter.client.routes import Route
from shared.face.answers import FieldProblem, Problem

__all__ = [
    "AnswerError",
    "AsyncClient",
    "Awaiting",
    "Blocking",
    "Client",
    "ClientError",
    "ClientTimeoutError",
    "Engine",
    "FieldProblem",
    "Problem",
    "ProblemError",
    "RecorderProcess",
    "Route",
    "UnavailableError",
]
