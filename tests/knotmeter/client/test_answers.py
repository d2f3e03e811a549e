"""The client's own types are those of the faces."""

from __future__ import annotations

import msgspec
import pytest

from knotmeter.client import answers, errors
from knotmeter.recorder.vitals import RecorderVitals
from shared.face import letters, problem, standing


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (answers.Health, standing.Health),
        (answers.State, standing.State),
        (answers.Declaration, standing.Declaration),
        (answers.Edge, standing.Edge),
        (answers.CommandAbout, standing.Command),
        (answers.Letter, letters.Letter),
        (answers.Letters, letters.Letters),
        (answers.WholeLetter, letters.WholeLetter),
        (answers.RecordingState, RecorderVitals),
        (errors.Problem, problem.Problem),
        (errors.FieldProblem, problem.FieldProblem),
    ],
)
def test_a_type_of_the_client_has_the_fields_of_the_face_s(
    ours: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    """None is missing, and none is asked for that the face does not tell."""
    told = {field.encode_name: field for field in msgspec.structs.fields(theirs)}
    known = {field.encode_name: field for field in msgspec.structs.fields(ours)}
    assert known.keys() == told.keys()
    assert [name for name, field in known.items() if field.required and not told[name].required] == []
