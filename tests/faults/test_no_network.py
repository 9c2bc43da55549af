"""T12: with the network cut off everything works but `fetch`, and nobody else so much as tries to leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

WAYS = (["unshare", "-nm"], ["unshare", "-rnm"])
"""Root needs no user namespace; others need one, where the system lets them."""


def _way() -> list[str]:
    for way in WAYS:
        try:
            if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
                return way
        except FileNotFoundError:
            break
    pytest.skip("NO NETWORK NAMESPACE: unshare may not make one here; nothing is run with the network cut off")


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each step in there."""
    folder = tmp_path_factory.mktemp("offline")
    done = subprocess.run(
        [*_way(), sys.executable, "-m", "tests.faults.offline", str(folder)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    if not found["cut_off"]:
        pytest.skip("NOT CUT OFF: in a network namespace names are still resolved, by a service outside of it")
    return found


def test_t12_without_a_network_a_model_is_made_and_served_and_nobody_tries_to_leave(offline: dict[str, Any]) -> None:
    assert offline["control"]["attempts"] > 0, "the control: who tries to leave is refused and counted"
    assert offline["made"]["codes"] == [0, 0], offline["made"]["said"]
    assert offline["answered"] == {"status": 200, "items": 5, "attempts": 0}
    assert offline["made"]["attempts"] == 0


@pytest.mark.parametrize("fetched", ["fetched", "fetched by name"])
def test_t12_command_that_needs_the_network_says_so_with_exit_code_2(offline: dict[str, Any], fetched: str) -> None:
    tried = offline[fetched]
    assert tried["codes"] == [2]
    assert tried["attempts"] > 0
    error, hint = tried["said"].splitlines()
    assert error.startswith("error: https://") and "cannot be read" in error
    assert hint.startswith("hint: ") and "the network" in hint
