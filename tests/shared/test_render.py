"""What is written from the declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from bus.topics import INSTRUMENT, TOXICITY, TRADE
from shared import registry
from shared.compose import COMPOSE_FILE, ENVIRONMENT_FILE
from shared.errors import KnotmeterError
from shared.field_page import field_page
from shared.render import FIELD_PAGE, README, main, render
from shared.spec import EngineSpec, Metric, Rungs

RUNGS = Rungs(baseline=5, kernel=4, accelerated=3, algorithm=2, ultimate=1)


class Config(msgspec.Struct, frozen=True):
    """Settings of a toy."""

    mode: Annotated[str, Meta(description="Either a|b.")] = "a"


def spec(name: str, **fields: Any) -> EngineSpec:
    """A declaration."""
    return EngineSpec(
        name=name, question=f"Is it {name}?", port=1, rungs=RUNGS, unit_of_work="thing", memory_mb=1, **fields
    )


ENGINES = {
    "eye": spec(
        "eye",
        consumes=(TRADE, TOXICITY.after(0.5)),
        metrics=(Metric(name="knotmeter_eye_looks_total", kind="counter", help="Looks."),),
    ),
    "feeder": spec("feeder", publishes=(INSTRUMENT, TRADE)),
    "poison": spec("poison", consumes=(TRADE,), publishes=(TOXICITY,)),
}
SETTINGS = dict.fromkeys(ENGINES, Config)
MAIN = """# Title

<!-- generated: engines -->
old
<!-- end -->

between

<!-- generated: flow -->
<!-- end -->

tail
"""
OWN = "# One\n<!-- generated: settings -->\n<!-- end -->\n\n<!-- generated: metrics -->\n<!-- end -->\n"
CONTAINERS = """services:
  prepare:
    volumes:
      - by-hand
      # generated: access
      # end

  # generated: engines
  old
  # end

  by-hand:
volumes:
  # generated: volumes
  # end
"""
VARIABLES = "BY_HAND=1\n# generated: ports\n# end\n"
DOCUMENTS = {
    README: MAIN,
    COMPOSE_FILE: CONTAINERS,
    ENVIRONMENT_FILE: VARIABLES,
    "services/eye/README.md": OWN,
    "services/feeder/README.md": "# Feeder\n",
    "services/poison/README.md": "# Poison\n",
}


def test_the_engine_table_has_a_row_for_each() -> None:
    """Name, port, question, what it reads with the delay of an edge, what it publishes."""
    text = render(ENGINES, SETTINGS, DOCUMENTS)[README]

    assert "| [eye](services/eye/README.md) | 1 | Is it eye? | `trade`, `toxicity` after 0.5 s |  |\n" in text
    assert (
        "| [feeder](services/feeder/README.md) | 1 | Is it feeder? | feeds | `instrument`, `trade` |\n"
        in text
    )


def test_the_flow_has_an_edge_for_each_reader() -> None:
    """Producer to consumer by topic; what no engine reads goes to the output."""
    text = render(ENGINES, SETTINGS, DOCUMENTS)[README]

    assert '    feeder -- "instrument, trade" --> eye\n' in text
    assert '    feeder -- "instrument, trade" --> poison\n' in text
    assert '    poison -- "toxicity" --> eye\n' in text
    assert "    feeds --> feeder\n" in text
    assert "output" not in text
    alone = render({"feeder": ENGINES["feeder"]}, SETTINGS, DOCUMENTS)[README]
    assert '    feeder -- "instrument, trade" --> output\n' in alone


def test_what_people_wrote_is_kept() -> None:
    """Only the text between the markers changes."""
    text = render(ENGINES, SETTINGS, DOCUMENTS)[README]

    assert text.startswith("# Title\n\n<!-- generated: engines -->\n| engine |")
    assert "<!-- end -->\n\nbetween\n\n<!-- generated: flow -->\n```mermaid\n" in text
    assert text.endswith("```\n<!-- end -->\n\ntail\n")
    assert "old" not in text


def test_an_engine_shows_its_settings_and_metrics() -> None:
    """An engine's README has the tables it asks for and no others."""
    rendered = render(ENGINES, SETTINGS, DOCUMENTS)

    assert "| `mode` | text | `a` | Either a\\|b. |\n" in rendered["services/eye/README.md"]
    assert "| `knotmeter_eye_looks_total` | counter | Looks. |\n" in rendered["services/eye/README.md"]
    assert rendered["services/feeder/README.md"] == DOCUMENTS["services/feeder/README.md"]


def test_a_container_for_each_engine() -> None:
    """Its command, memory, users, port and secret; the rest of the file stays as it was written."""
    rendered = render(ENGINES, SETTINGS, DOCUMENTS)
    text = rendered[COMPOSE_FILE]

    assert text.startswith(
        "services:\n  prepare:\n    volumes:\n      - by-hand\n      # generated: access\n"
    )
    assert "\n      - eye-access:/run/knotmeter/access/eye\n      - feeder-access:" in text
    assert text.count("    <<: *engine\n") == len(ENGINES)
    assert "\n  eye:\n    <<: *engine\n    command: [engine, eye, --settings, *settings-file]\n" in text
    assert "    mem_limit: 1m\n" in text
    assert "KNOTMETER_BUS__ENGINE_LOGIC: ${BUS_SCHEME:?}://poison@${ENGINE_LOGIC:?}\n" in text
    assert '    ports: ["127.0.0.1:${POISON_PORT:?}:8000"]\n' in text
    assert "  # end\n\n  by-hand:\nvolumes:\n  # generated: volumes\n  eye-access:\n" in text
    assert "old" not in text
    assert rendered[ENVIRONMENT_FILE] == (
        "BY_HAND=1\n# generated: ports\nEYE_PORT=1\nFEEDER_PORT=1\nPOISON_PORT=1\n# end\n"
    )


def test_rendering_what_was_rendered_changes_nothing() -> None:
    """Rendering is idempotent."""
    once = render(ENGINES, SETTINGS, DOCUMENTS)

    assert render(ENGINES, SETTINGS, once) == once


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (README, None, "`README.md`: expected a README, found none"),
        ("services/eye/README.md", None, "`services/eye/README.md`: expected a README, found none"),
        (README, "# Title\n", "`README.md`: expected a region `<!-- generated: engines -->`, found none"),
        (
            README,
            "<!-- generated: engines -->\n<!-- end -->\n",
            "expected a region `<!-- generated: flow -->`",
        ),
        (README, MAIN + "<!-- generated: moods -->\n<!-- end -->\n", "found `moods`"),
        (README, MAIN + "<!-- generated: flow -->\n", "to be closed by `<!-- end -->`"),
        (README, "<!-- end -->\n" + MAIN, "to be closed by `<!-- end -->`"),
        (
            "services/eye/README.md",
            "<!-- generated: flow -->\n<!-- end -->\n",
            "['metrics', 'settings'], found `flow`",
        ),
        (COMPOSE_FILE, None, "`docker-compose.yml`: expected a file to fill in, found none"),
        (COMPOSE_FILE, "services:\n", "expected a region `# generated: engines`, found none"),
        (ENVIRONMENT_FILE, VARIABLES + "# end\n", "to be closed by `# end`"),
    ],
)
def test_a_document_that_cannot_be_rendered_is_told(path: str, text: str | None, message: str) -> None:
    """A missing README, a missing, unknown or open region: the message names file and region."""
    documents = {name: old for name, old in DOCUMENTS.items() if name != path} | (
        {path: text} if text else {}
    )

    with pytest.raises(KnotmeterError) as caught:
        render(ENGINES, SETTINGS, documents)
    assert message in str(caught.value)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with these documents and engines."""
    for path, text in DOCUMENTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    (tmp_path / "bus").mkdir()
    monkeypatch.setattr(registry, "engines", lambda: ENGINES)
    monkeypatch.setattr(registry, "config_type", lambda _: Config)
    return tmp_path


def test_check_names_what_is_stale(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Comparing writes nothing, fails, names the files and says what to do; after writing it passes."""
    assert main(["--check"], root) == 1
    told = capsys.readouterr().err
    assert (
        told == "Not what the specs say: README.md, docker-compose.yml, .env, services/eye/README.md, "
        "bus/FIELDS.md; run `make generate`\n"
    )
    assert (root / README).read_text("utf-8") == MAIN

    assert main([], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote README.md",
        "wrote docker-compose.yml",
        "wrote .env",
        "wrote services/eye/README.md",
        "wrote bus/FIELDS.md",
    ]
    assert main(["--check"], root) == 0
    assert main([], root) == 0
    assert capsys.readouterr().out == ""


def test_a_problem_is_told_without_a_traceback(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program says what is wrong and exits 1."""
    (root / README).unlink()

    assert main(["--check"], root) == 1
    assert capsys.readouterr().err == "`README.md`: expected a README, found none; write it\n"


def test_the_field_page_has_every_record_byte_by_byte() -> None:
    """Offsets, types and units of records; fields of events; the dictionary."""
    page = field_page()

    assert "| 24 | `<i8` | `price` | 1e-9 currency |\n" in page
    assert "### `trade`\n\nOne execution. 48 bytes.\n" in page
    assert "### `watermark`\n\nHow far a source has got. Version 1. Operational: not numbered" in page
    assert "| `vpin` | number or null | ratio |\n" in page
    assert "| `vpin` | number | ratio | 0 to 1 |" in page


def test_the_repository_is_as_rendered() -> None:
    """What is committed is what the declarations say."""
    engines = registry.engines()
    settings = {name: registry.config_type(name) for name in engines}
    root = Path(__file__).resolve().parent.parent.parent
    paths = [README, COMPOSE_FILE, ENVIRONMENT_FILE, *(f"services/{name}/README.md" for name in engines)]
    rendered = render(engines, settings, {path: (root / path).read_text("utf-8") for path in paths})

    assert {path for path, text in rendered.items() if (root / path).read_text("utf-8") != text} == set()
    assert FIELD_PAGE in rendered
