"""The code blocks of README.md, models/README.md and docs/client.md, run as a reader would (tests/documents.py)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.documents import Block, blocks, difference

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "models/README.md", "docs/client.md")
BLOCKS = [block for name in DOCUMENTS for block in blocks(ROOT / name, name)]
READY_SECONDS = 60.0
STEP_SECONDS = 120.0

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder as `make demo` leaves it, and the port of the service that serves it; done: python blocks run so far."""

    folder: Path
    port: int
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def here(self, text: str) -> str:
        """The text with the documented address replaced by the real one."""
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}").replace(
            "localhost:8000", f"127.0.0.1:{self.port}"
        )

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PRISMREC_")}
        environment |= {"PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(command)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def workplace(demo, tmp_path_factory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("reader") / "prismrec"
    shutil.copytree(demo.root, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = [sys.executable, "-m", "prismrec", "serve", "--models", "models", "--model", "demo", "--port", str(port)]
    with (folder / "service.log").open("w") as log:
        process = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log)
        try:
            wait_ready(f"http://127.0.0.1:{port}/health/ready", process, folder / "service.log")
            yield Workplace(folder, port)
        finally:
            process.terminate()
            assert process.wait(timeout=30) in {0, -15}


def wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the service did not become ready:\n{log.read_text()}")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_block_does_what_the_document_says(block: Block, workplace: Workplace, monkeypatch):
    if block.skip is not None:
        pytest.skip(block.skip)
    monkeypatch.chdir(workplace.folder)
    {"console": run_console, "bash": run_bash, "python": run_python}[block.tag](block, workplace)


def run_console(block: Block, workplace: Workplace) -> None:
    steps = list(block.steps())
    for place, step in enumerate(steps):
        if step.command.startswith("make "):
            dry = subprocess.run(
                ["make", "-n", *step.command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert dry.returncode == 0, dry.stderr
            continue
        done = workplace.shell(step.command)
        expected = block.exit_code if place == len(steps) - 1 else 0
        assert done.returncode == expected, f"$ {step.command}\n{done.stdout}{done.stderr}"
        told = difference(workplace.here(step.shown), done.stdout)
        if told is not None:
            told = difference(workplace.here(step.shown), done.stderr + done.stdout) and told
        assert told is None, f"$ {step.command}\n{told}"


def run_bash(block: Block, workplace: Workplace) -> None:
    done = workplace.shell(block.text)
    assert done.returncode == block.exit_code, done.stdout + done.stderr


def run_python(block: Block, workplace: Workplace) -> None:
    """This block after the document's python blocks before it that have not run yet."""
    namespace = workplace.namespaces.setdefault(block.document, {"__name__": "__main__"})
    for earlier in BLOCKS:
        wanted = earlier.document == block.document and earlier.tag == "python" and earlier.line <= block.line
        if wanted and earlier.skip is None and earlier.name not in workplace.done:
            exec(compile(workplace.here(earlier.text), earlier.name, "exec"), namespace)
            workplace.done.add(earlier.name)


TRUE = """$ curl -s 'http://127.0.0.1:8000/recommend/u0093?n=1'
{"items": [{"item_id": "i0001", "rank": 1, "score": 1.5, "probability": 0.5, "title": "x", "reasons": null}],
 "source": "model", "bundle_id": "x", "...": "..."}
$ prismrec verify models/demo
PASS  manifest: ...
7 of 7 checks passed
$ make demo
"""


def test_console_block_that_is_true_passes(workplace):
    run_console(Block("control", 1, "console", TRUE), workplace)


@pytest.mark.parametrize(
    ("truth", "lie"),
    [
        ('"rank": 1', '"place": 1'),
        ('"source": "model"', '"source": 1'),
        ("PASS", "FAIL"),
        ("make demo", "make believe"),
    ],
)
def test_console_block_that_lies_is_found_out(truth, lie, workplace):
    with pytest.raises(AssertionError):
        run_console(Block("control", 1, "console", TRUE.replace(truth, lie)), workplace)


def test_console_block_with_a_stated_exit_code_passes_and_fails_without(workplace):
    text = "$ prismrec verify nowhere\nerror: ...\nhint: ..."
    run_console(Block("control", 1, "console", text, exit_code=2), workplace)
    with pytest.raises(AssertionError):
        run_console(Block("control", 1, "console", text), workplace)
