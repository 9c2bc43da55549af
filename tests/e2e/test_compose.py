"""`docker compose up --build --wait`, for real: needs a Docker Engine with Compose v2; `make docker` runs it.

WHEELHOUSE in the environment goes on to the build (a folder of wheels for machines that have no package index for
torch's CPU build).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SIZE_BUDGET = 200 * 1_000_000

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]


def run(*command: str, env: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=1400)
    assert done.returncode == 0 or not check, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done


def missing_engine() -> str | None:
    if shutil.which("docker") is None:
        return "there is no docker command"
    if run("docker", "info", check=False).returncode != 0:
        return "no Docker Engine answers (start one, or set DOCKER_HOST)"
    if run("docker", "compose", "version", check=False).returncode != 0:
        return "docker has no Compose v2 plugin"
    return None


class Stack:
    """A running compose project of its own name, with its own volumes and port."""

    def __init__(self) -> None:
        self.project = f"prismrec-e2e-{secrets.token_hex(4)}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.env = {**os.environ, "PORT": str(self.port), "COMPOSE_PROJECT_NAME": self.project}

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("docker", "compose", *arguments, env=self.env, check=check)

    def inside(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.compose("exec", "-T", "service", *command, check=check)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    reason = missing_engine()
    if reason:
        pytest.skip(f"NOT TESTED: docker compose, because {reason}")
    started = Stack()
    try:
        started.compose("up", "--build", "--wait", "--wait-timeout", "1200")
        yield started
    finally:
        started.compose("down", "--volumes", "--timeout", "20", check=False)


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=10) as client:
        yield client


def a_user_and_item(http: httpx.Client) -> tuple[str, str]:
    item = http.get("/items", params={"limit": 1}).json()["items"][0]["item_id"]
    user = http.get("/users", params={"limit": 1}).json()["items"][0]["user_id"]
    return user, item


def test_compose_up_answers_the_three_endpoints_with_no_other_step(http: httpx.Client) -> None:
    user, item = a_user_and_item(http)
    listed = http.post("/recommend", json={"user_id": user, "n": 5, "explain": True})
    assert listed.status_code == 200, listed.text
    assert len(listed.json()["items"]) == 5
    why = http.get(f"/explain/{user}", params={"item_id": item})
    assert why.status_code == 200, why.text
    parts = why.json()
    total = parts["base_value"] + sum(f["contribution"] for f in parts["factors"]) + parts["residual"]
    assert total == pytest.approx(parts["score"], rel=1e-5, abs=1e-5)
    cold = http.post("/coldstart", json={"picks": [{"factor": 0, "half": "positive"}], "n": 5, "seed": 7})
    assert cold.status_code == 200, cold.text
    assert len(cold.json()["items"]) == 5


def test_s7_service_container_is_locked_down(stack: Stack) -> None:
    assert stack.inside("id", "-u").stdout.strip() == "10001"
    assert stack.inside("touch", "/opt/prismrec/x", check=False).returncode != 0
    assert stack.inside("touch", "/models/x", check=False).returncode != 0
    assert stack.inside("touch", "/store/x").returncode == 0  # control: the one place that may be written


def test_c4_service_image_is_small_and_has_no_torch(stack: Stack) -> None:
    for module in ("torch", "training", "onnx", "polars", "pip"):
        assert stack.inside("python", "-c", f"import {module}", check=False).returncode != 0, module
    assert stack.inside("python", "-c", "import onnxruntime").returncode == 0
    base = run("docker", "image", "inspect", "python:3.11-slim", "--format", "{{.Size}}").stdout
    ours = run("docker", "image", "inspect", "prismrec-service", "--format", "{{.Size}}").stdout
    assert int(ours) - int(base) <= SIZE_BUDGET, f"the service adds {(int(ours) - int(base)) / 1e6:.0f} MB to its base"


def test_c3_service_image_holds_what_its_requirements_name_and_nothing_else(stack: Stack, tmp_path: Path) -> None:
    """Packages, .pth files, compilers, pip, .git, the user; and the list of the image is of this very image."""
    looked = run(sys.executable, ".ci/image.py", "prismrec-service", check=False)
    assert looked.returncode == 0, looked.stderr
    assert " 0 .pth files, 0 problems" in looked.stdout
    base = run("docker", "image", "inspect", "--format", "{{.Id}}", "python:3.11-slim").stdout.strip()
    control = run(sys.executable, ".ci/image.py", base, check=False)  # what it is built on has pip
    assert control.returncode == 1
    assert "prismrec is not installed" in control.stderr
    assert "pip" in control.stderr


def test_s7_service_answers_where_it_can_call_nobody(stack: Stack) -> None:
    """It needs no way out: a network that leads nowhere, no rights, a root that cannot be written."""
    name = f"{stack.project}-inside"
    locked = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp"]
    mounts = [f"--volume={stack.project}_models:/models:ro", "--tmpfs=/store:uid=10001"]
    run("docker", "network", "create", "--internal", name)
    try:
        run(
            "docker",
            "run",
            "--detach",
            "--name",
            name,
            "--network",
            name,
            *locked,
            *mounts,
            "--env=PRISMREC_OPEN=true",
            "prismrec-service",
        )
        until = time.monotonic() + 120
        while run("docker", "inspect", "--format", "{{.State.Health.Status}}", name).stdout.strip() != "healthy":
            assert time.monotonic() < until, run("docker", "logs", name).stderr[-2000:]
            time.sleep(0.5)
        assert "model" in run("docker", "exec", name, "python", "-c", ASK).stdout
        assert run("docker", "exec", name, "python", "-c", CALL_OUT, check=False).returncode != 0
        assert run("docker", "exec", name, "touch", "/opt/x", check=False).returncode != 0
    finally:
        run("docker", "rm", "--force", "--volumes", name, check=False)
        run("docker", "network", "rm", name, check=False)


ASK = """
import json, urllib.request as u
items = json.load(u.urlopen("http://127.0.0.1:8000/items?limit=1"))["items"]
body = json.dumps({"history": [items[0]["item_id"]], "n": 3}).encode()
asked = u.Request("http://127.0.0.1:8000/recommend", body, {"Content-Type": "application/json"})
print(json.load(u.urlopen(asked))["source"])
"""
CALL_OUT = "import socket; socket.create_connection(('1.1.1.1', 443), timeout=3)"


def test_second_up_keeps_the_bundle(stack: Stack, http: httpx.Client) -> None:
    before = http.get("/bundles").json()
    stack.compose("up", "--wait", "--wait-timeout", "300")
    assert http.get("/bundles").json() == before
    trainer = json.loads(run("docker", "inspect", f"{stack.project}-trainer-1", env=stack.env).stdout)[0]
    assert trainer["State"]["ExitCode"] == 0
