"""What the results of a fleet rest on, held against what its folder was begun with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knotmeter import provenance
from knotmeter.fleet.folder import FleetError, FleetFolder, SessionFile, differences
from knotmeter.session import made_from
from shared import registry
from shared.process import members


def take_up(
    folder: FleetFolder,
    settings: Mapping[str, Any],
    *,
    reset: bool,
    where: str,
    remedy: str,
    before_clearing: Callable[[], None] = lambda: None,
) -> SessionFile:
    """The session of the folder where it was made from the same things, else a new one in a cleared folder.

    Args:
        folder: of the fleet.
        settings: of all engines, the source's with the files it reads.
        reset: whether to begin anew whatever the folder holds.
        where: what a refusal names first: the setting that chose the folder.
        remedy: what it tells people to do.
        before_clearing: called before anything is removed; it may refuse.

    Raises:
        FleetError: it was made from other things.
    """
    origin = _origin(settings)
    found = folder.session()
    if found is not None and not (reset or found.complete):
        changed = differences(found.made_from, origin)
        if not changed:
            return found
        lines = "".join(f"\n  - {change}" for change in changed)
        message = (
            f"{where}: expected what the session in {folder.place} was made from, found other inputs:"
            f"{lines}\n{remedy}"
        )
        raise FleetError(message)
    before_clearing()
    folder.clear()
    session = SessionFile(mode=settings["fleet"].mode, made_from=origin)
    folder.write_session(session)
    return session


def _origin(settings: Mapping[str, Any]) -> dict[str, str]:
    files = settings[registry.source().name].files
    facts = [provenance.file_facts(file.path) for file in files]
    engines = {spec.name: settings[spec.name] for spec in members(settings["fleet"])}
    return made_from(engines, files, facts) | {"engines": ", ".join(engines)}
