"""Settings: where they come from, how they are read, and how wrong ones are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from shared.config import load
from shared.constraints import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, TimeZoneName
from shared.errors import ConstraintError, SettingsError


class Color(StrEnum):
    """An enumeration."""

    RED = "red"
    DARK_BLUE = "dark_blue"


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of fixed keys."""

    price: Annotated[str, Meta(description="Column of prices.")] = "price"
    size: Annotated[str, Meta(description="Column of sizes.")] = "size"


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of a list of tables."""

    path: Annotated[str, Meta(description="Where it is.")]
    zone: Annotated[TimeZoneName, Meta(description="Its time zone.")] = "UTC"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of every type an engine may use."""

    volume: Annotated[PositiveFloat | Literal["adv"], Meta(description="Volume of a bucket, or `adv`.")] = (
        "adv"
    )
    n_buckets: Annotated[PositiveInt, Meta(description="Window.", le=1_000_000)] = 50
    share: Annotated[Fraction, Meta(description="A share.")] = 0.5
    age: Annotated[NonNegativeFloat | None, Meta(description="Age, or none.")] = 1.5
    enabled: Annotated[bool, Meta(description="Whether.")] = False
    label: Annotated[str, Meta(description="A label.")] = ""
    zone: Annotated[TimeZoneName | None, Meta(description="A zone.")] = None
    color: Annotated[Color, Meta(description="A color.")] = Color.RED
    steps: Annotated[tuple[PositiveInt, ...], Meta(description="Some steps.")] = (1, 60)
    names: Annotated[list[str], Meta(description="Some names.", max_length=3)] = []
    columns: Annotated[Columns, Meta(description="Columns of a file.")] = Columns(price="Px")
    extra: Annotated[dict[str, float], Meta(description="Anything else.")] = {}
    files: Annotated[tuple[File, ...], Meta(description="Files.")] = ()


class Needy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that must be given, and must agree."""

    low: Annotated[PositiveInt, Meta(description="Lower bound.")]
    high: Annotated[PositiveInt, Meta(description="Upper bound.")] = 10

    def __post_init__(self) -> None:
        """Refuse crossed bounds."""
        if self.low > self.high:
            raise ConstraintError("low", f"at most `high` {self.high}", str(self.low))


TYPES: Mapping[str, Any] = {"toy": Config}


def settings(*flags: str, environment: Mapping[str, str] | None = None, file: Path | None = None) -> Any:
    """Settings of the one engine."""
    return load(TYPES, flags=flags, environment=environment or {}, file=file)["toy"]


def problems(
    *flags: str, environment: Mapping[str, str] | None = None, file: Path | None = None, types: Any = TYPES
) -> Sequence[str]:
    """What is said to be wrong."""
    with pytest.raises(SettingsError) as caught:
        load(types, flags=flags, environment=environment or {}, file=file)
    return caught.value.problems


def toml(folder: Path, text: str) -> Path:
    """A settings file with this text."""
    path = folder / "settings.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_hold_where_nothing_is_set() -> None:
    """No flag, no variable, no file: the declared defaults, untouched."""
    assert settings() == Config()


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """Each source overrides the weaker ones key by key."""
    file = toml(tmp_path, '[toy]\nn_buckets = 1\nshare = 0.1\nlabel = "file"\n')
    environment = {"KNOTMETER_TOY__N_BUCKETS": "2", "KNOTMETER_TOY__SHARE": "0.2"}

    found = settings("toy.n_buckets=3", environment=environment, file=file)

    assert (found.n_buckets, found.share, found.label, found.age) == (3, 0.2, "file", 1.5)


def test_the_last_of_two_flags_wins() -> None:
    """A flag given twice means its last value."""
    assert settings("toy.n_buckets=3", "toy.n_buckets=4").n_buckets == 4


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("volume", "9220", 9220.0),
        ("volume", "9220.5", 9220.5),
        ("volume", "1e3", 1000.0),
        ("volume", "adv", "adv"),
        ("n_buckets", " 20 ", 20),
        ("n_buckets", "1e2", 100),
        ("share", "0", 0.0),
        ("age", "null", None),
        ("age", "2", 2.0),
        ("enabled", "true", True),
        ("enabled", "No", False),
        ("enabled", "1", True),
        ("enabled", "off", False),
        ("label", "123", "123"),
        ("label", "null", "null"),
        ("label", "a=b, c", "a=b, c"),
        ("label", "", ""),
        ("zone", "America/New_York", "America/New_York"),
        ("zone", "null", None),
        ("color", "dark_blue", Color.DARK_BLUE),
        ("steps", "1,5, 60", (1, 5, 60)),
        ("steps", "[1, 5]", (1, 5)),
        ("steps", "7", (7,)),
        ("steps", "", ()),
        ("names", "a,b", ["a", "b"]),
        ("names", '["a,b"]', ["a,b"]),
        ("extra", '{"x": 1, "y": 2.5}', {"x": 1.0, "y": 2.5}),
        ("columns", '{"size": "Qty"}', Columns(price="Px", size="Qty")),
        ("files", '[{"path": "a", "zone": "Asia/Tokyo"}]', (File(path="a", zone="Asia/Tokyo"),)),
    ],
)
def test_text_is_read_by_the_type_of_its_field(key: str, text: str, expected: Any) -> None:
    """Numbers, logicals, words, lists and tables are read alike from a flag and from a variable."""
    for found in (
        settings(f"toy.{key}={text}"),
        settings(environment={f"KNOTMETER_TOY__{key.upper()}": text}),
    ):
        assert getattr(found, key) == expected
        assert type(getattr(found, key)) is type(expected)


def test_tables_are_set_key_by_key(tmp_path: Path) -> None:
    """Dots and double underscores lead into tables; keys that are not set keep their default."""
    file = toml(tmp_path, "[toy.extra]\n'a.b' = 1\n")
    found = settings(
        "toy.columns.size=Qty",
        'toy.extra."c.d"=2',
        environment={"KNOTMETER_TOY__EXTRA__E": "3"},
        file=file,
    )

    assert found.columns == Columns(price="Px", size="Qty")
    assert found.extra == {"a.b": 1.0, "c.d": 2.0, "e": 3.0}


def test_lists_of_tables_come_from_a_file(tmp_path: Path) -> None:
    """An array of tables gives a list of structs with their defaults."""
    file = toml(tmp_path, '[[toy.files]]\npath = "a"\n[[toy.files]]\npath = "b"\nzone = "Asia/Tokyo"\n')

    assert settings(file=file).files == (File(path="a"), File(path="b", zone="Asia/Tokyo"))


def test_other_variables_are_not_settings() -> None:
    """Only names with a double underscore after the prefix concern an engine."""
    others = {"KNOTMETER_TEST_DATA": "x", "KNOTMETER_API_TOKEN": "y", "HOME": "z", "TOY__N_BUCKETS": "1"}

    assert settings(environment=others) == Config()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "toy.n_buckets=abc",
            "`toy.n_buckets` (flag `toy.n_buckets=abc`): expected whole number above 0 to"
            " 1000000, found 'abc'",
        ),
        ("toy.n_buckets=2.5", "expected whole number above 0 to 1000000, found '2.5'"),
        ("toy.n_buckets=0", "found '0'"),
        ("toy.n_buckets=true", "found 'true'"),
        ("toy.n_buckets=" + "9" * 5000, "expected whole number above 0"),
        ("toy.volume=adx", "expected number above 0 or `adv`, found 'adx'"),
        ("toy.volume=nan", "found 'nan'"),
        ("toy.volume=inf", "found 'inf'"),
        ("toy.share=1.5", "expected number from 0 to 1, found '1.5'"),
        ("toy.age=-1", "expected number from 0 or null, found '-1'"),
        ("toy.enabled=maybe", "expected true or false, found 'maybe'"),
        ("toy.zone=Mars/Olympus", "expected an IANA time zone such as `America/New_York` or null"),
        ("toy.color=green", "expected `red` or `dark_blue`, found 'green'"),
        ("toy.steps=1,x", "`toy.steps.1` (flag `toy.steps=1,x`): expected whole number above 0, found 'x'"),
        ("toy.steps=[1,", "`toy.steps` (flag `toy.steps=[1,`): expected list (each: whole"),
        ("toy.names=a,b,c,d", "expected list of at most 3 (each: text), found ['a', 'b', 'c', 'd']"),
        ("toy.extra={x", "expected table (each: number), found '{x'"),
        ("toy.extra=3", "expected table (each: number), found '3'"),
        ('toy.files=[{"path": "a", "zone": "X"}]', "`toy.files.0.zone`"),
        ('toy.files=[{"pth": "a"}]', "found `pth`; nearest: `toy.files.0.path`"),
        ('toy.files=[{"zone": "UTC"}]', "missing required field `path`"),
        ("toy.bucket=1", "expected a setting of `toy`, found `bucket`; nearest: `toy.n_buckets`"),
        ("toy.zzz=1", "found `zzz`; known: `toy.age`, `toy.color`"),
        (
            "toy.columns.prize=x",
            "expected a setting of `toy.columns`, found `prize`; nearest: `toy.columns.price`",
        ),
        ("toy.label.x=1", "`toy.label` (flag `toy.label.x=1`): expected text, found a table"),
        ("tow.label=1", "expected an engine, found `tow`; nearest: `toy`"),
        ("other.label=1", "expected an engine, found `other`; known: `toy`"),
        ("toy", "flag `toy`: expected `engine.key=value`"),
        ("toy=1", "flag `toy=1`: expected `engine.key=value`"),
        ("=1", "expected `engine.key=value`"),
        ("toy..x=1", "expected `engine.key=value`"),
    ],
)
def test_a_wrong_flag_is_told(flag: str, message: str) -> None:
    """The message names setting and flag, what was expected, what was found, and the nearest known key."""
    (found,) = problems(flag)

    assert message in found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "KNOTMETER_TOY__N_BUCKET",
            "`toy.n_bucket` (environment variable `KNOTMETER_TOY__N_BUCKET`): expected",
        ),
        ("KNOTMETER_TAY__N_BUCKETS", "expected an engine, found `tay`; nearest: `toy`"),
        ("KNOTMETER_TOY__", "`KNOTMETER_TOY__`: expected a variable `KNOTMETER_<ENGINE>__<KEY>`"),
        ("KNOTMETER___X", "expected a variable"),
        ("KNOTMETER_TOY__COLUMNS__PRIZE", "nearest: `toy.columns.price`"),
    ],
)
def test_a_wrong_variable_is_told(name: str, message: str) -> None:
    """The message names the variable."""
    (found,) = problems(environment={name: "1"})

    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[toy]\n# note\nn_buckets = 'x'\n", "line 3): expected whole number above 0 to 1000000, found 'x'"),
        ("toy.n_buckets = 1.5\n", "line 1): expected whole number"),
        ("[toy]\nn_buckets = true\n", "found True"),
        ("[toy]\nshare = nan\n", "expected number from 0 to 1, found nan"),
        ("[toy.columns]\nsize = 's'\nprize = 'x'\n", "line 3): expected a setting of `toy.columns`"),
        ("[[toy.files]]\npath = 'a'\nzone = 'X'\n", "line 1): expected an IANA time zone"),
        ("toy = 3\n", "line 1): expected table, found 3"),
        ("[tay]\nx = 1\n", "line 1): expected an engine, found `tay`; nearest: `toy`"),
        ("[toy]\nage = 2013-10-08\n", "found datetime.date(2013, 10, 8)"),
        ("[toy\n", "expected TOML, found: Expected ']' at the end of a table declaration (at line 1"),
    ],
)
def test_a_wrong_line_of_a_file_is_told(text: str, message: str, tmp_path: Path) -> None:
    """The message names file and line."""
    file = toml(tmp_path, text)
    (found,) = problems(file=file)

    assert str(file) in found
    assert message in found


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text are each said so."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")

    assert "No such file" in problems(file=tmp_path / "none.toml")[0]
    assert "Is a directory" in problems(file=tmp_path)[0]
    assert "expected TOML" in problems(file=tmp_path / "bytes.toml")[0]


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    """Nothing is hidden behind the first mistake, nor by a stronger source that is right."""
    file = toml(tmp_path, "[toy]\nn_buckets = 0\nbogus = 1\n")
    environment = {"KNOTMETER_TOY__SHARE": "2"}

    found = problems("toy.n_buckets=5", "toy.zone=Nowhere", environment=environment, file=file)

    assert len(found) == 4
    for key in ("`toy.n_buckets`", "`toy.bogus`", "`toy.share`", "`toy.zone`"):
        assert any(problem.startswith(key) for problem in found)
    text = str(SettingsError(found))
    assert text.startswith("4 settings are wrong:\n")
    assert all(problem in text for problem in found)


def test_required_settings_are_asked_for() -> None:
    """The message says how to give it, in a flag, in the environment, or in the file."""
    (found,) = problems(types={"needy": Needy})

    assert found.startswith("`needy.low`: required and not set; give the flag `needy.low=…`")
    assert "`KNOTMETER_NEEDY__LOW`" in found


def test_a_wrong_required_setting_is_told_once() -> None:
    """A value that was refused is not also said to be missing."""
    assert len(problems("needy.low=x", types={"needy": Needy})) == 1


def test_settings_that_do_not_agree_are_told() -> None:
    """What the settings say about each other is checked once each alone is right."""
    (found,) = problems("needy.low=11", types={"needy": Needy})

    assert found == "`needy`: `low`: expected at most `high` 10, got 11"


def test_one_wrong_engine_does_not_hide_another() -> None:
    """Settings of all engines are checked together."""
    found = problems("toy.share=9", types={"toy": Config, "needy": Needy})

    assert [problem.split("`")[1] for problem in found] == ["toy.share", "needy.low"]


def test_settings_are_frozen() -> None:
    """A loaded setting cannot be changed behind anybody's back."""
    with pytest.raises(AttributeError):
        settings().n_buckets = 3
