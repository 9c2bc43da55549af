"""`prismrec versions` and `prismrec use`: a release and a rollback, never to what the service would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundle.reader import resolve
from prismrec.__main__ import main
from tests.builders import damage, make_bundle


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for version in ("1", "2", "10"):
        make_bundle(tmp_path, name="demo", version=version, seed=int(version))
    return tmp_path / "demo"


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert main(["--json", *words]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_versions_come_oldest_first_and_the_served_one_is_marked(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, "versions", str(model))["versions"]
    assert [(one["version"], one["current"]) for one in found] == [("1", False), ("2", False), ("10", True)]
    assert len({one["bundle_id"] for one in found}) == 3
    assert main(["versions", str(model)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("* 10  ")


def test_use_of_an_older_version_rolls_back_and_forth(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    back = asked(capsys, "use", str(model), "2")
    assert (back["before"], resolve(model).name) == ("10", "2")
    forth = asked(capsys, "use", str(model), "10")
    assert (forth["before"], resolve(model).name) == ("2", "10")
    assert back["bundle_id"] != forth["bundle_id"]


@pytest.mark.parametrize("kind", ["flipped-bit", "nan-weights"])
def test_use_of_a_version_that_would_be_refused_changes_nothing(
    model: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(model / "2", kind)
    assert main(["use", str(model), "2"]) == 2
    assert "hint:" in capsys.readouterr().err
    assert resolve(model).name == "10"


def test_use_of_a_version_that_is_not_there_names_those_that_are(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["use", str(model), "3"]) == 2
    assert "there are: 1, 2, 10" in capsys.readouterr().err
    assert main(["versions", str(model.parent)]) == 2


def test_use_mends_a_pointer_that_names_nothing_and_says_which(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "current").write_text("99\n")
    assert main(["use", str(model), "1"]) == 0
    assert "before: 99, which is not there" in capsys.readouterr().out
    assert resolve(model).name == "1"
    (model / "current").write_text("../..\n")
    assert asked(capsys, "use", str(model), "2")["before"] is None
