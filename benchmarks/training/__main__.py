"""`python -m benchmarks.training [--data FOLDER|SPLIT.npz] [--results STEM] [--quick] [--only PART ...]`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Read when torch is imported; the prismrec command sets the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch

from benchmarks.training.dense import HIDDEN, LATENT
from benchmarks.training.epochs import Rounds, measure_epochs
from benchmarks.training.goal import OURS, Published, Same, same_accuracy, time_to_goal
from benchmarks.training.memory import in_its_own_process
from benchmarks.training.page import Figures, write_page
from benchmarks.training.shapes import ML_1M, ML_20M, TINY, drawn, real_or_drawn
from training.machine import machine
from training.provenance import git_state, library_versions

PARTS = ("ml-1m", "ml-20m", "accuracy", "goal", "memory")
DATA = Path("../shared/data/ml-1m")
RESULTS = Path("docs/results/training-speed")
QUICK_RESULTS = Path("runs/training-speed")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    started = time.perf_counter()
    figures = measure(asked, say=lambda words: print(words, file=sys.stderr, flush=True))
    figures["seconds"] = time.perf_counter() - started
    for path in write_page(asked.results, figures):
        print(path)
    return 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=DATA, help="MovieLens-1M, or a split of it as .npz; else drawn data"
    )
    parser.add_argument("--results", type=Path, help=f"where the page and its JSON go, without ending; {RESULTS}")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, in seconds: does the command work?")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts only")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 = torch's choice")
    parser.add_argument("--note", default="", help="a sentence for the page")
    asked = parser.parse_args(arguments)
    if asked.results is None:
        asked.results = QUICK_RESULTS if asked.quick else RESULTS
    return asked


def _command(asked: argparse.Namespace) -> str:
    """The line that makes the same page, but for where the data lie."""
    words = ["python -m benchmarks.training"]
    words += ["--quick"] if asked.quick else []
    words += ["--only", *asked.only] if tuple(asked.only) != PARTS else []
    words += ["--threads", str(asked.threads)] if asked.threads else []
    return " ".join(words)


def measure(asked: argparse.Namespace, *, say: Any) -> Figures:
    """Every part asked for."""
    libraries = library_versions()
    git = git_state()
    figures: Figures = {
        "command": _command(asked),
        "quick": asked.quick,
        "note": asked.note,
        "model": f"{HIDDEN}-{LATENT}-{HIDDEN}",
        "threads": torch.get_num_threads(),
        "ran_on": machine(libraries),
        "libraries": libraries,
        "git": None if git is None else {"commit": git.commit, "dirty": git.dirty},
        "epochs": {},
    }
    shape = TINY if asked.quick else ML_1M
    split, source = (drawn(TINY), "drawn") if asked.quick else real_or_drawn(ML_1M, asked.data)
    for part in asked.only:
        say(f"{part} ...")
        if part == "ml-1m":
            rounds = Rounds(2, 2, 3, 1) if asked.quick else Rounds(5, 10, 30)
            figures["epochs"][shape.name] = {"data": source} | measure_epochs(split.train, rounds)
        elif part == "ml-20m":
            rounds = Rounds(2, 2, 3, 1) if asked.quick else Rounds(3, 8, 40)
            large = drawn(TINY if asked.quick else ML_20M).train
            figures["epochs"]["ML-20M's shape"] = {"data": "drawn"} | measure_epochs(large, rounds)
            del large
        elif part == "accuracy":
            same = Same(epochs=2, batch_size=50, seeds=1) if asked.quick else Same()
            figures["accuracy"] = {"data": source} | same_accuracy(split, same)
        elif part == "goal":
            published, ours = (Published(epochs=2), OURS | {"epochs": 2}) if asked.quick else (Published(), OURS)
            figures["goal"] = {"data": source} | time_to_goal(split, published, ours, seeds=1 if asked.quick else 3)
        else:
            parts = ("run", "sampled", "whole")
            figures["memory"] = {name: in_its_own_process(name, quick=asked.quick) for name in parts}
    return figures


if __name__ == "__main__":
    sys.exit(main())
