"""Every command that a document names exists, and `make help` names every chore."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import typer.main

from prismrec.__main__ import app
from tests.test_house import ROOT, tracked

CODE = re.compile(r"^```[a-z]*\n(.*?)^```|^(?:    |\$ )(.+?)$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
"""Fenced blocks, indented lines, and spans."""
COMMAND = re.compile(r"(?:^|[$;&|] *|[A-Z]=\S+ )(make|python -m|prismrec)((?: [a-z][a-z0-9_.-]*)+)", re.MULTILINE)


def chores() -> set[str]:
    (found,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return set(found.split())


def named(text: str) -> Iterator[tuple[str, list[str]]]:
    """What each command in the code of a document is called by, and the words after it."""
    for parts in CODE.findall(text):
        for program, words in COMMAND.findall("".join(parts)):
            yield program, words.split()


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def unknown(text: str) -> list[str]:
    """The commands in a document's code that there are not."""
    verbs = set(typer.main.get_command(app).commands)
    there = {
        "make": lambda words: chores().issuperset(words),
        "python -m": lambda words: is_module(words[0]),
        "prismrec": lambda words: words[0] in verbs,
    }
    return [f"{program} {' '.join(words)}" for program, words in named(text) if not there[program](words)]


def test_commands_that_documents_name_exist() -> None:
    documents = {path: path.read_text("utf-8") for path in tracked() if path.suffix == ".md"}
    wrong = {str(path.relative_to(ROOT)): found for path, text in documents.items() if (found := unknown(text))}
    assert not wrong, wrong
    seen = {(program, words[0]) for text in documents.values() for program, words in named(text)}
    assert {("make", "bench-control"), ("python -m", "benchmarks.reading"), ("prismrec", "load")} <= seen


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("See `make supper`.", "make supper"),
        ("`SEEDS=1 make setup supper`", "make setup supper"),
        ("```console\n$ make demo\n$ make supper\n```", "make supper"),
        ("    python -m benchmarks\n\n    python -m supper.time", "python -m supper"),
        ("`prismrec dine --well`", "prismrec dine"),
    ],
)
def test_command_that_does_not_exist_is_found(text: str, command: str) -> None:
    (found,) = unknown(text)
    assert found.startswith(command)


def test_help_names_every_chore() -> None:
    if shutil.which("make") is None:
        pytest.skip("NOT TESTED: what `make help` says, because make is not installed")
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"(?:^|  )make ([a-z][a-z-]*)", said, re.MULTILINE))
    assert listed == chores() - {"help"}
