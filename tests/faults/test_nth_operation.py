"""W1, W3 and T6: the n-th operation of the store and of the bundle writer fails, for every n, in real processes.

The writer's operations one by one: tests/bundle/test_faults.py, in this process. Here it is killed from outside.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundle import files
from bundle.errors import NoBundleError
from bundle.reader import read_bundle, resolve
from tests.builders import make_bundle
from tests.faults.serving import LONG, SWAPS, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("KILLS", "10"))
EXPORTER = """
import sys
from pathlib import Path
from tests.builders import make_payload, builder_model
from bundle.writer import next_version, write_bundle
root = Path(sys.argv[1])
model = builder_model(n_items=6)
while True:
    version = next_version(root / "demo")
    payload, manifest_of = make_payload(model, version=version)
    print(version, flush=True)
    write_bundle(root / "demo", version, payload, manifest_of)
"""


def outcomes(folder: Path, kind: str, *more: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.failing", str(folder), kind, *more],
        capture_output=True,
        text=True,
        timeout=LONG * 5,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout)
    print(found)
    return found


def sound(found: dict[str, int]) -> bool:
    """What was acknowledged is whole, and what was not is not there or whole; never half of it."""
    allowed = {"passed, acknowledged, whole", "killed, silent, old", "killed, silent, whole", "refused, silent, old"}
    return set(found) <= allowed


def test_w1_store_killed_at_any_statement_keeps_old_or_whole(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "kill")
    assert sound(found)
    assert found["killed, silent, old"] >= 4, "the harness sees the statements"
    assert found["passed, acknowledged, whole"] == 1, "and comes to an end"


def test_w1_erasure_killed_at_any_statement_is_whole_or_not_begun_and_leaves_no_trace(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "erase")
    assert set(found) == {"killed, silent, old", "killed, silent, gone", "passed, acknowledged, gone"}
    assert found["killed, silent, old"] >= 12, "the part is written anew in several statements"


def test_w3_store_without_room_at_any_size_keeps_old_or_whole(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "room")
    assert sound(found)
    assert found["refused, silent, old"] >= 10, "the harness sees the writes"
    assert found["passed, acknowledged, whole"] == 1, "and comes to an end"


@pytest.mark.parametrize("kind", ["kill", "room", "erase"])
def test_w1_control_store_that_acknowledges_before_it_commits_is_found_out(tmp_path: Path, kind: str) -> None:
    found = outcomes(tmp_path, kind, "EARLY")
    assert not sound(found)
    assert any(one.endswith("acknowledged, old") for one in found)


def test_t6_killed_exporter_leaves_old_or_new_and_its_litter_is_swept(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    models = tmp_path / "models"
    begun = whole = 0
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, "-c", EXPORTER, str(models)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        first = int(child.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.05))
        child.kill()
        last = [first, *(int(line) for line in child.stdout.read().split("\n")[:-1])][-1]
        child.stdout.close()
        child.wait()
        begun += last - first + 1
        found = [path for path in (models / "demo").iterdir() if files.valid_version(path.name)]
        for path in found:
            read_bundle(path)  # every version there is is whole
        assert len(found) - whole >= last - first, "only the one under way may be missing"
        whole = len(found)
        try:
            assert resolve(models / "demo").name in {path.name for path in found}
        except NoBundleError:
            assert not found
    assert begun >= KILLS and whole < begun, "control: some were killed in their middle"
    make_bundle(models, version=str(begun + 2), seed=3)
    assert not list((models / "demo").glob(f"{files.STAGING_PREFIX}*"))
    with serving(tmp_path) as service, service.holds(SWAPS, by=1):
        assert service.serving()["version"] == str(begun + 2)
        service.reload_anew(str(begun + 2))
