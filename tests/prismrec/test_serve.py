"""`prismrec serve` and `load` refuse what is surely a typo before they say or make anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from prismrec.__main__ import main
from tests.builders import make_bundle

SERVE = ["serve", "--port", "0"]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model ml-1m in a place of its own."""
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "models", name="ml-1m")
    return tmp_path / "models"


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """What is said on stderr; nothing may be made, and nothing be said before the refusal."""
    before = sorted(Path().rglob("*"))
    assert main(words) == 2
    said = capsys.readouterr().err
    assert [line.partition(":")[0] for line in said.splitlines()] == ["error", "hint"]
    assert sorted(Path().rglob("*")) == before
    return said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "ml"], "did you mean ml-1m?"),
        (["--model", "models/ml-1m"], "did you mean ml-1m?"),
        (["--models", "models/ml-1m"], "did you mean --models models --model ml-1m"),
        (["--store", "sqlite:///nodir/x.sqlite"], "mkdir -p nodir"),
        (["--host", "0.0.0.0"], "PRISMREC_READ_KEYS"),
    ],
)
def test_serve_of_a_typo_is_refused_and_leaves_nothing(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, [*SERVE, *flags])


def test_serve_on_a_taken_port_does_not_say_first_that_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen" in refused(capsys, ["serve", "--port", str(taken.getsockname()[1])])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "models/ml-1m/1"], "say --model models/ml-1m"),
        (["--model", "../{here}/models"], "models/ml-1m"),
        (["--store", "sqlite:///nodir/x.sqlite"], "mkdir -p nodir"),
    ],
)
def test_load_beside_no_model_is_refused_and_leaves_nothing(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"u{u},i{i},5\n" for u in range(12) for i in range(6))
    Path("interactions.csv").write_text("user_id,item_id,rating\n" + rows)
    flags = [word.format(here=tmp_path.name) for word in flags]
    assert said in refused(capsys, ["load", "interactions.csv", *flags])
