"""T6: kill -9 while `prismrec export` computes, before anything is packed: no litter, and the next one is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = max(2, int(os.environ.get("KILLS", "10")) // 5)


def test_t6_export_killed_while_it_computes_leaves_nothing_and_the_next_gives_the_same_bytes(tmp_path: Path) -> None:
    seed = os.environ.get("SEED", str(time.time_ns() % 10**6))
    print(f"SEED={seed}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.exporting", str(tmp_path), seed, str(KILLS)],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["left"] == [[]] * KILLS
    assert found["differs"] == [] == found["tmp"]
    assert found["control"] == ["half.onnx"], "the control: an exporter that leaves something is found out"
