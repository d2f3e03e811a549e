"""Settings of files and of all files."""

from __future__ import annotations

from services.marketdata.adapter import FileSettings, ReadSettings


def test_what_a_file_says_stands_above_the_defaults() -> None:
    """A default fills what a file leaves open, even where the file's value is the usual one."""
    defaults = ReadSettings(
        bar_stamp="close", venue="XNYS", columns={"price": "a", "size": "b"}, size_multiplier=100.0
    )
    file = FileSettings(path="f.csv", bar_stamp="open", columns={"price": "c"}, size_multiplier=1.0)

    assert file.over(defaults) == FileSettings(
        path="f.csv",
        bar_stamp="open",
        venue="XNYS",
        columns={"price": "c", "size": "b"},
        size_multiplier=1.0,
    )
    assert file.over(defaults).over(defaults) == file.over(defaults)
