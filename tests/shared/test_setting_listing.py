"""Settings listed, written and read back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from shared.config import as_plain, as_toml, describe
from shared.setting_sources import dotted, split_keys
from shared.setting_types import type_text
from tests.shared.test_config import Color, Columns, Config, File, Needy, settings, toml


def test_describe_lists_every_setting() -> None:
    """Key, type, default and description of each, tables with fixed keys opened."""
    rows = {row.key: row for row in describe(Config)}

    assert list(rows)[:3] == ["volume", "n_buckets", "share"]
    assert rows["volume"][1:] == ("number above 0 or `adv`", "adv", "Volume of a bucket, or `adv`.")
    assert rows["n_buckets"].type == "whole number above 0 to 1000000"
    assert rows["age"][1:3] == ("number from 0 or null", "1.5")
    assert rows["enabled"][1:3] == ("true or false", "false")
    assert rows["zone"].default == "null"
    assert rows["color"][1:3] == ("`red` or `dark_blue`", "red")
    assert rows["steps"][1:3] == ("list (each: whole number above 0)", "[1, 60]")
    assert rows["columns.price"][1:] == ("text", "Px", "Column of prices.")
    assert rows["extra"][1:3] == ("table (each: number)", "{}")
    assert rows["files"][1:3] == ("list (each: table)", "[]")
    assert describe(Needy)[0].default == "required"


def test_types_have_words() -> None:
    """Types that settings rarely use are told in words too."""
    assert type_text(tuple[int, str]) == "list of 2: whole number, text"
    assert type_text(Any) == "anything"
    assert type_text(Literal["a"]) == "`a`"
    assert type_text(Annotated[int, Meta(gt=1, lt=9)]) == "whole number above 1 below 9"
    assert type_text(bytes) == "bytes"
    assert type_text(Annotated[str, Meta(min_length=1, max_length=8)]) == "text of at least 1, at most 8"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

configs = st.builds(
    Config,
    volume=st.floats(1e-9, 1e12) | st.just("adv"),
    n_buckets=st.integers(1, 1_000_000),
    share=st.floats(0, 1),
    age=st.none() | st.floats(0, 1e6),
    enabled=st.booleans(),
    label=texts.filter(lambda text: text != "null"),
    zone=st.sampled_from([None, "UTC", "Asia/Tokyo"]),
    color=st.sampled_from(Color),
    steps=st.lists(st.integers(1, 2**40), max_size=3).map(tuple),
    names=st.lists(texts, max_size=3),
    columns=st.builds(Columns, price=texts, size=texts),
    extra=st.dictionaries(texts, st.floats(-9, 9), max_size=3),
    files=st.lists(st.builds(File, path=texts), max_size=2).map(tuple),
)


@given(config=configs)
def test_effective_settings_written_and_read_are_the_same(
    config: Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The TOML of any settings gives those settings back."""
    file = toml(tmp_path_factory.mktemp("settings"), as_toml({"toy": config}))

    assert settings(file=file) == config


def test_effective_settings_are_plain() -> None:
    """Provenance holds nothing but tables, lists, words and numbers, engines in order."""
    plain = as_plain({"toy": Config(), "needy": Needy(low=1)})

    assert list(plain) == ["needy", "toy"]
    assert plain["needy"] == {"low": 1, "high": 10}
    assert plain["toy"]["color"] == "red"


@given(
    st.lists(st.text(st.characters(exclude_characters="\"'", exclude_categories=["Cc", "Cs"])), min_size=1)
)
def test_a_dotted_key_can_be_split_again(keys: list[str]) -> None:
    """Quoting keeps dots, spaces and anything else inside a part."""
    assert split_keys(dotted(tuple(keys))) == keys
