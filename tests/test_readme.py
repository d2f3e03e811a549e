"""What the documents show is run: console blocks, Python blocks, and the output printed below them.

A document's blocks run in order in one empty folder, so a later block may use what an earlier one made. Every
command must exit 0. Lines below a command are its standard output, compared as doctest does with white space
normalised and ``...`` standing for anything; without such lines the output is free. A block that cannot run
there says why on the line above it: ``<!-- not executed: reason -->``.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
DOCUMENTS: Final = sorted(
    path
    for folder in (".", "bus", "services", "shared", "knotmeter", "benchmarks")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
LOOSE: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LIMIT_SECONDS: Final = 300

FENCE: Final = re.compile(r" *```(?P<language>\S*)")
NOT_EXECUTED: Final = re.compile(r"<!-- not executed:(?P<reason>.*)-->")
EXECUTED: Final = frozenset({"console", "python"})
MISNAMED: Final = frozenset({"bash", "sh", "shell", "shell-session", "zsh", "py", "pycon", "python3"})


class Block(NamedTuple):
    """One fenced block of a document."""

    line: int
    """Number of its first line inside the fence."""
    language: str
    text: str
    not_executed: str | None
    """Why it is not executed; None if it is."""


class Step(NamedTuple):
    """One program to run."""

    line: int
    title: str
    """What the document calls it."""
    arguments: list[str]
    output: str
    """What the document shows below it; empty if nothing."""


class DocumentError(Exception):
    """A document that shows what does not hold."""


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block, in order."""
    above = ""
    block: Block | None = None
    content: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if block is None and fence:
            excuse = NOT_EXECUTED.search(above)
            block = Block(number + 1, fence["language"], "", excuse["reason"].strip() if excuse else None)
            content = []
        elif block is not None and line.strip() == "```":
            yield block._replace(text=textwrap.dedent("\n".join(content)))
            block, above = None, ""
        elif block is not None:
            content.append(line)
        elif line.strip():
            above = line
    if block is not None:
        message = f"line {block.line}: expected a closing fence, found the end of the document"
        raise DocumentError(message)


def commands(block: Block) -> Iterator[Step]:
    """The commands of a console block: ``$ `` begins one, a closing backslash continues it."""
    found: list[tuple[int, list[str], list[str]]] = []
    for number, text in enumerate(block.text.splitlines(), start=block.line):
        if text.startswith("$ "):
            found.append((number, [text[2:]], []))
        elif found and found[-1][1][-1].endswith("\\"):
            found[-1][1].append(text)
        elif found:
            found[-1][2].append(text)
    for line, shell, output in found:
        arguments = ["bash", "-eu", "-o", "pipefail", "-c", "\n".join(shell)]
        yield Step(line, shell[0], arguments, "\n".join(output).strip("\n"))


def program(block: Block, folder: Path) -> Step:
    """A Python block: a doctest if it has prompts, else a program."""
    path = folder / "block.py"
    if re.search(r"^>>> ", block.text, re.MULTILINE):
        path.write_text(f'r"""\n{block.text}\n"""\n', "utf-8")
        options = ["-m", "doctest", "-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE"]
        return Step(block.line, "python", [sys.executable, *options, str(path)], "")
    path.write_text(block.text, "utf-8")
    return Step(block.line, "python", [sys.executable, str(path)], "")


def environment() -> dict[str, str]:
    """What a command sees: this environment's programs first, a plain terminal, no settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KNOTMETER_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "COLUMNS": "100", "LINES": "40", "NO_COLOR": "1", "TERM": "dumb"}


def run(step: Step, folder: Path) -> None:
    """Run one program in a folder and hold it against what the document shows."""
    done = subprocess.run(
        step.arguments,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode:
        message = (
            f"line {step.line}: `{step.title}`: expected exit status 0, found {done.returncode}; mend it or "
            f"write `<!-- not executed: reason -->` above the block\n{done.stdout}{done.stderr}"
        )
        raise DocumentError(message)
    if step.output and not doctest.OutputChecker().check_output(f"{step.output}\n", done.stdout, LOOSE):
        message = f"line {step.line}: `{step.title}`: expected\n{step.output}\nfound\n{done.stdout}"
        raise DocumentError(message)


def execute(block: Block, folder: Path) -> None:
    """Execute one block in a folder.

    Raises:
        DocumentError: it does not do what it shows, or cannot be told to; the message begins with the line.
    """
    if block.language in MISNAMED:
        message = f"line {block.line}: expected a `console` or `python` block, found `{block.language}`"
        raise DocumentError(message)
    if block.not_executed == "":
        message = f"line {block.line}: expected a reason after `not executed:`, found none"
        raise DocumentError(message)
    if block.language not in EXECUTED or block.not_executed is not None:
        return
    steps = [program(block, folder)] if block.language == "python" else list(commands(block))
    if not steps:
        message = f"line {block.line}: expected a command after `$ ` in a console block, found none"
        raise DocumentError(message)
    for step in steps:
        run(step, folder)


def execute_all(text: str, folder: Path) -> None:
    """Execute the blocks of a document in order in one folder."""
    for block in blocks(text):
        execute(block, folder)


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_what_a_document_shows_happens(document: Path, tmp_path: Path) -> None:
    """Every block of a document that can run does, and prints what the document says."""
    try:
        execute_all(document.read_text("utf-8"), tmp_path)
    finally:
        if (tmp_path / ".knotmeter").exists():  # a block that failed may have left a fleet running
            run(Step(0, "clean-up", [sys.executable, "-m", "knotmeter", "down"], ""), tmp_path)


def test_the_readme_shows_the_program() -> None:
    """The README has a console block that runs, so the first thing people try is tested."""
    shown = list(blocks((ROOT / "README.md").read_text("utf-8")))
    assert any(block.language == "console" and block.not_executed is None for block in shown)


GOOD: Final = """
```console
$ printf 'one\\ntwo   2\\nthree\\n' \\
    | tee numbers
one
two 2
...
$ grep -c two numbers
1
```

```python
assert open("numbers").read().startswith("one")
```

```python
>>> [1, 2,
...  3]
[1, ...]
```

<!-- not executed: needs a network -->
```console
$ false
```

```text
$ not a command
```
"""


def test_blocks_run_in_order_in_one_folder(tmp_path: Path) -> None:
    """Files made by one block are there for the next; continued lines, elisions and excuses work."""
    execute_all(GOOD, tmp_path)

    assert (tmp_path / "numbers").read_text("utf-8") == "one\ntwo   2\nthree\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\n$ true\n$ exit 3\n```", r"line 3: `exit 3`: expected exit status 0, found 3"),
        ("```console\n$ false | true\n```", "expected exit status 0, found 1"),
        ("```console\n$ echo one\ntwo\n```", r"line 2: `echo one`: expected\ntwo\nfound\none"),
        ("```console\nno prompt\n```", "expected a command after"),
        ("```python\nraise ValueError\n```", "expected exit status 0, found 1"),
        ("```python\n>>> 1 + 1\n3\n```", "expected exit status 0, found 1"),
        ("```console\n$ true", "expected a closing fence"),
        ("```bash\ntrue\n```", "expected a `console` or `python` block, found `bash`"),
        ("<!-- not executed: -->\n```console\n$ false\n```", "expected a reason"),
        ("<!-- not executed -->\n```console\n$ false\n```", "expected exit status 0"),
        ("<!-- not executed: elsewhere -->\ntext\n```console\n$ false\n```", "expected exit status 0"),
    ],
)
def test_what_does_not_hold_is_found(text: str, message: str, tmp_path: Path) -> None:
    """A failing command, another output, a missing reason: each is named with its line."""
    with pytest.raises(DocumentError, match=message):
        execute_all(text, tmp_path)
