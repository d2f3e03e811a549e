"""What a result rests on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from knotmeter.provenance import FileFacts, file_facts, made_from, versions
from shared.errors import DataError

FACTS = FileFacts(path="a.csv", n_bytes=1_234, sha256="ab" * 32)


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    """Length and SHA-256 of all of it, under the name it was given."""
    data = bytes(range(256)) * 5_000
    path = tmp_path / "a.bin"
    path.write_bytes(data)

    assert file_facts(str(path)) == FileFacts(
        path=str(path), n_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Said with its name."""
    with pytest.raises(DataError, match="expected a file that can be read, found: Is a directory"):
        file_facts(str(tmp_path))


def test_everything_has_a_name_that_people_know() -> None:
    """Versions, settings down to the key, files; a file's place does not matter."""
    found = made_from({"e": {"a": 1, "b": {"c": [1]}}}, [{"path": "x/a.csv", "kind": None}], [FACTS])

    assert found["version of numpy"] == versions()["numpy"]
    assert (found["e.a"], found["e.b.c"], found["file 1.kind"]) == ("1", "[1]", "null")
    assert found["file 1"] == f"1,234 bytes with SHA-256 {'ab' * 32}"
    assert found == made_from({"e": {"a": 1, "b": {"c": [1]}}}, [{"path": "y.csv", "kind": None}], [FACTS])
