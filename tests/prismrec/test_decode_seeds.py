"""`prismrec decode --seeds`, with the real processes: they are interrupted, go on, and their runs are used again."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.demo import command
from tests.prismrec.test_signals import start
from tests.training.boards import blocks, fitted, options
from training.run_folder import RunFolder
from training.run_info import RunInfo

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EPOCHS = 80
DECODE = ("decode", "run", "--seeds", "2", "--jobs", "2", "--json")
QUICK = ("--set", "permutations=50", "--set", "bootstraps=20", "--set", "users=20", "--set", "samples=8")


def _wait_for_epochs(path: Path, n: int, *, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.is_file() or path.read_bytes().count(b"\n") < n:
        assert time.monotonic() < deadline, f"{path} has no {n} lines"
        time.sleep(0.02)


def _first_epoch(run: RunFolder) -> bytes:
    return run.metrics.read_bytes().splitlines()[0]


def test_decode_with_seeds_interrupted_goes_on_and_says_how_stable_the_map_is(tmp_path):
    fitted(tmp_path / "run", blocks(), options("mult-vae", epochs=EPOCHS, patience=EPOCHS))
    retraining = RunFolder(tmp_path / "run").retraining(4)
    process = start(*DECODE, *QUICK, cwd=tmp_path)
    _wait_for_epochs(retraining.metrics, 2)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=120)[0]
    assert process.returncode == 130, rest
    assert rest.splitlines()[-2] == "error: interrupted"
    assert rest.splitlines()[-1].startswith("hint: run the same command again: ")
    assert not retraining.load_info().complete
    assert retraining.last.is_file()
    before = _first_epoch(retraining)

    done = command(*DECODE, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "retraining with seed 5: trained in" in done.stderr
    assert "retraining with seed 4: read" in done.stderr
    found = json.loads(done.stdout)["map"]
    assert found["settings"]["stability_seeds"] == "4 5"
    assert all(f["match"] > 0.0 for f in found["factors"] if f["active"])
    info: RunInfo = retraining.load_info()
    assert info.complete
    assert info.threads is not None
    assert _first_epoch(retraining) == before  # it went on: its seconds would be others had it begun again
    assert retraining.metrics.read_bytes().count(b"\n") == EPOCHS

    by_setting = command("decode", "run", "--set", "seeds=2", "--json", *QUICK, cwd=tmp_path)
    assert "2 of 2 retrainings were made before" in by_setting.stderr
    assert json.loads(by_setting.stdout)["map"] == found
