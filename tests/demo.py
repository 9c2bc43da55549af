"""A quick demo made by the real command in a fresh process: data, run, bundle and store, once for the whole session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).resolve().parents[1] / "demo.toml"
DATA = Path("runs") / "demo-data"
TINY = (
    *("-c", str(CONFIG), "--set", "fit.epochs=3", "--set", "fit.learning_rate=0.005"),
    *("--set", "permutations=60", "--set", "bootstraps=40", "--set", "users=50", "--set", "samples=16"),
)
"""The demo's model and data, so that ids and factors in the documents exist here too, with less of everything slow."""


@dataclass(frozen=True, slots=True)
class Demo:
    """root: where commands run; runs/demo-data, runs/demo, models/demo/1 and models/demo.sqlite are below it."""

    root: Path
    document: dict[str, Any]

    @property
    def bundle(self) -> Path:
        return self.root / "models" / "demo" / "1"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.root / 'models' / 'demo.sqlite'}"


def command(*words: str, cwd: Path, timeout: float = 240.0) -> subprocess.CompletedProcess[str]:
    """`prismrec <words>` in its own process, two threads at most, warnings of this process' environment left out."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "prismrec", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def make_demo(root: Path) -> Demo:
    """Synthetic data, then `standalone --no-serve`; the assertion carries what the command said."""
    synth = command("data", "synth", str(DATA), "--name", "demo", cwd=root)
    assert synth.returncode == 0, synth.stderr
    made = command("standalone", str(DATA), "--out", "models/demo", "--no-serve", "--json", *TINY, cwd=root)
    assert made.returncode == 0, made.stderr
    return Demo(root, json.loads(made.stdout))
