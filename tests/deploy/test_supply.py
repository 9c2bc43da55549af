"""What is installed is known by its hash, licences and vulnerabilities are looked at, the image's list is whole."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
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


def test_c1_every_locked_package_but_torch_has_its_hashes() -> None:
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


def test_c1_images_install_by_hash_and_nothing_but_what_their_files_name() -> None:
    docker = (ROOT / "Dockerfile").read_text("utf-8")
    installs = re.findall(r"/bin/pip install (?P<words>[^&|\n]*)", docker)
    assert len(installs) == 5
    assert all("--no-deps" in words for words in installs)
    (torch,) = [words for words in installs if "--require-hashes" not in words and "--no-build-isolation" not in words]
    assert "-r torch.txt" in torch
    assert f"torch=={locked()['torch']}" in docker
    kept = (ROOT / ".dockerignore").read_text("utf-8")
    for part in ("service.txt", "trainer.txt", "add-*.txt"):
        assert f"!requirements/{part}" in kept


def test_trainer_has_what_its_extras_need_but_torch() -> None:
    found, lock = entries("requirements/trainer.txt"), locked()
    assert {name: version for name, (version, _) in found.items() if lock.get(name) != version} == {}
    assert {"lightning", "polars", "onnx", "psycopg", "sympy", "networkx", "setuptools"} <= set(found)
    assert not {"torch", "triton", "pytest"} & set(found)
    assert not [name for name in found if name.startswith("nvidia")]


@pytest.mark.parametrize(("name", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_what_may_be_added_to_the_image_has_hashes_and_changes_nothing_that_is_there(name: str, package: str) -> None:
    found, image = entries(f"requirements/add-{name}.txt"), entries("requirements/service.txt")
    assert min(hashes for _, hashes in found.values()) >= 1
    assert int(found[package][0].split(".")[0]) >= 2025, "pip went back to a version that needs nothing"
    both = set(found) & set(image)
    assert len(both) > 5
    assert {part: found[part][0] for part in both} == {part: image[part][0] for part in both}


@pytest.mark.parametrize("part", ["service", "trainer"])
def test_dependencies_of_what_an_image_has_are_there(part: str) -> None:
    """`--no-deps` trusts the file: what a package of it needs (here, on Linux) must stand in it, too."""
    found = {**entries(f"requirements/{part}.txt"), **({"torch": ("", 0)} if part == "trainer" else {})}
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


FOUND = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([FOUND], 1, "X-1 (fixed in 2)"),
        ([{**FOUND, "vulns": []}], 0, "1 of 1 packages of the lock looked at"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "NOT CHECKED"),
        ([], 0, "NOT CHECKED"),
    ],
)
def test_audit_fails_for_what_is_known_and_is_loud_where_nothing_is(
    packages: list[dict[str, object]], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("audit").judge({"the lock": packages}) == code
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_audit_asks_of_every_package_torch_and_those_that_may_be_added() -> None:
    audit = script("audit")
    asked = {path.name: audit.pins(path) for path in audit.LISTS}
    assert asked["requirements.lock"] == [f"{name}=={version}" for name, version in locked().items()]
    assert "torch" in locked()
    for name in ("s3", "gs"):
        listed = entries(f"requirements/add-{name}.txt")
        assert len(asked[f"add-{name}.txt"]) == len(listed) > 10


PLANTED = {
    "id": "GHSA-g3rq-g295-4j3m",
    "aliases": ["CVE-2020-28493"],
    "summary": "Regular Expression Denial of Service (ReDoS) in Jinja2",
    "details": "The urlize filter.",
    "modified": "2024-09-23T00:00:00Z",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI", "purl": "pkg:pypi/jinja2"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.11.3"}]}],
        }
    ],
}
"""What OSV answers of jinja2 2.11.2, shortened."""


class _Osv(BaseHTTPRequestHandler):
    """OSV's address, from which the recorded answer comes."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        planted = (asked["package"]["name"], asked["version"]) == ("jinja2", "2.11.2")
        body = json.dumps({"vulns": [PLANTED]} if planted else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def tool(name: str) -> str:
    """A tool of `make supply`; skips, loudly, where it is not installed."""
    there = ROOT / ".venv" / "tools" / "bin" / name
    found = str(there) if there.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"NOT TESTED: {name} is not installed (make supply brings it)")
    return found


def test_c5_audit_finds_a_planted_package_by_the_real_tool(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: everything but the registry is real."""
    audit, program = script("audit"), tool("pip-audit")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("OSV_URL", f"http://127.0.0.1:{server.server_port}/v1/query")
        planted = audit.ask(program, ["jinja2==2.11.2", "msgspec==0.22.0"], services=["osv"])
        sound = audit.ask(program, ["jinja2==3.1.6", "msgspec==0.22.0"], services=["osv"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert audit.judge({"planted": planted}) == 1
    assert "jinja2 2.11.2:" in capsys.readouterr().err
    assert audit.judge({"sound": sound}) == 0
    assert "2 of 2 packages of sound looked at" in capsys.readouterr().out


def test_list_of_the_image_names_every_package(tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    command = [
        tool("cyclonedx-py"),
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


def loose_actions(text: str) -> list[str]:
    """The actions of a workflow that are named by something that can be moved: a tag or a branch."""
    used = re.findall(r"uses:\s*['\"]?([^\s'\"#]+)", text)
    return [name for name in used if not name.startswith("./") and not re.search(r"@[0-9a-f]{40}$", name)]


def test_c2_actions_of_workflows_are_named_by_commit() -> None:
    """There are none at present: CI runs .ci/run. Whoever adds one pins it."""
    found = list((ROOT / ".github").rglob("*.y*ml")) if (ROOT / ".github").exists() else []
    assert {str(path): loose for path in found if (loose := loose_actions(path.read_text("utf-8")))} == {}
    assert loose_actions("- uses: actions/checkout@v5\n- uses: 'a/b@main' # x\n") == ["actions/checkout@v5", "a/b@main"]
    assert loose_actions(f"- uses: a/b@{'0' * 40} # v5\n- uses: ./local\n") == []
