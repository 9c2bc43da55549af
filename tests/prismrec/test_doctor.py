"""`prismrec doctor` fails what `prismrec serve` refuses, or would never serve, and passes what it serves."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from prismrec.__main__ import main
from prismrec.commands import doctor_serving
from tests.builders import damage, make_bundle


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model demo in a place of its own; any port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRISMREC_PORT", "0")
    make_bundle(tmp_path / "models", name="demo")
    return tmp_path / "models"


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield str(listening.getsockname()[1])


def failed(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, str]:
    """The names of the checks that fail, and the detail and hint of each."""
    capsys.readouterr()
    code = main(["--json", "doctor", *flags])
    checks = json.loads(capsys.readouterr().out)["checks"]
    found = {one["name"]: f"{one['detail']}; {one['hint']}" for one in checks if one["passed"] is False}
    found.pop("torch", None)  # how many threads this machine gives it is no matter here
    assert code == (1 if found else code)
    return found


def test_settings_that_serve_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(capsys) == {}
    assert failed(capsys, "--model", "demo", "--host", "127.0.0.1") == {}


@pytest.mark.parametrize(
    ("settings", "check", "said"),
    [
        ({"HOST": "0.0.0.0"}, "settings", "PRISMREC_READ_KEYS"),
        ({"PROT": "1"}, "settings", "did you mean PRISMREC_PORT?"),
        ({"MODEL": "nope"}, "model nope", "there are: demo"),
        ({"SERVE": "demo,nope"}, "model nope", "there are: demo"),
        ({"MEMORY": "20"}, "model demo", "PRISMREC_MEMORY=20"),
        ({"MODELS": "models/demo"}, "models", "did you mean --models models --model demo"),
        ({"MODELS": "models/demo/1"}, "models", "did you mean --models models --model demo"),
        ({"STORE_URL": "sqlite:///nodir/x.sqlite"}, "store", "mkdir -p nodir"),
    ],
)
def test_settings_that_would_not_serve_fail(
    settings: dict[str, str], check: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"PRISMREC_{name}", value)
    found = failed(capsys)
    assert list(found) == [check]
    assert said in found[check]
    assert not Path("nodir").exists()
    assert not list(Path("models").rglob("*.sqlite")), "a doctor makes nothing"


def test_ports_that_are_taken_fail_with_the_setting_of_each(
    taken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = failed(capsys, "--port", taken)
    assert "PRISMREC_PORT (or --port)" in found["port"]
    monkeypatch.setenv("PRISMREC_METRICS_PORT", taken)
    found = failed(capsys)
    assert list(found) == ["port of /metrics"]
    assert "PRISMREC_METRICS_PORT" in found["port of /metrics"]


def test_several_models_and_none_named_fail(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bundle(models, name="other")
    assert "PRISMREC_MODEL=demo" in failed(capsys)["models"]
    assert failed(capsys, "--model", "other") == {}


def test_damaged_version_fails_with_why(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(models / "demo" / "1", "flipped-bit")
    assert "version 1 is refused" in failed(capsys)["model demo"]


def test_folder_without_models_is_no_failure_as_the_service_waits(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(capsys, "--models", "later", "--model", "any") == {}


def test_folder_that_only_training_writes_may_be_read_only_where_nobody_trains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("runs").write_text("no folder")
    assert "write access to runs" in failed(capsys)
    there = doctor_serving.find_spec
    monkeypatch.setattr(doctor_serving, "find_spec", lambda name: None if name == "torch" else there(name))
    assert "write access to runs" not in failed(capsys)
