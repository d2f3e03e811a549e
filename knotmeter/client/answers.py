"""Answers that every process gives, as types; fields that are not known here are ignored."""

from knotmeter.recorder.vitals import RecorderVitals
from shared.face.answers import (
    CommandAbout,
    Declaration,
    Edge,
    FieldProblem,
    Health,
    Letter,
    Letters,
    Problem,
    State,
    WholeLetter,
)

__all__ = [
    "CommandAbout",
    "Declaration",
    "Edge",
    "FieldProblem",
    "Health",
    "Letter",
    "Letters",
    "Problem",
    "RecorderVitals",
    "State",
    "WholeLetter",
]
