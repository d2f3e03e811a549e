"""What servers answer with, held against what they have to."""

from __future__ import annotations

import msgspec

from benchmarks.answers import AnswerError


def with_state(body: bytes) -> None:
    """See that a body is JSON that tells of an instrument with a completed bucket.

    Raises:
        AnswerError: it is not.
    """
    try:
        latest = msgspec.json.decode(body)["instruments"][0]["latest"]
    except (msgspec.DecodeError, LookupError, TypeError) as error:
        message = f"expected JSON with the state of an instrument, found {body[:80]!r}: {error!r}"
        raise AnswerError(message) from error
    if latest is None:
        message = "expected an engine that has completed a bucket, found none"
        raise AnswerError(message)


def same_bytes(expected: bytes, body: bytes) -> None:
    """Hold a body against the one that is expected.

    Raises:
        AnswerError: they differ in a byte.
    """
    if body != expected:
        pairs = zip(expected, body, strict=False)
        at = next((place for place, (one, other) in enumerate(pairs) if one != other), "the end")
        message = f"expected a body of {len(expected)} bytes, found {len(body)} that differ at {at}"
        raise AnswerError(message)


def same_content(expected: bytes, body: bytes) -> None:
    """Hold a body against the one that is expected, however its numbers are written.

    Raises:
        AnswerError: it is no JSON, or another document.
    """
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        message = f"expected JSON, found {body[:80]!r}: {error}"
        raise AnswerError(message) from error
    if document != msgspec.json.decode(expected):
        message = f"expected {expected[:80]!r} or the same in other bytes, found {body[:80]!r}"
        raise AnswerError(message)
