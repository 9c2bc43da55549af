"""Rounds of schemathesis against the running service, each with its seed.

The seed also says which service it is: `SETUPS[seed % len(SETUPS)]`. The same seed draws the same but for what
schemathesis takes from the replies, which have ids of their own; a failure is printed with the request that shows it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import cluster
from tests.builders import make_bundle
from tests.faults.served import Served, served

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "tests/service/schemathesis.toml"
READ, ADMIN = "read-key-0123456789", "admin-key-0123456789"
KEYS = {"read_keys": READ, "admin_keys": ADMIN}
STEER = {"factors": {"0": 0.5}, "attributes": {"genre:Comedy": 1.0}, "lock": ["year"]}
SECONDS = 900
"""How long one round may take at most."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A service to try. key: whose requests are sent; make: its bundles."""

    name: str
    make: Callable[[Path], Any]
    settings: dict[str, str] = field(default_factory=dict)
    key: str = ADMIN
    postgres: bool = False


def _steerable(models: Path) -> None:
    make_bundle(models, linear=True, steering=True)


def _two(models: Path) -> None:
    _steerable(models)
    make_bundle(models, name="other", n_items=60, seed=5)


def _bare(models: Path) -> None:
    make_bundle(models, n_conditions=0, attributes=False)


SETUPS = (
    Setup("one model that is steered", _steerable),
    Setup("two models and a split", _two, {"serve": "demo,other", "split": "demo:0.5,other:0.5"}),
    Setup("PostgreSQL", _steerable, postgres=True),
    Setup("a read key only", _steerable, key=READ),
    Setup("a model without attributes", _bare),
)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. seen: "operation status code" -> how often; report: schemathesis's own."""

    seed: int
    setup: str
    exit_code: int
    text: str
    report: dict[str, Any]
    seen: dict[str, int]


def setup_of(seed: int) -> Setup:
    """The service that a seed stands for."""
    return SETUPS[seed % len(SETUPS)]


def run_round(seed: int, folder: Path, *, examples: int) -> Round:
    """Start the service of this seed in `folder` (empty) and try `examples` of each operation on it."""
    setup = setup_of(seed)
    setup.make(folder / "models")
    with _store_of(setup, folder) as store, served(folder, **KEYS, **setup.settings, **store) as running:
        give_users(running)
        found = fuzzed(running, folder, seed=seed, options=("--max-examples", str(examples)), key=setup.key)
        assert httpx.get(f"{running.base}/health/live", timeout=10).status_code == 200
    return found


@contextmanager
def _store_of(setup: Setup, folder: Path) -> Iterator[dict[str, str]]:
    if not setup.postgres:
        yield {}
        return
    place = folder / "pg"
    place.mkdir()
    for above in (folder, *folder.parents[:-2]):
        above.chmod(0o755)  # the server runs as another user where we are root
    with cluster.running_cluster(place) as server:
        yield {"store_url": server.fresh_database()}


def give_users(running: Served) -> None:
    """The users of the document's examples: histories, and preferences of one."""
    body = {"interactions": [{"item_id": f"m{number}"} for number in (0, 3, 6, 9)]}
    with httpx.Client(base_url=running.base, headers={"X-API-Key": ADMIN}) as client:
        for user in ("1", "7", "42"):
            path = f"/users/{user}/interactions"
            assert client.post(path, json=body, headers={"Idempotency-Key": f"first-{user}"}).status_code == 200
        client.put("/users/42/preferences", json={"steer": STEER})


def fuzzed(running: Served, folder: Path, *, seed: int, options: tuple[str, ...], key: str = ADMIN) -> Round:
    """One run of schemathesis with all checks on, ours among them."""
    report, seen = folder / "report.json", folder / "seen.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
    command += ["run", f"{running.base}/openapi.json", "--header", f"X-API-Key: {key}", "--checks", "all"]
    command += ["--generation-database", "none", "--continue-on-failure", "--no-color", "--seed", str(seed)]
    command += ["--report", "json", "--report-json-path", str(report), *options]
    more = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.service.fuzz_checks", "FUZZ_SEEN": str(seen)}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | more, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    told = [json.loads(path.read_text("utf-8")) if path.exists() else {} for path in (report, seen)]
    return Round(seed, setup_of(seed).name, done.returncode, done.stdout + done.stderr, *told)
