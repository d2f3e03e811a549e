"""What every process answers of itself, and how it answers what it cannot."""

from __future__ import annotations

import msgspec
import pytest

from shared.face.subject import Readiness
from shared.instruments import Instrument
from tests.shared.face.faces import LAST, NOW, ToySubject, ask, face, get, post


def test_alive_is_alive_whatever_else() -> None:
    """Health says that the process runs, even while it is not ready."""
    subject = ToySubject()
    subject.standing = Readiness(ready=False, phase="failed", reason="no server")

    assert get(face(subject), "/health").json() == {"status": "alive"}


def test_readiness_is_told_by_status_and_with_its_phase() -> None:
    """200 when ready, 503 with phase and reason when not."""
    subject = ToySubject()
    app = face(subject)
    assert get(app, "/ready").status_code == 200
    subject.standing = Readiness(ready=False, phase="recovering", reason="reads its checkpoint")
    answer = get(app, "/ready")

    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "phase": "recovering", "reason": "reads its checkpoint"}


def test_the_state_tells_times_counts_and_a_summary() -> None:
    """Null before the first input; then engine time, lag, vitals and the engine's rows."""
    subject = ToySubject()
    app = face(subject)
    before = get(app, "/state").json()
    assert (before["now"], before["lag_seconds"], before["watermark"]) == (None, None, None)
    subject.hear(2)
    state = get(app, "/state").json()

    assert (state["name"], state["phase"], state["n_handled"]) == ("tally", "ready", 2)
    assert (state["now"], state["lag_seconds"]) == (LAST, (NOW - LAST) / 1e9)
    assert state["vitals"]["outbox_entries"] == 7
    assert (state["summary"], state["summary_reason"]) == ([{"trades": 2}], None)


def test_a_summary_that_would_take_long_is_left_out_with_the_reason() -> None:
    """With hundreds of instruments, or when it is not asked for, there is none, and it is said why."""
    subject = ToySubject()
    assert get(face(subject), "/state?summary=false").json()["summary_reason"] == "not asked for"
    for row in range(1, 300):
        subject.engine.instruments.add(row, Instrument(instrument_id=f"I{row}.X"))
    state = get(face(subject), "/state").json()

    assert state["summary"] is None
    assert state["summary_reason"].startswith("expected at most 256 instruments, found 300")


def test_the_declaration_is_the_spec() -> None:
    """Question, edges, metrics, rungs, commands and main query are told as declared."""
    spec = get(face(ToySubject()), "/spec").json()

    assert spec["question"] == "How many trades were there?"
    assert spec["consumes"] == [
        {"topic": "trade", "bus": "md", "about": "One execution.", "delay_seconds": 0.0}
    ]
    assert [command["name"] for command in spec["commands"]] == ["limit", "clear"]
    assert (spec["main_query"], spec["rungs"]["kernel"]) == ("/v1/tally", 100)


def test_latency_is_the_recorders_snapshot() -> None:
    """All three measures, against the rungs of the spec."""
    latency = get(face(ToySubject()), "/latency").json()

    assert [one["measure"] for one in latency["measures"]] == ["http_latency", "reaction_time", "unit_cost"]
    assert latency["rungs_seconds"]["kernel"] == 1e-4


def test_answers_are_msgpack_where_that_is_preferred() -> None:
    """The same content, in the form that the client asks for."""
    subject = ToySubject()
    subject.hear(4)
    answer = get(face(subject), "/v1/tally", accept="application/msgpack")

    assert answer.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(answer.content) == {"name": "all", "n_trades": 4}
    assert get(face(subject), "/v1/tally").json() == {"name": "all", "n_trades": 4}


def test_a_view_takes_parameters_with_defaults() -> None:
    """Behind the question mark, checked by their types; the plain path keeps its own answer."""
    subject = ToySubject()
    subject.hear(4)
    app = face(subject)

    assert get(app, "/v1/tally?scale=10").json()["n_trades"] == 40
    assert get(app, "/v1/tally").json()["n_trades"] == 4
    wrong = get(app, "/v1/tally?scale=many")
    assert wrong.status_code == 422
    assert wrong.json()["errors"] == [
        {
            "field": "scale",
            "expected": "a valid integer, unable to parse string as an integer",
            "found": '"many"',
            "index": None,
        }
    ]


def test_an_answer_is_as_new_as_the_state() -> None:
    """What is kept of an answer is thrown away when anything was handled."""
    subject = ToySubject()
    app = face(subject)
    assert get(app, "/v1/tally/a").json()["n_trades"] == 0
    subject.hear(1)

    assert get(app, "/v1/tally/a").json()["n_trades"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nowhere", 404, "expected a path that /docs lists, found /nowhere"),
        ("GET", "/health/", 404, "expected a path that /docs lists"),
        ("GET", "/v1/tally/c", 404, "`name`: expected a or b, got 'c'"),
        ("DELETE", "/v1/tally", 405, "expected GET, HEAD for /v1/tally, found DELETE"),
        ("GET", "/v1/sum", 405, "expected POST for /v1/sum, found GET"),
        ("GET", "/v1/tally?scal=2", 422, "`scal`: expected `scale`, found `scal`"),
        ("GET", "/health?x=2", 422, "`x`: expected no parameter, found `x`"),
        ("GET", "/v1/failure", 500, "a failure of ours"),
    ],
)
def test_every_failure_is_a_problem(method: str, path: str, status: int, detail: str) -> None:
    """Type, title, status, detail and instance, as problem+json, and nothing of what went on inside."""
    answer = ask(face(ToySubject()), lambda client: client.request(method, path))
    problem = answer.json()

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["instance"] == path.partition("?")[0]
    assert detail in problem["detail"]
    assert "secret" not in answer.text
    assert status != 405 or answer.headers["allow"] in ("GET, HEAD", "POST")


def test_head_is_get_without_the_body() -> None:
    """Status and headers of a GET, also for what there is not."""
    app = face(ToySubject())
    answer = ask(app, lambda client: client.head("/v1/tally"))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(get(app, "/v1/tally").content))
    assert ask(app, lambda client: client.head("/nowhere")).status_code == 404


@pytest.mark.parametrize(
    ("body", "content_type", "status", "expected"),
    [
        (b'{"numbers": [1, 2.5]}', "application/json", 200, '"total":3.5'),
        (b'{"numbers": [1, 2.5]}', "application/json; charset=utf-8", 200, '"total":3.5'),
        (b'{"numbers": [1, -2]}', "application/json", 422, "`numbers[1]`: expected number from 0, found -2"),
        (
            b'{"numbers": [1, NaN]}',
            "application/json",
            422,
            "`numbers[1]`: expected a finite number, found NaN",
        ),
        (
            b'{"numbers": [1e999]}',
            "application/json",
            422,
            "`numbers[0]`: expected number from 0, found 1e999",
        ),
        (b'{"numbers": []}', "application/json", 422, "list of at least 1"),
        (b'{"numbers": [1], "more": 2}', "application/json", 422, "`more`: expected a field of `numbers`"),
        (b"{}", "application/json", 422, "`numbers`: expected list"),
        (b"", "application/json", 422, "`body`: expected JSON, found an empty body"),
        (b"", None, 422, "`body`: expected JSON, found an empty body"),
        (b"{", "application/json", 422, "`body`: expected JSON, found Input data was truncated"),
        (b"[" * 4_000, "application/json", 422, "`body`: expected"),
        (
            b'{"numbers": [1]}',
            "text/plain",
            415,
            "expected a body of type `application/json`, found `text/plain`",
        ),
        (b'{"numbers": [1]}', None, 415, "found `none`"),
        (
            b'{"numbers": [' + b"1," * 5_000 + b"1]}",
            "application/json",
            413,
            "at most 4096 bytes, found 10016",
        ),
    ],
)
def test_a_document_is_taken_whole_or_refused_with_the_reason(
    body: bytes, content_type: str | None, status: int, expected: str
) -> None:
    """Field, expectation, found value and index of what is wrong; a body that is too large is not read."""
    headers = {} if content_type is None else {"content-type": content_type}
    answer = post(face(ToySubject(), max_body_bytes=4_096), "/v1/sum", content=body, headers=headers)

    assert answer.status_code == status
    assert expected in (answer.text if status == 200 else answer.json()["detail"])


def test_a_compressed_body_is_refused() -> None:
    """Nothing is unpacked, so that a small body never becomes a large one."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = post(face(ToySubject()), "/v1/sum", content=b"\x1f\x8b", headers=headers)

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


def test_the_place_of_every_value_at_fault_is_told() -> None:
    """The list of errors names field, expectation, finding and index apart from the text."""
    answer = post(face(ToySubject()), "/v1/sum", json={"numbers": [1, "x"]})

    assert answer.json()["errors"] == [
        {"field": "numbers[1]", "expected": "number from 0", "found": '"x"', "index": 1}
    ]
