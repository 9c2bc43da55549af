"""What the check of the service's image finds; tests/e2e/test_compose.py lets it look at the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_supply import ROOT, script

ALLOWED = {"numpy": "2.4.6", "colorama": "0.4.6"}
FACTS: dict[str, Any] = {
    "packages": {"numpy": "2.4.6", "prismrec": "0.1.0"},
    "commands": [],
    "debian": {"libc6": "2.36-9"},
    "folders": {"/opt/prismrec/lib/python3.11/site-packages": ["numpy", "numpy-2.4.6.dist-info", "service"]},
    "litter": [],
    "pth": {},
    "user": 10001,
}
SITE = "/opt/prismrec/lib/python3.11/site-packages"


def test_image_of_what_is_named_has_no_problem() -> None:
    assert script("image").problems(FACTS, ALLOWED) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"packages": {**FACTS["packages"], "Left.Pad": "1"}}, "left-pad 1 is installed"),
        ({"packages": {**FACTS["packages"], "numpy": "2.4.5"}}, "numpy is 2.4.5, the requirements say 2.4.6"),
        ({"packages": {"numpy": "2.4.6"}}, "prismrec is not installed"),
        ({"pth": {f"{SITE}/evil.pth": "import os; os.system('id')"}}, "evil.pth runs at every start"),
        ({"folders": {SITE: ["torch"]}}, "holds torch"),
        ({"folders": {"/usr/lib/python3/dist-packages": ["pip-23.0.1.dist-info"]}}, "holds pip-23"),
        ({"commands": ["gcc"]}, "the command gcc is there"),
        ({"litter": ["/src/.git"]}, "/src/.git is there"),
        ({"user": 0}, "it runs as user 0"),
    ],
)
def test_image_with_what_does_not_belong_there_is_refused(change: dict[str, Any], said: str) -> None:
    (found,) = script("image").problems({**FACTS, **change}, ALLOWED)
    assert said in found


def test_list_of_the_image_is_of_what_is_really_there() -> None:
    listed = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [
            {"name": "numpy", "version": "2.4.6", "bom-ref": "n"},
            {"name": "colorama", "version": "0.4.6", "bom-ref": "c"},  # of Windows
        ],
        "dependencies": [{"ref": "root", "dependsOn": ["n", "c"]}, {"ref": "c"}],
    }
    image = script("image")
    assert image.of_the_image(listed, FACTS) == []
    assert [c["name"] for c in listed["components"]] == ["numpy", "libc6"]
    assert listed["dependencies"] == [{"ref": "root", "dependsOn": ["n"]}]
    more = {**FACTS, "packages": {**FACTS["packages"], "left-pad": "1"}}
    assert image.of_the_image(listed, more) == ["left-pad 1 is installed, and the list lacks it"]


def test_look_into_this_environment_finds_what_an_image_must_not_have() -> None:
    """The part that runs inside, here: this very environment has pip, setuptools and a .pth file."""
    code = (ROOT / ".ci" / "inside.py").read_text("utf-8").replace('os.walk("/")', f"os.walk({sys.prefix!r})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    found = script("image").problems(facts, {})
    assert any("distutils-precedence.pth" in line for line in found)
    assert any("holds torch" in line for line in found)
    assert any(line.startswith("numpy ") for line in found)


PYTHON = "FROM x\nARG PYTHON_IMAGE=python:3.11-slim\n"
COMPOSE = "image: ${POSTGRES_IMAGE:-postgres:17}\n"


def test_c3_base_image_by_tag_is_said_loudly_and_by_digest_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bases = script("bases")
    monkeypatch.setattr(bases, "ROOT", tmp_path)
    (tmp_path / "Dockerfile").write_text(PYTHON)
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    monkeypatch.setenv("PYTHON_IMAGE", f"python:3.11-slim@sha256:{'0' * 64}")
    monkeypatch.delenv("PINNED", raising=False)
    assert bases.main() == 0
    told = capsys.readouterr()
    assert "NOT PINNED: postgres:17" in told.err
    assert "python" not in told.err
    assert "1 of 2 by digest" in told.out
    monkeypatch.setenv("PINNED", "1")
    assert bases.main() == 1
    monkeypatch.setenv("POSTGRES_IMAGE", f"postgres@sha256:{'1' * 64}")
    assert bases.main() == 0


def test_base_images_of_the_project_are_all_seen() -> None:
    bases = script("bases")
    files = [(ROOT / name).read_text("utf-8") for name in ("Dockerfile", "docker-compose.yml")]
    assert set(bases.bases(*files, {})) == {
        "PYTHON_IMAGE", "POSTGRES_IMAGE", "PROXY_IMAGE", "PROMETHEUS_IMAGE", "GRAFANA_IMAGE",
    }  # fmt: skip
