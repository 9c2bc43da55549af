"""The client installed as its page says, in a fresh environment: its two packages by hash and ours, no other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.builders import make_bundle
from tests.faults.served import served

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
SOURCE = ("bundle", "service", "training", "prismrec", "pyproject.toml", "README.md", "LICENSE")
NOBODY = ("numpy", "torch", "fastapi", "pydantic", "onnxruntime", "typer", "rich")
ASKS = """
import asyncio, importlib.util, sys
from prismrec.client import AsyncClient, Client
from prismrec.client.problems import InvalidRequestError

url = sys.argv[1]
with Client(url) as client:
    assert len(client.recommend(history=["m0"], n=3).items) == 3
    try:
        client.recommend(history=["m0"], n=0)
    except InvalidRequestError as problem:
        assert problem.errors[0].pointer == "/n"

async def ask():
    async with AsyncClient(url) as client:
        return await client.health_live()

assert asyncio.run(ask()).status == "live"
there = [name for name in sys.argv[2:] if importlib.util.find_spec(name)]
assert not there, there
loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"bundle", "service", "training"})
assert not loaded, loaded
"""


def locked(*names: str) -> str:
    """The lines of requirements/all.txt for these packages and all that they need, with their hashes."""
    text = (ROOT / "requirements" / "all.txt").read_text("utf-8")
    entries = dict(re.findall(r"^([a-z0-9.-]+)(==(?:.*\\\n)*.*\n)", text, re.MULTILINE))
    wanted, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        needs = [Requirement(line) for line in requires(name) or ()]
        needs = [one for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
        waiting += [one.name for one in needs if one.name not in wanted]
    return "".join(name.replace("_", "-") + entries[name.replace("_", "-")] for name in sorted(wanted))


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment that has the client and nothing else of ours."""
    folder = tmp_path_factory.mktemp("installed")
    for name in SOURCE:
        kept = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        kept(ROOT / name, folder / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    made = run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "wheels", ".", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert run(sys.executable, "-m", "venv", "--without-pip", "fresh", cwd=folder).returncode == 0
    python = folder / "fresh" / "bin" / "python"
    (folder / "client.txt").write_text(locked("httpx", "msgspec"), "utf-8")
    into = (*pip, "--python", str(python), "install", "--quiet", "--no-deps")
    done = run(*into, "--require-hashes", "-r", "client.txt", cwd=folder)
    if "No matching distribution" in done.stderr and "connection" in done.stderr.lower():
        pytest.skip("NO NETWORK: the client is not installed in an environment of its own")
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "wheels").glob("prismrec-*.whl")
    installed = run(*into, "--no-index", str(wheel), cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return python


def test_client_alone_asks_a_real_service(python: Path, tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with served(tmp_path) as running:
        done = run(python, "-I", "-W", "error", "-c", ASKS, running.base, *NOBODY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_service_cannot_be_imported_there(python: Path, tmp_path: Path) -> None:
    done = run(python, "-I", "-c", "import service.app", cwd=tmp_path)
    assert "No module named" in done.stderr
