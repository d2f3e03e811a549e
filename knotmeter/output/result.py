"""The files that a finished run leaves, beside the log it has written all along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from bus.messages.control import DeadLetter
from bus.records import FEED_KINDS
from knotmeter.output.folder import RUN, OutputFolder
from knotmeter.output.stop import Stop
from knotmeter.output.tables import write_event_tables, write_market_tables
from knotmeter.provenance import FileFacts, versions
from knotmeter.session import Letters, Session
from shared import config

DEAD_LETTERS: Final = "dead_letters.jsonl"


class Keeping(NamedTuple):
    """An output folder, and what goes into it."""

    folder: OutputFolder
    made_from: Mapping[str, str]
    facts: Sequence[FileFacts]
    stop: Stop | None
    """Where the run was stopped before."""


def write_result(keeping: Keeping, session: Session, counts: Mapping[str, int], letters: Letters) -> None:
    """Write tables, dead letters and what the run was; the folder is then complete."""
    folder = keeping.folder
    folder.close_files()
    write_market_tables(folder)
    write_event_tables(folder, session.topics)
    write_letters(folder, letters)
    write_run(folder, _run(keeping, session, counts))


def write_letters(folder: OutputFolder, letters: Letters) -> None:
    """Write dead letters, where there are any."""
    for engine, letter in letters:
        folder.append(DEAD_LETTERS, msgspec.json.encode(plain_letter(engine, letter)) + b"\n")


def write_run(folder: OutputFolder, run: Mapping[str, Any]) -> None:
    """Write what the run was."""
    folder.append(RUN, msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")


def plain_letter(engine: str, letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as a line of JSON: its bytes in base 64, and its fields where it is a market record."""
    plain: dict[str, Any] = {"engine": engine, **msgspec.structs.asdict(letter)}
    if letter.message_type in FEED_KINDS:
        (record,) = np.frombuffer(letter.content, FEED_KINDS[letter.message_type])
        names = record.dtype.names or ()
        plain["record"] = {name: _plain(record[name]) for name in names}
    return plain


def _run(keeping: Keeping, session: Session, counts: Mapping[str, int]) -> dict[str, Any]:
    """What the run was; nothing in it says when or where."""
    runtimes = [driver.runtime for driver in session.drivers]
    files = zip(keeping.facts, session.files, strict=True)
    return {
        "versions": versions(),
        "settings": config.as_plain(session.settings),
        "frame_size": session.frame_size,
        "files": [
            {**msgspec.to_builtins(facts), "settings": msgspec.to_builtins(own)} for facts, own in files
        ],
        "records": session.fleet.position,
        "events": dict(sorted(counts.items())),
        "dead_letters": {runtime.spec.name: runtime.n_dead_letters for runtime in runtimes},
        "missing": {runtime.spec.name: runtime.n_missing for runtime in runtimes},
        "notes": session.feed.notes,
    }


def _plain(value: Any) -> Any:
    plain = value.tolist()
    return plain.decode(errors="replace") if isinstance(plain, bytes) else plain
