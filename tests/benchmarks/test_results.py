"""A benchmark's page and its twin are of one document."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.results import write


def _page(document: dict[str, object]) -> str:
    return f"{document['command']}: {document['measured']} of {document['rows']}\n"


def test_page_and_twin_tell_the_command_the_machine_and_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["whatever", "--rows", "3"])
    write("benchmarks.x", [{"a": 1}], _page, results=tmp_path / "deep" / "x", rows=3)
    twin = json.loads((tmp_path / "deep" / "x.json").read_text())
    assert list(twin) == ["command", "rows", "commit", "machine", "measured"]
    assert twin["command"] == "python -m benchmarks.x --rows 3" and twin["machine"]["cores"] > 0
    assert (tmp_path / "deep" / "x.md").read_text() == _page(twin)


def test_page_without_a_place_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    write("benchmarks.x", [], _page, results=None, rows=3)
    assert capsys.readouterr().out.rstrip().endswith(": [] of 3")
