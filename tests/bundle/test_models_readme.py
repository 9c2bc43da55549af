"""The blocks of models/README.md run, in order, on a good bundle, and notice a bad one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bundle.reader import resolve
from tests.builders import damage, linear_damage, make_bundle, steering_damage

README = Path(__file__).resolve().parents[2] / "models" / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)


def run_python() -> dict[str, object]:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, str(README), "exec"), names)
    return names


@pytest.mark.parametrize("terms", [{}, {"linear": True}, {"steering": True}])
@pytest.mark.parametrize("n_conditions", [0, 3])
def test_readme_blocks_on_a_good_bundle_run_and_recommend(tmp_path, monkeypatch, capsys, n_conditions, terms):
    make_bundle(tmp_path / "models", n_conditions=n_conditions, **terms)
    monkeypatch.chdir(tmp_path)
    names = run_python()
    assert len(names["recommended"]) == 5 and not {"m0", "m1", "m2"} & set(names["recommended"])
    assert re.search(r"factor \d adds [+-]\d+\.\d+: \w+ (genre|year) ", capsys.readouterr().out)
    if terms:  # the item after the last of the history is planted first; without the term it would not be
        assert names["recommended"][0] == "m3"


@pytest.mark.parametrize(
    "kind", ["flipped-bit", "truncated", "extra-file", "manifest-digit", "golden-off", "nan-weights"]
)
def test_readme_blocks_on_a_bad_bundle_stop(tmp_path, monkeypatch, kind):
    damage(make_bundle(tmp_path / "models"), kind)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        run_python()


@pytest.mark.parametrize("kind", ["missing", "one-weight-off", "direct-parts-of-nothing"])
def test_readme_blocks_on_a_bad_linear_graph_stop(tmp_path, monkeypatch, kind):
    linear_damage(make_bundle(tmp_path / "models", linear=True), kind)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        run_python()


@pytest.mark.parametrize("kind", ["missing", "another-scale", "explainer-that-stays", "history-that-stays"])
def test_readme_blocks_on_a_bad_steering_graph_stop(tmp_path, monkeypatch, kind):
    steering_damage(make_bundle(tmp_path / "models", steering=True), kind)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        run_python()


def test_readme_rollback_is_followed(tmp_path):
    make_bundle(tmp_path / "models")
    make_bundle(tmp_path / "models", version="2")
    assert resolve(tmp_path / "models" / "demo").name == "2"
    (block,) = blocks("console")
    for line in block.splitlines():
        subprocess.run(line.removeprefix("$ "), shell=True, check=True, cwd=tmp_path)
    assert resolve(tmp_path / "models" / "demo").name == "1"


def test_readme_python_needs_only_numpy_and_onnxruntime():
    imported = {
        name for block in blocks("python") for name in re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
    }
    assert imported == {"hashlib", "json", "pathlib", "numpy", "onnxruntime"}
