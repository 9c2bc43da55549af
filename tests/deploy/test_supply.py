"""What is installed is known by its hash, licences and vulnerabilities are looked at, the image's list is whole."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
OF_THE_IMAGE = ("serve", "postgres", "fetch", "traces")
ENTRY = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;\\]+)(?P<marker> ;[^\\]*)?", re.M)


def entries(path: str) -> dict[str, tuple[str, int]]:
    """name -> (version, how many hashes) of a hashed file; packages for Windows alone are left out."""
    text = (ROOT / path).read_text("utf-8")
    found = {}
    for block in re.split(r"\n(?=\S)", text):
        entry = ENTRY.match(block)
        assert entry is not None, block[:80]
        if "== 'win32'" not in (entry["marker"] or ""):
            found[entry["name"]] = (entry["version"], block.count("--hash=sha256:"))
    return found


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if not line.startswith("#"))


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_locked_package_but_torch_has_its_hashes() -> None:
    found = entries("requirements/all.txt")
    assert {name: version for name, (version, _) in found.items()} == {
        name: version for name, version in locked().items() if name != "torch"
    }
    assert min(hashes for _, hashes in found.values()) >= 1
    assert found["numpy"][1] > 20, "only the files of one platform"


def test_image_has_what_its_extras_need_and_nothing_that_the_lock_does_not_know() -> None:
    found = entries("requirements/service.txt")
    lock = locked()
    assert all(lock[name] == version for name, (version, _) in found.items())
    assert not {"torch", "onnx", "polars", "lightning", "pytest"} & set(found)
    asked = metadata.requires("prismrec") or []
    needed = [
        line for line in asked if "extra ==" not in line or any(f'extra == "{extra}"' in line for extra in OF_THE_IMAGE)
    ]
    names = {re.split(r"[><=!~;\[ ]", line)[0].lower().replace("_", "-") for line in needed}
    assert len(names) > 12
    assert names <= set(found)
    docker = (ROOT / "Dockerfile").read_text("utf-8")
    assert "--require-hashes --no-deps -r service.txt" in docker
    assert "--no-deps --no-build-isolation ." in docker


def test_dependencies_of_what_the_image_has_are_there() -> None:
    """`--no-deps` trusts the file: what a package of it needs (here, on Linux) must stand in it, too."""
    found = entries("requirements/service.txt")
    missing = {}
    for name in found:
        for line in metadata.requires(name) or ():
            if "extra ==" in line or "win32" in line or "Windows" in line or "python_version <" in line:
                continue
            if "emscripten" in line or "python_full_version <" in line or "pypy" in line.lower():
                continue
            needed = re.split(r"[><=!~;\[ (]", line)[0].lower().replace("_", "-").replace(".", "-")
            if needed not in found:
                missing.setdefault(name, []).append(line)
    assert missing == {}


@pytest.mark.parametrize(
    ("licence", "passes"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("LGPL-3.0-only", True),
        ("DFSG approved; MIT License", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-or-later", False),
        ("UNKNOWN", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_licence_passes_only_where_it_is_known(licence: str, *, passes: bool) -> None:
    assert (script("licences").refused(licence) == []) is passes


REPORT = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        (json.dumps({"dependencies": [REPORT]}), 1, "X-1"),
        (json.dumps({"dependencies": [{**REPORT, "vulns": []}]}), 0, "0 open, of 1 packages"),
        (json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found"}]}), 0, "NOT CHECKED"),
        ("", 0, "NOT CHECKED"),
    ],
)
def test_audit_fails_for_what_is_known_and_is_loud_where_nothing_is(
    report: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(report))
    assert script("audit").main() == code
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_list_of_the_image_names_every_package(tmp_path: Path) -> None:
    tool = ROOT / ".venv" / "tools" / "bin" / "cyclonedx-py"
    found = shutil.which("cyclonedx-py") or (str(tool) if tool.exists() else None)
    if found is None:
        pytest.skip("NOT TESTED: the image's list, its tools are not installed (make sbom brings them)")
    out = tmp_path / "sbom.json"
    command = [
        found,
        "requirements",
        "requirements/service.txt",
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        str(out),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(out.read_text())
    assert document["bomFormat"] == "CycloneDX"
    listed = {component["name"].lower().replace("_", "-"): component["version"] for component in document["components"]}
    expected = {name: version for name, (version, _) in entries("requirements/service.txt").items()}
    assert expected.items() <= listed.items()
