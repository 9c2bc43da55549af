"""schemathesis against the running service, all checks on: what the document says is what the service does.

The short form runs everywhere with a fixed seed; FUZZ=200 (`make fuzz`) tries that many examples of each operation and
draws new ones each time (SEED=n: those of that seed).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.builders import make_bundle
from tests.faults.served import Served, served

pytest.importorskip("schemathesis")
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(7200)]

ROOT = Path(__file__).parents[2]
FUZZ = int(os.environ.get("FUZZ", "0"))
SEED = os.environ.get("SEED", "" if FUZZ else "1")
KEY = {"X-API-Key": "admin-key-0123456789"}
STEER = {"factors": {"0": 0.5}, "attributes": {"genre:Comedy": 1.0}, "lock": ["year"]}


def fuzzed(running: Served, folder: Path, *options: str) -> tuple[int, str]:
    """The exit code and the output of one run; 0 = no failures."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/service/schemathesis.toml")]
    command += ["run", f"{running.base}/openapi.json", "--header", f"X-API-Key: {KEY['X-API-Key']}", "--checks", "all"]
    command += ["--generation-database", "none", "--continue-on-failure", "--no-color", *options]
    command += ["--seed", SEED] if SEED else []
    more = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.service.fuzz_checks"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | more, capture_output=True, text=True, check=False, timeout=7000
    )
    return done.returncode, done.stdout + done.stderr


def give_users(running: Served) -> None:
    """The users of the document's examples: histories, and preferences of one."""
    body = {"interactions": [{"item_id": f"m{number}"} for number in (0, 3, 6, 9)]}
    with httpx.Client(base_url=running.base, headers=KEY) as client:
        for user in ("1", "7", "42"):
            path = f"/users/{user}/interactions"
            assert client.post(path, json=body, headers={"Idempotency-Key": f"first-{user}"}).status_code == 200
        assert client.put("/users/42/preferences", json={"steer": STEER}).status_code == 200


def test_service_keeps_to_its_document_whatever_is_sent(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", linear=True, steering=True)
    with served(tmp_path, read_keys="read-key-0123456789", admin_keys=KEY["X-API-Key"]) as running:
        give_users(running)
        code, text = fuzzed(running, tmp_path, "--max-examples", str(FUZZ or 8))
    assert code == 0, text[-20_000:]
    assert "28 selected / 28 total" in text, text[:2000]
    assert all(phase in text for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"))


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("schema", "Response violates schema"),
        ("crash", "Server error"),
        ("auth", "API accepts requests without authentication"),
        ("whim", "refused with no known reason"),
    ],
)
def test_service_with_a_planted_fault_is_found_out(tmp_path: Path, fault: str, caught: str) -> None:
    make_bundle(tmp_path / "models")
    keys = {"read_keys": "read-key-0123456789", "admin_keys": KEY["X-API-Key"]}
    with served(tmp_path, module="tests.service.fuzz_broken", variant=fault, **keys) as running:
        code, text = fuzzed(running, tmp_path, "--include-path", "/items", "--max-examples", "5")
    assert code == 1, text
    assert caught in text, text
